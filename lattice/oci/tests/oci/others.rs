//! Tools of others: what they push is pulled, what we push they read.

use std::path::Path;
use std::process::Command;

use lattice_oci::ImageRef;
use lattice_testkit::{Registry, Scratch, skopeo, wash};

use crate::support::{component, image, packed, pull, push};

/// Runs a program to its good end.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Has skopeo copy an image, without asking anybody's policy.
pub(crate) fn skopeo_copy(from: &str, to: &str) {
    let flags = [
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ];
    run(Command::new(skopeo()).args(flags).args([from, to]));
}

pub(crate) fn docker(image: &ImageRef) -> String {
    format!("docker://{image}")
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_what_we_pushed_and_we_pull_the_copy() {
    let (here, there) = (Registry::start().await, Registry::start().await);
    let (web, copy) = (image(&here, "web:1"), image(&there, "copied/web:1"));
    let pushed = push(&web, &packed("web")).await;
    skopeo_copy(&docker(&web), &docker(&copy));
    let (resolved, bytes) = pull(&copy).await.expect("pulled");
    assert_eq!(bytes, component("web"));
    assert_eq!(
        resolved.manifest.digest, pushed.manifest,
        "the manifest is the same everywhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_a_layout_of_somebody_elses() {
    let registry = Registry::start().await;
    let scratch = Scratch::new("layout");
    let layout = write_layout(scratch.path(), &component("theirs"));
    let web = image(&registry, "theirs:1");
    skopeo_copy(&format!("oci:{layout}:theirs"), &docker(&web));
    assert_eq!(pull(&web).await.expect("pulled").1, component("theirs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wash_pushes_a_component() {
    let Some(wash) = wash() else {
        eprintln!("there is no wash here: nothing to see");
        return;
    };
    let registry = Registry::start().await;
    let scratch = Scratch::new("wash");
    let file = scratch.write("web.wasm", component("from wash"));
    let web = image(&registry, "wash/web:1");
    run(Command::new(wash)
        .args(["oci", "push", "--insecure"])
        .arg(web.to_string())
        .arg(file)
        .env("HOME", scratch.path()));
    assert_eq!(pull(&web).await.expect("pulled").1, component("from wash"));
}

/// Writes an image layout by hand, as an older tool for WebAssembly would.
fn write_layout(folder: &Path, component: &[u8]) -> String {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("made");
    let put = |bytes: &[u8]| {
        let digest = lattice_core::Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).expect("written");
        serde_json::json!({ "digest": digest, "size": bytes.len() })
    };
    let with = |mut descriptor: serde_json::Value, media_type: &str| {
        descriptor["mediaType"] = media_type.into();
        descriptor
    };
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": with(put(b"{}"), "application/vnd.wasm.config.v1+json"),
        "layers": [with(put(component), "application/vnd.wasm.content.layer.v1+wasm")],
    });
    let mut entry = with(
        put(manifest.to_string().as_bytes()),
        "application/vnd.oci.image.manifest.v1+json",
    );
    entry["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "theirs" });
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
    std::fs::write(folder.join("index.json"), index.to_string()).expect("written");
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
    folder.display().to_string()
}
