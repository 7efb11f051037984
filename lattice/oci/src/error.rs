//! What can go wrong between here and a registry.

use std::error::Error as StdError;

use lattice_core::Digest;
use oci_client::errors::{OciDistributionError, OciErrorCode};

use crate::reference::ImageRef;
use crate::wasm::Flaw;

/// Why an image cannot be had, or not be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// The registry does not have it.
    #[error("the registry has no image {image}")]
    NotFound {
        /// What was asked for.
        image: String,
    },
    /// The registry wants to know who we are, or knows and refuses.
    #[error("the registry {registry} does not let us at {image}")]
    Unauthorised {
        /// Which registry.
        registry: String,
        /// What was asked for.
        image: String,
    },
    /// Nobody answers there.
    #[error("the registry {registry} cannot be reached: {why}")]
    Unreachable {
        /// Which registry.
        registry: String,
        /// What the network said, to the bottom of it.
        why: String,
    },
    /// It holds something else.
    #[error("{image} is no WebAssembly component: {why}")]
    NotWasm {
        /// What was asked for.
        image: String,
        /// What it is.
        why: String,
    },
    /// It holds a core module.
    #[error("{image} is a core WebAssembly module, not a component")]
    Module {
        /// What was asked for.
        image: String,
    },
    /// It is larger than the reader takes.
    #[error("{what} of {image} has {bytes} bytes, {max} are the most")]
    TooLarge {
        /// Which part of the image.
        what: &'static str,
        /// What was asked for.
        image: String,
        /// How many bytes it has, or had when we stopped.
        bytes: u64,
        /// How many would do.
        max: u64,
    },
    /// The bytes are not those that were named.
    #[error("the registry sent something else as {asked} of {image}")]
    WrongDigest {
        /// What was asked for.
        image: String,
        /// Which part of it.
        asked: Digest,
    },
    /// Its manifest makes no sense.
    #[error("the manifest of {image} cannot be used: {why}")]
    Malformed {
        /// What was asked for.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// The registry failed, or does not keep to the specification.
    #[error("the registry {registry} failed: {why}")]
    Registry {
        /// Which registry.
        registry: String,
        /// What it said.
        why: String,
    },
    /// Docker's config cannot be used.
    #[error("the credentials for {registry} cannot be used: {why}")]
    Credentials {
        /// For which registry.
        registry: String,
        /// What is wrong with them.
        why: String,
    },
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OciErrorKind {
    /// It is not there.
    NotFound,
    /// We may not.
    Denied,
    /// Nobody answers; another time it may work.
    Unreachable,
    /// It is there, and no good.
    Unusable,
}

impl OciError {
    /// What sort of failure it is.
    pub fn kind(&self) -> OciErrorKind {
        match self {
            Self::NotFound { .. } => OciErrorKind::NotFound,
            Self::Unauthorised { .. } | Self::Credentials { .. } => OciErrorKind::Denied,
            Self::Unreachable { .. } | Self::Registry { .. } => OciErrorKind::Unreachable,
            Self::NotWasm { .. }
            | Self::Module { .. }
            | Self::TooLarge { .. }
            | Self::WrongDigest { .. }
            | Self::Malformed { .. } => OciErrorKind::Unusable,
        }
    }

    /// What might help.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "is the name right, and the tag? registries also say so of what you may not see: `docker login`"
            }
            Self::Unauthorised { .. } => {
                "log in with `docker login`, `skopeo login` or whatever else writes Docker's config.json"
            }
            Self::Unreachable { .. } => {
                "is the address right? plain HTTP is spoken only to this machine, and to those named with --insecure-registry"
            }
            Self::NotWasm { .. } => "push one with `lattice push FILE IMAGE`",
            Self::Module { .. } => {
                "make a component of it: `wasm-tools component new`, or build for the target wasm32-wasip2"
            }
            Self::TooLarge { .. } => "a component that large is hardly meant",
            Self::WrongDigest { .. } => "the registry, or something before it, is damaged or lies",
            Self::Malformed { .. } => {
                "was it pushed by a tool for WebAssembly, such as `lattice push`, `wkg` or `wash`?"
            }
            Self::Registry { .. } => "its log may say more",
            Self::Credentials { .. } => "look at Docker's config.json, or log in again",
        }
    }

    pub(crate) fn flawed(image: &ImageRef, flaw: Flaw) -> Self {
        let not_wasm = |why: &str| Self::NotWasm {
            image: image.to_string(),
            why: why.to_owned(),
        };
        match flaw {
            Flaw::Module => Self::Module {
                image: image.to_string(),
            },
            Flaw::UnknownVersion => not_wasm("it is WebAssembly of a kind that is not known here"),
            Flaw::Archive => not_wasm("its layer is an archive of files, as images of containers have"),
            Flaw::NotWasm => not_wasm("its layer is not WebAssembly at all"),
        }
    }

    /// Sorts what the client library says.
    pub(crate) fn of(image: &ImageRef, error: &OciDistributionError) -> Self {
        let registry = || image.registry().to_owned();
        let denied = || Self::Unauthorised {
            registry: registry(),
            image: image.to_string(),
        };
        let missing = || Self::NotFound {
            image: image.to_string(),
        };
        let failed = |why: String| Self::Registry {
            registry: registry(),
            why,
        };
        let by_status = |status: u16, why: String| match status {
            401 | 403 => denied(),
            404 => missing(),
            _ => failed(why),
        };
        match error {
            OciDistributionError::RequestError(error) => match error.status() {
                Some(status) => by_status(status.as_u16(), format!("it answers {status}")),
                None if error.is_decode() || error.is_body() && !error.is_timeout() => failed(chain(error)),
                None => Self::Unreachable {
                    registry: registry(),
                    why: chain(error),
                },
            },
            OciDistributionError::IoError(error) => Self::Unreachable {
                registry: registry(),
                why: chain(error),
            },
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => denied(),
            OciDistributionError::ImageManifestNotFoundError(_) => missing(),
            OciDistributionError::ServerError { code, message, .. } => {
                by_status(*code, format!("it answers {code}: {}", brief(message)))
            }
            OciDistributionError::RegistryError { envelope, .. } => {
                let codes = || envelope.errors.iter().map(|error| &error.code);
                if codes().any(|code| matches!(code, OciErrorCode::Unauthorized | OciErrorCode::Denied)) {
                    denied()
                } else if codes().any(is_missing) {
                    missing()
                } else {
                    failed(brief(&envelope.to_string()))
                }
            }
            other => failed(brief(&other.to_string())),
        }
    }
}

fn is_missing(code: &OciErrorCode) -> bool {
    matches!(
        code,
        OciErrorCode::ManifestUnknown
            | OciErrorCode::NameUnknown
            | OciErrorCode::NotFound
            | OciErrorCode::BlobUnknown
            | OciErrorCode::ManifestBlobUnknown
    )
}

/// What a registry says may be a page of HTML, or worse.
fn brief(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(200).collect::<String>().trim().to_owned()
}

/// An error and its causes. The client library's own words for a refused connection are only "error sending request".
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    brief(&text)
}
