//! `lattice events`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lattice_control::Event;

use crate::{
    about::About,
    app::App,
    args::duration,
    failure::Failure,
    happened::{Events as Reading, Happened, Wanted},
    output::{Format, terminal_width, write_stdout},
    session::{Session, now},
    views::{self, Names},
};

/// As many are shown when nothing says how many.
const LIMIT: usize = 50;

/// Shows what happened in the lattice: when, to what, and who ordered it
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice events                          the last 50
  lattice events -w --for actor/cart      what happens to an actor, as it happens
  lattice events --for cart/alice         one actor with state
  lattice events --for host/edge --since 10m
  lattice events --type actor-failed --json")]
pub(crate) struct Events {
    /// Goes on with what happens
    #[arg(short, long)]
    watch: bool,
    /// Only what is about this: actor/NAME, NAME/KEY, host/NAME, provider/NAME, app/NAME, link/ID
    #[arg(long = "for", value_name = "OBJECT")]
    about: Option<About>,
    /// Not older than this
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<Duration>,
    /// At most the last so many; 50 unless --since is given
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only of this type, such as actor-started
    #[arg(long = "type", value_name = "NAME")]
    name: Option<String>,
    /// Prints CloudEvents, one a line
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        tokio::select! {
            outcome = self.read(app) => outcome,
            // What people do to end a watch is no failure.
            _ = tokio::signal::ctrl_c() => match self.watch {
                true => Ok(()),
                false => Err(Failure::interrupted().into()),
            },
        }
    }

    async fn read(&self, app: &App) -> Result<()> {
        let session = Session::connect_reading(app.context()?).await?;
        let members = session.members().await?;
        let mut names = Names::of(&members);
        let mut reading = Reading::open(&session, self.wanted(&members)?).await?;
        let past = tokio::time::timeout(app.timeout, reading.past()).await;
        let past = past.map_err(|_| {
            Failure::new(crate::failure::Exit::Timeout, "the events were not read in time")
                .help("ask for fewer with --since, or give it longer with --timeout")
        })??;
        past.iter().for_each(|one| names.learn(&one.event));
        if !self.watch {
            reading.close().await;
            return self.print(app, &past, &names);
        }
        let width = terminal_width();
        let told = self.form(app);
        if told == Form::Line {
            write_stdout(&views::event_titles())?;
        }
        for one in &past {
            self.tell(one, &names, told, width)?;
        }
        loop {
            let one = reading.next().await?;
            names.learn(&one.event);
            self.tell(&one, &names, told, width)?;
        }
    }

    fn wanted(&self, members: &[lattice_control::MemberSummary]) -> Result<Wanted> {
        let topic = self.about.clone().map(|about| about.resolve(members)).transpose()?;
        let prefix = lattice_core::event::EVENT_TYPE_PREFIX;
        let name = self
            .name
            .as_deref()
            .map(|name| name.strip_prefix(prefix).unwrap_or(name));
        if let Some(name) = name
            && name.parse::<lattice_core::EventName>().is_err()
        {
            return Err(Failure::usage(format!("no event is called `{name}`"))
                .help(format!("there are: {}", lattice_core::event::names::ALL.join(", ")))
                .into());
        }
        Ok(Wanted {
            topic,
            name: name.map(str::to_owned),
            since: self.since,
            limit: self.limit.or(self.since.is_none().then_some(LIMIT)),
        })
    }

    fn print(&self, app: &App, past: &[Happened], names: &Names) -> Result<()> {
        if self.json {
            return past.iter().try_for_each(|one| write_stdout(&json_line(&one.event)?));
        }
        let width = terminal_width().filter(|_| app.format == Format::Table);
        app.print(&views::events(past, names, now(), width)?)
    }

    fn form(&self, app: &App) -> Form {
        match app.format {
            _ if self.json => Form::Json,
            Format::Json | Format::Yaml => Form::Json,
            Format::Name => Form::Name,
            Format::Table | Format::Wide => Form::Line,
        }
    }

    fn tell(&self, one: &Happened, names: &Names, form: Form, width: Option<usize>) -> Result<()> {
        match form {
            Form::Json => write_stdout(&json_line(&one.event)?),
            Form::Name => write_stdout(&format!("event/{}\n", one.event.id)),
            Form::Line => write_stdout(&views::event_line(one, names, width)),
        }
    }
}

/// How events are told as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Line,
    Json,
    Name,
}

fn json_line(event: &Event) -> Result<String> {
    Ok(serde_json::to_string(event)? + "\n")
}
