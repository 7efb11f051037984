//! One stateful actor: whose it is, and what is stored of it.

use anyhow::Result;
use lattice_control::{KeyedFound, MemberSummary};
use lattice_core::{KeyedActor, MemberId, UnixSeconds};
use serde::Serialize;

use super::{hosts::word, remaining};
use crate::output::Document;

/// Whether a stateful actor is in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyedLife {
    /// On its host.
    Awake,
    /// Stored only; its next call wakes it.
    AtRest,
    /// Its host does not say.
    Unknown,
}

/// A stateful actor.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KeyedView {
    actor: KeyedActor,
    state: KeyedLife,
    /// The name of the host that has it, if that answers.
    host: Option<String>,
    owner: Option<MemberId>,
    epoch: u64,
    stored: u64,
    next_reminder_ms: Option<u64>,
    messages_under_way: u64,
}

impl KeyedView {
    /// Puts together what its record says and what its host does, as far as that answers.
    pub(crate) fn new(actor: &KeyedActor, found: &KeyedFound, host: Option<&MemberSummary>, state: KeyedLife) -> Self {
        Self {
            actor: actor.clone(),
            state,
            host: host.map(|host| host.name.clone()),
            owner: found.owner.clone(),
            epoch: found.epoch,
            stored: found.version,
            next_reminder_ms: found.reminder_ms,
            messages_under_way: found.letters,
        }
    }

    fn owner(&self) -> String {
        match (&self.host, &self.owner) {
            (Some(host), _) => host.clone(),
            (None, Some(owner)) => format!("{owner}, which does not answer: the next call wakes it elsewhere"),
            (None, None) => "none: the next call wakes it somewhere".to_owned(),
        }
    }

    /// `2027-01-15T08:04:12Z, in 4m12s`.
    fn reminder(&self, now: UnixSeconds) -> String {
        match self.next_reminder_ms.map(|due| UnixSeconds::new(due / 1000)) {
            None => "none".to_owned(),
            Some(due) if due <= now => format!("{due}, due now"),
            Some(due) => format!("{due}, in {}", remaining(due, now)),
        }
    }
}

/// Shows a stateful actor.
pub(crate) fn keyed(view: &KeyedView, now: UnixSeconds) -> Result<Document> {
    let stored = match view.stored {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let lines = [
        ("state", word(&view.state)),
        ("host", view.owner()),
        ("epoch", view.epoch.to_string()),
        ("stored", stored),
        ("next reminder", view.reminder(now)),
        ("messages under way", view.messages_under_way.to_string()),
    ];
    let mut text = format!("actor/{}\n", view.actor);
    for (what, value) in lines {
        text.push_str(&format!("  {what:<20}{value}\n"));
    }
    Document::single("StatefulActor", format!("actor/{}", view.actor), view, text)
}
