//! A real OCI registry: Docker's, version 2.8, which has no referrers API.

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Process, Scratch, binary, eventually, free_port};

const START_LIMIT: Duration = Duration::from_secs(30);

/// `ann` with the password `secret`, as `htpasswd -B` writes it.
const HTPASSWD: &str = "ann:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// A real registry on loopback, with its images in a folder. Killed on drop.
#[derive(Debug)]
pub struct Registry {
    process: Process,
    port: u16,
    access: Access,
    scratch: Scratch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Anybody,
    Ann,
}

impl Registry {
    /// Starts a registry that asks nobody who they are.
    ///
    /// # Panics
    ///
    /// When there is no docker-registry, or it does not start.
    pub async fn start() -> Self {
        Self::start_for(Access::Anybody).await
    }

    /// Starts a registry that knows only [`Registry::USER`].
    ///
    /// # Panics
    ///
    /// As for [`Registry::start`].
    pub async fn start_closed() -> Self {
        Self::start_for(Access::Ann).await
    }

    /// The one user of a closed registry, with the password.
    pub const USER: (&str, &str) = ("ann", "secret");

    async fn start_for(access: Access) -> Self {
        let scratch = Scratch::new("registry");
        let mut port = free_port();
        let mut process = spawn(port, access, &scratch);
        eventually("docker-registry to answer", START_LIMIT, || {
            if !process.is_running() {
                // It cannot choose a port by itself; somebody was quicker.
                port = free_port();
                process = spawn(port, access, &scratch);
            }
            ping(port)
        })
        .await;
        Self {
            process,
            port,
            access,
            scratch,
        }
    }

    /// Returns `127.0.0.1:<port>`, with which the names of its images begin.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the name of an image in it: `127.0.0.1:<port>/<name>`.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address())
    }

    /// Kills it at once; what was pushed stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port, with what was pushed before.
    pub async fn restart(&mut self) {
        self.process.kill();
        let Self {
            process,
            port,
            access,
            scratch,
        } = self;
        *process = spawn(*port, *access, scratch);
        eventually("docker-registry to answer", START_LIMIT, || {
            if !process.is_running() {
                *process = spawn(*port, *access, scratch);
            }
            ping(*port)
        })
        .await;
    }
}

fn spawn(port: u16, access: Access, scratch: &Scratch) -> Process {
    let images = scratch.path().join("images");
    let mut config = format!(
        "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n\
         http: {{addr: '127.0.0.1:{port}', secret: tests}}\n",
        images.display()
    );
    if access == Access::Ann {
        let users = scratch.write("htpasswd", HTPASSWD);
        config.push_str(&format!(
            "auth:\n  htpasswd: {{realm: tests, path: {}}}\n",
            users.display()
        ));
    }
    let config = scratch.write("registry.yml", config);
    let mut command = Command::new(binary::REGISTRY.find());
    command.arg("serve").arg(config).env("OTEL_TRACES_EXPORTER", "none");
    Process::spawn(&mut command, &scratch.path().join("registry.log"))
}

async fn ping(port: u16) -> Result<(), String> {
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(b"GET /v2/ HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    match talk.await {
        Ok(answer) if answer.ends_with("200") || answer.ends_with("401") => Ok(()),
        Ok(answer) => Err(format!("answered {answer:?}")),
        Err(error) => Err(error.to_string()),
    }
}
