//! The provider as a process of its own, on a lattice with credentials scoped to it.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lattice_testkit::{Redis, eventually};
use provider_sdk::capability::{KeyValue as _, KvError};
use provider_sdk::remote::RemoteKeyValue;
use provider_sdk::testing::conformance;
use provider_sdk::testing::lattice::{LIMIT, TestLattice, context_of};

/// The process; killed on drop.
struct Provider(Child);

impl Provider {
    fn command(lattice: &TestLattice, folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lattice-provider-redis"));
        command
            .env_clear()
            .args(["--lattice", "test", "--nats-url", &lattice.nats.url()]);
        command
            .args(["--operator", &lattice.operator(), "--data-dir"])
            .arg(folder);
        command.stderr(Stdio::inherit());
        command
    }

    fn start(lattice: &TestLattice, folder: &Path, redis: &str) -> Self {
        let mut command = Self::command(lattice, folder);
        Self(
            command
                .args(["--set", &format!("url={redis}")])
                .spawn()
                .expect("the binary runs"),
        )
    }

    async fn ended(&mut self) -> ExitStatus {
        eventually("the process to end", LIMIT, || {
            std::future::ready(self.0.try_wait().expect("it can be waited for"))
        })
        .await
    }

    fn terminate(&self) {
        let pid = i32::try_from(self.0.id()).expect("a process id");
        let sent = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .expect("there is a kill");
        assert!(sent.success());
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_its_own_serves_actors_elsewhere() {
    let (lattice, redis) = (TestLattice::start().await, Redis::start().await);
    let host = lattice.host("host", &["shop"]).await;
    let folder = lattice.provider_folder("kv");
    let mut provider = Provider::start(&lattice, folder.path(), &redis.url());
    host.sees("provider/kv").await;

    let id = lattice
        .link("actor/shop", "wasi:keyvalue", "provider/kv", &[("bucket", "shop")])
        .await;
    let link = host.knows(&id).await;
    let ctx = context_of(&link);
    let store = Arc::new(RemoteKeyValue::new(Arc::clone(&host.member), link));
    eventually("the provider to serve the link", LIMIT, || store.open(&ctx, "default")).await;
    conformance::keyvalue(store.clone(), &ctx).await;
    conformance::concurrent_increments(store.clone(), &ctx, 50, 4).await;

    // A signed unlink takes the store away, in a process that nobody told but the lattice.
    lattice.unlink(&id, 1).await;
    eventually("the link to end", LIMIT, || async {
        (store.get(&ctx, "default", "hits").await == Err(KvError::AccessDenied)).then_some(())
    })
    .await;

    provider.terminate();
    assert_eq!(provider.ended().await.code(), Some(0), "it stops in order");
    let party = "provider/kv".parse().unwrap();
    eventually("the host to notice", LIMIT, || async {
        (!host.member.directory().is_running(&party)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_comes_back_with_its_links() {
    let (lattice, redis) = (TestLattice::start().await, Redis::start().await);
    let host = lattice.host("host", &["shop"]).await;
    let folder = lattice.provider_folder("kv");
    let mut provider = Provider::start(&lattice, folder.path(), &redis.url());
    let id = lattice.link("actor/shop", "wasi:keyvalue", "provider/kv", &[]).await;
    let link = host.knows(&id).await;
    let ctx = context_of(&link);
    let store = RemoteKeyValue::new(Arc::clone(&host.member), link);
    host.sees("provider/kv").await;
    eventually("the provider to serve the link", LIMIT, || {
        store.set(&ctx, "default", "k", Bytes::from_static(b"x"))
    })
    .await;
    provider.0.kill().unwrap();
    assert_eq!(provider.0.wait().unwrap().signal(), Some(9));
    let mut soon = ctx.clone();
    soon.deadline = std::time::Instant::now() + Duration::from_secs(2);
    assert!(
        matches!(store.get(&soon, "default", "k").await, Err(KvError::Other(_))),
        "it does not hang"
    );
    let _again = Provider::start(&lattice, folder.path(), &redis.url());
    let value = eventually("it to serve again", LIMIT, || store.get(&ctx, "default", "k")).await;
    assert_eq!(value, Some(Bytes::from_static(b"x")));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_end_it_with_their_own_exit_codes() {
    let lattice = TestLattice::start().await;
    let folder = lattice.provider_folder("kv");
    let code = |mut command: Command| command.status().expect("the binary runs").code();

    let mut nothing = Command::new(env!("CARGO_BIN_EXE_lattice-provider-redis"));
    nothing.env_clear();
    assert_eq!(code(nothing), Some(2), "no folder, no operator");

    let mut unknown = Provider::command(&lattice, folder.path());
    unknown.args(["--set", "urll=redis://127.0.0.1:1"]);
    assert_eq!(code(unknown), Some(2), "the provider's own settings are wrong");

    // The operator it trusts is another lattice's, so that the bundle here cannot be believed. In a folder without an earlier run.
    let fresh = lattice.provider_folder("kv");
    let mut stranger = Command::new(env!("CARGO_BIN_EXE_lattice-provider-redis"));
    stranger
        .env_clear()
        .args(["--lattice", "test", "--nats-url", &lattice.nats.url()]);
    stranger
        .args(["--operator", &TestLattice::stranger(), "--data-dir"])
        .arg(fresh.path());
    assert_eq!(code(stranger), Some(4), "nobody it trusts vouches for it");

    use std::os::unix::fs::PermissionsExt as _;
    let seed = folder.path().join("provider.seed");
    std::fs::set_permissions(&seed, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        code(Provider::command(&lattice, folder.path())),
        Some(1),
        "a key that others can read"
    );
}
