//! Machine code that was compiled elsewhere: what it was made for, the file it travels in, and what its signature says.
//!
//! Loading machine code is running it, so the types keep the steps apart: an [`Artifact`] is bytes of the right form and proves
//! nothing; [`verify_code`](crate::token::verify_code) makes a [`VerifiedCode`](crate::token::VerifiedCode) of what an issuer with
//! the role `aot` has signed, and an engine takes nothing else.

mod artifact;
mod target;

pub use artifact::{Artifact, ArtifactError, Statement, is_artifact};
pub use target::{CodeArch, CodeShape, CodeTarget, UnknownTarget};
