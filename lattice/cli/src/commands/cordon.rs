//! `lattice cordon`, `lattice uncordon`

use anyhow::Result;
use clap::Args;
use lattice_control::{HostSchedule, MemberSummary};
use lattice_core::presence::Scheduling;

use crate::{app::App, output::Document, session::Session};

/// Places nothing more on a host; what it runs stays
#[derive(Args, Debug)]
pub(crate) struct Cordon {
    /// Which host
    host: String,
}

/// Lets more be placed on a host again
#[derive(Args, Debug)]
pub(crate) struct Uncordon {
    /// Which host
    host: String,
}

impl Cordon {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        set(
            app,
            &self.host,
            Scheduling::Cordoned,
            "cordoned: nothing more is placed on it",
        )
        .await
    }
}

impl Uncordon {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        set(app, &self.host, Scheduling::Open, "open: more may be placed on it").await
    }
}

async fn set(app: &App, host: &str, scheduling: Scheduling, told: &str) -> Result<()> {
    let session = Session::connect_verifying(app.context()?).await?;
    let host = session.host(host).await?;
    let now = schedule(app, &session, &host, scheduling).await?;
    let text = format!("host/{} {told}", now.name);
    app.print(&Document::single("Host", format!("host/{}", now.name), &now, text)?)
}

/// Tells a host whether more may be placed on it.
pub(super) async fn schedule(
    app: &App,
    session: &Session,
    host: &MemberSummary,
    scheduling: Scheduling,
) -> Result<MemberSummary> {
    let order = HostSchedule { scheduling };
    let mut now = session.client.send(host, &order, app.timeout, |_| {}).await?;
    // No secret, but a screenful, and of use only to those who verify it.
    now.token.clear();
    Ok(now)
}
