//! What turns answer and leave behind.

use bytes::Bytes;
use http::{Request, StatusCode};
use lattice_capability::BrokerMessage;
use lattice_core::{Fault, FaultKind, LinkLabel};
use lattice_engine::{PeerSend, Refusal, ReminderChange, TurnRef};
use uuid::Uuid;

use super::{actor, left, run, said, turn, wake};
use crate::support::{guest, interface, options, start, world};

#[tokio::test]
async fn cells_are_told_as_they_were_written_last() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let effects = left(&mut live, "cell-set", "a=1").await;
    assert_eq!(effects.cells, [("a".into(), Some("1".into()))]);
    assert_eq!(said(&mut live, "cell-get", "a").await, "ok(\"1\")");
    assert_eq!(left(&mut live, "cell-remove", "a").await.cells, [("a".into(), None)]);
    assert!(left(&mut live, "cell-remove", "a").await.cells.is_empty());
    assert_eq!(said(&mut live, "cell-get", "a").await, "ok(\"none\")");
}

#[tokio::test]
async fn an_err_of_a_call_or_a_message_is_an_answer() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let (answer, effects) = run(&mut live, "refuse", "a=1").await.expect("answers");
    assert_eq!(answer, "err(\"rejected: as it was told\")");
    assert_eq!(effects.cells, [("a".into(), Some("1".into()))]);
    let message = BrokerMessage {
        subject: "s".into(),
        body: "refuse b=1".into(),
        reply_to: None,
    };
    let (answer, effects) = live.message(message, turn()).await.expect("answers");
    assert_eq!(answer, Err("rejected: as it was told".into()));
    assert_eq!(effects.cells, [("b".into(), Some("1".into()))]);
}

#[tokio::test]
async fn a_refused_message_has_done_nothing() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    left(&mut live, "cell-set", "a=1").await;
    let (answer, effects) = live.receive("refuse", "a=2".into(), turn()).await.expect("answers");
    assert_eq!(answer, Err(Refusal::Rejected("as it was told".into())));
    assert_eq!(effects, lattice_engine::Effects::default());
    let (answer, effects) = live
        .fire("soon", 5, "later a=3".into(), 0, turn())
        .await
        .expect("answers");
    assert_eq!(answer, Err(Refusal::Transient("as it was told".into())));
    assert_eq!(effects, lattice_engine::Effects::default());
    assert_eq!(said(&mut live, "scan", " 9").await, "ok(\"a=1\")");
    let (answer, effects) = live.receive("cell-get", "a".into(), turn()).await.expect("answers");
    assert_eq!(answer, Ok(Bytes::from_static(b"1")));
    assert!(effects.cells.is_empty());
}

#[tokio::test]
async fn reminders_are_set_cancelled_and_heard() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let set = |every_ms| ReminderChange::Set {
        name: "soon".into(),
        first_ms: 10,
        every_ms,
        payload: "add 1".into(),
    };
    assert_eq!(left(&mut live, "remind", "soon 10 -").await.reminders, [set(None)]);
    assert_eq!(left(&mut live, "remind", "soon 10 20").await.reminders, [set(Some(20))]);
    let cancelled = ReminderChange::Cancel { name: "soon".into() };
    assert_eq!(left(&mut live, "cancel", "soon").await.reminders, [cancelled]);
    let (answer, effects) = live.fire("soon", 5, "add 1".into(), 3, turn()).await.expect("answers");
    assert_eq!(answer, Ok(()));
    assert_eq!(effects.cells, [("fired".into(), Some("soon 5 3".into()))]);
    assert_eq!(said(&mut live, "get", "").await, "ok(\"1\")");
}

#[tokio::test]
async fn messages_to_peers_leave_with_the_turn() {
    let world = world();
    let actor = actor(&[], &world).await;
    let mut live = wake(&actor).await;
    let send = PeerSend {
        to: "cart/bob".parse().expect("an actor"),
        operation: "add".into(),
        body: "1".into(),
    };
    assert_eq!(left(&mut live, "send", "cart/bob add 1").await.sends, [send]);
    assert!(left(&mut live, "get", "").await.sends.is_empty());
    assert!(world.keyed.lock().is_empty());
}

#[tokio::test]
async fn peers_are_called_and_their_faults_told() {
    let world = world();
    let actor = actor(&[], &world).await;
    let mut live = wake(&actor).await;
    let faults = [
        ("full", Err(Fault::new(FaultKind::Overloaded, "full"))),
        ("lost", Err(Fault::new(FaultKind::Unreachable, "lost"))),
        ("denied", Err(Fault::denied("no link"))),
        ("no", Ok(Refusal::Rejected("no".into()))),
    ];
    world
        .peers
        .lock()
        .extend(faults.map(|(name, answer)| (name.to_owned(), answer)));
    for (asked, expect) in [
        ("cart/bob echo hello", "ok(\"hello\")"),
        ("cart/bob full x", "err(\"not now: overloaded (host): full\")"),
        ("cart/bob lost x", "err(\"not now: unreachable (lattice): lost\")"),
        ("cart/bob denied x", "err(\"rejected: denied (caller): no link\")"),
        ("cart/bob no x", "err(\"rejected: no\")"),
    ] {
        assert_eq!(said(&mut live, "call", asked).await, expect);
    }
    assert!(
        said(&mut live, "call", "CART echo x")
            .await
            .starts_with("err(\"rejected: ")
    );
    // Each of these is the first of its turn.
    assert!(world.keyed.lock().iter().all(|(to, nth)| to == "cart/bob" && *nth == 0));
    let turn = TurnRef {
        actor: "cart/alice".parse().expect("an actor"),
        chain: Vec::new(),
        id: Uuid::from_u128(5),
    };
    assert!(world.turns.lock().iter().all(|seen| seen.as_deref() == Some(&turn)));
}

#[tokio::test]
async fn a_key_is_chosen_for_one_turn() {
    let world = world();
    let pong = start(guest("pong"), options("pong"), &world).await;
    world.actors.lock().insert(LinkLabel::default(), pong);
    let actor = actor(&[], &world).await;
    let mut live = wake(&actor).await;
    assert_eq!(said(&mut live, "select-ping", "bob hello").await, "ok(\"pong: hello\")");
    assert_eq!(said(&mut live, "ping", "hello").await, "ok(\"pong: hello\")");
    assert_eq!(*world.keyed.lock(), [("bob".to_owned(), 0)]);
    let fault = run(&mut live, "select", "").await.expect_err("is no key");
    assert!(fault.message.starts_with("peers.select: "), "{fault}");
}

#[tokio::test]
async fn a_turn_says_what_it_is() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let mut asked = turn();
    asked.sender = Some("cart/bob".parse().expect("an actor"));
    let (answer, _) = live.receive("context", Bytes::new(), asked).await.expect("answers");
    let expect = format!("cart/alice 7 {} cart/bob 1000", Uuid::from_u128(5));
    assert_eq!(answer, Ok(Bytes::from(expect)));
    assert!(said(&mut live, "context", "").await.contains(" nobody "));
}

#[tokio::test]
async fn http_is_answered_whole() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let request = |path: &str, body: &'static str| {
        let builder = Request::post(format!("http://cart.example{path}"));
        builder.body(Bytes::from_static(body.as_bytes())).expect("a request")
    };
    let (response, effects) = live.http(request("/cell-set", "a=1"), turn()).await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(effects.cells, [("a".into(), Some("1".into()))]);
    let (response, _) = live.http(request("/body", "3000000"), turn()).await.expect("answers");
    assert_eq!(response.body().len(), 3_000_000);
    let (response, effects) = live.http(request("/refuse", "a=2"), turn()).await.expect("answers");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(effects.cells, [("a".into(), Some("2".into()))]);
    assert_eq!(live.open_handles(), Vec::<String>::new());
}

#[tokio::test]
async fn calls_go_over_the_wire_as_well() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    let fault = live
        .call_encoded(&interface(super::OPERATIONS), "run", b"\xc1", turn())
        .await
        .expect_err("cannot be read");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    assert!(!live.is_dead());
    // An array of two strings, as the mapping of values has it.
    let args = b"\x92\xa3add\xa12";
    let (answer, _) = live
        .call_encoded(&interface(super::OPERATIONS), "run", args, turn())
        .await
        .unwrap_or_else(|fault| panic!("{fault}"));
    assert!(answer.ends_with(b"\xa12"), "{answer:?}");
}

#[tokio::test]
async fn the_hosts_own_doors_are_shut_to_callers() {
    let actor = actor(&[], &world()).await;
    let mut live = wake(&actor).await;
    for door in [
        "lattice:actor/lifecycle",
        "lattice:actor/snapshot",
        "lattice:actor/peer-handler",
    ] {
        let fault = live
            .call_text(&interface(door), "save", "", turn())
            .await
            .expect_err("is for the host");
        assert_eq!(fault.kind, FaultKind::Denied);
    }
    assert!(!live.is_dead());
}
