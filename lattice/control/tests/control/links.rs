//! Writing links, trust and components.

use std::{sync::Arc, time::Duration};

use lattice_bus::BucketEvent;
use lattice_control::*;
use lattice_core::{
    ConfigMap, Digest, LinkClaims, LinkId, TrustBundle, UnixSeconds, link_table::LinkTable, token::Unverified,
    trust::Role,
};
use nkeys::KeyPair;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    fixture::{HOUR, TestHost, TestLattice, issuer_with, now},
    roll_call::introduce,
};

const LONG: Duration = Duration::from_secs(30);

fn draft(target: &str) -> LinkDraft {
    let parse = |party: &str| party.parse().expect("a party");
    LinkDraft {
        claims: LinkClaims::new(
            parse("actor/counter"),
            "wasi:keyvalue".parse().expect("a pattern"),
            parse(target),
        ),
        config: ConfigMap::from_iter([("bucket", "counts")]),
        lifetime: HOUR,
    }
}

/// Has a stand-in watch the links bucket and judge it as members do.
async fn watch_links(lattice: &TestLattice, host: &TestHost) -> AbortOnDropHandle<()> {
    let bucket = host.bus.bucket(links_bucket(&lattice.id)).await.expect("a bucket");
    let mut watch = bucket.watch_all();
    let (standin, trust) = (Arc::clone(&host.host), Arc::clone(&lattice.trust));
    let task = tokio::spawn(async move {
        let mut table = LinkTable::new();
        while let Some(event) = watch.recv().await {
            let BucketEvent::Entry(entry) = event else { continue };
            if entry.is_live() {
                let refusal = table.admit(&entry.key, &entry.value, &trust, now()).err();
                let mut view = standin.links.lock().expect("not poisoned");
                view.refused.retain(|refused| refused.key != entry.key);
                view.refused.extend(refusal.map(|refusal| RefusedLink {
                    key: entry.key.clone(),
                    claimed: None,
                    generation: None,
                    code: refusal.code().to_owned(),
                    message: refusal.to_string(),
                    at: now(),
                    digest: Some(Digest::of(&entry.value)),
                }));
                let marks = table.export();
                view.high_water = marks.iter().map(|mark| mark.generation).max();
                view.active = table.links().map(|link| LinkStatus::of(link, None)).collect();
            }
        }
    });
    AbortOnDropHandle::new(task)
}

#[tokio::test]
async fn a_link_is_in_force_when_everybody_has_taken_it_and_gone_when_everybody_has() {
    let lattice = TestLattice::start().await;
    let (cloud, edge) = (lattice.host("cloud", "").await, lattice.host("edge", "").await);
    introduce(&[&cloud, &edge]);
    let _watching = (watch_links(&lattice, &cloud).await, watch_links(&lattice, &edge).await);
    let (client, signer) = (lattice.client().await, lattice.link_signer());

    let first = client
        .put_link(&draft("provider/kv"), &signer)
        .await
        .expect("is stored");
    assert_eq!(first.generation, 1);
    let verdicts = client.confirm_link(&first, false, LONG).await.expect("is judged");
    assert_eq!((verdicts.accepted(), verdicts.members.len()), (2, 2));
    let second = client
        .put_link(&draft("provider/other"), &signer)
        .await
        .expect("is stored");
    assert_eq!(second.generation, 2);
    assert_eq!(
        client
            .confirm_link(&second, false, LONG)
            .await
            .expect("is judged")
            .accepted(),
        2
    );

    let config = draft("provider/kv").config;
    let bucket = cloud.bus.bucket(config_bucket(&lattice.id)).await.expect("a bucket");
    let stored = bucket
        .get(&config.digest().hex())
        .await
        .expect("reads")
        .expect("the config is there");
    assert_eq!(ConfigMap::decode(&stored.value, &config.digest()), Ok(config));

    let end = client
        .delete_link(&first.id, Duration::from_secs(1), &signer)
        .await
        .expect("is stored");
    assert_eq!(end.generation, 3);
    assert!(end.expires_at >= second.expires_at, "it outlives what it ends");
    assert_eq!(
        client
            .confirm_link(&end, true, LONG)
            .await
            .expect("is judged")
            .accepted(),
        2
    );
    assert!(cloud.host.links.lock().expect("not poisoned").active.is_empty());
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    let lattice = TestLattice::start().await;
    let cloud = lattice.host("cloud", "").await;
    introduce(&[&cloud]);
    let _watching = watch_links(&lattice, &cloud).await;
    let client = lattice.client().await;
    let stranger = LinkSigner::new(KeyPair::new_account()).expect("an issuer's seed");
    let signed = client
        .put_link(&draft("provider/kv"), &stranger)
        .await
        .expect("anybody may store");
    let verdicts = client.confirm_link(&signed, false, LONG).await.expect("is judged");
    let (member, verdict) = &verdicts.members[0];
    assert_eq!(member, "cloud");
    assert!(
        matches!(verdict, Verdict::Refused { code, .. } if code == "unknown-issuer"),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn whoever_does_not_say_is_silent() {
    let lattice = TestLattice::start().await;
    let cloud = lattice.host("cloud", "").await;
    introduce(&[&cloud]);
    let client = lattice.client().await;
    let signed = client
        .put_link(&draft("provider/kv"), &lattice.link_signer())
        .await
        .expect("is stored");
    let verdicts = client
        .confirm_link(&signed, false, Duration::from_millis(300))
        .await
        .expect("is asked");
    assert_eq!(verdicts.members, [("cloud".to_owned(), Verdict::Silent)]);
}

#[tokio::test]
async fn a_wiped_or_forged_bucket_does_not_bring_generations_back() {
    let lattice = TestLattice::start().await;
    let cloud = lattice.host("cloud", "").await;
    introduce(&[&cloud]);
    let _watching = watch_links(&lattice, &cloud).await;
    let (client, signer) = (lattice.client().await, lattice.link_signer());
    for generation in 1..=3 {
        let signed = client
            .put_link(&draft("provider/kv"), &signer)
            .await
            .expect("is stored");
        assert_eq!(signed.generation, generation);
        assert_eq!(
            client
                .confirm_link(&signed, false, LONG)
                .await
                .expect("is judged")
                .accepted(),
            1
        );
    }
    let bucket = cloud.bus.bucket(links_bucket(&lattice.id)).await.expect("a bucket");
    let id = draft("provider/kv").claims.id(&lattice.id);
    bucket.purge(&id.link_key()).await.expect("wipes");
    let signed = client
        .put_link(&draft("provider/kv"), &signer)
        .await
        .expect("is stored");
    assert_eq!(
        signed.generation, 4,
        "what members accepted counts, not what somebody left in the bucket"
    );

    let mut forged = draft("provider/kv").claims;
    forged.generation = u64::MAX;
    let token = forged
        .sign(&KeyPair::new_account(), &lattice.id, lattice.validity())
        .expect("signs");
    client.store_link_token(&id, &token).await.expect("is stored");
    let signed = client
        .put_link(&draft("provider/kv"), &signer)
        .await
        .expect("is stored");
    assert_eq!(
        signed.generation, 5,
        "the highest of all generations leaves room for the next"
    );
}

#[tokio::test]
async fn two_who_change_a_link_at_once_both_count() {
    let lattice = TestLattice::start().await;
    let (one, other) = (lattice.client().await, lattice.client().await);
    let (signer, draft) = (lattice.link_signer(), draft("provider/kv"));
    let both = tokio::join!(one.put_link(&draft, &signer), other.put_link(&draft, &signer));
    let mut generations = [
        both.0.expect("is stored").generation,
        both.1.expect("is stored").generation,
    ];
    generations.sort_unstable();
    assert_eq!(generations, [1, 2]);
}

#[tokio::test]
async fn stored_tokens_are_listed_as_they_are() {
    let lattice = TestLattice::start().await;
    let client = lattice.client().await;
    let signed = client
        .put_link(&draft("provider/kv"), &lattice.link_signer())
        .await
        .expect("is stored");
    let stored = client.stored_links().await.expect("reads");
    assert_eq!(stored.len(), 1);
    let token = Unverified::parse_bytes(&stored[0].token).expect("a token");
    assert_eq!(token.head().subject.parse::<LinkId>().as_ref(), Ok(&signed.id));
    assert!(UnixSeconds::from(stored[0].stored_at) <= now().after(Duration::from_secs(5)));
}

#[tokio::test]
async fn trust_only_moves_forward() {
    let lattice = TestLattice::start().await;
    let client = lattice.client().await;
    let operators = [lattice.operator_id()];
    let bundle = |serial| {
        let issuers = vec![issuer_with(&lattice.issuer, Role::Link)];
        let bundle = TrustBundle {
            serial,
            issuers,
            ..TrustBundle::default()
        };
        bundle
            .sign(&lattice.operator, &lattice.id, lattice.validity())
            .expect("signs")
    };
    assert_eq!(
        client.trust(&operators).await.expect_err("none yet").kind,
        ErrorKind::NotFound
    );
    let second = bundle(2);
    client.publish_trust(&second, &operators).await.expect("is stored");
    client
        .publish_trust(&second, &operators)
        .await
        .expect("the same again is no conflict");
    assert_eq!(
        client
            .publish_trust(&bundle(1), &operators)
            .await
            .expect_err("older")
            .kind,
        ErrorKind::Conflict
    );
    assert_eq!(client.trust(&operators).await.expect("is there").serial(), Some(2));

    let stranger = KeyPair::new_operator().public_key().parse().expect("an operator");
    assert_eq!(
        client.trust(&[stranger]).await.expect_err("not theirs").kind,
        ErrorKind::Denied
    );

    // Garbage that somebody put there does not keep an operator out.
    let bucket = client.bus().bucket(trust_bucket(&lattice.id)).await.expect("a bucket");
    bucket.put("bundle", "garbage".into()).await.expect("is stored");
    client.publish_trust(&bundle(3), &operators).await.expect("is stored");
    assert_eq!(client.trust(&operators).await.expect("is there").serial(), Some(3));
}

#[tokio::test]
async fn components_are_stored_once_and_read_back_whole() {
    let lattice = TestLattice::start().await;
    let client = lattice.client().await;
    let component = bytes::Bytes::from(vec![7; 3 << 20]);
    let (digest, first) = client.store_artifact(component.clone()).await.expect("is stored");
    assert_eq!(first, Upload::Stored);
    assert_eq!(
        client.store_artifact(component.clone()).await.expect("is known").1,
        Upload::Known
    );
    assert_eq!(client.artifact(&digest).await.expect("is there"), component);
    let unknown = client
        .artifact(&Digest::of(b"unknown"))
        .await
        .expect_err("is not there");
    assert_eq!(unknown.kind, ErrorKind::NotFound);

    // Somebody put other bytes under its name.
    let store = client.bus().objects("lat_test_artifacts").await.expect("a store");
    store
        .put(&artifact_name(&digest), "other".into())
        .await
        .expect("is stored");
    assert_eq!(
        client.artifact(&digest).await.expect_err("another").kind,
        ErrorKind::Denied
    );
    assert_eq!(
        client.store_artifact(component.clone()).await.expect("is put right").1,
        Upload::Stored
    );
    assert_eq!(client.artifact(&digest).await.expect("is there"), component);
}
