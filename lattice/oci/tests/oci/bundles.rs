//! Files that travel by hand, between us and skopeo.

use std::fs::File;

use lattice_oci::{Bundle, BundleWriter, Packed};
use lattice_testkit::{Registry, Scratch};

use crate::others::{docker, skopeo_copy};
use crate::support::{BYTES_MAX, component, image, packed, pull, push};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn write(scratch: &Scratch, images: &[(&str, &Packed)]) -> String {
    let path = scratch.path().join("bundle.tar");
    let mut writer = BundleWriter::new(File::create(&path).expect("made")).expect("begun");
    for (name, packed) in images {
        let blobs = [&packed.component, &packed.config];
        let signatures = ["a.b.c".to_owned()];
        writer
            .add(name, MANIFEST, &packed.manifest, &blobs, &signatures)
            .expect("added");
    }
    writer.finish().expect("written");
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pushes_what_a_bundle_holds() {
    let (registry, scratch) = (Registry::start().await, Scratch::new("bundle"));
    let alone = write(&scratch, &[("ghcr.io/shop/web:1.0", &packed("web"))]);
    let web = image(&registry, "web:1");
    // The only image of a file needs no name, signed or not.
    skopeo_copy(&format!("oci-archive:{alone}"), &docker(&web));
    assert_eq!(pull(&web).await.expect("pulled").1, component("web"));
    let both = write(
        &scratch,
        &[("ghcr.io/shop/web:1.0", &packed("web")), ("other", &packed("other"))],
    );
    let other = image(&registry, "other:1");
    skopeo_copy(&format!("oci-archive:{both}:other"), &docker(&other));
    assert_eq!(pull(&other).await.expect("pulled").1, component("other"));
    skopeo_copy(
        &format!("oci-archive:{both}:ghcr.io/shop/web:1.0"),
        &docker(&image(&registry, "again:1")),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_skopeo_wrote_is_a_bundle() {
    let (registry, scratch) = (Registry::start().await, Scratch::new("bundle"));
    let web = image(&registry, "web:1");
    let pushed = push(&web, &packed("web")).await;
    let path = scratch.path().join("theirs.tar");
    skopeo_copy(&docker(&web), &format!("oci-archive:{}:{web}", path.display()));
    let bundle = Bundle::open(&path).expect("opened");
    let found = bundle.find(&web).expect("by its name");
    assert_eq!(bundle.find(&pushed.reference), Some(found), "and by its digest");
    assert_eq!(bundle.component(found, BYTES_MAX).expect("read"), component("web"));
}
