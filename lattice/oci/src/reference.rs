//! Names of images.

use std::fmt;
use std::str::FromStr;

use lattice_core::Digest;
use oci_client::Reference;
use serde::{Deserialize, Serialize};

/// The tag that is meant when none is named.
const DEFAULT_TAG: &str = "latest";

/// An image in a registry: `registry.example/shop/web:1.2.0`, or `…@sha256:…` for one that cannot change.
///
/// The registry is always named: what an image without one means would depend on the machine.
///
/// ```
/// # use lattice_oci::ImageRef;
/// let image: ImageRef = "127.0.0.1:5000/shop/web:1.2.0".parse()?;
/// assert_eq!((image.registry(), image.repository(), image.tag()), ("127.0.0.1:5000", "shop/web", Some("1.2.0")));
/// assert!(image.is_loopback() && image.digest().is_none());
/// # Ok::<(), lattice_oci::BadReference>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no image: {why}")]
pub struct BadReference {
    text: String,
    why: String,
}

impl ImageRef {
    /// The registry: a host, with its port if it is not the usual one.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is named.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of its manifest, if it is named.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same image, as it is now and for ever.
    #[must_use]
    pub fn pinned(&self, manifest: Digest) -> Self {
        Self {
            digest: Some(manifest),
            ..self.clone()
        }
    }

    /// Whether a text has the looks of an image: its first part names a machine. Says nothing about whether it is well-formed.
    pub fn looks_like(text: &str) -> bool {
        let text = text.strip_prefix("oci://").unwrap_or(text);
        text.split_once('/')
            .is_some_and(|(registry, rest)| names_machine(registry) && !rest.is_empty())
    }

    /// Whether the registry is on this very machine, where plain HTTP hides nothing from anybody.
    pub fn is_loopback(&self) -> bool {
        let host = self
            .registry
            .rsplit_once(':')
            .map_or(self.registry.as_str(), |(host, _)| host);
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The form that the client library takes: by digest if there is one, else by tag.
    pub(crate) fn reference(&self) -> Reference {
        match &self.digest {
            Some(digest) => self.at_digest(digest),
            None => self.at_tag(self.tag().unwrap_or(DEFAULT_TAG)),
        }
    }

    pub(crate) fn at_digest(&self, digest: &Digest) -> Reference {
        Reference::with_digest(self.registry.clone(), self.repository.clone(), digest.to_string())
    }

    pub(crate) fn at_tag(&self, tag: &str) -> Reference {
        Reference::with_tag(self.registry.clone(), self.repository.clone(), tag.to_owned())
    }
}

fn names_machine(part: &str) -> bool {
    !part.starts_with('.') && (part.contains(['.', ':']) || part == "localhost")
}

impl FromStr for ImageRef {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: String| BadReference {
            text: text.chars().take(300).collect(),
            why,
        };
        let plain = text.strip_prefix("oci://").unwrap_or(text);
        if !Self::looks_like(plain) {
            return Err(refuse(
                "it names no registry; write registry.example/shop/web:1.2.0".to_owned(),
            ));
        }
        // The library says no more than that the format is wrong.
        if repository_of(plain).contains(|c: char| c.is_ascii_uppercase()) {
            return Err(refuse("the name of an image is in lower case".to_owned()));
        }
        let parsed: Reference = plain
            .parse()
            .map_err(|error: oci_client::ParseError| refuse(error.to_string()))?;
        let digest = parsed.digest().map(str::parse::<Digest>).transpose();
        Ok(Self {
            registry: parsed.registry().to_owned(),
            repository: parsed.repository().to_owned(),
            // The library fills in `latest`, also beside a digest; what was not said is not shown.
            tag: parsed.tag().filter(|tag| says_tag(plain, tag)).map(str::to_owned),
            digest: digest.map_err(|error| refuse(error.to_string()))?,
        })
    }
}

/// What stands between the registry and the tag or digest.
fn repository_of(text: &str) -> &str {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    let repository = name.split_once('/').map_or(name, |(_, repository)| repository);
    let last = repository.rfind('/').map_or(0, |slash| slash + 1);
    match repository[last..].find(':') {
        Some(colon) => &repository[..last + colon],
        None => repository,
    }
}

/// Whether the tag stands in the text.
fn says_tag(text: &str, tag: &str) -> bool {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    name.strip_suffix(tag).is_some_and(|rest| rest.ends_with(':'))
}

impl TryFrom<String> for ImageRef {
    type Error = BadReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> String {
        image.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[test]
    fn references_are_read_and_written_alike() {
        let digest = format!("ghcr.io/shop/web@{DIGEST}");
        let both = format!("localhost:5000/web:1.0@{DIGEST}");
        for text in [
            "ghcr.io/shop/web:1.0",
            "127.0.0.1:5000/web",
            "localhost/a/b/c:x_y.z-1",
            &digest,
            &both,
        ] {
            let image: ImageRef = text.parse().expect(text);
            assert_eq!(image.to_string(), text);
        }
        let prefixed: ImageRef = "oci://ghcr.io/shop/web:1.0".parse().expect("a reference");
        assert_eq!(prefixed.to_string(), "ghcr.io/shop/web:1.0");
    }

    #[test]
    fn what_is_no_image_is_refused_with_a_reason() {
        let check = |text: &str, why: &str| {
            let error = text.parse::<ImageRef>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        };
        check("web:1.0", "names no registry");
        check("shop/web:1.0", "names no registry");
        check("./web.wasm", "names no registry");
        check("ghcr.io/Shop/web", "lower case");
        check("ghcr.io/shop/web:", "invalid");
        check("ghcr.io/shop/web@sha256:ab", "invalid");
        check(&format!("ghcr.io/shop/web@{}", DIGEST.to_uppercase()), "");
        check(&format!("ghcr.io/shop/web@sha512:{}", "a".repeat(128)), "sha256");
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let check = |text: &str, expect: bool| {
            assert_eq!(text.parse::<ImageRef>().expect(text).is_loopback(), expect, "{text}");
        };
        check("localhost/a:1", true);
        check("localhost:5000/a:1", true);
        check("127.0.0.1:5000/a:1", true);
        check("127.9.9.9/a:1", true);
        check("registry.localhost:5000/a:1", true);
        check("127.0.0.1.example.com/a:1", false);
        check("notlocalhost:5000/a:1", false);
        check("10.0.0.1:5000/a:1", false);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            if let Ok(image) = text.parse::<ImageRef>() {
                prop_assert_eq!(image.to_string().parse::<ImageRef>(), Ok(image));
            }
        }
    }
}
