//! Making a machine a host: what `lattice host` does on either side.
//!
//! Where the issuer's key is, [`waiting`] meets the machine that was invited and [`admission`] signs what it needs. On the machine,
//! [`applying`] asks, [`layout`] says where what came goes, [`enrolled`] puts it there. [`installing`] is for machines without our
//! package.

pub(crate) mod admission;
pub(crate) mod applying;
pub(crate) mod chance;
pub(crate) mod enrolled;
pub(crate) mod installing;
pub(crate) mod invitation_file;
pub(crate) mod layout;
pub(crate) mod waiting;
