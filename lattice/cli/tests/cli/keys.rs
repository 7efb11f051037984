//! Enrolling hosts, and taking it back.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use lattice_testkit::eventually;

use crate::fixture::{Home, require_host_program};

const LONG: Duration = Duration::from_secs(60);

/// Ends a process when a test is over.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn names(home: &Home) -> Vec<String> {
    let hosts = home.json(&["get", "hosts"]);
    let names = hosts["items"].as_array().cloned().unwrap_or_default();
    names
        .iter()
        .map(|host| host["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn an_enrolled_host_joins_and_a_revoked_one_is_believed_no_more() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let enrolled = home.json(&["key", "enroll", "pi", "--label", "zone=garage", "--out", "pi"]);
    for file in ["data/host.seed", "data/host.jwt", "nats.creds"] {
        let mode = std::fs::metadata(home.path().join("pi").join(file))
            .expect(file)
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let config = enrolled["config"].as_str().expect("a path");
    let program = home
        .command(&[])
        .get_envs()
        .find(|(name, _)| *name == "LATTICE_HOST_BIN")
        .and_then(|(_, v)| v.map(ToOwned::to_owned));
    let host = Command::new(program.expect("it is set"))
        .args(["--config", config])
        .stderr(Stdio::null())
        .spawn()
        .expect("the host starts");
    let _host = Killed(host);
    eventually("pi is there", LONG, || async {
        let names = names(&home);
        if names.contains(&"pi".to_owned()) {
            Ok(())
        } else {
            Err(format!("{names:?}"))
        }
    })
    .await;
    let hosts = home.json(&["get", "hosts", "pi"]);
    assert_eq!(hosts["items"][0]["labels"]["zone"], "garage");

    home.run(&["key", "revoke", "pi"]).ok();
    eventually("pi is believed no more", LONG, || async {
        let names = names(&home);
        if names.contains(&"pi".to_owned()) {
            Err(format!("{names:?}"))
        } else {
            Ok(())
        }
    })
    .await;
}

#[test]
fn keys_are_shown_and_seeds_are_not() {
    require_host_program();
    let mut home = Home::new();
    home.up(&[]);
    let shown = home.run(&["key", "show", "-o", "wide"]).ok().stdout;
    assert!(
        shown.contains("operator") && shown.contains("link") && shown.contains("control"),
        "{shown}"
    );
    let trust = home.path().join("lattices/default/trust");
    for entry in std::fs::read_dir(trust).expect("the trust root").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        if entry.path().extension().is_some_and(|extension| extension == "seed") {
            assert!(!shown.contains(text.trim()), "{:?} was shown", entry.path());
        }
    }
    let creds = home.json(&["key", "provider-creds", "redis", "--out", "redis"]);
    assert!(creds["provider"].as_str().expect("a key").starts_with('V'));
    for file in ["provider.seed", "provider.jwt", "nats.creds"] {
        let mode = std::fs::metadata(home.path().join("redis").join(file))
            .expect(file)
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_root_is_made_once_with_the_context_that_uses_it() {
    let home = Home::new();
    let root = |words: &[&str]| home.json(&[&["--lattice", "shop", "key", "root"], words].concat());
    let made = root(&["root"]);
    let operator = made["operator"].as_str().expect("a key");
    assert!(operator.starts_with('O'), "{operator}");
    let read = |name: &str| std::fs::read_to_string(home.path().join("root").join(name)).expect(name);
    assert_eq!(read("operators"), operator);
    let (server, creds) = (read("nats.conf"), read("cli.creds"));
    assert!(server.contains("resolver: MEMORY"), "{server}");
    for name in ["operator", "issuer", "enroller", "user", "controller", "nats-account"] {
        let path = home.path().join("root").join(format!("{name}.seed"));
        let mode = std::fs::metadata(&path).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let again = root(&["root", "--nats-url", "nats://127.0.0.1:4222"]);
    assert_eq!(again["operator"], operator);
    assert_eq!((read("nats.conf"), read("cli.creds")), (server, creds));
    let context = std::fs::read_to_string(home.path().join("contexts/shop.json")).expect("a context");
    assert!(
        context.contains("nats://127.0.0.1:4222") && context.contains(operator),
        "{context}"
    );

    // What these keys enrol needs no lattice to be there.
    home.json(&["--context", "shop", "key", "enroll", "pi", "--out", "pi"]);
    let other = home.run(&["--lattice", "shop", "key", "root", "other"]);
    other.fails(1, "has other keys");
    let nowhere = home.run(&["key", "root", "in-secrets", "--kubernetes-secrets", "shop"]);
    nowhere.fails(1, "inside a Kubernetes pod only");
}
