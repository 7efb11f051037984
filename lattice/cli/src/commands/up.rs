//! `lattice up`

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_core::{EntityName, LabelError, Labels};

use crate::{
    app::App,
    args::{duration, pair},
    context,
    failure::Failure,
    output::{Document, note, warn},
    up::{self, HostPlan, Lock, RunRecord, UpPlan, detach},
};

/// Starts a lattice on this machine: a NATS server and a host, with a trust root made on the first run
#[derive(Args, Debug)]
pub(crate) struct Up {
    /// Returns once everything serves, and leaves it running (`lattice down` ends it)
    #[arg(short, long)]
    detached: bool,
    /// What to call the host
    #[arg(long, default_value = "local")]
    name: EntityName,
    /// A label of the host; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Another host beside the first, with its labels: `edge` or `edge:zone=garage,arch=arm`; may be repeated
    #[arg(long = "host", value_name = "NAME[:LABELS]", value_parser = host)]
    hosts: Vec<HostPlan>,
    /// The port NATS listens on, instead of a free one
    #[arg(long, value_name = "PORT")]
    nats_port: Option<u16>,
    /// The address NATS listens on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    nats_listen: String,
    /// Where NATS takes the leaf nodes of sites; nowhere unless said
    #[arg(long, value_name = "ADDRESS:PORT")]
    leaf_listen: Option<SocketAddr>,
    /// Subjects that messaging providers may use, of all that are not Lattice's own; may be repeated
    #[arg(long = "messaging-subject", value_name = "SUBJECT", default_value = ">")]
    messaging: Vec<String>,
    /// How long hosts may finish what they are doing when it ends
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    grace: Duration,
    /// Sends the hosts' spans to an OpenTelemetry collector on this machine (port 4318 or 4317), and serves their metrics
    #[arg(long)]
    observe: bool,
    /// What hosts log, such as `debug` or `info,lattice_mesh=debug`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// The nats-server to run
    #[arg(long, env = "LATTICE_NATS_SERVER", value_name = "FILE", hide_env_values = true)]
    nats_server: Option<PathBuf>,
    /// The lattice-host to run
    #[arg(long, env = "LATTICE_HOST_BIN", value_name = "FILE", hide_env_values = true)]
    host_program: Option<PathBuf>,
    /// What a detached `up` runs as
    #[arg(long, hide = true)]
    daemon: bool,
}

impl Up {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let (detached, daemon) = (self.detached && !self.daemon, self.daemon);
        let plan = self.plan(app)?;
        up::check_replaceable(&plan)?;
        let Some(lock) = Lock::take(plan.home.root())? else {
            return already_running(app, &plan);
        };
        if detached {
            // The process that stays takes the lock for itself.
            drop(lock);
            return app.print(&summary(&detach(&plan, app.timeout).await?)?);
        }
        if daemon {
            detach::leave_the_terminal();
        }
        let print = |record: &RunRecord| {
            app.print(&summary(record)?)?;
            note("running; Ctrl-C ends it");
            Ok(())
        };
        up::run(plan, lock, print).await
    }

    /// From what was typed to what is done.
    fn plan(self, app: &App) -> Result<UpPlan> {
        let lattice = app.overrides.lattice.clone().unwrap_or_else(context::default_lattice);
        let mut hosts = vec![HostPlan {
            name: self.name,
            labels: to_labels(self.labels)?,
        }];
        hosts.extend(self.hosts);
        for (index, host) in hosts.iter().enumerate() {
            if hosts[..index].iter().any(|other| other.name == host.name) {
                return Err(Failure::usage(format!("two hosts would be called `{}`", host.name)).into());
            }
        }
        // Named so that a context somebody else made for the lattice of the same id is not in the way.
        let context = app.overrides.context.clone().unwrap_or_else(|| match lattice.as_str() {
            "default" => "local".to_owned(),
            other => format!("local-{other}"),
        });
        Ok(UpPlan {
            home: app.home.lattice(&lattice),
            state: app.home.clone(),
            lattice,
            context,
            hosts,
            listen: self.nats_listen,
            port: self.nats_port,
            leafs: self.leaf_listen,
            messaging: self.messaging,
            grace: self.grace,
            observe: self.observe,
            log: self.log,
            nats_server: self.nats_server,
            host_program: self.host_program,
        })
    }
}

fn already_running(app: &App, plan: &UpPlan) -> Result<()> {
    note(format_args!(
        "lattice `{}` is already running; `lattice down` ends it",
        plan.lattice
    ));
    let Some(record) = RunRecord::read(&plan.home.run_record())? else {
        return Ok(());
    };
    let running: Vec<&str> = record.hosts.iter().map(|host| host.name.as_str()).collect();
    let differs = plan.hosts.iter().any(|host| !running.contains(&host.name.as_str()));
    if differs && !running.is_empty() {
        warn("it runs other hosts than these flags ask for; they take effect after `lattice down`");
    }
    app.print(&summary(&record)?)
}

/// What runs, and how to reach it.
fn summary(record: &RunRecord) -> Result<Document> {
    let nats = record.nats.as_ref().map_or("starting", |nats| nats.url.as_str());
    let mut text = format!("lattice {}\nnats    {nats}\n", record.lattice);
    for host in record.hosts.iter().filter(|host| !host.ended) {
        text.push_str(&format!("host    {} ({})\n", host.name, host.id));
        if let Some(address) = host.metrics {
            text.push_str(&format!("metrics http://{address}/metrics\n"));
        }
    }
    text.push_str(&format!("context {}\n", record.context));
    Document::single("Lattice", format!("lattice/{}", record.lattice), record, text)
}

/// Reads `edge` or `edge:zone=garage`.
fn host(text: &str) -> Result<HostPlan, String> {
    let (name, labels) = text.split_once(':').unwrap_or((text, ""));
    let name = name
        .parse()
        .map_err(|error: lattice_core::ParseIdError| error.to_string())?;
    let labels = labels.parse().map_err(|error: LabelError| error.to_string())?;
    Ok(HostPlan { name, labels })
}

/// Pairs as labels; the last of a key wins.
pub(super) fn to_labels(pairs: Vec<(String, String)>) -> Result<Labels> {
    let mut labels = Labels::new();
    for (key, value) in pairs {
        labels
            .insert(&key, &value)
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(labels)
}
