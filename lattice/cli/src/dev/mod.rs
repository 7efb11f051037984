//! `lattice dev`: builds a component, runs it on the lattice, and does both again whenever its source changes.

// What is to be done.
mod cargo;
mod name;
mod plan;
mod recipe;

// From source to component to application.
mod build;
mod declare;
mod derive;
mod snapshot;
mod source;

// On the lattice.
mod ending;
mod release;

// What is told meanwhile.
mod concern;
mod host_log;
mod news;
mod say;
mod summary;

// All of it together.
mod interrupts;
mod run;

pub(crate) use interrupts::Interrupts;
pub(crate) use name::DevName;
pub(crate) use plan::{AtEnd, DevPlan, Origin, Wishes};
pub(crate) use recipe::Recipe;
pub(crate) use run::run;
