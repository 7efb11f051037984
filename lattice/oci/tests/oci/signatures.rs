//! Signatures beside images, in a registry that has no referrers API.

use lattice_core::Digest;
use lattice_oci::{Image, OciError};
use lattice_testkit::Registry;

use crate::support::{image, open, packed, pull, push};

async fn resolved(registry: &Registry, name: &str) -> Image {
    let web = image(registry, name);
    push(&web, &packed(name)).await;
    pull(&web).await.expect("pulled").0
}

#[tokio::test]
async fn signatures_are_found_by_the_manifest_they_are_of() {
    let registry = Registry::start().await;
    let (web, other) = (resolved(&registry, "web:1").await, resolved(&registry, "web:2").await);
    let repository = open(&web.reference).await;
    let read = async |image: &Image| repository.signatures(&image.manifest.digest).await.expect("asked");
    assert!(read(&web).await.is_empty());
    for token in ["first.token", "second.token", "first.token"] {
        repository.push_signature(&web.manifest, token).await.expect("signed");
    }
    assert_eq!(read(&web).await, ["first.token", "second.token"]);
    assert!(read(&other).await.is_empty(), "another image is not signed by that");
    assert!(
        repository
            .signatures(&Digest::of(b"nothing"))
            .await
            .expect("asked")
            .is_empty()
    );
}

#[tokio::test]
async fn the_signature_is_an_artifact_about_the_image() {
    let registry = Registry::start().await;
    let web = resolved(&registry, "web:1").await;
    open(&web.reference)
        .await
        .push_signature(&web.manifest, "a.token")
        .await
        .expect("signed");
    let tag = web.manifest.digest.to_string().replace(':', "-");
    let client = oci_client::Client::new(oci_client::client::ClientConfig {
        protocol: oci_client::client::ClientProtocol::Http,
        ..Default::default()
    });
    let anonymous = oci_client::secrets::RegistryAuth::Anonymous;
    let read = async |name: String| {
        let reference = registry.image(&name).parse().expect("a reference");
        let types = [
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.oci.image.manifest.v1+json",
        ];
        let (bytes, _) = client
            .pull_manifest_raw(&reference, &anonymous, &types)
            .await
            .expect("there");
        serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON")
    };
    let index = read(format!("web:{tag}")).await;
    let listed = &index["manifests"][0];
    assert_eq!(listed["artifactType"], "application/vnd.lattice.signature.v1+jwt");
    let manifest = read(format!("web@{}", listed["digest"].as_str().expect("a digest"))).await;
    assert_eq!(manifest["artifactType"], "application/vnd.lattice.signature.v1+jwt");
    assert_eq!(manifest["subject"]["digest"], web.manifest.digest.to_string());
}

#[tokio::test]
async fn a_registry_that_is_gone_is_no_proof_that_there_are_none() {
    let mut registry = Registry::start().await;
    let web = resolved(&registry, "web:1").await;
    registry.kill();
    let asked = open(&web.reference).await.signatures(&web.manifest.digest).await;
    assert!(matches!(asked, Err(OciError::Unreachable { .. })), "{asked:?}");
    registry.restart().await;
    let asked = open(&web.reference).await.signatures(&web.manifest.digest).await;
    assert!(asked.expect("it is back").is_empty());
}
