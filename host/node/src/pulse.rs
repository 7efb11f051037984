//! Feeling whether a host works.

use std::sync::Weak;

use crate::shared::Shared;

/// Feels whether a host works. Does not keep it.
#[derive(Clone)]
pub struct Pulse(Weak<Shared>);

/// What was felt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// Actors that this host runs.
    pub actors: usize,
    /// Calls that are under way in them.
    pub calls: usize,
}

impl Pulse {
    pub(crate) fn of(shared: Weak<Shared>) -> Self {
        Self(shared)
    }

    /// Walks the tables that every call and command goes through; does not return while one of them is stuck. None when the host has
    /// ended.
    pub fn take(&self) -> Option<Vitals> {
        let shared = self.0.upgrade()?;
        let _ = (shared.providers.statuses(), shared.member.links().current());
        let _ = shared.member.directory().get(shared.member.id());
        Some(Vitals {
            actors: shared.actors.statuses().len(),
            calls: shared.actors.in_flight(),
        })
    }
}
