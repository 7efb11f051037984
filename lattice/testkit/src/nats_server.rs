//! A real nats-server.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::{Process, Scratch, binary, eventually, free_port};

/// Time for a server to start. A loaded machine may need most of it.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Attempts to start when the server ends at once.
const RESTARTS: usize = 20;

/// A real nats-server on loopback, on ports of its own choice, with its own folder. Killed on drop.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    ports: Ports,
    settings: NatsServerBuilder,
    scratch: Scratch,
}

/// Describes a nats-server.
#[derive(Clone, Debug, Default)]
pub struct NatsServerBuilder {
    name: Option<String>,
    without_jetstream: bool,
    domain: Option<String>,
    leaf_port: Option<u16>,
    cluster: Option<ClusterSettings>,
    leaf_of: Vec<String>,
    extra: Vec<String>,
    files: Vec<(String, String)>,
    userinfo: String,
    port: Option<u16>,
}

#[derive(Clone, Debug)]
struct ClusterSettings {
    name: String,
    route: String,
}

/// Where the server listens, as it wrote itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ports {
    client: u16,
    cluster: Option<u16>,
}

impl NatsServer {
    /// Starts a server with JetStream on disk that asks nobody who they are.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Describes a server.
    pub fn builder() -> NatsServerBuilder {
        NatsServerBuilder::default()
    }

    /// Returns the address for clients, `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("nats://{}127.0.0.1:{}", self.settings.userinfo, self.ports.client)
    }

    /// Returns `127.0.0.1:<port>`, for a [`FaultProxy`](crate::FaultProxy) in front.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.client)
    }

    /// Returns the address that leaf nodes connect to.
    ///
    /// # Panics
    ///
    /// When the server was not told to [accept them](NatsServerBuilder::accept_leafs).
    pub fn leaf_url(&self) -> String {
        let port = self.settings.leaf_port.expect("a server that accepts leaf nodes");
        format!("nats-leaf://127.0.0.1:{port}")
    }

    pub(crate) fn route_url(&self) -> String {
        let port = self.ports.cluster.expect("a member of a cluster");
        format!("nats-route://127.0.0.1:{port}")
    }

    /// Sets whom to call in the cluster from the next start on.
    pub(crate) fn route_to(&mut self, route: String) {
        if let Some(cluster) = &mut self.settings.cluster {
            cluster.route = route;
        }
    }

    /// Returns the server's folder: configuration, log, store.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// Returns the process, for its signals and log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it in its tracks (SIGSTOP): connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again on the same ports and store, after killing it if it still runs.
    pub async fn restart(&mut self) {
        self.process.kill();
        let (process, ports) = launch(&self.settings, &self.scratch, Some(self.ports)).await;
        self.process = process;
        self.ports = ports;
    }

    /// Removes everything it stored. For a server that is killed.
    ///
    /// # Panics
    ///
    /// When it still runs.
    pub fn wipe(&mut self) {
        assert!(!self.process.is_running(), "kill the server before wiping its store");
        let store = self.scratch.path().join(STORE);
        if store.exists() {
            std::fs::remove_dir_all(store).expect("the store can be removed");
        }
    }
}

const STORE: &str = "store";

impl NatsServerBuilder {
    /// Names the server; cluster members need names.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Does without JetStream.
    #[must_use]
    pub fn without_jetstream(mut self) -> Self {
        self.without_jetstream = true;
        self
    }

    /// Puts JetStream into a domain.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        self.domain = Some(domain.to_owned());
        self
    }

    /// Lets leaf nodes connect.
    #[must_use]
    pub fn accept_leafs(mut self) -> Self {
        // The one port that the server does not tell when it chooses it.
        self.leaf_port = Some(free_port());
        self
    }

    /// Makes it a leaf node of the server at `url` (see [`NatsServer::leaf_url`]; a proxy may stand between).
    #[must_use]
    pub fn leaf_of(mut self, url: &str) -> Self {
        self.leaf_of.push(format!("{{ url: \"{url}\" }}"));
        self
    }

    /// Makes it a leaf node by a whole `remotes` entry, such as `{ url: "nats-leaf://…", credentials: "…" }`.
    #[must_use]
    pub fn leaf_remote(mut self, remote: &str) -> Self {
        self.leaf_of.push(remote.to_owned());
        self
    }

    /// Makes it a member of a cluster.
    #[must_use]
    pub(crate) fn cluster(mut self, name: &str, route: String) -> Self {
        self.cluster = Some(ClusterSettings {
            name: name.to_owned(),
            route,
        });
        self
    }

    /// Adds configuration text: users, operator mode, limits, TLS. `{dir}` stands for the server's folder.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.extra.push(text.to_owned());
        self
    }

    /// Puts a file into the server's folder, for configuration to name as `{dir}/<name>`.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Puts a user into the address that [`NatsServer::url`] returns.
    #[must_use]
    pub fn url_user(mut self, user: &str, password: &str) -> Self {
        self.userinfo = format!("{user}:{password}@");
        self
    }

    /// Listens on this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    ///
    /// When there is no nats-server, or it does not start; the message has the end of its log.
    pub async fn start(self) -> NatsServer {
        let scratch = Scratch::new(self.name.as_deref().unwrap_or("nats"));
        for (name, text) in &self.files {
            scratch.write(name, text);
        }
        let (process, ports) = launch(&self, &scratch, None).await;
        NatsServer {
            process,
            ports,
            settings: self,
            scratch,
        }
    }

    fn text(&self, folder: &Path, ports: Option<Ports>) -> String {
        let dir = folder.display().to_string();
        let port = |port: Option<u16>| port.map_or(-1, i32::from);
        let client = ports.map(|ports| ports.client).or(self.port);
        let mut text = format!("listen: \"127.0.0.1:{}\"\nports_file_dir: \"{dir}\"\n", port(client));
        let mut line =
            |args: std::fmt::Arguments<'_>| writeln!(text, "{args}").expect("writing to a String cannot fail");
        if let Some(name) = &self.name {
            line(format_args!("server_name: \"{name}\""));
        }
        if !self.without_jetstream {
            let domain = self
                .domain
                .as_ref()
                .map(|domain| format!(", domain: \"{domain}\""))
                .unwrap_or_default();
            line(format_args!(
                "jetstream {{ store_dir: \"{dir}/{STORE}\", sync_interval: always{domain} }}"
            ));
        }
        if let Some(cluster) = &self.cluster {
            let listen = port(ports.and_then(|ports| ports.cluster));
            let ClusterSettings { name, route } = cluster;
            line(format_args!(
                "cluster {{ name: {name}, listen: \"127.0.0.1:{listen}\", routes: [{route}] }}"
            ));
        }
        // Not advertised, since a leaf would learn the way around a proxy between.
        if self.leaf_port.is_some() || !self.leaf_of.is_empty() {
            let listen = self
                .leaf_port
                .map(|port| format!("listen: \"127.0.0.1:{port}\", no_advertise: true, "))
                .unwrap_or_default();
            line(format_args!(
                "leafnodes {{ {listen}reconnect: \"1s\", remotes: [{}] }}",
                self.leaf_of.join(", ")
            ));
        }
        for extra in &self.extra {
            line(format_args!("{}", extra.replace("{dir}", &dir)));
        }
        text
    }
}

async fn launch(settings: &NatsServerBuilder, scratch: &Scratch, ports: Option<Ports>) -> (Process, Ports) {
    let config = scratch.write("nats.conf", settings.text(scratch.path(), ports));
    let program = binary::NATS_SERVER.find();
    let mut process = start_process(&program, &config, scratch.path());
    let mut restarts = 0;
    let listening = eventually("nats-server to listen", START_LIMIT, || {
        if !process.is_running() {
            // A port we had, or thought free, may for a moment belong to somebody else.
            assert!(
                restarts < RESTARTS,
                "nats-server ended at once:\n{}",
                process.log_tail()
            );
            restarts += 1;
            process = start_process(&program, &config, scratch.path());
        }
        std::future::ready(Ports::written_by(process.id(), scratch.path(), settings))
    });
    let ports = listening.await;
    (process, ports)
}

fn start_process(program: &Path, config: &Path, folder: &Path) -> Process {
    Process::spawn(Command::new(program).arg("-c").arg(config), &folder.join("nats.log"))
}

impl Ports {
    /// Reads the file in which the server of this process id says where it listens.
    fn written_by(pid: u32, folder: &Path, settings: &NatsServerBuilder) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Written {
            #[serde(default)]
            nats: Vec<String>,
            #[serde(default)]
            cluster: Vec<String>,
        }
        let path = folder.join(format!("nats-server_{pid}.ports"));
        let text = std::fs::read(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        let written: Written = serde_json::from_slice(&text).map_err(|err| err.to_string())?;
        let port = |urls: &[String]| urls.first().and_then(|url| url.rsplit(':').next()?.parse::<u16>().ok());
        let ports = Self {
            client: port(&written.nats).ok_or("no client port yet")?,
            cluster: port(&written.cluster),
        };
        if settings.cluster.is_some() && ports.cluster.is_none() {
            return Err("no cluster port yet".to_owned());
        }
        Ok(ports)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_says_what_was_asked_for() {
        let text = NatsServer::builder()
            .name("n1")
            .domain("hub")
            .leaf_of("nats-leaf://127.0.0.1:7422")
            .cluster("c", "nats-route://127.0.0.1:6222".into())
            .config("include \"{dir}/users.conf\"")
            .text(
                Path::new("/t"),
                Some(Ports {
                    client: 4222,
                    cluster: Some(6222),
                }),
            );
        assert_eq!(
            text,
            "listen: \"127.0.0.1:4222\"\nports_file_dir: \"/t\"\nserver_name: \"n1\"\n\
             jetstream { store_dir: \"/t/store\", sync_interval: always, domain: \"hub\" }\n\
             cluster { name: c, listen: \"127.0.0.1:6222\", routes: [nats-route://127.0.0.1:6222] }\n\
             leafnodes { reconnect: \"1s\", remotes: [{ url: \"nats-leaf://127.0.0.1:7422\" }] }\n\
             include \"/t/users.conf\"\n"
        );
    }
}
