//! What members said, put together into the whole. Pure: asks nobody, reads no clock.

use std::collections::{BTreeMap, BTreeSet};

use lattice_control::{ActorStatus, ProviderStatus};
use lattice_core::{MemberId, Party};

use super::{
    ActorView, HostView, Overview, PartyView, ProviderView,
    links::links,
    said::{Look, Said},
    traffic::{Counted, Traffic},
};
use crate::resolve::short_id;

/// What one look needs of those before.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// What members had counted when they last told. One that skips a look is remembered.
    counted: BTreeMap<MemberId, Counted>,
    /// Those whom others saw.
    seen: BTreeSet<MemberId>,
}

/// Puts a look together, and says what the next one needs of it.
pub(super) fn assemble(lattice: &str, look: &Look, memory: &Memory) -> (Overview, Memory) {
    let mut said: Vec<&Said> = look.said.iter().collect();
    said.sort_by_key(|said| (said.name(), said.member()));
    let mut traffic = Traffic::default();
    for said in &said {
        traffic.add(said, memory.counted.get(said.member()));
    }
    let party = |(party, traffic): (&Party, _)| PartyView {
        party: party.clone(),
        traffic,
    };
    let silent = silent(look, &memory.seen);
    let overview = Overview {
        lattice: lattice.to_owned(),
        at_ms: look.at_ms,
        hosts: said.iter().map(|said| host(said, &traffic)).collect(),
        links: links(&said, &traffic),
        silent: silent.values().cloned().collect(),
        traffic: traffic.all(),
        parties: traffic.parties().map(party).collect(),
        trouble: None,
    };
    (overview, memory.after(look, &silent))
}

/// Those who did not answer, though others see them now. One that nobody sees has left.
fn silent(look: &Look, seen_before: &BTreeSet<MemberId>) -> BTreeMap<MemberId, String> {
    let answered: BTreeSet<&MemberId> = look.said.iter().map(Said::member).collect();
    let missing = seen(look).filter(|member| !answered.contains(member));
    let name = |member: &MemberId| match look.asked.get(member) {
        Some(name) => Some(name.clone()),
        // It never said what it is called. One that was not seen before has only just come, and is asked next time.
        None => seen_before
            .contains(member)
            .then(|| short_id(member.as_str()).to_owned()),
    };
    missing
        .filter_map(|member| Some((member.clone(), name(member)?)))
        .collect()
}

fn seen(look: &Look) -> impl Iterator<Item = &MemberId> {
    look.said.iter().flat_map(|said| &said.inventory.summary.sees)
}

impl Memory {
    fn after(&self, look: &Look, silent: &BTreeMap<MemberId, String>) -> Self {
        let counted = |said: &Said| {
            let counted = Counted::of(said).or_else(|| self.counted.get(said.member()).cloned())?;
            Some((said.member().clone(), counted))
        };
        let waiting = silent.keys();
        let kept = waiting.filter_map(|member| Some((member.clone(), self.counted.get(member)?.clone())));
        Self {
            counted: look.said.iter().filter_map(counted).chain(kept).collect(),
            seen: seen(look).cloned().collect(),
        }
    }
}

fn host(said: &Said, traffic: &Traffic) -> HostView {
    let (summary, facts) = (&said.inventory.summary, &said.inventory.facts);
    let fact = |name: &str| facts.get(name).and_then(|fact| fact.parse::<u64>().ok());
    let permille = u32::try_from(fact("cpu.permille").unwrap_or_default()).unwrap_or(u32::MAX);
    let mut actors: Vec<ActorView> = said
        .inventory
        .actors
        .iter()
        .map(|status| actor(said, status, traffic))
        .collect();
    actors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut providers: Vec<ProviderView> = said
        .inventory
        .providers
        .iter()
        .map(|status| provider(said, status, traffic))
        .collect();
    providers.sort_by(|a, b| a.name.cmp(&b.name));
    HostView {
        id: summary.member.clone(),
        name: summary.name.clone(),
        kind: summary.kind,
        state: summary.state,
        scheduling: summary.scheduling,
        labels: summary.labels.to_string(),
        version: summary.version.clone(),
        started_at: summary.started_at.get(),
        memory_bytes: fact("memory.resident").unwrap_or_default(),
        cpu: f64::from(permille) / 1000.0,
        actors,
        providers,
        traffic: traffic.on(&summary.member),
    }
}

fn actor(said: &Said, status: &ActorStatus, traffic: &Traffic) -> ActorView {
    ActorView {
        name: status.name().to_string(),
        digest: status.digest().to_string(),
        state: status.state,
        replicas: status.replicas,
        in_flight: status.in_flight,
        capacity: status.capacity,
        awake: status.awake,
        keys: said.keys.get(status.name()).cloned().unwrap_or_default(),
        traffic: traffic.at(said.member(), &Party::Actor(status.name().clone())),
    }
}

fn provider(said: &Said, status: &ProviderStatus, traffic: &Traffic) -> ProviderView {
    ProviderView {
        name: status.spec.name.to_string(),
        state: status.state,
        detail: status.detail.clone(),
        endpoints: status.endpoints.clone(),
        traffic: traffic.at(said.member(), &Party::Provider(status.spec.name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{
            Rate,
            testing::{flow, link_status, member, now, refused, said},
        },
        *,
    };

    const CART: &str = "actor/cart";

    /// Two looks, two seconds apart.
    fn looks(before: Vec<Said>, after: Vec<Said>) -> Overview {
        let look = |said: Vec<Said>| Look {
            at_ms: 7,
            asked: [(1, "cloud"), (2, "edge"), (3, "pi")]
                .map(|(seed, name)| (member(seed), name.to_owned()))
                .into(),
            said,
        };
        let (first, memory) = assemble("default", &look(before), &Memory::default());
        assert_eq!(first.traffic, Rate::default(), "one word makes no rate");
        assemble("default", &look(after), &memory).0
    }

    fn at(seconds: u64, mut said: Said, flows: Vec<lattice_control::Flow>) -> Said {
        let heard = now() + Duration::from_secs(seconds);
        said.traffic = Some((heard, lattice_control::TrafficReply { flows }));
        said
    }

    #[test]
    fn rates_are_differences_between_looks() {
        let view = looks(
            vec![
                at(0, said(2, "edge"), vec![flow(CART, 10, 0, &[])]),
                at(0, said(1, "cloud"), vec![flow(CART, 100, 2, &[0, 100])]),
            ],
            vec![
                at(2, said(2, "edge"), vec![flow(CART, 16, 0, &[0, 0, 6])]),
                at(
                    4,
                    said(1, "cloud"),
                    vec![flow(CART, 140, 6, &[0, 100, 0, 40]), flow("provider/kv", 8, 0, &[8])],
                ),
            ],
        );
        let names: Vec<&str> = view.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["cloud", "edge"]);
        // Forty in four seconds, and a link that is new.
        let cloud = &view.hosts[0];
        assert_eq!((cloud.traffic.calls, cloud.traffic.failed), (12.0, 1.0));
        let cart = cloud.actors[0].traffic;
        assert_eq!((cart.calls, cart.p50_us, cart.p99_us), (10.0, Some(8), Some(8)));
        assert_eq!(cloud.providers[0].traffic.calls, 2.0);
        assert_eq!(view.hosts[1].actors[0].traffic.calls, 3.0);
        assert_eq!(view.traffic.calls, 15.0);
        let parties: Vec<String> = view.parties.iter().map(|view| view.party.to_string()).collect();
        assert_eq!(parties, [CART, "provider/kv"]);
        // Six that took 4, forty that took 8.
        assert_eq!(view.parties[0].traffic.p50_us, Some(8));
        assert_eq!(view.parties[0].traffic.calls, 13.0);
    }

    #[test]
    fn a_member_that_started_anew_counts_from_nothing() {
        let mut anew = at(2, said(1, "cloud"), vec![flow(CART, 150, 0, &[150])]);
        anew.inventory.summary.incarnation = 99.into();
        let view = looks(
            vec![at(0, said(1, "cloud"), vec![flow(CART, 100, 0, &[100])])],
            vec![anew],
        );
        assert_eq!(view.traffic.calls, 75.0);
        // Even when it does not say so.
        let view = looks(
            vec![at(0, said(1, "cloud"), vec![flow(CART, 100, 0, &[100])])],
            vec![at(2, said(1, "cloud"), vec![flow(CART, 20, 0, &[20])])],
        );
        assert_eq!(view.traffic.calls, 10.0);
    }

    #[test]
    fn members_that_do_not_know_the_question_have_no_rates() {
        let view = looks(vec![said(1, "cloud")], vec![said(1, "cloud")]);
        assert_eq!(view.hosts[0].traffic, Rate::default());
        assert_eq!(view.hosts[0].actors[0].traffic, Rate::default());
        assert!(view.parties.is_empty() && view.trouble.is_none());
    }

    #[test]
    fn one_that_skips_a_look_is_named_and_remembered() {
        let look = |at_ms, said| Look {
            at_ms,
            asked: [(member(1), "cloud".to_owned()), (member(2), "edge".to_owned())].into(),
            said,
        };
        let both = |seconds, calls| {
            vec![
                at(seconds, said(1, "cloud"), vec![]),
                at(seconds, said(2, "edge"), vec![flow(CART, calls, 0, &[])]),
            ]
        };
        let (_, memory) = assemble("default", &look(1, both(0, 10)), &Memory::default());
        let (view, memory) = assemble("default", &look(2, both(2, 0)[..1].to_vec()), &memory);
        assert_eq!(view.silent, ["edge"]);
        let (view, _) = assemble("default", &look(3, both(4, 50)), &memory);
        assert!(view.silent.is_empty());
        assert_eq!(view.traffic.calls, 10.0);
    }

    #[test]
    fn one_that_nobody_sees_has_left() {
        let mut alone = said(1, "cloud");
        alone.inventory.summary.sees = vec![member(1), member(7)];
        let view = looks(vec![said(1, "cloud")], vec![alone]);
        assert!(view.silent.is_empty(), "{:?}", view.silent);
    }

    #[test]
    fn one_that_never_answered_is_called_by_its_id() {
        let mut lonely = said(1, "cloud");
        lonely.inventory.summary.sees = vec![member(1), member(7)];
        let view = looks(vec![lonely.clone()], vec![lonely]);
        assert_eq!(view.silent, [short_id(member(7).as_str())]);
    }

    #[test]
    fn a_link_says_who_holds_and_who_refused_it() {
        let (mut cloud, mut edge, mut pi) = (said(1, "cloud"), said(2, "edge"), said(3, "pi"));
        let reply = |active, refused| {
            Some(lattice_control::LinksReply {
                active,
                refused,
                ..Default::default()
            })
        };
        let mut hampered = link_status(CART, 4);
        hampered.problem = Some("no such bucket".to_owned());
        cloud.links = reply(vec![hampered], vec![]);
        edge.links = reply(vec![link_status(CART, 3)], vec![refused(CART, "it ended long ago")]);
        pi.links = reply(vec![link_status(CART, 4)], vec![]);
        let view = looks(vec![], vec![cloud, edge, pi, said(4, "old")]);
        let [link] = &view.links[..] else {
            panic!("{:?}", view.links)
        };
        assert_eq!(
            (link.generation, &link.verified_by[..]),
            (4, &["cloud".to_owned(), "pi".to_owned()][..])
        );
        assert_eq!(link.refused_by, [("edge".to_owned(), "it ended long ago".to_owned())]);
        assert_eq!(link.problem.as_deref(), Some("cloud: no such bucket"));
    }

    #[test]
    fn facts_are_read_and_nonsense_is_nothing() {
        let mut cloud = said(1, "cloud");
        let facts = [("cpu.permille", "125"), ("memory.resident", "lots")];
        cloud.inventory.facts = facts.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into();
        let view = looks(vec![], vec![cloud]);
        assert_eq!((view.hosts[0].cpu, view.hosts[0].memory_bytes), (0.125, 0));
    }
}
