//! Signed tokens: compact JWTs whose header is exactly `{"typ":"JWT","alg":"ed25519-nkey"}`, at most 8 KiB.
//!
//! A token is read in three steps, and the types keep them apart: [`Unverified`] is text that has the right form and proves
//! nothing; [`Verified`] was signed by the issuer it names; whether that issuer may say such a thing is for
//! [`crate::Trust`] to decide. The signature is checked over the bytes that arrived; nothing is ever encoded again to check it.
//!
//! ```
//! use std::time::Duration;
//! use lattice_core::token::{self, Draft, HostGrant, Unverified, Validity};
//! use lattice_core::{HostId, UnixSeconds};
//!
//! let issuer = nkeys::KeyPair::new_account();
//! let host: HostId = nkeys::KeyPair::new_server().public_key().parse()?;
//! let token = token::sign(&issuer, &Draft {
//!     subject: host.to_string(),
//!     lattice: "default".parse()?,
//!     validity: Validity::lasting(UnixSeconds::new(1_763_804_820), Duration::from_secs(3600)),
//!     body: HostGrant { labels: "zone=eu".parse()?, ..HostGrant::default() },
//! })?;
//! let verified = Unverified::parse(&token)?.verify::<HostGrant>()?;
//! assert_eq!(verified.claims().subject, host.as_str());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aot;
mod claims;
mod command;
mod compact;
mod image;
mod member;
pub mod nats;
mod tagged;
mod unverified;

pub use aot::{AOT_LIFETIME, AotClaims, CodeFlavor, VerifiedCode, verify_code};
pub use claims::{Body, Claims, Draft, IssuerKey, SignError, Validity, sign};
pub use command::{COMMAND_LIFETIME, COMMAND_LIFETIME_MAX};
pub use command::{CommandClaims, CommandTarget, ReplayGuard, Replayed, VerifiedCommand, verify_command};
pub use compact::TOKEN_BYTES_MAX;
pub use image::{
    IMAGE_LIFETIME, IMAGE_TOKENS_MAX, ImageClaims, ImageRefusal, ImageTokens, VerifiedImage, verify_any_image,
    verify_image,
};
pub use member::{HostGrant, MEMBER_LIFETIME, ProviderGrant, VerifiedMember, verify_member};
pub use unverified::{Head, TokenError, Unverified, Verified};
