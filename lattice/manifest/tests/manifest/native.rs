//! Our own form.

use std::collections::BTreeMap;

use lattice_core::Application;
use lattice_manifest::{ImageAliases, MissingDigest, Options, Part, Severity, read};

use crate::support::{digests, expect, fixtures, meaning, read_fixture, text};

fn options() -> Options {
    let environment = BTreeMap::from([
        ("REPLICAS".to_owned(), "3".to_owned()),
        ("ZONE".to_owned(), "eu".to_owned()),
        ("TAG".to_owned(), "1.4.2".to_owned()),
    ]);
    Options {
        environment: Some(environment),
        ..Options::default()
    }
}

#[test]
fn good_ones_mean_what_is_expected() {
    for path in fixtures("native", &[".yaml", ".json"]) {
        let manifests = read_fixture(&path, &options()).unwrap_or_else(|mistakes| panic!("{path}:\n{mistakes}"));
        expect(&path, "json", &meaning(&manifests));
    }
}

#[test]
fn broken_ones_tell_every_mistake() {
    for path in fixtures("native/broken", &[".yaml", ".json"]) {
        let Err(mistakes) = read_fixture(&path, &options()) else {
            panic!("{path} was taken for right");
        };
        expect(&path, "txt", &mistakes.to_string());
    }
}

#[test]
fn applications_survive_their_json() {
    for path in fixtures("native", &[".yaml", ".json"]) {
        for manifest in read_fixture(&path, &options()).expect("a good one") {
            let application = manifest.to_application(&digests(&manifest)).expect("all digests");
            let json = serde_json::to_string(&application).expect("JSON");
            let back: Application = serde_json::from_str(&json).expect("an application");
            assert_eq!(back, application, "{path}");
        }
    }
}

#[test]
fn json_and_yaml_mean_the_same() {
    let of = |path: &str| meaning(&read_fixture(path, &options()).expect("a good one"));
    assert_eq!(of("native/full.json"), of("native/full.yaml"));
}

const SMALL: &str = "apiVersion: lattice.dev/v1
kind: Application
metadata: {name: small}
spec:
  actors:
    - {name: web, image: IMAGE}
";

#[test]
fn a_missing_digest_is_an_error() {
    let manifests = read(&text(&SMALL.replace("IMAGE", "web.wasm")), &Options::default()).expect("a good one");
    let missing = manifests[0].to_application(&BTreeMap::new());
    assert_eq!(missing, Err(MissingDigest("web".parse().expect("a name"))));
}

#[test]
fn callers_can_point_at_parts() {
    let manifests = read(&text(&SMALL.replace("IMAGE", "web.wasm")), &Options::default()).expect("a good one");
    let at = |part: Part| {
        let mistake = manifests[0].mistake(&part, "is odd", None);
        (mistake.severity, mistake.line, mistake.column)
    };
    let web = || "web".parse().expect("a name");
    assert_eq!(at(Part::Application), (Severity::Error, 3, 18));
    assert_eq!(at(Part::Actor(web())), (Severity::Error, 6, 14));
    assert_eq!(at(Part::Image(web())), (Severity::Error, 6, 26));
    assert_eq!(at(Part::Link(7)), (Severity::Error, 3, 18));
}

#[test]
fn images_are_files_or_pinned_references() {
    let check = |image: &str, options: &Options, expect: Result<&str, &str>| {
        let got = read(&text(&SMALL.replace("IMAGE", image)), options);
        match (got, expect) {
            (Ok(manifests), Ok(expect)) => {
                let images: Vec<String> = manifests[0].images().map(|(_, image)| format!("{image:?}")).collect();
                assert_eq!(images, [expect], "{image}");
            }
            (Err(mistakes), Err(expect)) => assert!(mistakes.to_string().contains(expect), "{image}: {mistakes}"),
            (got, _) => panic!("{image}: {got:?}"),
        }
    };
    let strict = Options::default();
    let lenient = Options {
        allow_latest: true,
        ..Options::default()
    };
    let aliases = "\"ghcr.io/shop/*\": built/shop.wasm\nghcr.io/shop/kv:latest: /abs/kv.wasm\n";
    let aliased = Options {
        aliases: ImageAliases::read(&text(aliases)).expect("good aliases"),
        ..Options::default()
    };
    check("file://./web.wasm", &strict, Ok("File(\"there/web.wasm\")"));
    check("file:///srv/web.wasm", &strict, Ok("File(\"/srv/web.wasm\")"));
    check("../build/./web.wasm", &strict, Ok("File(\"there/../build/web.wasm\")"));
    check("ghcr.io/a/web:1.0", &strict, Ok("Reference(\"ghcr.io/a/web:1.0\")"));
    check("ghcr.io/a/web:latest", &strict, Err("depend on the day"));
    check(
        "ghcr.io/a/web:latest",
        &lenient,
        Ok("Reference(\"ghcr.io/a/web:latest\")"),
    );
    check("ghcr.io/a/web", &strict, Err("names no version"));
    check(
        "ghcr.io/shop/web:latest",
        &aliased,
        Ok("File(\"there/built/shop.wasm\")"),
    );
    check("ghcr.io/shop/kv:latest", &aliased, Ok("File(\"/abs/kv.wasm\")"));
    check("\"not an image\"", &strict, Err("is no image"));
}

#[test]
fn aliases_are_checked_too() {
    let mistakes = ImageAliases::read(&text("a: 1\nb: [x]\na: x\n")).expect_err("three mistakes");
    assert_eq!(mistakes.len(), 3, "{mistakes}");
}

#[test]
fn without_an_environment_nothing_is_put_in() {
    let plain = SMALL.replace("IMAGE", "web.wasm, config: {greeting: \"${HELLO}\"}");
    let manifests = read(&text(&plain), &Options::default()).expect("a good one");
    assert!(meaning(&manifests).contains("${HELLO}"));
    let mistakes = read(&text(&plain), &options()).expect_err("no such variable");
    assert!(
        mistakes.to_string().contains("the variable `HELLO` is not set"),
        "{mistakes}"
    );
}
