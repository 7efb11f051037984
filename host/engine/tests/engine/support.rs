//! An engine, guests, and the calls that tests make.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use lattice_capability::http::{empty_body, full_body};
use lattice_capability::{CallContext, HttpBody};
use lattice_core::{Digest, Fault, FunctionSet, InvocationId, Limits, LinkId, LinkLabel, Party, VersionedInterface};
use lattice_engine::{Actor, ActorOptions, Compiled, Engine, EngineConfig, StartError};

use crate::stub::World;

/// One engine for all tests, as in a host. Machine code is kept between runs.
pub(crate) static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    Engine::new(&EngineConfig::new(
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine-cache"),
    ))
    .expect("an engine")
});

/// A guest that `cargo xtask guests` builds.
pub(crate) fn guest(name: &str) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../actors/target/components")
        .join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!("{}: {error}; run `cargo xtask guests` to build it", path.display()),
    }
}

/// A guest that is written out.
pub(crate) fn text(wat: &str) -> Bytes {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}")).into()
}

pub(crate) async fn load(bytes: Bytes) -> Arc<Compiled> {
    ENGINE
        .load(Digest::of(&bytes), &bytes)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// An actor that is linked with everything it imports.
pub(crate) async fn start(bytes: Bytes, options: ActorOptions, world: &Arc<World>) -> Actor {
    try_start(bytes, options, world, &|_: &VersionedInterface| Some(FunctionSet::All))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn try_start(
    bytes: Bytes,
    options: ActorOptions,
    world: &Arc<World>,
    grants: &dyn lattice_engine::Grants,
) -> Result<Actor, StartError> {
    let world: Arc<World> = Arc::clone(world);
    ENGINE.actor(load(bytes).await, options, grants, world)
}

pub(crate) fn options(name: &str) -> ActorOptions {
    ActorOptions::new(name.parse().expect("a name"))
}

pub(crate) fn limited(name: &str, limits: Limits) -> ActorOptions {
    let mut options = options(name);
    options.limits = limits;
    options
}

pub(crate) fn world() -> Arc<World> {
    Arc::default()
}

/// A call that has a minute.
pub(crate) fn call() -> CallContext {
    call_until(Instant::now() + Duration::from_secs(60))
}

pub(crate) fn call_until(deadline: Instant) -> CallContext {
    CallContext {
        deadline,
        source: "provider/test".parse::<Party>().expect("a party"),
        link: link_id("wasi:http/incoming-handler", &LinkLabel::default()),
        invocation: InvocationId::from_parts(1, [1; 10]),
        trace: None,
    }
}

pub(crate) fn link_id(interface: &str, label: &LinkLabel) -> LinkId {
    format!("lnk:test/actor/test/{interface}/{label}")
        .parse()
        .expect("a link id")
}

pub(crate) fn interface(text: &str) -> VersionedInterface {
    text.parse().expect("an interface")
}

pub(crate) fn request(method: Method, path: &str, body: impl Into<Bytes>) -> Request<HttpBody> {
    let body = body.into();
    let body = if body.is_empty() { empty_body() } else { full_body(body) };
    Request::builder()
        .method(method)
        .uri(format!("http://test.example{path}"))
        .body(body)
        .expect("a request")
}

pub(crate) async fn send(
    actor: &Actor,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<Response<HttpBody>, Fault> {
    actor.http(request(method, path, body), call()).await
}

/// Gets a path and returns the body as text.
pub(crate) async fn get(actor: &Actor, path: &str) -> Result<String, Fault> {
    Ok(body(send(actor, Method::GET, path, "").await?).await)
}

pub(crate) async fn body(response: Response<HttpBody>) -> String {
    let bytes = response
        .into_body()
        .collect()
        .await
        .unwrap_or_else(|error| panic!("{error}"))
        .to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until a number is reached, however long that takes.
pub(crate) async fn reaches(number: &tokio::sync::watch::Sender<usize>, goal: usize) {
    let wait = number.subscribe();
    let mut wait = wait;
    tokio::time::timeout(Duration::from_secs(60), wait.wait_for(|now| *now >= goal))
        .await
        .unwrap_or_else(|_| panic!("{goal} was not reached, it stays at {}", *number.borrow()))
        .expect("the sender is here");
}

/// Waits until the actor serves nothing: a guest gives its place back a moment after its caller has all it wanted.
pub(crate) async fn comes_to_rest(actor: &Actor) {
    let rest = async {
        while actor.stats().in_flight > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(10), rest).await.is_ok(),
        "{:?}",
        actor.stats()
    );
}
