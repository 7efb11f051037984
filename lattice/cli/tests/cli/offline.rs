//! What works without any lattice, and how its absence is told.

use std::os::unix::fs::PermissionsExt;

use crate::fixture::Home;

#[test]
fn without_a_lattice_the_way_in_is_told() {
    let home = Home::new();
    for words in [
        &["get", "hosts"][..],
        &["link", "get"],
        &["call", "a", "b:c/d.e"],
        &["scale", "hello", "2"],
    ] {
        let run = home.run(words).fails(3, "lattice up");
        assert_eq!(run.stdout, "", "nothing is printed where programs read");
    }
    home.run(&["--nats-url", "nats://127.0.0.1:1", "get", "hosts"])
        .fails(1, "cannot reach a NATS server");
    home.run(&["get", "hosts", "--context", "nowhere"])
        .fails(3, "no context is called `nowhere`");
    home.run(&[
        "--creds",
        "/no/such.creds",
        "--nats-url",
        "nats://127.0.0.1:1",
        "get",
        "hosts",
    ])
    .fails(4, "/no/such.creds");
}

#[test]
fn usage_mistakes_exit_with_two() {
    let home = Home::new();
    home.run(&["get", "things"]).fails(2, "possible values");
    home.run(&["start", "actor", "Hello World", "x.wasm"])
        .fails(2, "actor name");
    home.run(&[]).fails(2, "Usage");
}

#[test]
fn down_without_up_is_no_failure() {
    let home = Home::new();
    let run = home.run(&["down"]).ok();
    assert!(run.stderr.contains("is not running here"), "{}", run.stderr);
}

#[test]
fn versions_and_completions_need_nothing() {
    let home = Home::new();
    assert!(home.run(&["version", "--client"]).ok().stdout.starts_with("lattice "));
    assert!(home.run(&["--version"]).ok().stdout.starts_with("lattice "));
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completion", shell]).ok().stdout;
        assert!(script.contains("provider-creds"), "{shell}");
    }
}

#[test]
fn a_component_is_inspected_from_its_file() {
    let home = Home::new();
    let component = wat::parse_str(
        r#"(component
            (import "wasi:keyvalue/store@0.2.0-draft" (instance $kv (export "touch" (func (param "n" u32)))))
            (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock (export "now" (func (result u64)))))
            (alias export $clock "now" (func $now))
            (instance $out (export "time" (func $now)))
            (export "demo:time/clock@1.0.0" (instance $out)))"#,
    )
    .expect("a component");
    std::fs::write(home.path().join("x.wasm"), component).expect("writes");
    let text = home.run(&["inspect", "x.wasm"]).ok().stdout;
    assert!(
        text.contains("wasi:clocks/monotonic-clock@0.2.3") && text.contains("by the host"),
        "{text}"
    );
    assert!(
        text.contains("wasi:keyvalue/store@0.2.0-draft") && text.contains("by a link to a provider"),
        "{text}"
    );
    assert!(text.contains("time: func() -> u64"), "{text}");
    let json = home.json(&["inspect", "x.wasm"]);
    assert_eq!(json["apiVersion"], "lattice.dev/v1");
    assert_eq!(json["exports"][0]["name"], "demo:time/clock@1.0.0");

    home.run(&["inspect", "y.wasm"]).fails(3, "there is no file");
    std::fs::write(home.path().join("module.wasm"), b"\0asm\x01\0\0\0").expect("writes");
    home.run(&["inspect", "module.wasm"]).fails(1, "it is a core module");
}

#[test]
fn seeds_go_to_files_for_their_owner_only_and_are_never_overwritten() {
    let home = Home::new();
    for (kind, letter) in [
        ("operator", 'O'),
        ("issuer", 'A'),
        ("host", 'N'),
        ("provider", 'V'),
        ("user", 'U'),
    ] {
        let file = format!("{kind}.seed");
        let run = home.run(&["key", "gen", kind, "--out", &file]).ok();
        let public = run.stdout.trim();
        assert!(public.starts_with(letter) && public.len() == 56, "{public}");
        let path = home.path().join(&file);
        let seed = std::fs::read_to_string(&path).expect("the seed");
        assert!(seed.starts_with('S') && !run.stdout.contains(seed.trim()) && !run.stderr.contains(seed.trim()));
        assert_eq!(
            std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777,
            0o600
        );
        home.run(&["key", "gen", kind, "--out", &file]).fails(1, "exists");
        assert_eq!(std::fs::read_to_string(&path).expect("the seed"), seed);
    }
    let shown = home.run(&["key", "gen", "host", "--show-seed"]).ok().stdout;
    assert!(shown.lines().nth(1).expect("a second line").starts_with("SN"));
}

#[test]
fn colours_are_for_terminals_only() {
    let home = Home::new();
    assert!(!home.run(&["get", "hosts"]).stderr.contains('\u{1b}'));
    assert!(
        home.run(&["--color", "always", "get", "hosts"])
            .stderr
            .contains('\u{1b}')
    );
    let output = home
        .command(&["get", "hosts"])
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "0")
        .output()
        .expect("runs");
    assert!(!output.stderr.contains(&0x1b));
}

#[test]
fn a_lattice_whose_programs_are_missing_says_which() {
    let home = Home::new();
    let missing = |name: &str| {
        let output = home
            .command(&["up"])
            .env(name, "/no/such/program")
            .output()
            .expect("runs");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(missing("LATTICE_HOST_BIN").contains("lattice-host is not installed"));
    assert!(missing("LATTICE_NATS_SERVER").contains("nats-server is not installed"));
}
