//! A real redis-server.

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Process, Scratch, binary, eventually, free_port};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A real redis-server on loopback, in memory. Killed on drop.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    scratch: Scratch,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// When there is no redis-server, or it does not start.
    pub async fn start() -> Self {
        let scratch = Scratch::new("redis");
        let mut port = free_port();
        let mut process = spawn(port, &scratch);
        eventually("redis-server to answer", START_LIMIT, || {
            if !process.is_running() {
                // Redis cannot choose a port by itself; somebody was quicker.
                port = free_port();
                process = spawn(port, &scratch);
            }
            ping(port)
        })
        .await;
        Self { process, port, scratch }
    }

    /// Returns the address, `redis://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns `127.0.0.1:<port>`, for a [`FaultProxy`](crate::FaultProxy) in front.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the process, for its signals and log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it at once; what it held is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, empty, on the same port.
    pub async fn restart(&mut self) {
        self.process.kill();
        let Self { process, port, scratch } = self;
        *process = spawn(*port, scratch);
        eventually("redis-server to answer", START_LIMIT, || {
            if !process.is_running() {
                *process = spawn(*port, scratch);
            }
            ping(*port)
        })
        .await;
    }
}

fn spawn(port: u16, scratch: &Scratch) -> Process {
    let mut command = Command::new(binary::REDIS_SERVER.find());
    command.args([
        "--bind",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
    ]);
    command.arg(scratch.path());
    Process::spawn(&mut command, &scratch.path().join("redis.log"))
}

async fn ping(port: u16) -> Result<(), String> {
    let talk = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match talk.await {
        Ok(answer) if &answer == b"+PONG\r\n" => Ok(()),
        Ok(answer) => Err(format!("answered {:?}", String::from_utf8_lossy(&answer))),
        Err(err) => Err(err.to_string()),
    }
}
