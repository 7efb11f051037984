//! Running the program in a home of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A state root, and the lattice that a test may start in it. Taken down when dropped.
pub(crate) struct Home {
    dir: TempDir,
    up: bool,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Insists that it succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Insists on an exit code, and on a word in what was told.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, word: &str) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        assert!(self.stderr.contains(word), "{word:?} is not in: {}", self.stderr);
        self
    }

    /// What was printed for programs.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let run = self.ok();
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
            up: false,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A command that anybody could type, with nothing of our own environment that would change it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lattice"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LATTICE_")) {
            if name != "LATTICE_NATS_SERVER" {
                command.env_remove(name);
            }
        }
        command
            .args(words)
            .env("LATTICE_HOME", self.path())
            .env("LATTICE_HOST_BIN", host_program());
        command
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .current_dir(self.path());
        command
    }

    /// Runs the program with these words.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let output = self.command(words).output().expect("the program runs");
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs it and reads what it printed for programs.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        self.run(&[words, &["-o", "json"]].concat()).json()
    }

    /// Starts a lattice that stays until the home is dropped.
    #[track_caller]
    pub(crate) fn up(&mut self, flags: &[&str]) -> Value {
        self.up = true;
        self.json(&[&["up", "--detached"], flags].concat())
    }

    /// Runs a guest as an actor on the host `on`, behind an HTTP server on the host `cloud`, and returns the port of that.
    pub(crate) fn serve(&self, actor: &str, guest: &str, on: &str) -> u16 {
        let port = free_port();
        let address = format!("address=127.0.0.1:{port}");
        let http = [
            "start",
            "provider",
            "http",
            "http-server",
            "--host",
            "cloud",
            "--config",
        ];
        self.run(&[&http[..], &[address.as_str()]].concat()).ok();
        let target = format!("actor/{actor}");
        let link = [
            "link",
            "put",
            "provider/http",
            "wasi:http",
            &target,
            "--config",
            "path=/",
        ];
        self.run(&link).ok();
        self.run(&["start", "actor", actor, &component(guest), "--host", on])
            .ok();
        port
    }

    /// Takes it down.
    #[track_caller]
    pub(crate) fn down(&mut self) {
        self.up = false;
        self.run(&["down"]).ok();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.up {
            return;
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path().join("lattices/default/up.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "the log ends with\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
        let _ = self.run(&["down", "--grace", "5s"]);
    }
}

/// The host's program, beside ours.
fn host_program() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_lattice")).with_file_name("lattice-host");
    std::env::var_os("LATTICE_TEST_HOST_BIN").map_or(beside, PathBuf::from)
}

/// The host's program, which must be there.
pub(crate) fn require_host_program() {
    let program = host_program();
    assert!(
        program.is_file(),
        "{} is missing: build it with `cargo build -p lattice-hostd`",
        program.display()
    );
}

/// An example actor's component.
pub(crate) fn component(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../actors/target/components/{name}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing: build it with `cargo xtask guests`",
        path.display()
    );
    path.canonicalize()
        .expect("it is there")
        .to_str()
        .expect("text")
        .to_owned()
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    lattice_testkit::free_port()
}

/// One HTTP request, by hand: status and body.
pub(crate) fn http_get(port: u16, path: &str) -> std::io::Result<(u16, String)> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
    // In 1.0 bodies come in one piece, and end with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default();
    Ok((status, body))
}
