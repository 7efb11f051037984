//! Actors: one line each, over all the hosts they run on.

use std::collections::BTreeMap;

use anyhow::Result;
use lattice_control::{ActorState, ActorStatus, InventoryReply};
use lattice_core::{ActorName, MemberId};
use serde::Serialize;

use super::hosts::word;
use crate::output::{Column, Document, Table};
use crate::state_spec::DurabilityArg;

const COLUMNS: &[Column] = &[
    Column::always("NAME"),
    Column::always("STATE"),
    Column::always("REPLICAS"),
    Column::always("HOSTS"),
    Column::always("DIGEST"),
    Column::wide("DURABILITY"),
    Column::wide("IN FLIGHT"),
    Column::wide("SERVED"),
    Column::wide("FAILED"),
    Column::wide("IMAGE"),
];

/// An actor, wherever it runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActorView {
    /// Its name.
    pub(crate) name: ActorName,
    /// `ready` when it serves everywhere it runs, else the state that is furthest from it.
    pub(crate) state: ActorState,
    /// Replicas over all hosts.
    pub(crate) replicas: u32,
    /// Where it runs, by the name of the host.
    pub(crate) hosts: Vec<ActorOnHost>,
}

/// An actor on one host.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ActorOnHost {
    /// What people call the host.
    pub(crate) host: String,
    /// Its id.
    pub(crate) member: MemberId,
    /// What the host says of the actor.
    #[serde(flatten)]
    pub(crate) status: ActorStatus,
}

impl ActorView {
    /// Puts together what all hosts say.
    pub(crate) fn gather(inventories: &[InventoryReply]) -> Vec<Self> {
        let mut by_name: BTreeMap<ActorName, Vec<ActorOnHost>> = BTreeMap::new();
        for inventory in inventories {
            for status in &inventory.actors {
                by_name.entry(status.name().clone()).or_default().push(ActorOnHost {
                    host: inventory.summary.name.clone(),
                    member: inventory.summary.member.clone(),
                    status: status.clone(),
                });
            }
        }
        by_name
            .into_iter()
            .map(|(name, hosts)| Self::over(name, hosts))
            .collect()
    }

    fn over(name: ActorName, mut hosts: Vec<ActorOnHost>) -> Self {
        hosts.sort_by(|a, b| (&a.host, &a.member).cmp(&(&b.host, &b.member)));
        let state = hosts
            .iter()
            .map(|on| on.status.state)
            .find(|state| *state != ActorState::Ready);
        let replicas = hosts.iter().map(|on| on.status.replicas).sum();
        Self {
            name,
            state: state.unwrap_or(ActorState::Ready),
            replicas,
            hosts,
        }
    }

    /// `cloud×2, edge`.
    pub(crate) fn placement(&self) -> String {
        let on = |on: &ActorOnHost| match on.status.replicas {
            1 => on.host.clone(),
            replicas => format!("{}×{replicas}", on.host),
        };
        self.hosts.iter().map(on).collect::<Vec<_>>().join(", ")
    }

    /// When its state is stored, where somebody said so.
    fn durability(&self) -> String {
        let states = self.hosts.iter().filter_map(|on| on.status.spec.kind.stateful());
        let mut texts: Vec<String> = states
            .map(|state| DurabilityArg(state.durability).to_string())
            .collect();
        texts.dedup();
        texts.join(", ")
    }

    /// The digests it runs as, `sha256:` left out: more than one only while something changes.
    fn digests(&self) -> String {
        let mut digests: Vec<String> = self.hosts.iter().map(|on| on.status.digest().short()).collect();
        digests.dedup();
        digests.join(", ")
    }
}

/// Shows actors by name.
pub(crate) fn actors(views: &[ActorView]) -> Result<Document> {
    let mut table = Table::new(COLUMNS);
    for view in views {
        let sum = |of: fn(&ActorStatus) -> u64| view.hosts.iter().map(|on| of(&on.status)).sum::<u64>().to_string();
        table.row([
            view.name.to_string(),
            word(&view.state),
            view.replicas.to_string(),
            view.placement(),
            view.digests(),
            view.durability(),
            sum(|status| status.in_flight),
            sum(|status| status.served),
            sum(|status| status.failed),
            view.hosts
                .first()
                .map(|on| on.status.spec.image.clone())
                .unwrap_or_default(),
        ]);
    }
    let names = views.iter().map(|view| format!("actor/{}", view.name)).collect();
    Document::list(
        "ActorList",
        views,
        table,
        names,
        "no actors: start one with `lattice start actor NAME FILE`",
    )
}
