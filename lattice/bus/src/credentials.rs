//! Turns configured credentials into an answer to the server's challenge.

use std::io;
use std::path::{Path, PathBuf};

use async_nats::Auth;
use nkeys::{KeyPair, KeyPairType};

use crate::Secret;
use crate::config::Credentials;

/// Credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file is not there or not readable.
    #[error("cannot read the credentials file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no user JWT between its markers.
    #[error("{origin} holds no user JWT (`-----BEGIN NATS USER JWT-----`)")]
    NoJwt {
        /// Where we looked.
        origin: String,
    },
    /// There is no seed between its markers.
    #[error("{origin} holds no nkey seed (`-----BEGIN USER NKEY SEED-----`)")]
    NoSeed {
        /// Where we looked.
        origin: String,
    },
    /// What should be a seed is something else.
    #[error("{origin} holds an nkey seed that is not a user's: it should begin with SU and be 58 characters long")]
    BadSeed {
        /// Where we looked.
        origin: String,
    },
}

impl Credentials {
    /// Answers a server's challenge; reads files afresh, so that renewed credentials work from the next connect on.
    pub(crate) async fn answer(&self, nonce: &[u8]) -> Result<Auth, CredentialsError> {
        match self {
            Self::File(path) => {
                let text = read(path).await?;
                let origin = path.display().to_string();
                let (jwt, seed) = parse_creds(text.expose(), &origin)?;
                with_key(&seed, nonce, &origin).map(|auth| with_jwt(auth, &jwt))
            }
            Self::Text(text) => {
                let origin = "the credentials text";
                let (jwt, seed) = parse_creds(text.expose(), origin)?;
                with_key(&seed, nonce, origin).map(|auth| with_jwt(auth, &jwt))
            }
            Self::Seed(seed) => with_key(seed, nonce, "the nkey setting"),
            Self::SeedFile(path) => {
                let text = read(path).await?;
                let origin = path.display().to_string();
                let seed =
                    find_seed(text.expose()).ok_or_else(|| CredentialsError::NoSeed { origin: origin.clone() })?;
                with_key(&seed, nonce, &origin)
            }
            Self::Jwt { jwt, seed } => with_key(seed, nonce, "the user seed").map(|auth| with_jwt(auth, jwt)),
            Self::UserPassword { user, password } => {
                let mut auth = Auth::new();
                auth.username = Some(user.clone());
                auth.password = Some(password.expose().to_owned());
                Ok(auth)
            }
            Self::Token(token) => {
                let mut auth = Auth::new();
                auth.token = Some(token.expose().to_owned());
                Ok(auth)
            }
        }
    }
}

async fn read(path: &Path) -> Result<Secret, CredentialsError> {
    let failed = |source| CredentialsError::Read {
        path: path.to_owned(),
        source,
    };
    let path = path.to_owned();
    // Not `tokio::fs`: one small file does not earn the feature.
    let text = tokio::task::spawn_blocking({
        let path = path.clone();
        move || std::fs::read_to_string(path)
    });
    match text.await {
        Ok(text) => text.map(Secret::from).map_err(failed),
        Err(stopped) => Err(failed(io::Error::other(stopped))),
    }
}

fn with_key(seed: &Secret, nonce: &[u8], origin: &str) -> Result<Auth, CredentialsError> {
    let bad = || CredentialsError::BadSeed {
        origin: origin.to_owned(),
    };
    let key = KeyPair::from_seed(seed.expose().trim()).map_err(|_| bad())?;
    if key.key_pair_type() != KeyPairType::User {
        return Err(bad());
    }
    let mut auth = Auth::new();
    auth.nkey = Some(key.public_key());
    auth.signature = Some(key.sign(nonce).map_err(|_| bad())?);
    Ok(auth)
}

fn with_jwt(mut auth: Auth, jwt: &Secret) -> Auth {
    auth.jwt = Some(jwt.expose().to_owned());
    auth
}

fn parse_creds(text: &str, origin: &str) -> Result<(Secret, Secret), CredentialsError> {
    let jwt = between_markers(text, "NATS USER JWT").ok_or_else(|| CredentialsError::NoJwt {
        origin: origin.to_owned(),
    })?;
    let seed = between_markers(text, "USER NKEY SEED").ok_or_else(|| CredentialsError::NoSeed {
        origin: origin.to_owned(),
    })?;
    Ok((jwt, seed))
}

/// A seed file holds the bare seed, perhaps between markers, perhaps with comments around.
fn find_seed(text: &str) -> Option<Secret> {
    between_markers(text, "USER NKEY SEED").or_else(|| {
        text.lines()
            .map(str::trim)
            .find(|line| line.starts_with("SU"))
            .map(Secret::from)
    })
}

fn between_markers(text: &str, what: &str) -> Option<Secret> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with("---") && line.contains("BEGIN") && line.contains(what))?;
    lines
        .find(|line| !line.is_empty())
        .filter(|line| !line.starts_with("---"))
        .map(Secret::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creds(seed: &str) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\r\neyJ.a.b\r\n------END NATS USER JWT------\r\n\n\
             ********* IMPORTANT *********\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }

    #[tokio::test]
    async fn a_creds_text_gives_the_jwt_and_a_signature_of_the_nonce() {
        let key = KeyPair::new_user();
        let text = creds(&key.seed().expect("a fresh key has its seed"));
        let auth = Credentials::Text(Secret::from(text))
            .answer(b"nonce")
            .await
            .expect("well-formed credentials");
        assert_eq!(auth.jwt.as_deref(), Some("eyJ.a.b"));
        key.verify(b"nonce", &auth.signature.expect("a signature"))
            .expect("signed by the key in the text");
    }

    #[tokio::test]
    async fn each_mistake_is_named() {
        let account = KeyPair::new_account().seed().expect("a fresh key has its seed");
        let answer = async |text: &str| Credentials::Text(Secret::from(text)).answer(b"").await.err();
        assert!(matches!(answer("").await, Some(CredentialsError::NoJwt { .. })));
        let only_jwt = "-----BEGIN NATS USER JWT-----\neyJ\n------END NATS USER JWT------\n";
        assert!(matches!(answer(only_jwt).await, Some(CredentialsError::NoSeed { .. })));
        assert!(matches!(
            answer(&creds(&account)).await,
            Some(CredentialsError::BadSeed { .. })
        ));
        let missing = Credentials::File("/no/such.creds".into())
            .answer(b"")
            .await
            .err()
            .expect("no such file");
        assert_eq!(missing.to_string(), "cannot read the credentials file /no/such.creds");
    }

    #[test]
    fn a_seed_file_may_be_bare_or_decorated() {
        let seed = |text| find_seed(text).map(|seed| seed.expose().to_owned());
        assert_eq!(seed("# my key\n SUAAA \n").as_deref(), Some("SUAAA"));
        assert_eq!(
            seed("-----BEGIN USER NKEY SEED-----\nSUBBB\n---\n").as_deref(),
            Some("SUBBB")
        );
        assert_eq!(seed("nothing"), None);
    }
}
