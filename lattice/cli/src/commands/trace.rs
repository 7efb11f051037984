//! `lattice trace`

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use http::Uri;
use lattice_control::{MemberSummary, TraceFilter};
use lattice_core::TraceId;

use crate::{
    app::App,
    args::duration,
    failure::Failure,
    keyed::ActorArg,
    output::{Format, note, terminal_width, warn, write_stdout},
    resolve::short_id,
    session::{Session, now},
    traces::{self, Answered, Arrivals, Follow, Found, Request, TraceView, Which},
    views::{self, Shown},
};

/// As many are listed when nothing says how many.
const LIMIT: u64 = 20;
/// As many are looked at when traces are followed. More may come between two looks; they are in the list.
const FOLLOWED_MAX: u64 = 50;
/// How often members are asked whether something came.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// How often members are asked for what a request of ours has caused.
const ANSWER_EVERY: Duration = Duration::from_millis(100);
/// How long that is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After how many looks those who are asked are counted again: hosts come and go.
const LOOKS_PER_ROLL_CALL: u32 = 10;

/// Shows where time went: the last calls as traces over all hosts, one of them as a tree
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice trace                            the last 20
  lattice trace last                       the last one, as a tree
  lattice trace 4bf92f35 -o wide           one, with all that is known of each span
  lattice trace --actor cart --errors      those through an actor that went wrong
  lattice trace --slow 100ms -n 5
  lattice trace --follow http://127.0.0.1:8080/
  lattice trace --follow actor/cart        what passes an actor, as it happens

Members keep the last 8192 spans or 4 MiB in memory. How much is sampled is set where they start; errors are always kept.")]
pub(crate) struct Trace {
    /// Which: an id, its first digits, or `last`
    #[arg(value_name = "TRACE", conflicts_with = "follow")]
    trace: Option<Which>,
    /// Only those that pass this actor; of those with state also one: `cart/alice`
    #[arg(long, value_name = "ACTOR[/KEY]", conflicts_with = "follow")]
    actor: Option<ActorArg>,
    /// Only those in which something went wrong
    #[arg(long)]
    errors: bool,
    /// Only those that took at least so long
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    slow: Option<Duration>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = LIMIT, value_parser = clap::value_parser!(u64).range(1..=500))]
    limit: u64,
    /// Sends a GET to a URL and shows its trace; or shows the traces that pass an actor, until Ctrl-C
    #[arg(long, value_name = "URL|actor/NAME")]
    follow: Option<Follow>,
    /// Prints JSON: the traces, or the spans of one, an object a line
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        tokio::select! {
            outcome = self.show(app) => outcome,
            // What people do to end following is no failure.
            _ = tokio::signal::ctrl_c() => match self.follow {
                Some(Follow::Actor(_)) => Ok(()),
                _ => Err(Failure::interrupted().into()),
            },
        }
    }

    async fn show(&self, app: &App) -> Result<()> {
        let session = Session::connect_reading(app.context()?).await?;
        let members = session.members().await?;
        match (&self.follow, &self.trace) {
            (Some(Follow::Url(uri)), _) => self.request(app, &session, &members, uri).await,
            (Some(Follow::Actor(actor)), _) => self.follow(app, &session, members, actor).await,
            (None, None) => self.list(app, &session, &members).await,
            (None, Some(Which::Id(id))) => self.show_one(app, &session, &members, *id).await,
            (None, Some(Which::Last)) => {
                let last = self.found(&session, &members, self.filter(1)).await;
                let Some(last) = last.first() else {
                    return Err(Failure::not_found("no member keeps such a trace").help(SAMPLING).into());
                };
                self.show_one(app, &session, &members, last.trace_id).await
            }
            (None, Some(Which::Begins(digits))) => {
                let filter = TraceFilter {
                    begins: digits.clone(),
                    ..self.filter(LIMIT)
                };
                let id = only(digits, &self.found(&session, &members, filter).await)?;
                self.show_one(app, &session, &members, id).await
            }
        }
    }

    async fn list(&self, app: &App, session: &Session, members: &[MemberSummary]) -> Result<()> {
        let found = self.found(session, members, self.filter(self.limit)).await;
        if self.json {
            let line = |trace: &TraceView| Ok(serde_json::to_string(trace)? + "\n");
            return write_stdout(&found.iter().map(line).collect::<Result<String>>()?);
        }
        let width = terminal_width().filter(|_| app.format == Format::Table);
        app.print(&views::traces(&found, now(), width)?)
    }

    async fn show_one(&self, app: &App, session: &Session, members: &[MemberSummary], id: TraceId) -> Result<()> {
        let found = traces::spans(session, members, id).await;
        tell_silent(&found.silent);
        if found.spans.is_empty() {
            return Err(Failure::not_found(format!("no member keeps spans of trace {id}"))
                .because("it was not sampled, or is forgotten by now")
                .help("`lattice trace` lists those that are kept")
                .into());
        }
        self.print(app, id, &found)
    }

    /// Sends one request, and waits for what it causes.
    async fn request(&self, app: &App, session: &Session, members: &[MemberSummary], uri: &Uri) -> Result<()> {
        let request = Request::new(uri.clone());
        let got = request.send(app.timeout).await?;
        let status = format!("{} from {uri}, {} bytes", got.status, got.bytes);
        match self.json || !matches!(app.format, Format::Table | Format::Wide) {
            true => note(status),
            false => write_stdout(&(status + "\n"))?,
        }
        let (since, mut answered) = (Instant::now(), Answered::new(request.span_id()));
        let mut looks = tokio::time::interval(ANSWER_EVERY);
        let mut found = loop {
            looks.tick().await;
            let found = traces::spans(session, members, request.trace_id()).await;
            if answered.look(&found.spans, Instant::now()) || since.elapsed() >= ANSWER_WITHIN {
                break found;
            }
        };
        tell_silent(&found.silent);
        if found.spans.is_empty() {
            return Err(Failure::not_found("no member keeps spans of this request")
                .because(format!(
                    "{uri} leads elsewhere, or its host was told to sample nothing whatever the caller wants"
                ))
                .help("`lattice get providers` shows the addresses of this lattice; see OTEL_TRACES_SAMPLER in docs/observability.md")
                .into());
        }
        found.spans.insert(0, got.span);
        self.print(app, request.trace_id(), &found)
    }

    /// Shows what passes an actor, for ever.
    async fn follow(
        &self,
        app: &App,
        session: &Session,
        mut members: Vec<MemberSummary>,
        actor: &ActorArg,
    ) -> Result<()> {
        let filter = TraceFilter {
            actor: Some(actor.name.clone()),
            key: actor.key.clone(),
            ..self.filter(FOLLOWED_MAX)
        };
        note(format_args!("waiting for traces through actor `{actor}`; Ctrl-C ends"));
        let (mut arrivals, mut asked) = (Arrivals::default(), 0);
        let mut looks = tokio::time::interval(FOLLOW_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            asked += 1;
            if asked % LOOKS_PER_ROLL_CALL == 0 {
                match session.members().await {
                    Ok(there) => members = there,
                    // NATS may be away for a moment.
                    Err(error) => tracing::debug!("members cannot be asked: {error:#}"),
                }
            }
            let (last, _) = traces::last(session, &members, filter.clone()).await;
            for id in arrivals.look(&last) {
                let found = traces::spans(session, &members, id).await;
                self.print(app, id, &found)?;
                if !self.json && matches!(app.format, Format::Table | Format::Wide) {
                    write_stdout("\n")?;
                }
            }
        }
    }

    fn filter(&self, limit: u64) -> TraceFilter {
        TraceFilter {
            limit,
            actor: self.actor.as_ref().map(|actor| actor.name.clone()),
            key: self.actor.as_ref().and_then(|actor| actor.key.clone()),
            errors: self.errors,
            took_us_min: self
                .slow
                .map_or(0, |slow| u64::try_from(slow.as_micros()).unwrap_or(u64::MAX)),
            begins: String::new(),
        }
    }

    async fn found(&self, session: &Session, members: &[MemberSummary], filter: TraceFilter) -> Vec<TraceView> {
        let (found, silent) = traces::last(session, members, filter).await;
        tell_silent(&silent);
        found
    }

    fn print(&self, app: &App, id: TraceId, found: &Found) -> Result<()> {
        if self.json {
            let spans = found.spans.iter().map(views::span_json);
            return write_stdout(&spans.collect::<serde_json::Result<String>>()?);
        }
        let shown = Shown {
            wide: app.format == Format::Wide,
            width: terminal_width(),
        };
        app.print(&views::trace(id, &found.spans, found.left_out, shown)?)
    }
}

const SAMPLING: &str = "members keep what is sampled, and errors: see OTEL_TRACES_SAMPLER in docs/observability.md";

fn tell_silent(silent: &[String]) {
    for member in silent {
        warn(format_args!("`{member}` did not answer: its spans are missing"));
    }
}

/// The one trace whose id begins with these digits.
fn only(digits: &str, found: &[TraceView]) -> Result<TraceId, Failure> {
    match found {
        [one] => Ok(one.trace_id),
        [] => Err(
            Failure::not_found(format!("no member keeps a trace whose id begins with {digits}"))
                .help("`lattice trace` lists those that are kept"),
        ),
        several => Err(Failure::new(
            crate::failure::Exit::Conflict,
            format!("{} traces begin with {digits}", several.len()),
        )
        .help(format!(
            "give more of the id than {}: `lattice trace -o wide` shows them",
            short_id(digits)
        ))),
    }
}
