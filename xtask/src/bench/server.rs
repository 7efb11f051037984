//! A server of somebody else's, as the baseline of ours: started, waited for, ended.

use anyhow::{Context, Result, bail, ensure};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// It may have to compile a component first.
const SERVES_WITHIN: Duration = Duration::from_secs(60);

/// A running server, killed when it is dropped.
pub(super) struct Server {
    process: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts what `command` makes of an address, and waits until it serves there.
    pub(super) fn start(command: impl FnOnce(SocketAddr) -> Result<Command>) -> Result<Self> {
        let address = free_address()?;
        let mut command = command(address)?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = process
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut server = Self { process, address };
        server.wait(&format!("{}", command.get_program().display()))?;
        Ok(server)
    }

    fn wait(&mut self, name: &str) -> Result<()> {
        let start = Instant::now();
        let url = format!("http://{}/", self.address);
        // Some listen before they have what they serve.
        while ureq::get(&url).call().is_err() {
            if let Some(status) = self.process.try_wait()? {
                bail!("{name} ended with {status} before it served");
            }
            ensure!(
                start.elapsed() < SERVES_WITHIN,
                "{name} does not serve after {SERVES_WITHIN:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is worth keeping, and a process that is gone already is what we want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An address that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
