//! Who we are to a registry: what Docker's config says.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

use crate::error::OciError;

/// Docker Hub stands in the config under the address of its first API.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Reads the credentials for `registry`, running Docker's credential helper if the config names one. A config that is not there, or
/// says nothing of the registry, means anonymous.
pub(crate) async fn read(config: Option<&Path>, registry: &str) -> Result<RegistryAuth, OciError> {
    let Some(config) = config.map(Path::to_owned) else {
        return Ok(RegistryAuth::Anonymous);
    };
    let asked = registry.to_owned();
    // A helper is another program, and takes its time.
    let read = tokio::task::spawn_blocking(move || look_up(&config, &asked)).await;
    let unusable = |why: String| OciError::Credentials {
        registry: registry.to_owned(),
        why,
    };
    match read {
        Ok(Ok(auth)) => Ok(auth),
        Ok(Err(why)) => Err(unusable(why)),
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn look_up(config: &Path, registry: &str) -> Result<RegistryAuth, String> {
    let file = match File::open(config) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RegistryAuth::Anonymous),
        Err(error) => return Err(format!("{}: {error}", config.display())),
    };
    let server = match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    };
    match docker_credential::get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(
            "there is an identity token, which is not spoken here: log in with a password or an access token"
                .to_owned(),
        ),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        // What helpers of Docker say of a registry they do not know.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(RegistryAuth::Anonymous)
        }
        // The library's error shows what the helper printed, and that may be a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(format!("Docker's credential helper `{helper}` failed"))
        }
        Err(error) => Err(format!("{}: {error}", config.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.json");
        std::fs::write(&file, text).expect("written");
        (folder, file)
    }

    #[tokio::test]
    async fn credentials_are_those_of_the_registry_and_of_no_other() {
        let (_folder, file) = config(r#"{"auths": {"127.0.0.1:5000": {"auth": "YW5uOnNlY3JldA=="}}}"#);
        let auth = read(Some(&file), "127.0.0.1:5000").await.expect("read");
        assert_eq!(auth, RegistryAuth::Basic("ann".to_owned(), "secret".to_owned()));
        for other in ["127.0.0.1:5001", "ghcr.io"] {
            assert_eq!(read(Some(&file), other).await.expect("read"), RegistryAuth::Anonymous);
        }
    }

    #[tokio::test]
    async fn no_config_is_anonymous_and_a_damaged_one_an_error() {
        let missing = Path::new("/nowhere/config.json");
        assert_eq!(
            read(Some(missing), "ghcr.io").await.expect("read"),
            RegistryAuth::Anonymous
        );
        assert_eq!(read(None, "ghcr.io").await.expect("read"), RegistryAuth::Anonymous);
        let (_folder, file) = config("{");
        assert!(matches!(
            read(Some(&file), "ghcr.io").await,
            Err(OciError::Credentials { .. })
        ));
        let (_folder, file) = config(r#"{"auths": {"ghcr.io": {"auth": "!!"}}}"#);
        assert!(matches!(
            read(Some(&file), "ghcr.io").await,
            Err(OciError::Credentials { .. })
        ));
    }
}
