//! What a service manager hears.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use lattice_node::testing::{HostOptions, PATIENCE, TestLattice};
use lattice_testkit::NatsServer;

use crate::process::{HostProcess, arguments, program};

/// The service manager's end, read from another thread than the test's.
struct Heard(UnixDatagram);

impl Heard {
    /// Everything up to and with the first that begins so.
    fn until(&self, wanted: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        while !all.last().is_some_and(|last| last.starts_with(wanted)) {
            let mut buffer = [0; 1024];
            let length = self
                .0
                .recv(&mut buffer)
                .unwrap_or_else(|error| panic!("{wanted}: {error}; heard {all:?}"));
            all.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_hears_when_it_serves_that_it_works_and_when_it_ends() {
    let mut nats = NatsServer::start().await;
    let lattice = TestLattice::start(&nats.url()).await;
    let files = lattice.host_files(&HostOptions::named("one"));
    let socket = files.folder.join("notify");
    let heard = Heard(UnixDatagram::bind(&socket).unwrap());
    heard.0.set_read_timeout(Some(PATIENCE)).unwrap();

    let mut command = program();
    command.args(arguments(&lattice, &files.folder)).args(["--grace", "7s"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "600000");
    let mut host = HostProcess::spawn(command, files.id, files.folder).ready().await;
    let heard = tokio::task::spawn_blocking(move || {
        let before = heard.until("READY=1");
        assert!(
            before
                .iter()
                .all(|said| said.starts_with("STATUS=") || said == "READY=1"),
            "{before:?}"
        );
        assert!(heard.until("WATCHDOG=1").len() <= 2);
        let status = heard.until("STATUS=").pop().unwrap();
        assert!(
            status.contains("actors: 0, ") && status.contains(", connected to NATS"),
            "{status}"
        );
        heard
    });
    let heard = heard.await.unwrap();

    // Without NATS it still works: a site that was cut off is no reason to start its host anew.
    nats.kill();
    let heard = tokio::task::spawn_blocking(move || {
        for _ in 0..200 {
            heard.until("WATCHDOG=1");
            if heard.until("STATUS=").pop().unwrap().contains("not connected") {
                return heard;
            }
        }
        panic!("it never says that NATS is gone");
    });
    let heard = heard.await.unwrap();
    host.terminate();
    let stopping = tokio::task::spawn_blocking(move || heard.until("STOPPING=1").pop().unwrap());
    let stopping = stopping.await.unwrap();
    let asked = Duration::from_secs(22).as_micros();
    assert_eq!(stopping, format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={asked}"));
    host.ended(PATIENCE).await;
}
