//! A registry that lies: whatever it says, nothing is believed that cannot be checked, and nothing waits or grows without end.

use std::sync::Arc;

use lattice_core::Digest;
use lattice_oci::{ImageRef, OciError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{BYTES_MAX, component, open, packed, pull};

/// What the liar says to a path: a status and a body.
type Says = dyn Fn(&str) -> (u16, Vec<u8>) + Send + Sync;

/// Starts a registry that answers as it is told; returns the image to ask it for.
async fn liar(says: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static) -> ImageRef {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let says: Arc<Says> = Arc::new(says);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let says = Arc::clone(&says);
            tokio::spawn(async move { answer(stream, &*says).await });
        }
    });
    format!("{address}/web:1").parse().expect("an image")
}

async fn answer(stream: TcpStream, says: &Says) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await.ok()?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
    }
    let (status, body) = says(first.split(' ').nth(1)?);
    let head = format!(
        "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&body).await.ok()?;
    stream.shutdown().await.ok()
}

/// A manifest of a component that has this digest and size, if one believes it.
fn manifest(digest: &Digest, size: u64) -> Vec<u8> {
    let empty = Digest::of(b"{}");
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{empty}","size":2}},
            "layers":[{{"mediaType":"application/wasm","digest":"{digest}","size":{size}}}]}}"#
    )
    .into_bytes()
}

/// A registry with one image that has this manifest and these bytes.
async fn lying(manifest: Vec<u8>, blob: Vec<u8>) -> ImageRef {
    liar(move |path| match path {
        "/v2/" => (200, b"{}".to_vec()),
        path if path.contains("/manifests/") => (200, manifest.clone()),
        path if path.contains("/blobs/") => (200, blob.clone()),
        _ => (404, Vec::new()),
    })
    .await
}

#[tokio::test]
async fn other_bytes_than_the_manifest_names_are_refused() {
    let (good, other) = (component("good"), component("evil"));
    let size = good.len() as u64;
    assert_eq!(good.len(), other.len());
    let image = lying(manifest(&Digest::of(&good), size), other.to_vec()).await;
    let error = pull(&image).await.expect_err("other bytes");
    assert!(matches!(error, OciError::WrongDigest { .. }), "{error:?}");
    let error = open(&image)
        .await
        .component_by_digest(&Digest::of(&good), BYTES_MAX)
        .await
        .expect_err("other bytes");
    assert!(matches!(error, OciError::WrongDigest { .. }), "{error:?}");
    let honest = lying(manifest(&Digest::of(&good), size), good.to_vec()).await;
    assert_eq!(pull(&honest).await.expect("pulled").1, good);
}

#[tokio::test]
async fn another_manifest_than_the_digest_names_is_refused() {
    let image = lying(manifest(&Digest::of(b"x"), 1), b"x".to_vec()).await;
    let error = pull(&image.pinned(packed("web").manifest_digest()))
        .await
        .expect_err("another manifest");
    assert!(error.to_string().contains("sha256"), "{error:?}");
}

#[tokio::test]
async fn a_stated_size_is_a_promise() {
    let good = component("good");
    let digest = Digest::of(&good);
    let error = pull(&lying(manifest(&digest, 1 << 60), good.to_vec()).await)
        .await
        .expect_err("too large");
    assert!(matches!(error, OciError::TooLarge { .. }), "{error:?}");
    // It says less than it sends: no more is read than was promised.
    let error = pull(&lying(manifest(&digest, 4), good.to_vec()).await)
        .await
        .expect_err("longer than it says");
    assert!(matches!(error, OciError::TooLarge { max: 4, .. }), "{error:?}");
    let error = pull(&lying(manifest(&digest, 4000), good.to_vec()).await)
        .await
        .expect_err("shorter than it says");
    assert!(matches!(error, OciError::WrongDigest { .. }), "{error:?}");
}

#[tokio::test]
async fn nonsense_is_told_as_such() {
    let check = async |body: &[u8], part: &str| {
        let error = pull(&lying(body.to_vec(), Vec::new()).await)
            .await
            .expect_err("nonsense");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(b"<html>welcome</html>", "the manifest of").await;
    check(b"{}", "schemaVersion").await;
    check(br#"{"schemaVersion":2,"manifests":[]}"#, "none for WebAssembly").await;
    check(br#"{"schemaVersion":2,"mediaType":"x/y"}"#, "x/y").await;
    let broken = liar(|_| (500, b"\x1b[31mout of order\x07".to_vec())).await;
    let error = pull(&broken).await.expect_err("broken");
    assert!(matches!(error, OciError::Registry { .. }), "{error:?}");
    assert!(!error.to_string().contains('\x1b'), "{error:?}");
}
