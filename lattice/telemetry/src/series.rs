//! The labels of calls: made once, few enough to be kept for ever.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use lattice_core::{FaultKind, InterfaceId, Party};
use opentelemetry::KeyValue;
use parking_lot::RwLock;

use crate::metric;

/// Actors and providers that have labels of their own, in one process. The rest are counted together.
pub(crate) const PARTIES_MAX: usize = 1000;
/// Interfaces of one of them.
const INTERFACES_MAX: usize = 32;
/// What those are called that have no label of their own.
pub(crate) const OTHER: &str = "other";

/// The labels of calls, by who serves and what is called.
pub(crate) struct CallSeries {
    parties: RwLock<HashMap<Party, HashMap<InterfaceId, Arc<Outcomes>>>>,
    others: Arc<Outcomes>,
}

/// The labels of calls to one interface, by how they end. Those that never end so are never made.
pub(crate) struct Outcomes {
    who: KeyValue,
    interface: KeyValue,
    labels: [OnceLock<[KeyValue; 3]>; 1 + FaultKind::ALL.len()],
}

impl CallSeries {
    pub(crate) fn new() -> Self {
        Self {
            parties: RwLock::default(),
            others: Arc::new(Outcomes::new(KeyValue::new(metric::ACTOR, OTHER), OTHER.into())),
        }
    }

    /// The labels for this target and interface.
    pub(crate) fn of(&self, target: &Party, interface: &InterfaceId) -> Arc<Outcomes> {
        let parties = self.parties.read();
        if let Some(outcomes) = parties.get(target).and_then(|known| known.get(interface)) {
            return Arc::clone(outcomes);
        }
        drop(parties);
        self.add(target, interface)
    }

    fn add(&self, target: &Party, interface: &InterfaceId) -> Arc<Outcomes> {
        let mut parties = self.parties.write();
        let full = parties.len() >= PARTIES_MAX;
        let known = match parties.get_mut(target) {
            Some(known) => known,
            None if full => return Arc::clone(&self.others),
            None => parties.entry(target.clone()).or_default(),
        };
        if known.len() >= INTERFACES_MAX && !known.contains_key(interface) {
            return Arc::clone(&self.others);
        }
        let new = || Arc::new(Outcomes::new(who(target), Arc::from(interface.as_str())));
        Arc::clone(known.entry(interface.clone()).or_insert_with(new))
    }
}

impl Outcomes {
    fn new(who: KeyValue, interface: Arc<str>) -> Self {
        Self {
            who,
            interface: KeyValue::new(metric::INTERFACE, interface),
            labels: [const { OnceLock::new() }; 1 + FaultKind::ALL.len()],
        }
    }

    /// The labels of a call that ended so.
    pub(crate) fn labels(&self, fault: Option<FaultKind>) -> &[KeyValue] {
        let place = fault.map_or(0, |kind| {
            let place = FaultKind::ALL.iter().position(|known| *known == kind);
            place.map_or(FaultKind::ALL.len(), |place| 1 + place)
        });
        let outcome = fault.map_or("ok", FaultKind::code);
        // In the order of their names, which is how the SDK keeps them.
        self.labels[place].get_or_init(|| match self.who.key.as_str() < metric::INTERFACE {
            true => [
                self.who.clone(),
                self.interface.clone(),
                KeyValue::new(metric::OUTCOME, outcome),
            ],
            false => [
                self.interface.clone(),
                KeyValue::new(metric::OUTCOME, outcome),
                self.who.clone(),
            ],
        })
    }
}

fn who(party: &Party) -> KeyValue {
    match party {
        Party::Actor(name) => KeyValue::new(metric::ACTOR, Arc::<str>::from(name.as_str())),
        Party::Provider(name) => KeyValue::new(metric::PROVIDER, Arc::<str>::from(name.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(outcomes: &Outcomes, key: &str) -> Option<String> {
        let labels = outcomes.labels(None);
        let label = labels.iter().find(|label| label.key.as_str() == key);
        label.map(|label| label.value.to_string())
    }

    #[test]
    fn the_thousand_first_is_counted_with_the_others() {
        let series = CallSeries::new();
        let interface: InterfaceId = "wasi:http/incoming-handler".parse().expect("an interface");
        for number in 0..PARTIES_MAX + 5 {
            let target: Party = format!("actor/a{number}").parse().expect("a party");
            let outcomes = series.of(&target, &interface);
            let expected = match number < PARTIES_MAX {
                true => format!("a{number}"),
                false => OTHER.to_owned(),
            };
            assert_eq!(value(&outcomes, metric::ACTOR), Some(expected));
        }
        let known: Party = "actor/a7".parse().expect("a party");
        for number in 0..INTERFACES_MAX + 5 {
            let interface = format!("shop:cart/i{number}").parse().expect("an interface");
            let expected = if number < INTERFACES_MAX - 1 { "a7" } else { OTHER };
            let outcomes = series.of(&known, &interface);
            assert_eq!(value(&outcomes, metric::ACTOR).as_deref(), Some(expected), "{number}");
        }
    }

    #[test]
    fn labels_say_who_what_and_how_and_are_made_once() {
        let series = CallSeries::new();
        let interface: InterfaceId = "wasi:keyvalue/store".parse().expect("an interface");
        let outcomes = series.of(&"provider/kv".parse().expect("a party"), &interface);
        let labels = outcomes.labels(Some(FaultKind::LimitMemory));
        let told: Vec<_> = labels
            .iter()
            .map(|label| (label.key.as_str(), label.value.to_string()))
            .collect();
        let expected = [
            (metric::INTERFACE, "wasi:keyvalue/store"),
            (metric::OUTCOME, "limit-memory"),
            (metric::PROVIDER, "kv"),
        ];
        assert_eq!(told, expected.map(|(key, value)| (key, value.to_owned())));
        assert!(std::ptr::eq(labels, outcomes.labels(Some(FaultKind::LimitMemory))));
    }
}
