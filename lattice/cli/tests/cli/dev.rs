//! `lattice dev`: what is saved is what runs, without a failed request, and in the end nothing is left.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lattice_testkit::eventually;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::fixture::{Home, component, free_port, http_get, require_host_program};

const LONG: Duration = Duration::from_secs(60);

/// A `lattice dev` that runs, and what it has said. Killed when dropped.
struct Developing {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Developing {
    fn start(home: &Home, words: &[&str]) -> Self {
        let mut command = home.command(&[&["dev"], words].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let said = Arc::<Mutex<String>>::default();
        hear(child.stdout.take().expect("is piped"), &said);
        hear(child.stderr.take().expect("is piped"), &said);
        Self { child, said }
    }

    fn said(&self) -> String {
        self.said.lock().expect("nobody panics with it").clone()
    }

    /// Waits until it has said this so many times.
    async fn says(&mut self, words: &str, times: usize) {
        eventually(
            &format!("`lattice dev` says {words:?}, {times} times"),
            LONG,
            async || {
                let said = self.said();
                match said.matches(words).count() >= times {
                    true => Ok(()),
                    false => Err(said),
                }
            },
        )
        .await;
        assert!(
            self.child.try_wait().expect("is our child").is_none(),
            "{}",
            self.said()
        );
    }

    /// Ctrl-C; the exit code.
    async fn interrupt(&mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), Signal::INT).expect("it runs");
        let status = eventually("`lattice dev` ends", LONG, || {
            let status = self.child.try_wait().expect("is our child");
            std::future::ready(status.ok_or_else(|| self.said()))
        });
        status.await.code()
    }
}

impl Drop for Developing {
    fn drop(&mut self) {
        // It has mostly ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hear(stream: impl std::io::Read + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut said = said.lock().expect("nobody panics with it");
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// The same program with another digest: a custom section that nobody reads is added.
fn another(component: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(component).expect("the component");
    bytes.extend([0, 6, 5]);
    bytes.extend(b"again");
    bytes
}

fn apps(home: &Home) -> Vec<Value> {
    let list = home.json(&["app", "list"]);
    list["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_is_saved_is_what_runs_and_in_the_end_nothing_is_left() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let folder = home.path().join("hello");
    std::fs::create_dir(&folder).expect("a folder");
    let made = home.path().join("one.wasm");
    std::fs::copy(component("hello-http"), &made).expect("copies");
    std::fs::write(home.path().join("two.wasm"), another(&made)).expect("writes");
    let save = |text: &str| std::fs::write(folder.join("source"), text).expect("writes");
    save("one");
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut dev = Developing::start(
        &home,
        &[
            "hello",
            "--build",
            "echo building; cp ../$(cat source).wasm made.wasm",
            "--component",
            "made.wasm",
            "--address",
            &address,
        ],
    );
    dev.says("watching; Ctrl-C ends it", 1).await;
    assert!(dev.said().contains(&format!("http://{address}/")), "{}", dev.said());
    assert_eq!(http_get(port, "/x").expect("it serves").0, 200);
    assert_eq!(apps(&home)[0]["name"], "dev-hello");

    // Requests go on while the other version takes the place of this one.
    let over = Arc::new(AtomicBool::new(false));
    let asking = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut statuses = Vec::new();
            while !over.load(Ordering::Relaxed) {
                statuses.push(http_get(port, "/").map_or(0, |(status, _)| status));
            }
            statuses
        }
    });
    save("two");
    dev.says("swapped in", 1).await;
    over.store(true, Ordering::Relaxed);
    let statuses = asking.join().expect("it asked");
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    dev.says("actor-replaced actor/hello", 1).await;

    // A build that fails changes nothing, and one that makes the same swaps nothing.
    save("three");
    dev.says("the build failed", 1).await;
    assert_eq!(http_get(port, "/").expect("it serves").0, 200);
    save("two\n");
    dev.says("nothing to swap", 1).await;

    assert_eq!(dev.interrupt().await, Some(0), "{}", dev.said());
    assert!(http_get(port, "/").is_err(), "nobody listens any more");
    assert!(apps(&home).is_empty(), "{:?}", apps(&home));
    home.down();
}

#[tokio::test]
async fn a_manifest_says_what_runs_and_keep_leaves_it() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let made = home.path().join("made.wasm");
    std::fs::copy(component("hello-http"), &made).expect("copies");
    let folder = home.path().join("shop");
    std::fs::create_dir(&folder).expect("a folder");
    let manifest = "apiVersion: lattice.dev/v1\nkind: Application\nmetadata: {name: shop}\nspec:\n  actors:\n    - {name: web, image: ../made.wasm}\n";
    std::fs::write(folder.join("lattice.yaml"), manifest).expect("writes");
    let mut dev = Developing::start(&home, &["shop", "--keep"]);
    dev.says("watching; Ctrl-C ends it", 1).await;
    // Nothing builds it here: the component itself is what is watched.
    std::fs::write(&made, another(&made)).expect("writes");
    dev.says("swapped in", 1).await;
    assert_eq!(dev.interrupt().await, Some(0), "{}", dev.said());
    assert_eq!(apps(&home)[0]["name"], "shop");
    home.down();
}

#[test]
fn what_is_missing_is_told() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("empty")).expect("a folder");
    home.run(&["dev", "empty"]).fails(2, "--build COMMAND --component FILE");
    home.run(&["dev", "nowhere"]).fails(3, "there is no folder");
    home.run(&["dev", "empty", "--build", "true"])
        .fails(2, "--component FILE");
    home.run(&["dev", "empty", "--manifest", "none.yaml"])
        .fails(3, "there is no file");
    home.run(&["dev", "empty", "--build", "true", "--component", "x.wasm"])
        .fails(3, "lattice up");
}
