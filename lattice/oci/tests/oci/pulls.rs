//! What was pushed is pulled, and what cannot be says why.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use lattice_core::Digest;
use lattice_oci::{ImageRef, OciError, Registries};
use lattice_testkit::{Registry, Scratch, free_port};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;

use crate::support::{BYTES_MAX, component, image, open, packed, pull, push};

#[tokio::test]
async fn what_was_pushed_is_pulled_by_tag_and_by_digest() {
    let registry = Registry::start().await;
    let web = image(&registry, "shop/web:1.0");
    let told = AtomicU64::new(0);
    let packed = packed("web");
    let pushed = open(&web)
        .await
        .push(&packed, &|bytes| told.store(bytes, Ordering::Relaxed))
        .await
        .expect("pushed");
    assert_eq!(told.load(Ordering::Relaxed), packed.component.len() as u64);
    assert_eq!(pushed.reference, web.pinned(packed.manifest_digest()));
    for reference in [&web, &pushed.reference] {
        let (resolved, bytes) = pull(reference).await.expect("pulled");
        assert_eq!(bytes, packed.component);
        assert_eq!(resolved.reference.digest(), Some(&packed.manifest_digest()));
        assert_eq!(resolved.component.digest, Digest::of(&packed.component));
    }
    let repository = open(&pushed.reference).await;
    let resolved = repository.resolve().await.expect("resolved");
    let config = repository.config(&resolved).await.expect("read").expect("ours has one");
    assert_eq!(
        config.component.expect("a component").imports,
        ["wasi:keyvalue/store@0.2.0-draft"]
    );
    let by_digest = repository
        .component_by_digest(&resolved.component.digest, BYTES_MAX)
        .await;
    assert_eq!(by_digest.expect("pulled"), packed.component);
}

#[tokio::test]
async fn a_tag_that_moved_leaves_the_pinned_image_alone() {
    let registry = Registry::start().await;
    let web = image(&registry, "web:1");
    let first = push(&web, &packed("first")).await;
    push(&web, &packed("second")).await;
    assert_eq!(pull(&web).await.expect("pulled").1, component("second"));
    assert_eq!(pull(&first.reference).await.expect("pulled").1, component("first"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let registry = Registry::start().await;
    push(&image(&registry, "web:1"), &packed("web")).await;
    let digest = Digest::of(b"nobody");
    for name in ["web:2", "nobody:1", &format!("web@{digest}")] {
        let error = pull(&image(&registry, name)).await.expect_err(name);
        assert!(matches!(error, OciError::NotFound { .. }), "{name}: {error:?}");
    }
    let repository = open(&image(&registry, "web:1")).await;
    let error = repository
        .component_by_digest(&digest, BYTES_MAX)
        .await
        .expect_err("no such blob");
    assert!(matches!(error, OciError::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_is_gone_is_unreachable() {
    let nobody: ImageRef = format!("127.0.0.1:{}/web:1", free_port()).parse().expect("an image");
    let error = pull(&nobody).await.expect_err("nobody listens");
    assert!(matches!(error, OciError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_closed_registry_lets_in_whom_dockers_config_names() {
    let registry = Registry::start_closed().await;
    let web = image(&registry, "web:1");
    let error = open(&web)
        .await
        .push(&packed("web"), &|_| ())
        .await
        .expect_err("not logged in");
    assert!(matches!(error, OciError::Unauthorised { .. }), "{error:?}");
    let scratch = Scratch::new("docker");
    let registries = |user: &str, password: &str| {
        let auth = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, registry.address());
        Registries {
            docker_config: Some(scratch.write("config.json", config)),
            ..Registries::default()
        }
    };
    let wrong = registries(Registry::USER.0, "guess").open(&web).await.expect("opened");
    let error = wrong.push(&packed("web"), &|_| ()).await.expect_err("wrong password");
    assert!(matches!(error, OciError::Unauthorised { .. }), "{error:?}");
    let right = registries(Registry::USER.0, Registry::USER.1)
        .open(&web)
        .await
        .expect("opened");
    right.push(&packed("web"), &|_| ()).await.expect("pushed");
    let resolved = right.resolve().await.expect("resolved");
    assert_eq!(
        right.component(&resolved, BYTES_MAX, &|_| ()).await.expect("pulled"),
        component("web")
    );
}

#[tokio::test]
async fn what_other_tools_call_a_layer_is_understood_and_what_it_holds_is_looked_at() {
    let registry = Registry::start().await;
    let module = Bytes::from_static(b"\0asm\x01\0\0\0");
    let text = Bytes::from_static(b"#!/bin/sh\necho hello\n");
    let layer = "application/vnd.oci.image.layer.v1.tar";
    for media_type in [
        "application/wasm",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.module.wasm.content.layer.v1+wasm",
        "application/octet-stream",
        layer,
    ] {
        put(&registry, "good:1", media_type, component("good")).await;
        assert_eq!(
            pull(&image(&registry, "good:1")).await.expect(media_type).1,
            component("good")
        );
        put(&registry, "module:1", media_type, module.clone()).await;
        let error = pull(&image(&registry, "module:1")).await.expect_err("a module");
        assert!(matches!(error, OciError::Module { .. }), "{media_type}: {error:?}");
        put(&registry, "text:1", media_type, text.clone()).await;
        let error = pull(&image(&registry, "text:1")).await.expect_err("a script");
        assert!(matches!(error, OciError::NotWasm { .. }), "{media_type}: {error:?}");
    }
    put(
        &registry,
        "archive:1",
        layer,
        Bytes::from_static(b"\x1f\x8b\x08\0\0\0\0\0"),
    )
    .await;
    let error = pull(&image(&registry, "archive:1")).await.expect_err("an archive");
    assert!(error.to_string().contains("archive"), "{error}");
}

#[tokio::test]
async fn a_component_over_the_limit_is_not_downloaded() {
    let registry = Registry::start().await;
    let web = image(&registry, "web:1");
    push(&web, &packed("web")).await;
    let repository = open(&web).await;
    let resolved = repository.resolve().await.expect("resolved");
    let untouched = |_| panic!("nothing is downloaded");
    let error = repository
        .component(&resolved, 8, &untouched)
        .await
        .expect_err("too large");
    assert!(matches!(error, OciError::TooLarge { max: 8, .. }), "{error:?}");
    let digest = resolved.component.digest;
    let error = repository.component_by_digest(&digest, 8).await.expect_err("too large");
    assert!(matches!(error, OciError::TooLarge { max: 8, .. }), "{error:?}");
}

/// Pushes bytes as other tools do: one layer of some type, and a config that says nothing.
async fn put(registry: &Registry, name: &str, media_type: &str, bytes: Bytes) {
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let layer = ImageLayer::new(bytes, media_type.to_owned(), None);
    let config = Config::new(
        Bytes::from_static(b"{}"),
        "application/vnd.unknown.config.v1+json".to_owned(),
        None,
    );
    let reference = registry.image(name).parse().expect("a reference");
    client
        .push(&reference, &[layer], config, &RegistryAuth::Anonymous, None)
        .await
        .expect("pushed");
}
