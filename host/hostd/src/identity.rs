//! Who this host is: the key it made for itself, and the token it was enrolled with.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nkeys::{KeyPair, KeyPairType};

use crate::config::HostConfig;

const SEED_FILE: &str = "host.seed";

/// Reads the host's key: from the file that was named, or from the data folder, where one is made on the first start.
pub(crate) fn load(config: &HostConfig) -> anyhow::Result<KeyPair> {
    match &config.seed_file {
        // Somebody else made it and looks after it: a service manager hands it over for this run only.
        Some(path) => read(path, OTHERS)?.with_context(|| format!("the host's key {} is not there", path.display())),
        None => load_or_create(&config.data_dir),
    }
}

/// Reads the host's key from `data_dir`, or makes one on the first start. The seed never leaves the folder.
fn load_or_create(data_dir: &Path) -> anyhow::Result<KeyPair> {
    let path = data_dir.join(SEED_FILE);
    match read(&path, GROUP_AND_OTHERS)? {
        Some(key) => Ok(key),
        None => create(data_dir, &path),
    }
}

/// Who must not be able to read a key.
const GROUP_AND_OTHERS: u32 = 0o077;
/// systemd lets the service's user read a credential by an access list, whose mask stands where the group's rights do.
const OTHERS: u32 = 0o007;

fn read(path: &Path, forbidden: u32) -> anyhow::Result<Option<KeyPair>> {
    let seed = match fs::read_to_string(path) {
        Ok(seed) => zeroize::Zeroizing::new(seed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read the host's key {}", path.display())),
    };
    // Its text is a secret: an error must not repeat it.
    let key = KeyPair::from_seed(seed.trim()).map_err(|_| anyhow::anyhow!("{} holds no nkey seed", path.display()))?;
    if key.key_pair_type() != KeyPairType::Server {
        bail!("{} holds a key of another kind than a host's (`SN…`)", path.display());
    }
    check_private(path, forbidden)?;
    Ok(Some(key))
}

fn create(data_dir: &Path, path: &Path) -> anyhow::Result<KeyPair> {
    let key = KeyPair::new_server();
    let seed = key.seed().map_err(|_| anyhow::anyhow!("a new key has no seed"))?;
    make_private_folder(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
    write_private(path, &seed).with_context(|| format!("cannot write the host's key {}", path.display()))?;
    Ok(key)
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(unix)]
fn check_private(path: &Path, forbidden: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & forbidden != 0 {
        bail!(
            "{0} can be read by others (mode {1:o}); put it right with `chmod 600 {0}`",
            path.display(),
            mode & 0o777
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_path: &Path, _forbidden: u32) -> anyhow::Result<()> {
    Ok(())
}

/// Reads the enrolment token, `None` when there is none yet.
pub(crate) fn read_token(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(token) if token.trim().is_empty() => Ok(None),
        Ok(token) => Ok(Some(token.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read the enrolment token {}", path.display())),
    }
}

/// Waits until the enrolment token is there. A file appears once, by hand or by a script: looking each second is enough.
pub(crate) async fn wait_for_token(path: &Path) -> anyhow::Result<String> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        if let Some(token) = read_token(path)? {
            return Ok(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let first = load_or_create(&data).expect("makes a key");
        let second = load_or_create(&data).expect("reads the key");
        assert_eq!(first.public_key(), second.public_key());
        assert!(first.public_key().starts_with('N'));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let seed = data.join(SEED_FILE);
            assert_eq!(
                fs::metadata(&seed).expect("is there").permissions().mode() & 0o777,
                0o600
            );
            fs::set_permissions(&seed, fs::Permissions::from_mode(0o644)).expect("sets");
            let Err(error) = load_or_create(&data) else {
                panic!("takes a seed that others can read")
            };
            let error = error.to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_was_handed_over_may_have_an_access_list_and_is_never_made_here() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credential");
        assert!(read(&path, OTHERS).expect("nothing is wrong").is_none());
        assert!(!path.exists());
        let seed = KeyPair::new_server().seed().expect("a seed");
        write_private(&path, &seed).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).expect("sets");
        assert!(read(&path, OTHERS).expect("reads").is_some());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("sets");
        assert!(read(&path, OTHERS).is_err());
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let user = KeyPair::new_user().seed().expect("a seed");
        write_private(&folder.path().join(SEED_FILE), &user).expect("writes");
        assert!(load_or_create(folder.path()).is_err());
    }
}
