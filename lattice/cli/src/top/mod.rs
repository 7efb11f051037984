//! `lattice top`: the lattice on a terminal, live.
//!
//! What is shown ([`model`], [`rows`]) is decided apart from how it is drawn ([`draw`], [`plain`]); [`run`] joins the two.

mod act;
mod draw;
#[cfg(test)]
mod golden;
mod keys;
mod layout;
mod model;
mod numbers;
mod plain;
mod rows;
mod run;
mod screen;
mod table;

pub(crate) use plain::plain;
pub(crate) use run::run;
