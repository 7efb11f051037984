//! `lattice start provider`

use anyhow::Result;
use clap::Args;
use lattice_control::{MemberSummary, ProviderStart, ProviderStarted};
use lattice_core::{Labels, ProviderKind, ProviderName, ProviderSpec, presence::MemberState};

use super::super::up::to_labels;
use crate::{
    app::App,
    args::pair,
    failure::Failure,
    output::{Document, Narrator, note},
    resolve,
    session::Session,
};

/// Starts a provider: http-server, http-client, keyvalue-nats, keyvalue-redis or messaging-nats
#[derive(Args, Debug)]
pub(super) struct StartProvider {
    /// What links call it
    name: ProviderName,
    /// Which implementation
    kind: ProviderKind,
    /// On this host; may be repeated. Not needed when there is only one
    #[arg(long = "host", value_name = "HOST", conflicts_with = "labels")]
    hosts: Vec<String>,
    /// On every host with this label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// A setting of the provider; may be repeated
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = pair)]
    config: Vec<(String, String)>,
}

impl StartProvider {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let selector = to_labels(self.labels.clone())?;
        let spec = ProviderSpec {
            config: self.config.iter().cloned().collect(),
            ..ProviderSpec::new(self.name.clone(), self.kind.clone())
        };
        let session = Session::connect_verifying(app.context()?).await?;
        for host in self.choose(session.hosts().await?, &selector)? {
            let mut narrator = Narrator::new();
            let start = ProviderStart { spec: spec.clone() };
            let started = session
                .client
                .send(&host, &start, app.timeout, |p| narrator.progress(&host.name, &p))
                .await?;
            drop(narrator);
            self.report(app, &host, &started)?;
        }
        Ok(())
    }

    /// The hosts it shall run on. Several only when they were meant: a port or a queue is not for two by accident.
    fn choose(&self, mut hosts: Vec<MemberSummary>, selector: &Labels) -> Result<Vec<MemberSummary>> {
        hosts.retain(|host| host.state == MemberState::Ready);
        if !self.hosts.is_empty() {
            let named = self.hosts.iter().map(|name| resolve::member(&hosts, name).cloned());
            return Ok(named.collect::<Result<Vec<_>, _>>()?);
        }
        hosts.retain(|host| host.labels.matches(selector));
        if hosts.is_empty() {
            return Err(Failure::not_found("there is no host to start it on")
                .help("`lattice get hosts` shows the hosts and their labels")
                .into());
        }
        if hosts.len() > 1 && selector.is_empty() {
            let names: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
            return Err(Failure::usage(format!("on which host shall `{}` run?", self.name))
                .because(format!("there are {}", names.join(", ")))
                .help("say --host NAME, or --label KEY=VALUE for every host that has it")
                .into());
        }
        Ok(hosts)
    }

    fn report(&self, app: &App, host: &MemberSummary, started: &ProviderStarted) -> Result<()> {
        if started.was_running {
            note("it was running there already");
        }
        let (status, name) = (&started.status, format!("provider/{}", self.name));
        let text = format!("{name} serves on {} {}", host.name, status.endpoints.join(" "));
        app.print(&Document::single("Provider", name, status, text.trim_end().to_owned())?)
    }
}
