//! What every command has at hand: where state is kept, how to connect, how to print.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;

use crate::{
    args::Global,
    context::{self, ContextFile, Overrides},
    failure::{Exit, Failure},
    home::Home,
    output::{Document, Format},
    session::Session,
};

/// The surroundings of one command.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Where state is kept.
    pub(crate) home: Home,
    /// How results are printed.
    pub(crate) format: Format,
    /// How long the command may take.
    pub(crate) timeout: Duration,
    /// What was said about the connection.
    pub(crate) overrides: Overrides,
}

impl App {
    /// Turns what was typed into what commands need.
    pub(crate) fn new(global: &Global) -> Result<Self> {
        start_logging(global.verbose);
        Ok(Self {
            home: Home::find(std::env::var_os("LATTICE_HOME").map(PathBuf::from))?,
            format: global.output,
            timeout: global.timeout,
            overrides: Overrides {
                context: global.context.clone(),
                lattice: global.lattice.clone(),
                nats_url: global.nats_url.clone(),
                creds: global.creds.clone(),
                nats_context: global.nats_context.clone(),
            },
        })
    }

    /// Decides which lattice to talk to.
    pub(crate) fn context(&self) -> Result<ContextFile> {
        context::resolve(&self.home, &self.overrides)
    }

    /// Connects to the lattice.
    pub(crate) async fn connect(&self) -> Result<Session> {
        Session::connect(self.context()?).await
    }

    /// Does work that has no deadline of its own within the time that the command has.
    pub(crate) async fn in_time<T>(&self, what: &str, work: impl Future<Output = T>) -> Result<T> {
        let done = tokio::time::timeout(self.timeout, work).await;
        done.map_err(|_| {
            let seconds = self.timeout.as_secs();
            Failure::new(Exit::Timeout, format!("{what} was not done within {seconds} s"))
                .help("give it more time: --timeout 10m")
                .into()
        })
    }

    /// Prints a result.
    pub(crate) fn print(&self, document: &Document) -> Result<()> {
        document.print(self.format)
    }
}

/// What happens underneath is nobody's business unless asked for.
fn start_logging(verbose: u8) {
    let filter = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug,async_nats=info",
    };
    let filter = std::env::var("LATTICE_LOG").unwrap_or_else(|_| filter.to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(verbose > 1)
        .init();
}
