//! `lattice ui`

use std::{net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::{
    app::App,
    output::{Document, note, warn},
    overview::Feed,
    session::Session,
    ui::{Access, Jaeger, Journal, Listen, News, RecentTraces, Server, Sources},
};

/// How often the lattice is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Serves a page that shows the lattice live: hosts and what runs where, links and their traffic, moves, events, traces
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice ui --open                        shows the lattice in a browser
  lattice ui --listen 127.0.0.1:0          on a free port
  lattice ui --jaeger http://jaeger:16686  with links to traces there
  ssh -L 7411:127.0.0.1:7411 edge lattice ui

Nothing can be changed through the page. It is served to this machine only, unless --allow-remote says otherwise.")]
pub(crate) struct Ui {
    /// Where to serve it; 127.0.0.1:7411 or the next free port unless given
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Serves it to other machines too. It asks nobody who they are
    #[arg(long)]
    allow_remote: bool,
    /// Opens it in a browser
    #[arg(long)]
    open: bool,
    /// Where Jaeger's page is; http://127.0.0.1:16686 when something answers there
    #[arg(long, value_name = "URL")]
    jaeger: Option<Jaeger>,
}

impl Ui {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        tokio::select! {
            outcome = self.serve(app) => outcome,
            // What people do to end it is no failure.
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    }

    async fn serve(&self, app: &App) -> Result<()> {
        let access = match self.allow_remote {
            true => Access::Remote,
            false => Access::Loopback,
        };
        let listen = Listen::new(self.listen, access)?;
        let session = Arc::new(Session::connect_reading(app.context()?).await?);
        let feed = Feed::start(Arc::clone(&session), EVERY).await?;
        let news = Arc::new(News::new());
        let _journal = Journal::start(Arc::clone(&session), feed.watch(), Arc::clone(&news));
        let traces = RecentTraces::start(session);
        let sources = Sources {
            overview: feed.watch(),
            news,
            traces: traces.watch(),
            jaeger: self.jaeger.clone(),
        };
        let server = Server::start(&listen, access, sources).await?;
        let url = format!("http://{}/", server.address());
        app.print(&Document::single(
            "Ui",
            url.clone(),
            &json!({ "url": url }),
            format!("{url}\n"),
        )?)?;
        if access == Access::Remote {
            warn("whoever reaches this address sees the lattice: it asks nobody who they are");
        }
        note("serves until Ctrl-C");
        if self.open {
            open(&url);
        }
        // Feed, journal and server work by themselves until they are dropped.
        std::future::pending().await
    }
}

/// Shows a page in whatever the user looks at pages with.
fn open(url: &str) {
    let (program, words): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let started = tokio::process::Command::new(program)
        .args(words)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        warn(format_args!(
            "no browser can be opened by `{program}`: {error}; open {url} yourself"
        ));
    }
}
