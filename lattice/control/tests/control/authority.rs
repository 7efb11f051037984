//! Who may command: forged, foreign, replayed and misdirected commands change nothing.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::StreamExt;
use lattice_bus::{Bus, Headers};
use lattice_control::*;
use lattice_core::{
    Digest, TrustBundle,
    token::{CommandClaims, Draft, Validity, sign},
    trust::Role,
};
use nkeys::KeyPair;
use rmpv::Value;

use crate::fixture::{TestLattice, copy, issuer_with, now, spec, trust_in};

const LONG: Duration = Duration::from_secs(30);

fn start() -> ActorStart {
    ActorStart::new(spec("hello"), 1)
}

/// A command as it went over the wire, ready to be tampered with.
struct Captured {
    subject: String,
    payload: Value,
}

/// Gives one good command while somebody listens.
async fn capture(lattice: &TestLattice, to: &MemberSummary) -> Captured {
    let bus = lattice.bus().await;
    let mut wire = bus
        .subscribe("lat.test.ctl.host.>", None, 64)
        .await
        .expect("subscribes");
    bus.round_trip(LONG).await.expect("in effect");
    lattice
        .client()
        .await
        .send(to, &start(), LONG, |_| {})
        .await
        .expect("a good command");
    let message = wire.next().await.expect("the command");
    let payload = rmpv::decode::read_value(&mut &message.payload[..]).expect("MessagePack");
    Captured {
        subject: message.subject.to_string(),
        payload,
    }
}

impl Captured {
    fn field(&mut self, name: &str) -> &mut Value {
        let Value::Map(fields) = &mut self.payload else {
            panic!("a map")
        };
        &mut fields
            .iter_mut()
            .find(|(key, _)| key.as_str() == Some(name))
            .expect("the field")
            .1
    }

    fn without_token(mut self) -> Self {
        let Value::Map(fields) = &mut self.payload else {
            panic!("a map")
        };
        fields.retain(|(key, _)| key.as_str() != Some("token"));
        self
    }

    fn with_token(mut self, token: String) -> Self {
        *self.field("token") = token.into();
        self
    }

    fn body(&mut self) -> Vec<u8> {
        self.field("body").as_slice().expect("bytes").to_vec()
    }

    /// Sends it and returns the reason for which it was refused.
    async fn send(&self, bus: &Bus) -> String {
        let mut payload = Vec::new();
        rmpv::encode::write_value(&mut payload, &self.payload).expect("encodes");
        let subject = self.subject.clone();
        let mut answers = bus
            .request_many(subject, Headers::new(), payload.into(), LONG, None)
            .await
            .expect("is sent");
        loop {
            let answer = answers.recv().await.expect("an outcome");
            let frame = rmpv::decode::read_value(&mut &answer.payload[..]).expect("MessagePack");
            if let Some(done) = get(get(&frame, "content").expect("content"), "done") {
                assert_eq!(
                    get(done, "ok").and_then(Value::as_bool),
                    Some(false),
                    "it was carried out"
                );
                let error = get(done, "last").and_then(Value::as_slice).expect("an error");
                let error: ControlError = rmp_serde::from_slice(error).expect("an error");
                return error.message;
            }
        }
    }
}

fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(fields) = value else { return None };
    fields
        .iter()
        .find(|(key, _)| key.as_str() == Some(name))
        .map(|(_, value)| value)
}

fn claims(to: &MemberSummary, body: &[u8]) -> CommandClaims {
    CommandClaims {
        verb: Verb::ActorStart.into(),
        target: to.member.clone().into(),
        body: Digest::of(body),
        nonce: uuid::Uuid::new_v4(),
    }
}

#[tokio::test]
async fn what_was_not_signed_for_exactly_this_is_refused() {
    let lattice = TestLattice::start().await;
    let (host, other) = (lattice.host("cloud", "").await, lattice.host("edge", "").await);
    let (summary, bus) = (host.summary(), lattice.bus().await);
    let fresh = || capture(&lattice, &summary);
    let mut good = 0;
    let mut refused = async |captured: Captured, reason: &str| {
        good += 1;
        let why = captured.send(&bus).await;
        assert!(why.contains(reason), "{why:?} should say {reason:?}");
        assert_eq!(
            host.host.carried_out.load(Ordering::SeqCst),
            good,
            "only the good ones were carried out"
        );
        assert_eq!(other.host.carried_out.load(Ordering::SeqCst), 0);
    };

    refused(fresh().await, "carried out already").await;
    refused(fresh().await.without_token(), "without a token").await;

    let mut misdirected = fresh().await;
    misdirected.subject = misdirected
        .subject
        .replace(summary.member.as_str(), other.summary().member.as_str());
    refused(misdirected, "other-command").await;

    let mut other_verb = fresh().await;
    other_verb.subject = other_verb.subject.replace("actor-start", "actor-stop");
    refused(other_verb, "other-command").await;

    let mut tampered = fresh().await;
    let mut body = tampered.body();
    let at = body
        .windows(5)
        .position(|window| window == b"hello")
        .expect("the actor's name");
    body[at] = b'j';
    *tampered.field("body") = Value::Binary(body);
    refused(tampered, "other-body").await;

    let foreign = KeyPair::new_account();
    let mut captured = fresh().await;
    let token = claims(&summary, &captured.body())
        .sign(&foreign, lattice.id.clone(), now())
        .expect("signs");
    refused(captured.with_token(token), "unknown-issuer").await;

    let mut captured = fresh().await;
    let token = claims(&summary, &captured.body())
        .sign(
            &lattice.issuer,
            lattice.id.clone(),
            now().before(Duration::from_secs(300)),
        )
        .expect("signs");
    refused(captured.with_token(token), "expired").await;

    let mut captured = fresh().await;
    let draft = Draft {
        subject: "cmd".into(),
        lattice: lattice.id.clone(),
        validity: Validity::lasting(now(), Duration::from_secs(86_400)),
        body: claims(&summary, &captured.body()),
    };
    refused(
        captured.with_token(sign(&lattice.issuer, &draft).expect("signs")),
        "malformed",
    )
    .await;

    let mut captured = fresh().await;
    let elsewhere = "elsewhere".parse().expect("a lattice id");
    let token = claims(&summary, &captured.body())
        .sign(&lattice.issuer, elsewhere, now())
        .expect("signs");
    refused(captured.with_token(token), "wrong-audience").await;

    let mut captured = fresh().await;
    let token = captured.field("token").as_str().expect("a token").to_owned();
    let forged = format!(
        "{}{}",
        &token[..token.len() - 4],
        if token.ends_with("AAAA") { "BBBB" } else { "AAAA" }
    );
    refused(captured.with_token(forged), "signature").await;
}

#[tokio::test]
async fn commands_to_everybody_are_only_questions() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    for group in ["all", "any"] {
        let mut captured = capture(&lattice, &host.summary()).await;
        captured.subject = format!("lat.test.ctl.{group}.actor-start");
        assert!(
            captured
                .send(&lattice.bus().await)
                .await
                .contains("addressed to one host")
        );
    }
    assert_eq!(host.host.carried_out.load(Ordering::SeqCst), 2, "the two captured ones");
}

#[tokio::test]
async fn a_restarted_host_takes_nothing_that_was_meant_for_its_predecessor() {
    let lattice = TestLattice::start().await;
    let key = KeyPair::new_server();
    let first = lattice
        .host_enrolled_by(&lattice.issuer, "cloud", "", copy(&key), 1)
        .await;
    let captured = capture(&lattice, &first.summary()).await;
    let before = first.summary();
    first.server.shutdown(LONG).await;
    first.bus.drain(LONG).await;

    // It has forgotten which commands it saw; the token is good for half a minute yet.
    let second = lattice.host_enrolled_by(&lattice.issuer, "cloud", "", key, 2).await;
    assert!(captured.send(&lattice.bus().await).await.contains("another run"));
    let error = lattice
        .client()
        .await
        .send(&before, &start(), LONG, |_| {})
        .await
        .expect_err("an old address");
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert_eq!(second.host.carried_out.load(Ordering::SeqCst), 0);
    lattice
        .client()
        .await
        .send(&second.summary(), &start(), LONG, |_| {})
        .await
        .expect("the new address");
}

#[tokio::test]
async fn a_key_commands_only_with_the_role_to() {
    let mut lattice = TestLattice::start().await;
    let links_only = KeyPair::new_account();
    let issuers = vec![
        issuer_with(&lattice.issuer, Role::Host),
        issuer_with(&links_only, Role::Link),
    ];
    let bundle = TrustBundle {
        serial: 2,
        issuers,
        ..TrustBundle::default()
    };
    lattice.trust = trust_in(&lattice.operator, &lattice.id, &bundle);
    let host = lattice.host("cloud", "").await;
    let client = lattice.client_of(&links_only).await;
    let error = client
        .send(&host.summary(), &start(), LONG, |_| {})
        .await
        .expect_err("no role");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.message.contains("role-missing"), "{error}");
    assert_eq!(host.host.carried_out.load(Ordering::SeqCst), 0);

    let error = lattice
        .reader()
        .await
        .send(&host.summary(), &start(), LONG, |_| {})
        .await
        .expect_err("no key");
    assert_eq!(error.kind, ErrorKind::Denied);
}

#[tokio::test]
async fn an_answer_that_the_host_did_not_sign_is_not_believed() {
    let lattice = TestLattice::start().await;
    let host = lattice.host("cloud", "").await;
    let summary = host.summary();
    host.server.shutdown(LONG).await;
    // Somebody on the same NATS answers in its place, with a good answer of another host.
    let impostor = lattice.host("impostor", "").await;
    let bus = lattice.bus().await;
    let mut asked = bus
        .subscribe(format!("lat.test.ctl.host.{}.*", summary.member), None, 8)
        .await
        .expect("subscribes");
    bus.round_trip(LONG).await.expect("in effect");
    let other = impostor.summary().member;
    let forger = Arc::new(bus.clone());
    let forging = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let subject = message.subject.replace(summary.member.as_str(), other.as_str());
            let mut answers = forger
                .request_many(subject, Headers::new(), message.payload, Duration::from_secs(2), None)
                .await
                .expect("is sent");
            let reply = message.reply.expect("an inbox");
            while let Some(answer) = answers.recv().await {
                forger
                    .publish(reply.clone(), Headers::new(), answer.payload)
                    .await
                    .expect("is sent");
            }
        }
    });
    let reader = lattice.reader().await.with_silence(Duration::from_millis(800));
    let error = reader
        .read(&host.summary().member, &Inventory {})
        .await
        .expect_err("nobody it believes");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    forging.abort();
}
