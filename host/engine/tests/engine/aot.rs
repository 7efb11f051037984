//! Code that was compiled elsewhere: it runs if somebody vouches for it and it is for this engine, and is not looked at otherwise.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use lattice_core::aot::{CodeArch, CodeShape, CodeTarget};
use lattice_core::token::{AotClaims, CodeFlavor, Unverified, Validity, VerifiedCode, verify_code};
use lattice_core::trust::{Freshness, Issuer, Trust, TrustBundle};
use lattice_core::{Digest, UnixSeconds};
use lattice_engine::{
    Compilation, Engine, EngineConfig, LoadError, Precompiled, Profile, ProfileChoice, Why, precompile,
};
use nkeys::KeyPair;

use crate::support::{call, get, guest, interface, options, text, world};

/// The code of this machine, for hosts of that kind.
fn here(shape: CodeShape) -> CodeTarget {
    CodeTarget::new(CodeArch::here().expect("there is a compiler for this machine"), shape)
}

/// An engine that compiles nothing.
fn engine(folder: &Path, profile: ProfileChoice) -> Engine {
    let mut config = EngineConfig::new(folder);
    config.profile = profile;
    config.compilation = Compilation::Elsewhere;
    Engine::new(&config).unwrap_or_else(|error| panic!("{error}"))
}

/// What a host makes of a good signature: there is no other way to code that an engine takes.
fn vouched(claims: &AotClaims) -> VerifiedCode {
    let (operator, issuer) = (KeyPair::new_operator(), KeyPair::new_account());
    let lattice = "test".parse().expect("a lattice id");
    let now = UnixSeconds::new(1_800_000_000);
    let validity = Validity::lasting(now, Duration::from_secs(3600));
    let bundle = TrustBundle {
        serial: 1,
        issuers: vec![Issuer::unlimited(issuer.public_key().parse().expect("an issuer"))],
        ..TrustBundle::default()
    };
    let mut trust = Trust::new(lattice, [operator.public_key().parse().expect("an operator")]);
    let bundle = bundle.sign(&operator, trust.lattice(), validity).expect("signs");
    trust.admit(&bundle, now).expect("a good bundle");
    let token = claims.sign(&issuer, trust.lattice(), validity).expect("signs");
    let token = Unverified::parse(&token).expect("a token");
    verify_code(&token, &claims.component, &trust, now, Freshness::Required).expect("is believed")
}

fn compiled(name: &str, target: CodeTarget) -> Precompiled {
    precompile(&guest(name), target).unwrap_or_else(|error| panic!("{error}"))
}

async fn load(engine: &Engine, code: &Precompiled) -> Result<(), LoadError> {
    let bytes = Bytes::copy_from_slice(&code.code);
    engine.load_code(vouched(&code.claims), Some(bytes)).await.map(drop)
}

#[tokio::test]
async fn signed_code_runs_on_a_host_that_compiles_nothing() {
    for (profile, target) in [
        (Profile::Edge64, here(CodeShape::Edge64)),
        (Profile::Server, here(CodeShape::Server)),
        (
            Profile::Pulley,
            CodeTarget::new(CodeArch::interpreter(), CodeShape::Edge64),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path(), ProfileChoice::Only(profile));
        assert_eq!((engine.profile().profile, engine.profile().target), (profile, target));
        let code = compiled("pong", target);
        let loaded = engine.load_code(vouched(&code.claims), Some(code.code.into())).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{profile}: {error}"));
        let nothing = |_: &lattice_core::VersionedInterface| None;
        let actor = engine.actor(loaded, options("pong"), &nothing, world());
        let actor = actor.unwrap_or_else(|error| panic!("{error}"));
        let answer = actor
            .call_text(&interface("example:ping-pong/pong"), "ping", "\"x\"", &call())
            .await;
        assert_eq!(answer.expect("answers"), "\"pong: x\"", "{profile}");
        assert_eq!((engine.loads().signed, engine.loads().compiled), (1, 0));
    }
}

#[tokio::test]
async fn every_kind_of_component_is_compiled_for_every_kind_of_host() {
    let (edge, server) = (here(CodeShape::Edge64), here(CodeShape::Server));
    for (name, target, flavor) in [
        ("hello-http", edge, CodeFlavor::Sequential),
        ("cart", edge, CodeFlavor::Sequential),
        ("cart", server, CodeFlavor::Resident),
        ("hello-http-p3", edge, CodeFlavor::Concurrent),
        ("hello-http-p3", server, CodeFlavor::Concurrent),
    ] {
        let code = compiled(name, target);
        assert_eq!(code.claims.flavor, flavor, "{name} for {target}");
        let profile = match target.shape() {
            CodeShape::Edge64 => Profile::Edge64,
            CodeShape::Server => Profile::Server,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path(), ProfileChoice::Only(profile));
        let loaded = engine.load_code(vouched(&code.claims), Some(code.code.into())).await;
        let loaded = loaded.unwrap_or_else(|error| panic!("{name} for {target}: {error}"));
        if name != "cart" {
            let nothing = |_: &lattice_core::VersionedInterface| None;
            let actor = engine.actor(loaded, options(name), &nothing, world());
            let actor = actor.unwrap_or_else(|error| panic!("{error}"));
            get(&actor, "/").await.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
}

#[tokio::test]
async fn what_was_kept_is_loaded_by_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let code = compiled("pong", here(CodeShape::Edge64));
    let next = || engine(folder.path(), ProfileChoice::Auto);
    let missing = next().load_code(vouched(&code.claims), None).await.map(drop);
    assert!(matches!(missing, Err(LoadError::NotKept)), "{missing:?}");
    load(&next(), &code).await.expect("loads");
    next().load_code(vouched(&code.claims), None).await.expect("was kept");
    // What was damaged meanwhile is not there.
    let kept = std::fs::read_dir(folder.path().join("signed")).expect("is there");
    for file in kept {
        std::fs::write(file.expect("reads").path(), b"damaged").expect("writes");
    }
    let damaged = next().load_code(vouched(&code.claims), None).await.map(drop);
    assert!(matches!(damaged, Err(LoadError::NotKept)), "{damaged:?}");
}

#[tokio::test]
async fn a_host_that_compiles_nothing_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), ProfileChoice::Auto);
    assert_eq!(
        (engine.profile().profile, &engine.profile().why),
        (Profile::Edge64, &Why::NoCompiler)
    );
    let bytes = guest("pong");
    let refused = engine.load(Digest::of(&bytes), &bytes).await.map(drop);
    assert!(matches!(refused, Err(LoadError::NoCompiler)), "{refused:?}");
    assert!(!engine.has(&Digest::of(&bytes)));
}

#[tokio::test]
async fn other_code_than_was_signed_is_not_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), ProfileChoice::Auto);
    let good = compiled("pong", here(CodeShape::Edge64));
    for at in [0, good.code.len() / 3, good.code.len() - 1] {
        let mut tampered = good.clone();
        tampered.code[at] ^= 1;
        let refused = load(&engine, &tampered).await;
        assert!(matches!(refused, Err(LoadError::OtherCode { .. })), "{refused:?}");
    }
    let mut cut = good.clone();
    cut.code.truncate(100);
    assert!(matches!(load(&engine, &cut).await, Err(LoadError::OtherCode { .. })));
    assert!(!folder.path().join("signed").exists(), "nothing of it is kept");
    load(&engine, &good).await.expect("loads");
}

#[tokio::test]
async fn code_for_others_is_refused_by_what_was_said_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), ProfileChoice::Auto);
    let other_target = compiled("pong", here(CodeShape::Server));
    let refused = load(&engine, &other_target).await;
    assert!(matches!(refused, Err(LoadError::OtherTarget { .. })), "{refused:?}");
    let mut other_engine = compiled("pong", here(CodeShape::Edge64));
    other_engine.claims.engine = "wasmtime-47.1".to_owned();
    let refused = load(&engine, &other_engine).await.expect_err("refused");
    assert!(matches!(refused, LoadError::OtherEngine { .. }), "{refused:?}");
    assert!(refused.to_string().contains("wasmtime-47.1"), "{refused}");
}

/// Somebody vouches for what he should not: the engine still looks for itself.
#[tokio::test]
async fn code_for_others_is_refused_by_what_stands_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path(), ProfileChoice::Auto);
    let good = compiled("pong", here(CodeShape::Edge64));
    let relabelled = |mut code: Precompiled| {
        code.claims.code = Digest::of(&code.code);
        code.claims.target = here(CodeShape::Edge64);
        code
    };
    // The version stands before the machine's name, each after its length.
    let triple = here(CodeShape::Edge64).arch().triple();
    let at = good
        .code
        .windows(triple.len())
        .position(|window| window == triple.as_bytes());
    let at = at.expect("the machine's name stands in it");
    let mut other_version = good.clone();
    assert_eq!(&other_version.code[at - 4..at - 1], b"\x0248");
    other_version.code[at - 2] = b'7';
    let refused = load(&engine, &relabelled(other_version))
        .await
        .expect_err("refused")
        .to_string();
    assert!(refused.contains("incompatible version"), "{refused}");
    for target in [
        CodeTarget::new(CodeArch::Pulley32, CodeShape::Edge64),
        CodeTarget::new(CodeArch::Pulley64, CodeShape::Edge64),
        here(CodeShape::Server),
    ] {
        let refused = load(&engine, &relabelled(compiled("pong", target))).await;
        assert!(
            matches!(refused, Err(LoadError::RefusedCode(_))),
            "{target}: {refused:?}"
        );
    }
    for garbage in [&b""[..], b"\x7fELF", b"not code at all", &guest("pong")] {
        let garbage = Precompiled {
            code: garbage.to_vec(),
            ..good.clone()
        };
        let refused = load(&engine, &relabelled(garbage)).await;
        assert!(matches!(refused, Err(LoadError::RefusedCode(_))), "{refused:?}");
    }
    load(&engine, &good).await.expect("loads");
}

#[test]
fn only_components_are_compiled() {
    let target = here(CodeShape::Edge64);
    assert!(matches!(precompile(b"hello", target), Err(LoadError::NotAComponent(_))));
    assert!(matches!(
        precompile(&text("(module)"), target),
        Err(LoadError::NotAComponent(_))
    ));
    let mut broken = guest("pong").to_vec();
    broken.truncate(broken.len() / 2);
    assert!(matches!(precompile(&broken, target), Err(LoadError::Compile(_))));
}
