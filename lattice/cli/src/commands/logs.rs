//! `lattice logs`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::{Args, ValueEnum};
use lattice_control::{LogLevel, Logs as Question, MemberSummary};
use lattice_core::presence::MemberKind;

use crate::{
    app::App,
    args::duration,
    failure::Failure,
    keyed::ActorArg,
    logged::{Following, Found, Seen, gather, renewals},
    output::{Format, note, warn, write_stdout},
    resolve,
    session::Session,
    views::{self, Logged, Prefix},
};

/// What hosts keep of an actor.
const ALL: u64 = 1000;

/// As many lines are shown before those that are followed.
const BEFORE_FOLLOWING: u64 = 20;

/// Shows what an actor logs, on all hosts: standard output and error, and wasi:logging
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice logs hello                      the lines that hosts keep
  lattice logs hello -f                   and those that come
  lattice logs cart/alice --since 5m      one actor with state
  lattice logs hello --host edge --level warn --tail 20

A host keeps the last 1000 lines or 256 KiB of each actor. Times are in UTC.")]
pub(crate) struct Logs {
    /// Which actor; of those with state also one: `cart/alice`
    #[arg(value_name = "ACTOR[/KEY]")]
    actor: ActorArg,
    /// Goes on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Not older than this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// At most the last so many lines; with -f 20 unless --since is given
    #[arg(long, value_name = "N")]
    tail: Option<u64>,
    /// None that matters less; what is written to stdout counts as info, to stderr as warn
    #[arg(long, value_enum, default_value_t)]
    level: Level,
    /// Prints JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Level {
    #[default]
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
            Level::Critical => Self::Critical,
        }
    }
}

impl Logs {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        tokio::select! {
            outcome = self.show(app) => outcome,
            // What people do to end following is no failure.
            _ = tokio::signal::ctrl_c() => match self.follow {
                true => Ok(()),
                false => Err(Failure::interrupted().into()),
            },
        }
    }

    async fn show(&self, app: &App) -> Result<()> {
        let session = Session::connect_reading(app.context()?).await?;
        let question = self.question(SystemTime::now());
        if self.follow {
            return self.show_and_follow(app, &session, question).await;
        }
        let hosts = self.hosts(&session).await?;
        let found = gather(&session, &hosts, &question, &mut Seen::default()).await;
        self.check_is_there(&found)?;
        let hosts = several_hosts(&found.lines);
        if found.lines.is_empty() {
            note(format_args!("actor `{}` has logged nothing that is kept", self.actor));
        }
        self.print(app, &found.lines, hosts)
    }

    async fn show_and_follow(&self, app: &App, session: &Session, question: Question) -> Result<()> {
        let only = match &self.host {
            Some(host) => Some(session.host(host).await?.member),
            None => None,
        };
        let mut following = Following::start(session, question, only).await?;
        let found = following.renew(session).await?;
        self.check_is_there(&found)?;
        let several = following.spans_hosts();
        self.print(app, &found.lines, several)?;
        let mut renewals = renewals();
        // The first comes at once, and was.
        renewals.tick().await;
        loop {
            tokio::select! {
                heard = following.next() => {
                    let Some(heard) = heard else {
                        return Err(Failure::failed("the connection to NATS was closed").into());
                    };
                    if heard.lost > 0 {
                        warn(format_args!("{} lines were lost: more came than could be passed on", heard.lost));
                    }
                    self.print(app, &heard.lines, several || following.spans_hosts())?;
                }
                _ = renewals.tick() => match following.renew(session).await {
                    // What was logged where it was not followed yet.
                    Ok(found) => self.print(app, &found.lines, several || following.spans_hosts())?,
                    // NATS or a host may be away for a moment.
                    Err(error) => tracing::debug!("hosts cannot be asked: {error:#}"),
                },
            }
        }
    }

    fn question(&self, now: SystemTime) -> Question {
        let since = self.since.and_then(|since| now.checked_sub(since));
        let since = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
        let all_before = self.since.is_some() || !self.follow;
        Question {
            actor: self.actor.name.clone(),
            key: self.actor.key.clone(),
            tail: self.tail.unwrap_or(if all_before { ALL } else { BEFORE_FOLLOWING }),
            since_ms: since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            level: self.level.into(),
            follow: false,
        }
    }

    async fn hosts(&self, session: &Session) -> Result<Vec<MemberSummary>> {
        let mut members = session.members().await?;
        members.retain(|member| member.kind == MemberKind::Host);
        if let Some(name) = &self.host {
            members = vec![resolve::member(&members, name)?.clone()];
        }
        Ok(members)
    }

    /// An actor that runs nowhere and has left no lines is most likely a typing mistake.
    fn check_is_there(&self, found: &Found) -> Result<()> {
        if !found.runs_on.is_empty() {
            return Ok(());
        }
        if found.lines.is_empty() {
            let here = self
                .host
                .as_ref()
                .map(|host| format!(" on host `{host}`"))
                .unwrap_or_default();
            let name = &self.actor.name;
            return Err(Failure::not_found(format!(
                "actor `{name}` does not run{here}, and no host keeps lines of it"
            ))
            .help("`lattice get actors` shows what runs where")
            .into());
        }
        note(format_args!(
            "actor `{}` does not run now: these are the lines it left",
            self.actor.name
        ));
        Ok(())
    }

    fn print(&self, app: &App, lines: &[Logged], hosts: bool) -> Result<()> {
        let prefix = Prefix {
            host: hosts,
            key: self.actor.key.is_none(),
        };
        let json = self.json || app.format == Format::Json;
        let mut text = String::new();
        for logged in lines {
            match json {
                true => text.push_str(&views::log_json(logged)?),
                false => text.push_str(&views::log_line(logged, prefix)),
            }
        }
        write_stdout(&text)
    }
}

fn several_hosts(lines: &[Logged]) -> bool {
    lines.windows(2).any(|pair| pair[0].host != pair[1].host)
}
