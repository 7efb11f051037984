//! Code for machines that do not compile: from what was typed to an artifact, and who signs it.

mod compiler;
mod material;
mod signing;

pub(crate) use compiler::compile;
pub(crate) use material::{Material, read};
pub(crate) use signing::{Signer, check};
