//! What is refused at start, and how that is said.

use lattice_core::{FunctionSet, VersionedInterface};
use lattice_engine::{Import, ImportProblem, ImportProblemKind, InterfaceClass, StartError};

use crate::support::{guest, interface, load, options, text, try_start, world};

async fn problems(bytes: bytes::Bytes, grants: &dyn lattice_engine::Grants) -> Vec<ImportProblem> {
    match try_start(bytes, options("refused"), &world(), grants).await {
        Err(StartError::Imports { problems, .. }) => problems,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was started"),
    }
}

fn nothing(_: &VersionedInterface) -> Option<FunctionSet> {
    None
}

#[tokio::test]
async fn imports_without_links_are_all_named() {
    let problems = problems(guest("test-kv"), &nothing).await;
    let missing: Vec<_> = problems.iter().filter_map(ImportProblem::missing_link).collect();
    let store = interface("wasi:keyvalue/store@0.2.0-draft2");
    let atomics = interface("wasi:keyvalue/atomics@0.2.0-draft2");
    let batch = interface("wasi:keyvalue/batch@0.2.0-draft2");
    for expected in [&store, &atomics, &batch] {
        assert!(
            missing.contains(&(expected, InterfaceClass::Capability)),
            "{expected}: {problems:?}"
        );
    }
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[tokio::test]
async fn a_component_that_needs_nothing_starts_without_links() {
    let actor = try_start(guest("hello-http"), options("hello"), &world(), &nothing).await;
    assert!(actor.is_ok(), "{actor:?}");
}

#[tokio::test]
async fn an_unlinked_custom_interface_needs_an_actor() {
    let problems = problems(guest("ping"), &nothing).await;
    let pong = interface("example:ping-pong/pong@0.1.0");
    assert_eq!(problems[0].missing_link(), Some((&pong, InterfaceClass::Bridge)));
    let text = problems[0].to_string();
    assert_eq!(
        text,
        "import `example:ping-pong/pong@0.1.0` has no link to an actor that exports it"
    );
}

#[tokio::test]
async fn a_function_that_the_link_does_not_grant_is_named() {
    let only_get = |_: &VersionedInterface| Some(FunctionSet::Only(vec!["ping".parse().expect("a function")]));
    let problems = problems(guest("ping"), &only_get).await;
    let refused: Vec<_> = problems.iter().map(|problem| &problem.kind).collect();
    assert_eq!(
        refused,
        [&ImportProblemKind::FunctionNotGranted {
            function: "play".into()
        }]
    );
}

#[tokio::test]
async fn resources_are_refused_with_their_name() {
    let all = |_: &VersionedInterface| Some(FunctionSet::All);
    let problems = problems(guest("test-resource"), &all).await;
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(
        texts[0].contains("import `test:types/handles@0.1.0` cannot be linked to an actor"),
        "{texts:?}"
    );
    assert!(texts[0].contains("resource `door`"), "{texts:?}");
}

#[tokio::test]
async fn a_near_miss_names_what_the_host_has() {
    let component = text(
        r#"(component (import "wasi:keyvalue/store@0.2.0-draft3" (instance (export "open" (func (param "id" string))))))"#,
    );
    let problems = problems(component, &nothing).await;
    let served = ["wasi:keyvalue/store@0.2.0-draft", "wasi:keyvalue/store@0.2.0-draft2"]
        .map(interface)
        .to_vec();
    assert_eq!(problems[0].kind, ImportProblemKind::OtherVersion { served });
    let text = problems[0].to_string();
    assert!(
        text.contains("this host has wasi:keyvalue/store@0.2.0-draft and wasi:keyvalue/store@0.2.0-draft2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_function_outside_any_interface_cannot_be_linked() {
    let all = |_: &VersionedInterface| Some(FunctionSet::All);
    let problems = problems(text(r#"(component (import "go" (func)))"#), &all).await;
    assert_eq!(
        problems,
        [ImportProblem {
            import: Import::Other("go".into()),
            kind: ImportProblemKind::NotAnInterface
        }]
    );
}

#[tokio::test]
async fn a_served_interface_of_a_wrong_type_is_refused() {
    let component = text(
        r#"(component (import "wasi:config/store@0.2.0-rc.1" (instance (export "get" (func (param "key" u32))))))"#,
    );
    let error = try_start(component, options("wrong"), &world(), &nothing)
        .await
        .map(drop)
        .expect_err("is another type");
    assert!(matches!(error, StartError::Incompatible { .. }), "{error}");
    assert!(error.to_string().contains("wasi:config/store@0.2.0-rc.1"), "{error}");
}

#[tokio::test]
async fn versions_of_one_release_line_match() {
    for version in ["0.2.0", "0.2.3", "0.2.12", "0.2.99"] {
        let component = text(&format!(
            r#"(component (import "wasi:clocks/monotonic-clock@{version}" (instance (export "now" (func (result u64))))))"#
        ));
        let actor = try_start(component, options("clock"), &world(), &nothing).await;
        assert!(actor.is_ok(), "{version}: {actor:?}");
    }
}

#[tokio::test]
async fn the_shape_is_told_in_wit() {
    let compiled = load(guest("pong")).await;
    let shape = compiled.shape();
    let pong = shape
        .exports
        .iter()
        .find(|export| export.interface == interface("example:ping-pong/pong@0.1.0"));
    let pong = pong.expect("is exported");
    assert_eq!(pong.class, InterfaceClass::Bridge);
    let texts: Vec<_> = pong.functions.iter().map(|function| function.text.as_str()).collect();
    assert!(texts.contains(&"ping: func(message: string) -> string"), "{texts:?}");
    assert!(
        texts.contains(&"play: func(player: player) -> result<answer, refusal>"),
        "{texts:?}"
    );
    assert!(
        pong.types.contains(&"enum mood { keen, calm, tired }".to_owned()),
        "{:?}",
        pong.types
    );
    let config = shape
        .imports
        .iter()
        .find(|import| import.interface.id.as_str() == "wasi:config/store")
        .expect("is imported");
    assert_eq!(config.class, InterfaceClass::Wasi);
}

#[tokio::test]
async fn every_name_that_is_served_is_linked() {
    let log = r#"(type $l' (enum "trace" "debug" "info" "warn" "error" "critical")) (export "level" (type $l (eq $l')))
        (export "log" (func (param "level" $l) (param "context" string) (param "message" string)))"#;
    let config = r#"(type $e' (variant (case "upstream" string) (case "io" string))) (export "error" (type $e (eq $e')))
        (export "get" (func (param "key" string) (result (result (option string) (error $e)))))
        (export "get-all" (func (result (result (list (tuple string string)) (error $e)))))"#;
    let bus = |result: &str| {
        format!(
            r#"(export "call-target-interface" (type $t (sub resource)))
            (export "[constructor]call-target-interface"
                (func (param "namespace" string) (param "package" string) (param "interface" string) (result (own $t))))
            (export "set-link-name" (func (param "name" string) (param "interfaces" (list (own $t))) {result}))"#
        )
    };
    for (name, items) in [
        ("wasi:logging/logging@0.1.0-draft", log.to_owned()),
        ("wasi:logging/logging", log.to_owned()),
        ("wasi:config/store@0.2.0-rc.1", config.to_owned()),
        ("wasi:config/store@0.2.0-draft-2024-09-27", config.to_owned()),
        ("wasi:config/store@0.2.0-draft", config.to_owned()),
        ("wasi:config/runtime@0.2.0-draft", config.to_owned()),
        ("wasmcloud:bus/lattice@1.0.0", bus("")),
        ("wasmcloud:bus/lattice@2.0.0", bus("(result (result (error string)))")),
        ("wasmcloud:bus/lattice@2.0.1", bus("(result (result (error string)))")),
    ] {
        let component = text(&format!(r#"(component (import "{name}" (instance {items})))"#));
        let actor = try_start(component, options("names"), &world(), &nothing).await;
        assert!(actor.is_ok(), "{name}: {actor:?}");
    }
}
