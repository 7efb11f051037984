//! The service manager that started this process, if one did (systemd's `Type=notify`): told when we serve, when we end, and all the
//! while that we work.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// A sign of life may be late twice before the service manager acts.
const SIGNS_PER_LIMIT: u32 = 3;

/// Who started us and wants to be told. Telling one that is not there does nothing.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<OsString>,
    /// Without a sign of life for this long it ends us and starts us anew.
    limit: Option<Duration>,
}

/// What it can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// We serve.
    Ready,
    /// We work.
    Alive,
    /// What we are at, for a person who asks.
    Status(String),
    /// We end, which may take this long.
    Stopping(Duration),
}

impl ServiceManager {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        Self::find(|name| std::env::var_os(name), std::process::id())
    }

    fn find(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        // What was meant for our parent is not ours to answer.
        let is_ours = number("WATCHDOG_PID").is_none_or(|named| named == u64::from(pid));
        Self {
            socket: variable("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()),
            limit: number("WATCHDOG_USEC")
                .filter(|limit| is_ours && *limit > 0)
                .map(Duration::from_micros),
        }
    }

    /// Tells it something.
    pub(crate) fn tell(&self, state: &State) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, &state.text()) {
            warn!(%error, "cannot tell the service manager {state:?}");
        }
    }

    /// Says for as long as the handle lives that this process works, which `pulse` finds out each time: in a task of its own, so that
    /// the runtime has to have a worker for it. When that does not come back, nothing is said, and the service manager acts.
    pub(crate) fn keep_alive(
        self: &Arc<Self>,
        pulse: impl Fn() -> String + Send + Sync + 'static,
    ) -> Option<AbortOnDropHandle<()>> {
        let period = self.limit? / SIGNS_PER_LIMIT;
        let (manager, pulse) = (Arc::clone(self), Arc::new(pulse));
        Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let pulse = Arc::clone(&pulse);
                // One that panicked is no sign of life either.
                if let Ok(status) = AbortOnDropHandle::new(tokio::spawn(async move { pulse() })).await {
                    manager.tell(&State::Alive);
                    manager.tell(&State::Status(status));
                }
            }
        })))
    }
}

impl State {
    fn text(&self) -> String {
        match self {
            Self::Ready => "READY=1".to_owned(),
            Self::Alive => "WATCHDOG=1".to_owned(),
            // A line break would begin another word of the protocol.
            Self::Status(status) => format!("STATUS={}", status.replace(['\n', '\r'], " ")),
            Self::Stopping(within) => format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={}", within.as_micros()),
        }
    }
}

/// One datagram. Nothing waits for the service manager: one that does not read is told nothing.
#[cfg(unix)]
fn send(socket: &OsStr, text: &str) -> io::Result<()> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::unix::ffi::OsStrExt::as_bytes(socket).strip_prefix(b"@") {
        let address = <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?;
        return datagram.send_to_addr(text.as_bytes(), &address).map(drop);
    }
    let address = SocketAddr::from_pathname(socket)?;
    datagram.send_to_addr(text.as_bytes(), &address).map(drop)
}

#[cfg(not(unix))]
fn send(_socket: &OsStr, _text: &str) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(90);

    /// A service manager, and what it hears.
    fn listening(folder: &std::path::Path) -> (Arc<ServiceManager>, UnixDatagram) {
        let path = folder.join("notify");
        let heard = UnixDatagram::bind(&path).expect("binds");
        heard.set_read_timeout(Some(Duration::from_secs(10))).expect("can wait");
        let manager = ServiceManager {
            socket: Some(path.into_os_string()),
            limit: Some(LIMIT),
        };
        (Arc::new(manager), heard)
    }

    fn next(heard: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = heard.recv(&mut buffer).expect("something is said");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn what_is_said_is_one_datagram_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let (manager, heard) = listening(folder.path());
        manager.tell(&State::Ready);
        manager.tell(&State::Status("two\nlines".to_owned()));
        manager.tell(&State::Stopping(Duration::from_secs(40)));
        assert_eq!(next(&heard), "READY=1");
        assert_eq!(next(&heard), "STATUS=two lines");
        assert_eq!(next(&heard), "STOPPING=1\nEXTEND_TIMEOUT_USEC=40000000");
    }

    #[test]
    fn the_watchdog_of_another_process_is_not_ours() {
        let find = |pid: &'static str| {
            let variables = [
                ("NOTIFY_SOCKET", "/run/x"),
                ("WATCHDOG_USEC", "30000000"),
                ("WATCHDOG_PID", pid),
            ];
            let variable = move |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            ServiceManager::find(variable, 7)
        };
        assert_eq!(find("7").limit, Some(Duration::from_secs(30)));
        assert_eq!(find("8").limit, None);
        assert!(ServiceManager::find(|_| None, 7).socket.is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn signs_of_life_stop_when_the_pulse_does_not_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (manager, heard) = listening(folder.path());
        let (stuck, held) = (Arc::new(AtomicBool::new(false)), Arc::new(std::sync::Mutex::new(())));
        let pulse = {
            let (stuck, held) = (Arc::clone(&stuck), Arc::clone(&held));
            move || {
                let _lock = stuck
                    .load(Ordering::SeqCst)
                    .then(|| held.lock().expect("nobody panics"));
                "works".to_owned()
            }
        };
        let _alive = manager.keep_alive(pulse).expect("there is a limit");
        let heard = tokio::task::spawn_blocking(move || {
            assert_eq!(
                [next(&heard), next(&heard), next(&heard)],
                ["WATCHDOG=1", "STATUS=works", "WATCHDOG=1"]
            );
            heard
        });
        let heard = heard.await.expect("is alive");

        // A deadlock in what the pulse looks at.
        let lock = held.lock().expect("nobody panics");
        stuck.store(true, Ordering::SeqCst);
        let silent = std::thread::spawn(move || {
            // What was on its way, and then nothing for longer than anybody waits.
            heard.set_read_timeout(Some(LIMIT * 4)).expect("can wait");
            let mut buffer = [0; 512];
            while heard.recv(&mut buffer).is_ok() {}
            heard
        });
        let heard = silent.join().expect("falls silent");
        drop(lock);
        heard.set_read_timeout(Some(Duration::from_secs(10))).expect("can wait");
        let heard = tokio::task::spawn_blocking(move || next(&heard)).await;
        assert_eq!(heard.expect("goes on"), "WATCHDOG=1");
    }
}
