//! Key-value, configuration, logging and messaging, in all versions.

use http::Method;
use lattice_capability::BrokerMessage;
use lattice_core::{FaultKind, LinkLabel};
use lattice_engine::LogLevel;

use crate::support::{body, call, get, guest, options, send, start, text, world};

async fn ask(actor: &lattice_engine::Actor, path: &str, value: &str) -> String {
    body(
        send(actor, Method::POST, path, value.to_owned())
            .await
            .unwrap_or_else(|fault| panic!("{path}: {fault}")),
    )
    .await
}

#[tokio::test]
async fn keyvalue_draft2_has_everything() {
    let actor = start(guest("test-kv"), options("kv"), &world()).await;
    let check =
        async |path: &str, value: &str, expect: &str| assert_eq!(ask(&actor, path, value).await, expect, "{path}");
    check("/get/default/a", "", r#"{"ok":null}"#).await;
    check("/set/default/a", "1", r#"{"ok":null}"#).await;
    check("/get/default/a", "", r#"{"ok":"1"}"#).await;
    check("/exists/default/a", "", r#"{"ok":true}"#).await;
    check("/increment/default/n?5", "", r#"{"ok":5}"#).await;
    check("/increment/default/n?-7", "", r#"{"ok":-2}"#).await;
    check("/swap/default/a", "2", r#"{"ok":{"before":"1","swapped":"at once"}}"#).await;
    check(
        "/swap/default/a?interfere=x",
        "3",
        r#"{"ok":{"before":"2","seen":"x","swapped":"on the second try"}}"#,
    )
    .await;
    check("/set-many/default/b,c", "9", r#"{"ok":null}"#).await;
    check(
        "/get-many/default/a,b,zz",
        "",
        r#"{"ok":[["a","3"],["b","9"],["zz",null]]}"#,
    )
    .await;
    check("/list-keys/default", "", r#"{"ok":{"cursor":"2","keys":["a","b"]}}"#).await;
    check(
        "/list-keys/default/?2",
        "",
        r#"{"ok":{"cursor":null,"keys":["c","n"]}}"#,
    )
    .await;
    check("/delete-many/default/b,c", "", r#"{"ok":null}"#).await;
    check("/delete/default/a", "", r#"{"ok":null}"#).await;
    check("/exists/default/a", "", r#"{"ok":false}"#).await;
    check("/open/nowhere", "", r#"{"err":"no-such-store"}"#).await;
    check("/open/secret", "", r#"{"err":"access-denied"}"#).await;
    assert!(
        ask(&actor, "/list-keys/default/?nonsense", "")
            .await
            .contains("none of ours")
    );
}

#[tokio::test]
async fn keyvalue_draft_has_everything() {
    let actor = start(guest("test-kv-draft"), options("kv"), &world()).await;
    let check =
        async |path: &str, value: &str, expect: &str| assert_eq!(ask(&actor, path, value).await, expect, "{path}");
    check("/set/default/a", "1", r#"{"ok":null}"#).await;
    check("/get/default/a", "", r#"{"ok":"1"}"#).await;
    check("/increment/default/n?5", "", r#"{"ok":5}"#).await;
    check("/set-many/default/b,c", "9", r#"{"ok":null}"#).await;
    check("/list-keys/default", "", r#"{"ok":{"cursor":2,"keys":["a","b"]}}"#).await;
    check("/delete/default/a", "", r#"{"ok":null}"#).await;
    check("/exists/default/a", "", r#"{"ok":false}"#).await;
    check("/open/nowhere", "", r#"{"err":"no-such-store"}"#).await;
}

#[tokio::test]
async fn the_older_get_many_of_draft2_is_linked_too() {
    let import = |result: &str| {
        text(&format!(
            r#"(component
                (import "wasi:keyvalue/store@0.2.0-draft2" (instance $store (export "bucket" (type (sub resource)))))
                (alias export $store "bucket" (type $bucket))
                (import "wasi:keyvalue/batch@0.2.0-draft2" (instance
                    (alias outer 1 $bucket (type $b'))
                    (export "bucket" (type $b (eq $b')))
                    (type $e' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
                    (export "error" (type $e (eq $e')))
                    (type $borrow (borrow $b))
                    (export "get-many" (func (param "bucket" $borrow) (param "keys" (list string))
                        (result (result (list {result}) (error $e))))))))"#
        ))
    };
    start(import("(option (tuple string (list u8)))"), options("old"), &world()).await;
    start(import("(tuple string (option (list u8)))"), options("new"), &world()).await;
}

#[tokio::test]
async fn a_revoked_keyvalue_link_denies() {
    let world = world();
    let actor = start(guest("test-kv"), options("kv"), &world).await;
    world.missing.lock().push(LinkLabel::default());
    assert_eq!(ask(&actor, "/get/default/a", "").await, r#"{"err":"access-denied"}"#);
}

#[tokio::test]
async fn configuration_is_the_same_in_all_drafts() {
    let mut options = options("config");
    options.config.insert("colour".into(), "blue".into());
    let actor = start(guest("test-config"), options, &world()).await;
    let expect = r#"{"draft":"blue","draft-2024-09-27":"blue","rc.1":"blue"}"#;
    assert_eq!(get(&actor, "/get/colour").await.expect("answers"), expect);
    let expect = r#"{"draft":null,"draft-2024-09-27":null,"rc.1":null}"#;
    assert_eq!(get(&actor, "/get/size").await.expect("answers"), expect);
    assert!(
        get(&actor, "/all")
            .await
            .expect("answers")
            .contains(r#""rc.1":[["colour","blue"]]"#)
    );
}

#[tokio::test]
async fn nothing_is_ambient() {
    let actor = start(guest("test-config"), options("config"), &world()).await;
    let ambient = get(&actor, "/ambient").await.expect("answers");
    let ambient: serde_json::Value = serde_json::from_str(&ambient).expect("is JSON");
    assert_eq!(ambient["arguments"], serde_json::json!([]), "{ambient}");
    assert_eq!(ambient["environment"], serde_json::json!([]), "{ambient}");
    for shut in ["file", "directory", "socket"] {
        assert!(ambient[shut]["err"].is_string(), "{shut}: {ambient}");
    }
}

#[tokio::test]
async fn what_guests_write_is_logged_by_the_line() {
    let world = world();
    let actor = start(guest("test-config"), options("config"), &world).await;
    get(&actor, "/log/warn?careful").await.expect("answers");
    get(&actor, "/stdout?hello%20there").await.expect("answers");
    get(&actor, "/stderr?oh").await.expect("answers");
    let line = |level, context: &str, message: &str| (level, context.to_owned(), message.to_owned());
    let expect = [
        line(LogLevel::Warn, "test-config", "careful"),
        line(LogLevel::Info, "stdout", "hello there"),
        line(LogLevel::Warn, "stderr", "oh"),
    ];
    assert_eq!(*world.log.lock(), expect);
}

#[tokio::test]
async fn messages_go_both_ways() {
    let world = world();
    let actor = start(guest("test-messaging"), options("messaging"), &world).await;
    assert_eq!(ask(&actor, "/publish/news?back", "hi").await, r#"{"ok":null}"#);
    let expect = [BrokerMessage {
        subject: "news".into(),
        body: "hi".into(),
        reply_to: Some("back".into()),
    }];
    assert_eq!(*world.broker.published.lock(), expect);
    let answer = ask(&actor, "/request/mirror", "hi").await;
    assert_eq!(answer, r#"{"ok":{"body":"hi","reply-to":null,"subject":"mirror"}}"#);
    assert!(ask(&actor, "/request/nobody", "hi").await.contains("nobody listens"));

    let message = |body: &'static str| BrokerMessage {
        subject: "in".into(),
        body: body.into(),
        reply_to: Some("out".into()),
    };
    assert_eq!(actor.message(message("four"), &call()).await.expect("runs"), Ok(()));
    let last = world.broker.published.lock().last().cloned().expect("was published");
    assert_eq!(
        (last.subject.as_str(), &last.body[..]),
        ("out", &b"got 4 bytes on in"[..])
    );
    assert_eq!(
        actor.message(message("fail"), &call()).await.expect("runs"),
        Err("asked to fail".into())
    );
    assert_eq!(
        actor.message(message("trap"), &call()).await.expect_err("traps").kind,
        FaultKind::Trap
    );
    let hello = start(guest("hello-http"), options("hello"), &world).await;
    assert_eq!(
        hello
            .message(message("x"), &call())
            .await
            .expect_err("has no handler")
            .kind,
        FaultKind::NotFound
    );
}

#[tokio::test]
async fn counter_and_echo_run_unmodified() {
    let world = world();
    let counter = start(guest("counter"), options("counter"), &world).await;
    assert!(ask(&counter, "/visits?by=3", "").await.contains('3'));
    let echo = start(guest("echo"), options("echo"), &world).await;
    let message = BrokerMessage {
        subject: "in".into(),
        body: "hi".into(),
        reply_to: Some("out".into()),
    };
    assert_eq!(echo.message(message, &call()).await.expect("runs"), Ok(()));
    assert_eq!(world.broker.published.lock().len(), 1);
}
