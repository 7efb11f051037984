//! The link table against a slow, obvious model, in any order of events.
//!
//! The model keeps the list of everything ever accepted and looks at all of it each time; the table keeps one entry per link.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use lattice_core::link_table::{Change, LinkTable};
use lattice_core::token::{Unverified, Validity};
use lattice_core::trust::{Issuer, Trust, TrustBundle};
use lattice_core::{LinkClaims, LinkId, Refusal, UnixSeconds, UnlinkClaims};
use proptest::prelude::*;

use crate::support::{DAY, NOW, empty_trust, issuer, issuer_id, lattice, operator, stranger};

/// Everything that can be said of a token in these tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spec {
    label: u8,
    generation: u64,
    /// `None` is a tombstone.
    target: Option<u8>,
    by_stranger: bool,
    /// Days from the beginning, when it is issued and when it ends.
    issued: u64,
    ends: u64,
    tampered: bool,
}

/// What one bundle says.
#[derive(Clone, Debug, Default)]
struct Belief {
    stranger_may: bool,
    revoked: BTreeSet<(u8, u64)>,
    ends: u64,
}

#[derive(Clone, Debug)]
enum Event {
    Put { at: u8, spec: Spec },
    BareDelete { at: u8 },
    Believe(Belief),
    Wait { days: u64 },
    Restart,
}

fn day(number: u64) -> UnixSeconds {
    NOW.after(DAY * u32::try_from(number).expect("few days"))
}

impl Spec {
    fn claims(self) -> LinkClaims {
        let target = format!("actor/target-{}", self.target.unwrap_or_default());
        LinkClaims {
            generation: self.generation,
            label: format!("l{}", self.label).parse().expect("a label"),
            ..LinkClaims::new(
                "actor/a".parse().expect("a party"),
                "demo:x/y".parse().expect("an interface"),
                target.parse().expect("a party"),
            )
        }
    }

    fn id(self) -> LinkId {
        self.claims().id(&lattice())
    }

    /// Signing is slow, and these tokens are few.
    fn token(self) -> Arc<str> {
        static SIGNED: Mutex<BTreeMap<Spec, Arc<str>>> = Mutex::new(BTreeMap::new());
        let mut signed = SIGNED.lock().expect("no test panicked while signing");
        signed.entry(self).or_insert_with(|| self.sign().into()).clone()
    }

    fn sign(self) -> String {
        let key = if self.by_stranger { stranger() } else { issuer() };
        let validity = Validity {
            issued_at: day(self.issued),
            not_before: None,
            expires_at: day(self.ends),
        };
        let token = match self.target {
            Some(_) => self.claims().sign(&key, &lattice(), validity),
            None => UnlinkClaims {
                generation: self.generation,
            }
            .sign(&key, &self.id(), validity),
        };
        let mut token = token.expect("signs");
        if self.tampered {
            token.replace_range(token.len() - 20..token.len() - 16, "AAAA");
        }
        token
    }

    fn token_id(self) -> String {
        Unverified::parse(&self.token()).expect("parses").head().id.clone()
    }

    fn rank(self) -> (u64, bool) {
        (self.generation, self.target.is_none())
    }
}

fn key_of(label: u8) -> String {
    Spec {
        label,
        generation: 1,
        target: Some(0),
        by_stranger: false,
        issued: 0,
        ends: 1,
        tampered: false,
    }
    .id()
    .link_key()
}

/// The model: all that was ever accepted, and a few plain rules over it.
#[derive(Debug, Default)]
struct Model {
    today: u64,
    belief: Option<Belief>,
    accepted: Vec<Spec>,
    /// Accepted, and later revoked while it stood highest.
    dead: BTreeSet<Spec>,
    /// Out of force until trust says otherwise.
    suspended: BTreeSet<Spec>,
    /// The last refused under each key.
    waiting: BTreeMap<u8, Spec>,
}

impl Model {
    fn highest(&self, label: u8) -> Option<Spec> {
        let of_label = self.accepted.iter().copied().filter(|spec| spec.label == label);
        of_label.max_by_key(|spec| spec.rank())
    }

    fn revoked(&self, spec: Spec) -> bool {
        self.belief
            .as_ref()
            .is_some_and(|belief| belief.revoked.contains(&(spec.label, spec.generation)))
    }

    /// Whether trust, leaving aside whether it is fresh, backs the token today.
    fn backed(&self, spec: Spec) -> bool {
        let Some(belief) = &self.belief else { return false };
        (belief.stranger_may || !spec.by_stranger) && !self.revoked(spec) && self.in_time(spec)
    }

    fn in_time(&self, spec: Spec) -> bool {
        spec.issued <= self.today && self.today <= spec.ends
    }

    fn fresh(&self) -> bool {
        self.belief.as_ref().is_some_and(|belief| self.today <= belief.ends)
    }

    fn put(&mut self, at: u8, spec: Spec) {
        if self.acceptable(at, spec) {
            if self.highest(spec.label) != Some(spec) {
                self.accepted.push(spec);
            }
            self.suspended.remove(&spec);
            self.waiting.remove(&at);
        } else {
            self.waiting.insert(at, spec);
        }
    }

    fn acceptable(&self, at: u8, spec: Spec) -> bool {
        let highest = self.highest(spec.label);
        let known = highest == Some(spec);
        let new_enough = highest.is_none_or(|highest| known || spec.rank() > highest.rank());
        let fresh_enough = spec.target.is_none() || known || self.fresh();
        !spec.tampered
            && at == spec.label
            && self.backed(spec)
            && fresh_enough
            && new_enough
            && !self.dead.contains(&spec)
    }

    fn pass_time(&mut self, days: u64) {
        let early: Vec<(u8, Spec)> = self.waiting.iter().map(|(at, spec)| (*at, *spec)).collect();
        let was = self.today;
        self.today += days;
        for label in 0..2 {
            if let Some(highest) = self.highest(label).filter(|highest| !self.in_time(*highest)) {
                self.suspended.insert(highest);
                self.waiting.entry(label).or_insert(highest);
            }
        }
        let today = self.today;
        for (at, spec) in early
            .into_iter()
            .filter(|(_, spec)| was < spec.issued && spec.issued <= today)
        {
            self.put(at, spec);
        }
    }

    fn believe(&mut self, belief: Belief) {
        self.belief = Some(belief);
        let waiting: Vec<(u8, Spec)> = self.waiting.iter().map(|(at, spec)| (*at, *spec)).collect();
        for label in 0..2 {
            let Some(highest) = self.highest(label).filter(|highest| highest.target.is_some()) else {
                continue;
            };
            let issuer_may = !highest.by_stranger || self.belief.as_ref().is_some_and(|belief| belief.stranger_may);
            if issuer_may && self.revoked(highest) {
                self.dead.insert(highest);
            }
            if self.backed(highest) {
                self.suspended.remove(&highest);
                if self.waiting.get(&label) == Some(&highest) && !self.dead.contains(&highest) {
                    self.waiting.remove(&label);
                }
            } else {
                self.suspended.insert(highest);
                self.waiting.entry(label).or_insert(highest);
            }
        }
        for (at, spec) in waiting {
            self.put(at, spec);
        }
    }

    fn in_force(&self) -> BTreeSet<(u8, u64, u8)> {
        let highest = (0..2).filter_map(|label| self.highest(label));
        let stands = |spec: &Spec| !self.suspended.contains(spec) && !self.dead.contains(spec);
        highest
            .filter(stands)
            .filter_map(|spec| Some((spec.label, spec.generation, spec.target?)))
            .collect()
    }
}

/// The table under test, with what surrounds it in a member.
struct Member {
    table: LinkTable,
    trust: Trust,
    serial: u64,
    now: UnixSeconds,
}

impl Member {
    fn happen(&mut self, event: &Event) {
        match event {
            Event::Put { at, spec } => {
                let _answer: Result<Change, Refusal> =
                    self.table
                        .admit(&key_of(*at), spec.token().as_bytes(), &self.trust, self.now);
            }
            Event::BareDelete { .. } => {}
            Event::Believe(belief) => self.believe(belief),
            Event::Wait { days } => {
                self.now = self.now.after(DAY * u32::try_from(*days).expect("few days"));
                self.table.tick(&self.trust, self.now);
            }
            Event::Restart => {
                let saved = serde_json::to_string(&self.table.export()).expect("serializes");
                self.table = LinkTable::restore(serde_json::from_str::<Vec<_>>(&saved).expect("reads"));
                self.table.recheck(&self.trust, self.now);
            }
        }
    }

    fn believe(&mut self, belief: &Belief) {
        self.serial += 1;
        let mut issuers = vec![Issuer::unlimited(issuer_id(&issuer()))];
        issuers.extend(belief.stranger_may.then(|| Issuer::unlimited(issuer_id(&stranger()))));
        let bundle = TrustBundle {
            serial: self.serial,
            issuers,
            revoked_ids: all_tokens_of(&belief.revoked).map(Spec::token_id).collect(),
            ..TrustBundle::default()
        };
        let validity = Validity {
            issued_at: NOW,
            not_before: None,
            expires_at: day(belief.ends),
        };
        let token = bundle.sign(&operator(), &lattice(), validity).expect("signs");
        if self.trust.admit(&token, self.now).is_ok() {
            self.table.recheck(&self.trust, self.now);
        }
    }

    fn in_force(&self) -> BTreeSet<(u8, u64, u8)> {
        let number = |text: &str| {
            text.trim_start_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .expect("a number")
        };
        let facts = |link: &LinkClaims| (number(link.label.as_str()), link.generation, number(link.target.name()));
        self.table.links().map(|link| facts(&link.claims)).collect()
    }
}

/// Every token these tests can make for the labels and generations named.
fn all_tokens_of(of: &BTreeSet<(u8, u64)>) -> impl Iterator<Item = Spec> {
    of.iter().flat_map(|&(label, generation)| {
        let targets = [None, Some(0), Some(1)].into_iter();
        targets.flat_map(move |target| {
            let variants = [
                (false, 0, 3),
                (false, 0, 9),
                (false, 2, 9),
                (true, 0, 3),
                (true, 0, 9),
                (true, 2, 9),
            ];
            variants.into_iter().map(move |(by_stranger, issued, ends)| Spec {
                label,
                generation,
                target,
                by_stranger,
                issued,
                ends,
                tampered: false,
            })
        })
    })
}

fn spec() -> impl Strategy<Value = Spec> {
    let times = prop_oneof![3 => Just((0, 9)), 1 => Just((0, 3)), 1 => Just((2, 9))];
    let target = prop_oneof![3 => Just(Some(0)), 1 => Just(Some(1)), 1 => Just(None)];
    let flag = || prop_oneof![5 => Just(false), 1 => Just(true)];
    (0..2u8, 1..4u64, target, flag(), times, flag()).prop_map(
        |(label, generation, target, by_stranger, (issued, ends), tampered)| Spec {
            label,
            generation,
            target,
            by_stranger,
            issued,
            ends,
            tampered,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let at = |spec: Spec| prop_oneof![9 => Just(spec.label), 1 => Just(1 - spec.label)];
    let put = spec().prop_flat_map(move |spec| at(spec).prop_map(move |at| Event::Put { at, spec }));
    let revoked = proptest::collection::btree_set((0..2u8, 1..4u64), 0..2);
    let belief = (any::<bool>(), revoked, prop_oneof![Just(5u64), Just(9)]);
    let belief = belief.prop_map(|(stranger_may, revoked, ends)| Belief {
        stranger_may,
        revoked,
        ends,
    });
    prop_oneof![
        8 => put,
        1 => (0..2u8).prop_map(|at| Event::BareDelete { at }),
        2 => belief.prop_map(Event::Believe),
        1 => (1..3u64).prop_map(|days| Event::Wait { days }),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn the_table_does_what_the_model_says(events in proptest::collection::vec(event(), 1..40)) {
        let mut model = Model::default();
        let mut member = Member { table: LinkTable::new(), trust: empty_trust(), serial: 0, now: NOW };
        let mut highest = BTreeMap::new();
        for event in &events {
            let before = member.in_force();
            match event {
                Event::Put { at, spec } => model.put(*at, *spec),
                Event::BareDelete { at } => {
                    member.table.note_deleted(&key_of(*at));
                    model.waiting.remove(at);
                    prop_assert_eq!(&member.in_force(), &before, "a bare deletion changes nothing");
                }
                // A bundle that is over already is refused by trust, and so by the model.
                Event::Believe(belief) if model.today <= belief.ends => model.believe(belief.clone()),
                Event::Believe(_) => {}
                Event::Wait { days } => model.pass_time(*days),
                Event::Restart => {
                    model.waiting.clear();
                    if let Some(belief) = model.belief.clone() { model.believe(belief); }
                }
            }
            member.happen(event);
            prop_assert_eq!(member.in_force(), model.in_force(), "after {:?}", event);
            for link in member.table.links() {
                let floor = highest.entry(link.id.clone()).or_insert(0);
                prop_assert!(link.generation >= *floor, "an older generation came back");
                *floor = link.generation;
            }
        }
    }
}
