//! What the tests of providers share: links that need no trust root, the checks that every key-value store must pass, and a whole
//! small lattice with its trust root for what crosses it.

pub mod conformance;
pub mod lattice;

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_capability::CallContext;
use lattice_core::{ActiveLink, InvocationId, LatticeId, LinkClaims, LinkLabel, Party, UnixSeconds};

use crate::LinkBinding;

/// An issuer that nobody has the seed of.
const ISSUER: &str = "AA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCS47C";

/// Makes a link as a host would hand it to a provider, without a token behind it. `source` and `target` are written
/// `actor/name` or `provider/name`.
///
/// # Panics
///
/// When a part is not what it should be.
#[must_use]
pub fn binding(source: &str, interface: &str, target: &str, config: &[(&str, &str)]) -> LinkBinding {
    labelled(source, interface, target, "default", config)
}

/// As [`binding`], under a label of its own.
///
/// # Panics
///
/// When a part is not what it should be.
#[must_use]
pub fn labelled(source: &str, interface: &str, target: &str, label: &str, config: &[(&str, &str)]) -> LinkBinding {
    let lattice: LatticeId = "test".parse().expect("a lattice id");
    let party = |text: &str| text.parse::<Party>().expect("a party");
    let mut claims = LinkClaims::new(party(source), interface.parse().expect("an interface"), party(target));
    claims.label = label.parse::<LinkLabel>().expect("a label");
    let link = ActiveLink {
        id: claims.id(&lattice),
        claims,
        issuer: ISSUER.parse().expect("an issuer"),
        token_id: "test".to_owned(),
        issued_at: UnixSeconds::new(0),
        expires_at: UnixSeconds::MAX,
        token: Arc::from(""),
    };
    let config = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    LinkBinding {
        link: Arc::new(link),
        config,
    }
}

/// Makes the context of a call over the link, with half a minute to go.
#[must_use]
pub fn context(binding: &LinkBinding) -> CallContext {
    CallContext {
        deadline: Instant::now() + Duration::from_secs(30),
        source: binding.link.source.clone(),
        link: binding.link.id.clone(),
        invocation: InvocationId::from_parts(0, [0; 10]),
        trace: None,
    }
}
