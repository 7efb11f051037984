//! Inviting a machine, and what keeps others out.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use lattice_testkit::eventually;

use crate::fixture::{Home, require_host_program};

const LONG: Duration = Duration::from_secs(60);

/// A `lattice host invite` that waits. Ended when a test is over.
struct Inviting {
    process: Child,
    told: BufReader<ChildStdout>,
}

impl Inviting {
    /// Invites, and returns when the invitation is written to `file`.
    fn start(home: &Home, file: &Path, words: &[&str]) -> Self {
        let mut command = home.command(&["host", "invite", "--yes", "--out"]);
        command
            .arg(file)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = command.spawn().expect("the program runs");
        let mut told = BufReader::new(process.stdout.take().expect("is piped"));
        let mut line = String::new();
        told.read_line(&mut line).expect("says something");
        assert!(line.starts_with("lattice host enroll "), "{line}");
        Self { process, told }
    }

    fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.told.read_to_string(&mut rest).expect("is text");
        (self.process.wait().expect("ends").code(), rest)
    }
}

impl Drop for Inviting {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    metadata.permissions().mode() & 0o777
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn a_machine_that_was_invited_joins_with_a_key_of_its_own_and_only_once() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let file = home.path().join("pi.invite");
    let inviting = Inviting::start(&home, &file, &["--name", "pi", "--label", "zone=garage"]);
    assert_eq!(mode(&file), 0o600);

    // Somewhere else: another home, no context, nothing but the invitation.
    let machine = Home::new();
    let invitation = file.to_str().expect("text");
    let enrolled = machine.json(&["host", "enroll", invitation, "--out", "pi"]);
    assert_eq!(enrolled["name"], "pi");
    let (code, told) = inviting.ended();
    let host = enrolled["host"].as_str().expect("a key");
    assert!(code == Some(0) && told.contains(host), "{code:?} {told}");
    let folder = machine.path().join("pi");
    for secret in ["data/host.seed", "data/host.jwt", "nats.creds"] {
        assert_eq!(mode(&folder.join(secret)), 0o600, "{secret}");
    }
    // The key was made there; what the issuer keeps has nothing of it.
    let seed = text(&folder.join("data/host.seed"));
    assert!(!text(&file).contains(seed.trim()));

    // The same invitation again.
    let late = machine.run(&["host", "enroll", invitation, "--out", "other"]);
    late.fails(3, "nobody waits");

    let program = machine.command(&[]);
    let program = program
        .get_envs()
        .find(|(name, _)| *name == "LATTICE_HOST_BIN")
        .and_then(|(_, value)| value.map(ToOwned::to_owned));
    let mut host = Command::new(program.expect("it is set"))
        .arg("--config")
        .arg(folder.join("lattice-host.toml"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the host starts");
    eventually("pi is there", LONG, || async {
        let hosts = home.json(&["get", "hosts"]);
        let items = hosts["items"].as_array().cloned().unwrap_or_default();
        let pi = items.iter().find(|host| host["name"] == "pi");
        match pi {
            Some(pi) if pi["labels"]["zone"] == "garage" && pi["state"] == "ready" => Ok(()),
            _ => Err(hosts.to_string()),
        }
    })
    .await;
    let _ = host.kill();
    let _ = host.wait();
}

#[test]
fn enrolling_again_keeps_the_key_and_a_machine_of_the_package_has_its_files_in_etc() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let (file, root) = (home.path().join("pi.invite"), home.path().join("root"));
    let invitation = file.to_str().expect("text");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let inviting = Inviting::start(&home, &file, &["--name", "pi", "--lasts", "90d"]);
        let words = ["host", "enroll", invitation, "--root", root.to_str().expect("text")];
        let enrolled = home.json(&words);
        keys.push(enrolled["host"].clone());
        assert_eq!(inviting.ended().0, Some(0));
    }
    assert_eq!(keys[0], keys[1]);
    let etc = root.join("etc/lattice");
    // The service's user reads its settings, and nothing that is secret.
    assert_eq!((mode(&etc), mode(&etc.join("credentials"))), (0o755, 0o700));
    for readable in ["enrolment.toml", "trust.jwt"] {
        assert_eq!(mode(&etc.join(readable)), 0o644, "{readable}");
    }
    for secret in ["host.seed", "host.jwt", "nats.creds"] {
        assert_eq!(mode(&etc.join("credentials").join(secret)), 0o600, "{secret}");
    }
    let settings = text(&etc.join("enrolment.toml"));
    assert!(
        settings.contains("nats-creds = \"/run/credentials/lattice-host.service/nats.creds\""),
        "{settings}"
    );
}

#[test]
fn an_invitation_that_is_damaged_over_or_not_waited_for_says_so() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let file = home.path().join("pi.invite");
    let invitation = file.to_str().expect("text");
    let inviting = Inviting::start(&home, &file, &["--name", "pi", "--expires", "2s"]);
    let damaged = text(&file).replacen("lattice1.", "lattice1.x", 1);
    std::fs::write(home.path().join("damaged"), damaged).expect("writes");
    home.run(&["host", "enroll", "damaged", "--out", "pi"])
        .fails(2, "copy it again");
    home.run(&["host", "enroll", "no-such-file", "--out", "pi"])
        .fails(3, "lattice1.");
    let (code, _) = inviting.ended();
    assert_eq!(code, Some(5), "nobody came");
    // Its NATS credentials are over too.
    let late = home.run(&["host", "enroll", invitation, "--out", "pi"]);
    assert!(matches!(late.code, Some(3 | 4)), "{late:?}");
    home.run(&["host", "invite", "--name", "pi"]).fails(2, "--yes");
}

#[test]
fn the_credentials_of_an_invitation_open_nothing_else() {
    require_host_program();
    let mut home = Home::new();
    let up = home.up(&[]);
    let file = home.path().join("pi.invite");
    let _inviting = Inviting::start(&home, &file, &["--name", "pi"]);
    let whole = text(&file);
    let (_, creds) = whole.split_once('\n').expect("credentials below the invitation");
    std::fs::write(home.path().join("stolen.creds"), creds).expect("writes");
    let url = up["nats"]["url"].as_str().expect("an address");
    let stolen = ["--nats-url", url, "--creds", "stolen.creds", "--timeout", "5s"];
    // It neither hears who is there nor may ask.
    let hosts = home.run(&[&stolen[..], &["get", "hosts", "-o", "name"]].concat());
    assert_eq!(hosts.stdout, "", "{hosts:?}");
    let put = ["link", "put", "actor/a", "wasi:keyvalue", "provider/b"];
    let put = home.run(&[&stolen[..], &put].concat());
    assert_ne!(put.code, Some(0), "{put:?}");
    assert_eq!(home.run(&["get", "links", "-o", "name"]).ok().stdout, "");
}

#[test]
fn what_is_installed_without_the_package_is_a_unit_for_the_program_that_is_there() {
    let home = Home::new();
    let root = home.path().join("root");
    let root = root.to_str().expect("text");
    let install = ["host", "install", "--root", root, "--program", "/opt/lattice-host"];
    home.run(&[&install[..], &["--dry-run"]].concat()).ok();
    assert!(!Path::new(root).exists());
    let first = home.json(&install);
    assert!(
        first["items"]
            .as_array()
            .expect("files")
            .iter()
            .all(|file| file["change"] == "written")
    );
    let again = home.run(&install).ok();
    assert!(
        again.stdout.contains("unchanged") && again.stderr.contains("systemctl"),
        "{again:?}"
    );
    let unit = text(&Path::new(root).join("etc/systemd/system/lattice-host.service"));
    assert!(unit.contains("ExecStart=/opt/lattice-host --config"), "{unit}");
    home.run(&["host", "install", "--root", root, "--program", "relative"])
        .fails(2, "absolute");
    home.run(&["host", "install", "--root", root, "--program", "/home/me/lattice-host"])
        .fails(2, "/usr/local/bin");
}
