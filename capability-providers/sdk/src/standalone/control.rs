//! What a provider by itself answers to the control interface: who it is, what it runs, which links it holds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lattice_control::{
    Check, ControlError, Doctor, DoctorReport, Handler, Inventory, InventoryReply, LinkStatus, Links, LinksReply,
    MemberSummary, Ping, Placements, PlacementsReply, ProviderState, ProviderStatus, RefusedLink, Traces, TracesReply,
    Traffic, TrafficReply,
};
use lattice_core::presence::{MemberKind, MemberState, Scheduling};
use lattice_core::{ActiveLink, LinkId, ProviderSpec};
use lattice_mesh::Member;
use lattice_telemetry::{Instruments, Recent};

use super::links::Bindings;
use crate::{Health, Provider};

/// How long an asker after one link waits for the provider to take it up or refuse it.
const DECISION: Duration = Duration::from_secs(2);
/// Longest wait for a provider to say how it is.
const HEALTH: Duration = Duration::from_secs(5);

/// What a provider keeps for those who look.
pub(super) struct Told {
    pub(super) recent: Recent,
    pub(super) instruments: Instruments,
}

pub(super) struct ProviderControl {
    member: Arc<Member>,
    provider: Arc<dyn Provider>,
    spec: ProviderSpec,
    bound: Bindings,
    told: Told,
}

impl ProviderControl {
    pub(super) fn new(
        member: Arc<Member>,
        provider: Arc<dyn Provider>,
        spec: ProviderSpec,
        bound: Bindings,
        told: Told,
    ) -> Self {
        Self {
            member,
            provider,
            spec,
            bound,
            told,
        }
    }

    fn summary(&self) -> MemberSummary {
        let directory = self.member.directory();
        let me = directory.get(self.member.id());
        let presence = me.as_ref().map(|me| &me.presence);
        MemberSummary {
            scheduling: Scheduling::default(),
            member: self.member.id().clone(),
            incarnation: self.member.incarnation(),
            name: self.spec.name.to_string(),
            kind: MemberKind::Provider,
            state: presence.map_or(MemberState::Starting, |presence| presence.state),
            labels: me
                .as_ref()
                .map(|me| me.token.effective_labels(&me.presence.labels))
                .unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: String::new(),
            started_at: presence.map(|presence| presence.started_at).unwrap_or_default(),
            actors: 0,
            providers: 1,
            sees: directory.members().iter().map(|member| member.id().clone()).collect(),
            token: me.as_ref().map(|me| me.token.token.to_string()).unwrap_or_default(),
        }
    }

    async fn health(&self) -> Health {
        tokio::time::timeout(HEALTH, self.provider.health())
            .await
            .unwrap_or_else(|_| Health::Unhealthy("it does not say how it is".to_owned()))
    }

    async fn status(&self) -> ProviderStatus {
        let unwell = match self.health().await {
            Health::Healthy => None,
            Health::Degraded(why) | Health::Unhealthy(why) => Some(why),
        };
        let bound = self.bound.borrow().clone();
        let problems = bound
            .iter()
            .filter_map(|(link, bound)| Some(format!("link {link}: {}", bound.problem.as_ref()?)));
        let details: Vec<String> = unwell.into_iter().chain(problems).collect();
        ProviderStatus {
            spec: self.spec.without_values(),
            state: if details.is_empty() {
                ProviderState::Ready
            } else {
                ProviderState::Degraded
            },
            detail: (!details.is_empty()).then(|| details.join("; ")),
            endpoints: self.provider.endpoints(),
            links: bound
                .values()
                .filter(|bound| bound.problem.is_none())
                .count()
                .try_into()
                .unwrap_or(u32::MAX),
        }
    }

    /// Waits until the provider has taken up this generation of the link, or said why not, if it is one of its links.
    async fn decided(&self, link: &ActiveLink) {
        let name = Some(&self.spec.name);
        if link.source.as_provider() == name || link.target.as_provider() == name {
            let is_decided = |bound: &crate::bindings::Bound| bound.generation >= link.generation;
            let mut bound = self.bound.clone();
            let decided = bound.wait_for(|all| all.get(&link.id).is_some_and(is_decided));
            // Out of time is an answer too: it is still being tried.
            let _ = tokio::time::timeout(DECISION, decided).await;
        }
    }

    fn problem(&self, link: &ActiveLink) -> Option<String> {
        self.bound
            .borrow()
            .get(&link.id)
            .and_then(|bound| bound.problem.clone())
    }
}

#[async_trait]
impl Handler for ProviderControl {
    async fn ping(&self, _: Ping) -> Result<MemberSummary, ControlError> {
        Ok(self.summary())
    }

    async fn inventory(&self, _: Inventory) -> Result<InventoryReply, ControlError> {
        let server = self.member.bus().server_info();
        let facts = [
            ("nats.server", format!("{} {}", server.name, server.version)),
            ("nats.connected", self.member.bus().is_connected().to_string()),
            ("in-flight", self.member.in_flight().to_string()),
            ("links", self.member.links().current().len().to_string()),
        ];
        Ok(InventoryReply {
            summary: self.summary(),
            actors: Vec::new(),
            providers: vec![self.status().await],
            facts: facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect(),
        })
    }

    async fn links(&self, request: Links) -> Result<LinksReply, ControlError> {
        let links = self.member.links();
        let known = request.link.as_ref().and_then(|id| links.current().get(id).cloned());
        if let Some(link) = known {
            self.decided(&link).await;
        }
        let wanted = |id: &LinkId| request.link.as_ref().is_none_or(|link| link == id);
        let key = request.link.as_ref().map(LinkId::link_key);
        let refusals = links.refusals();
        let refused = refusals
            .iter()
            .filter(|(at, _)| key.as_ref().is_none_or(|key| key == at));
        let mark = |id: &lattice_core::LinkId| Some((id.clone(), links.generation(id)?));
        Ok(LinksReply {
            marks: request.marks_of.iter().filter_map(mark).collect(),
            active: links
                .current()
                .all()
                .filter(|link| wanted(&link.id))
                .map(|link| LinkStatus::of(link, self.problem(link)))
                .collect(),
            refused: refused.map(|(key, rejected)| RefusedLink::of(key, rejected)).collect(),
            high_water: request.link.as_ref().and_then(|link| links.generation(link)),
            trust_serial: self.member.trust().current().serial().unwrap_or_default(),
        })
    }

    async fn placements(&self, request: Placements) -> Result<PlacementsReply, ControlError> {
        let running = self.member.directory().running(&request.party);
        let ready = running
            .iter()
            .filter(|member| member.presence.state == MemberState::Ready);
        Ok(PlacementsReply {
            members: ready.map(|member| member.id().clone()).collect(),
        })
    }

    async fn traces(&self, request: Traces) -> Result<TracesReply, ControlError> {
        Ok(TracesReply::of(
            self.spec.name.to_string(),
            &self.told.recent,
            &request.wanted,
        ))
    }

    async fn traffic(&self, _: Traffic) -> Result<TrafficReply, ControlError> {
        Ok(TrafficReply::of(&self.told.instruments))
    }

    async fn doctor(&self, _: Doctor) -> Result<DoctorReport, ControlError> {
        let provider = match self.health().await {
            Health::Healthy => Check::ok("provider", format!("{} is well", self.spec.kind)),
            Health::Degraded(why) | Health::Unhealthy(why) => Check::failed(
                "provider",
                why,
                "calls over its links fail",
                "see that what it works on runs and can be reached from here",
            ),
        };
        let problems = self
            .bound
            .borrow()
            .values()
            .filter(|bound| bound.problem.is_some())
            .count();
        let links = match problems {
            0 => Check::ok("links", format!("{} taken up", self.bound.borrow().len())),
            count => Check::failed(
                "links",
                format!("{count} cannot be served"),
                "the actors at their other end get errors",
                "`lattice get links -o wide` says why",
            ),
        };
        Ok(DoctorReport {
            checks: vec![provider, links],
        })
    }
}
