//! `lattice top`

use std::{io::IsTerminal, sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;

use crate::{
    app::App,
    args::duration,
    dev::Interrupts,
    failure::{Exit, Failure},
    output::{Document, Format, warn},
    overview::{Feed, Overview},
    session::Session,
    top,
};

/// Members answer several questions at every look.
const EVERY_MIN: Duration = Duration::from_millis(200);

/// Shows hosts, actors and links with what goes on there: calls, failures, how long they take
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice top                    live; ? shows the keys
  lattice top --every 5s
  lattice top --once             a look as text; also when stdout is no terminal
  lattice top --once -o json     all that is known, for programs

Rates are those since the look before. Percentiles are right to a factor of two.")]
pub(crate) struct Top {
    /// Prints what there is, and ends
    #[arg(long)]
    once: bool,
    /// How often to look
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    every: Duration,
}

impl Top {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let is_live =
            !self.once && std::io::stdout().is_terminal() && matches!(app.format, Format::Table | Format::Wide);
        let mut interrupts = Interrupts::listen()?;
        let opened = tokio::select! {
            outcome = self.open(app, is_live) => outcome?,
            () = interrupts.recv() => return Err(Failure::interrupted().into()),
        };
        match opened {
            Opened::Live(feed) => top::run(&feed, &mut interrupts).await,
            Opened::Once(overview) => print(app, &overview),
        }
    }

    async fn open(&self, app: &App, is_live: bool) -> Result<Opened> {
        let session = Session::connect_reading(app.context()?).await?;
        let feed = Feed::start(Arc::new(session), self.every.max(EVERY_MIN)).await?;
        match is_live {
            true => Ok(Opened::Live(feed)),
            false => Ok(Opened::Once(second(app, &feed).await?)),
        }
    }
}

/// What was asked for.
enum Opened {
    Live(Feed),
    Once(Arc<Overview>),
}

/// The second look: rates need two.
async fn second(app: &App, feed: &Feed) -> Result<Arc<Overview>> {
    let mut overviews = feed.watch();
    let look = tokio::time::timeout(app.timeout, overviews.changed()).await;
    look.map_err(|_| {
        Failure::new(Exit::Timeout, "the lattice was not looked at twice in time")
            .help("look more often with --every, or give it longer with --timeout")
    })??;
    Ok(overviews.borrow_and_update().clone())
}

fn print(app: &App, overview: &Overview) -> Result<()> {
    if let Some(trouble) = &overview.trouble {
        warn(trouble);
    }
    for member in &overview.silent {
        warn(format_args!("`{member}` did not answer"));
    }
    let name = format!("lattice/{}", overview.lattice);
    app.print(&Document::single("Overview", name, overview, top::plain(overview))?)
}
