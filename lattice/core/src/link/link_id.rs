//! What identifies a link.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

use crate::id::{LatticeId, LinkLabel, Party, text_id};
use crate::interface::InterfacePattern;

text_id! {
    /// Identifies a link: who uses what under which label, but not whom or how, since those change from one generation to the
    /// next. Written `lnk:<lattice>/<source>/<interface>/<label>`, such as `lnk:default/actor/counter/wasi:keyvalue/store/default`.
    LinkId, "a link id", check_link_id
}

impl LinkId {
    /// Puts an id together.
    pub fn new(lattice: &LatticeId, source: &Party, interface: &InterfacePattern, label: &LinkLabel) -> Self {
        Self(format!("lnk:{lattice}/{source}/{interface}/{label}").into())
    }

    /// The key of the link in the links bucket: base32 of the SHA-256 of the id.
    pub fn link_key(&self) -> String {
        BASE32_NOPAD.encode(&Sha256::digest(self.0.as_bytes()))
    }

    /// Takes the id apart.
    pub fn parts(&self) -> LinkIdParts {
        take_apart(&self.0).expect("checked when it was made")
    }
}

/// A link id, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkIdParts {
    /// Where.
    pub lattice: LatticeId,
    /// Who.
    pub source: Party,
    /// What.
    pub interface: InterfacePattern,
    /// Under which label.
    pub label: LinkLabel,
}

fn check_link_id(text: &str) -> Result<(), &'static str> {
    take_apart(text)
        .map(drop)
        .ok_or("write lnk:<lattice>/<actor or provider>/<name>/<interface>/<label>")
}

fn take_apart(text: &str) -> Option<LinkIdParts> {
    let (lattice, rest) = text.strip_prefix("lnk:")?.split_once('/')?;
    let (kind, rest) = rest.split_once('/')?;
    let (name, rest) = rest.split_once('/')?;
    let (interface, label) = rest.rsplit_once('/')?;
    Some(LinkIdParts {
        lattice: lattice.parse().ok()?,
        source: format!("{kind}/{name}").parse().ok()?,
        interface: interface.parse().ok()?,
        label: label.parse().ok()?,
    })
}
