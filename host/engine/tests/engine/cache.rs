//! Machine code on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use lattice_core::Digest;
use lattice_engine::{Engine, EngineConfig, LoadError, ProfileChoice};

use crate::support::{guest, text};

fn engine(folder: &Path) -> Engine {
    Engine::new(&EngineConfig::new(folder)).expect("an engine")
}

fn code(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        fs::read_dir(folder)
            .expect("is a folder")
            .map(|entry| entry.expect("reads").path())
    };
    entries(folder)
        .flat_map(|folder| entries(&folder).collect::<Vec<_>>())
        .collect()
}

async fn load(engine: &Engine, bytes: &Bytes) -> Result<(), LoadError> {
    engine.load(Digest::of(bytes), bytes).await.map(drop)
}

/// A time that a file which is read, but not written, does not keep.
fn age(file: &Path) {
    fs::File::open(file)
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
        .expect("is ours");
}

fn is_aged(file: &Path) -> bool {
    fs::metadata(file).and_then(|about| about.modified()).expect("is there") == SystemTime::UNIX_EPOCH
}

#[tokio::test]
async fn what_was_compiled_is_loaded_by_the_next_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("cache");
    let bytes = guest("pong");
    load(&engine(&folder), &bytes).await.expect("compiles");
    let [file] = &code(&folder)[..] else {
        panic!("{:?}", code(&folder))
    };
    assert_eq!(
        fs::metadata(&folder).expect("is there").permissions().mode() & 0o777,
        0o700
    );
    age(file);
    load(&engine(&folder), &bytes).await.expect("loads");
    assert_eq!(code(&folder).as_slice(), std::slice::from_ref(file));
    assert!(!is_aged(file), "it was not read");
}

#[tokio::test]
async fn damaged_code_is_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = guest("pong");
    load(&engine(folder.path()), &bytes).await.expect("compiles");
    let [file] = &code(folder.path())[..] else {
        panic!("one file")
    };
    let good = fs::read(file).expect("reads");
    for damage in [
        good[..good.len() / 2].to_vec(),
        good.iter()
            .enumerate()
            .map(|(at, byte)| if at == good.len() / 2 { byte ^ 1 } else { *byte })
            .collect(),
        Vec::new(),
    ] {
        fs::write(file, &damage).expect("writes");
        load(&engine(folder.path()), &bytes).await.expect("compiles again");
        let now = code(folder.path());
        assert_eq!(now.len(), 1, "{now:?}");
        let name = now[0]
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let digest = Digest::of(&fs::read(&now[0]).expect("reads")).hex();
        assert!(name.contains(&digest), "{name}");
        fs::rename(&now[0], file).expect("renames");
    }
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_made_private() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("is ours");
    load(&engine(folder.path()), &guest("pong")).await.expect("compiles");
    assert_eq!(
        fs::metadata(folder.path()).expect("is there").permissions().mode() & 0o777,
        0o700
    );
}

#[tokio::test]
async fn a_host_without_a_cache_runs_all_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "in the way").expect("writes");
    load(&engine(&file), &guest("pong")).await.expect("compiles");
}

#[tokio::test]
async fn the_cache_stays_within_its_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = EngineConfig::new(folder.path());
    config.cache_bytes_max = 0;
    load(&Engine::new(&config).expect("an engine"), &guest("pong"))
        .await
        .expect("compiles");
    assert_eq!(code(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn profiles_do_not_share_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = guest("pong");
    let mut config = EngineConfig::new(folder.path());
    for profile in ["server", "pulley"] {
        config.profile = profile.parse::<ProfileChoice>().expect("a profile");
        load(&Engine::new(&config).expect("an engine"), &bytes)
            .await
            .expect("compiles");
    }
    assert_eq!(code(folder.path()).len(), 2);
}

#[tokio::test]
async fn actors_of_one_digest_share_a_component() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, bytes) = (engine(folder.path()), guest("pong"));
    let digest = Digest::of(&bytes);
    let (one, two) = tokio::join!(engine.load(digest, &bytes), engine.load(digest, &bytes));
    let (one, two) = (one.expect("compiles"), two.expect("waits"));
    assert!(std::sync::Arc::ptr_eq(&one, &two));
    drop((one, two));
    engine.load(digest, &bytes).await.expect("loads again");
}

#[tokio::test]
async fn bytes_that_are_no_component_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path());
    let module = text("(module)");
    assert!(
        matches!(load(&engine, &module).await, Err(LoadError::NotAComponent(what)) if what.contains("core module"))
    );
    assert!(matches!(
        load(&engine, &Bytes::from_static(b"hello")).await,
        Err(LoadError::NotAComponent(_))
    ));
    let mut broken = guest("pong").to_vec();
    broken.truncate(broken.len() / 2);
    assert!(matches!(
        load(&engine, &broken.into()).await,
        Err(LoadError::Compile(_))
    ));
    let other = engine.load(Digest::of(b"another"), &guest("pong")).await.map(drop);
    assert!(matches!(other, Err(LoadError::WrongDigest { .. })));
    let mut config = EngineConfig::new(folder.path());
    config.component_bytes_max = 1000;
    let small = Engine::new(&config).expect("an engine");
    assert!(matches!(
        load(&small, &guest("pong")).await,
        Err(LoadError::TooLarge { max: 1000, .. })
    ));
}
