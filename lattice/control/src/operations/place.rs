//! Placing an actor's replicas over the hosts of a lattice.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use lattice_core::{
    ActorSpec, HostId, Labels, MemberId, Party,
    presence::{MemberKind, MemberState},
};
use serde::Serialize;

use super::{Action, Placement, Tell, plan::plan};
use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
    spread::{Candidate, spread},
    verbs::{ActorScale, ActorStart, ActorStop, InventoryReply, MemberSummary},
};

/// Asks for this many replicas of an actor over the hosts that match a selector, and for none elsewhere.
#[derive(Clone, Debug)]
pub struct Place {
    /// What to run.
    pub spec: ActorSpec,
    /// How many replicas in all.
    pub replicas: u32,
    /// Labels a host must have, beside those the actor itself asks for.
    pub selector: Labels,
    /// How long replicas that are taken away may finish what they are doing.
    pub drain: Duration,
    /// How long each host may take.
    pub within: Duration,
}

/// Where the replicas are now.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Placed {
    /// Hosts with replicas, by name.
    pub placements: Vec<Placement>,
    /// Whether anything had to be done.
    pub changed: bool,
}

impl ControlClient {
    /// Places an actor: more replicas first, and those ready and known to everybody, before any are taken away.
    ///
    /// # Errors
    /// `NotFound` when no host matches. Those of the hosts: the message says what was done on the others.
    pub async fn place(&self, request: &Place, tell: Tell<'_>) -> Result<Placed, ControlError> {
        let inventories = self.inventories().await?;
        let hosts = Hosts::of(&inventories);
        let (now, wanted) = hosts.decide(request)?;
        let actions = plan(&now, &wanted);
        let (grow, shrink): (Vec<_>, Vec<_>) = actions.iter().partition(|action| action.grows(&now));

        let mut done = self.act(request, &hosts, &grow, tell).await?;
        if !shrink.is_empty() {
            let members: Vec<MemberSummary> = inventories.iter().map(|inventory| inventory.summary.clone()).collect();
            let party = Party::Actor(request.spec.name.clone());
            for action in grow.iter().filter(|action| matches!(action, Action::Start(..))) {
                self.wait_until_seen(&members, &party, &action.host().into()).await?;
            }
            done.extend(self.act(request, &hosts, &shrink, tell).await?);
        }

        let mut placements: Vec<Placement> = wanted
            .iter()
            .filter(|(_, replicas)| *replicas > 0)
            .map(|(host, replicas)| Placement::on(hosts.summary(host), *replicas))
            .collect();
        placements.sort_by(|a, b| (&a.host, &a.member).cmp(&(&b.host, &b.member)));
        Ok(Placed {
            placements,
            changed: !done.is_empty(),
        })
    }

    /// Does all of these at once. When one fails, the error says which others were done.
    async fn act(
        &self,
        request: &Place,
        hosts: &Hosts<'_>,
        actions: &[&Action],
        tell: Tell<'_>,
    ) -> Result<Vec<String>, ControlError> {
        let acting = actions.iter().map(|action| async move {
            let host = hosts.summary(action.host());
            self.act_on(request, host, action, tell)
                .await
                .map_err(|error| (host.name.clone(), error))
        });
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for outcome in join_all(acting).await {
            match outcome {
                Ok(what) => done.push(what),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() {
            return Ok(done);
        }
        let told: Vec<String> = failed.iter().map(|(host, error)| format!("{host}: {error}")).collect();
        let also = if done.is_empty() {
            String::new()
        } else {
            format!("; done: {}", done.join(", "))
        };
        let (_, first) = failed.swap_remove(0);
        Err(ControlError {
            message: format!("{}{also}", told.join("; ")),
            ..first
        })
    }

    async fn act_on(
        &self,
        request: &Place,
        host: &MemberSummary,
        action: &Action,
        tell: Tell<'_>,
    ) -> Result<String, ControlError> {
        let actor = request.spec.name.clone();
        let (within, name) = (request.within, host.name.as_str());
        let told = |progress| tell(name, progress);
        match action {
            Action::Start(_, replicas) => {
                let start = ActorStart::new(request.spec.clone(), *replicas);
                self.send(host, &start, within, told).await?;
                Ok(format!("started on {name}"))
            }
            Action::Scale(_, replicas) => {
                let scale = ActorScale {
                    actor,
                    replicas: *replicas,
                };
                self.send(host, &scale, within, told).await?;
                Ok(format!("scaled on {name}"))
            }
            Action::Stop(_) => {
                let drain_ms = u64::try_from(request.drain.as_millis()).unwrap_or(u64::MAX);
                self.send(host, &ActorStop { actor, drain_ms }, within + request.drain, told)
                    .await?;
                Ok(format!("stopped on {name}"))
            }
        }
    }
}

impl ControlClient {
    /// How many replicas of this very actor run, by host.
    ///
    /// # Errors
    /// `Conflict` when another by its name, or with other settings, runs anywhere. When the question cannot be sent.
    pub async fn replicas_of(&self, spec: &ActorSpec) -> Result<BTreeMap<MemberId, u32>, ControlError> {
        let inventories = self.inventories().await?;
        let mut replicas = BTreeMap::new();
        for inventory in &inventories {
            for actor in inventory.actors.iter().filter(|actor| *actor.name() == spec.name) {
                check_same(spec, inventory, &actor.spec)?;
                replicas.insert(inventory.summary.member.clone(), actor.replicas);
            }
        }
        Ok(replicas)
    }
}

/// The hosts that can take replicas, or have some.
struct Hosts<'a> {
    by_id: BTreeMap<HostId, &'a InventoryReply>,
}

impl<'a> Hosts<'a> {
    fn of(inventories: &'a [InventoryReply]) -> Self {
        let hosts = inventories
            .iter()
            .filter(|inventory| inventory.summary.kind == MemberKind::Host);
        Self {
            by_id: hosts
                .filter_map(|host| Some((host.summary.member.as_host()?, host)))
                .collect(),
        }
    }

    fn summary(&self, host: &HostId) -> &MemberSummary {
        &self.by_id[host].summary
    }

    /// Where replicas are, and where they shall be. A host that drains takes none, and loses those it has.
    fn decide(&self, request: &Place) -> Result<Decision, ControlError> {
        let mut now = BTreeMap::new();
        let mut candidates = Vec::new();
        for (id, inventory) in &self.by_id {
            let here = inventory.actors.iter().find(|actor| *actor.name() == request.spec.name);
            if let Some(actor) = here {
                check_same(&request.spec, inventory, &actor.spec)?;
                now.insert(id.clone(), actor.replicas);
            }
            if inventory.summary.state == MemberState::Ready {
                candidates.push(Candidate {
                    host: id.clone(),
                    labels: inventory.summary.labels.clone(),
                    weight: 1,
                    current: here.map_or(0, |actor| actor.replicas),
                    busy: inventory.actors.iter().map(|actor| actor.replicas).sum(),
                });
            }
        }
        let mut selector = request.spec.placement.clone();
        for (key, value) in request.selector.iter() {
            selector
                .insert(key, value)
                .map_err(|error| ControlError::invalid(error.to_string()))?;
        }
        let wanted = spread(request.replicas, &candidates, &selector).map_err(|none| {
            ControlError::new(ErrorKind::NotFound, none.to_string())
                .with_help("`lattice get hosts` shows the hosts and their labels")
        })?;
        Ok((now, wanted))
    }
}

/// Replicas of one actor are all the same: one that differs is not scaled along, nor quietly kept.
fn check_same(wanted: &ActorSpec, inventory: &InventoryReply, there: &ActorSpec) -> Result<(), ControlError> {
    if there.is_same(wanted) {
        return Ok(());
    }
    let ActorSpec { name, digest, .. } = wanted;
    let what = if there.digest == *digest {
        "with other settings".to_owned()
    } else {
        format!(
            "as another component ({}, not {})",
            there.digest.short(),
            digest.short()
        )
    };
    let message = format!("`{name}` runs on {} {what}", inventory.summary.name);
    Err(ControlError::new(ErrorKind::Conflict, message).with_help(format!(
        "stop it first: `lattice stop actor {name}`; or start what you mean under another name"
    )))
}

type Decision = (BTreeMap<HostId, u32>, Vec<(HostId, u32)>);
