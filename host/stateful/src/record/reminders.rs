//! Messages of an actor to itself, at a time.

use bytes::Bytes;
use lattice_core::stateful::{ReminderChange, blob};
use serde::{Deserialize, Serialize};

/// An actor may not fire more often: below, timers cost more than they tell.
const EVERY_MIN_MS: u64 = 100;

/// The reminders of one actor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reminders(Vec<Reminder>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reminder {
    name: String,
    /// In milliseconds since 1970.
    due_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every_ms: Option<u64>,
    #[serde(with = "blob")]
    payload: Bytes,
}

/// A reminder that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What the actor calls it.
    pub name: String,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: u64,
    /// How many times of a periodic one have gone by unheard before this.
    pub missed: u32,
    /// The actor's own bytes.
    pub payload: Bytes,
}

impl Reminders {
    pub(crate) fn apply(&mut self, change: ReminderChange, now_ms: u64) {
        match change {
            ReminderChange::Set {
                name,
                first_ms,
                every_ms,
                payload,
            } => {
                self.0.retain(|reminder| reminder.name != name);
                self.0.push(Reminder {
                    name,
                    due_ms: now_ms.saturating_add(first_ms),
                    every_ms: every_ms.map(|every| every.max(EVERY_MIN_MS)),
                    payload,
                });
            }
            ReminderChange::Cancel { name } => self.0.retain(|reminder| reminder.name != name),
        }
    }

    /// When the first is due, in milliseconds since 1970.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.0.iter().map(|reminder| reminder.due_ms).min()
    }

    /// The one that is due longest.
    pub(crate) fn due(&self, now_ms: u64) -> Option<Due> {
        let due = self.0.iter().filter(|reminder| reminder.due_ms <= now_ms);
        due.min_by_key(|reminder| reminder.due_ms).map(|reminder| {
            let missed = reminder.every_ms.map_or(0, |every| (now_ms - reminder.due_ms) / every);
            Due {
                name: reminder.name.clone(),
                due_ms: reminder.due_ms,
                missed: u32::try_from(missed).unwrap_or(u32::MAX),
                payload: reminder.payload.clone(),
            }
        })
    }

    /// Notes that one was heard: a periodic one is due again, the times that have gone by are over, any other is gone. One that the actor has
    /// set anew meanwhile stays as it was set.
    pub(crate) fn heard(&mut self, heard: &Due, now_ms: u64) {
        self.0.retain_mut(|reminder| {
            if reminder.name != heard.name || reminder.due_ms != heard.due_ms {
                return true;
            }
            match reminder.every_ms {
                None => false,
                Some(every) => {
                    let gone = now_ms.saturating_sub(reminder.due_ms) / every;
                    reminder.due_ms = reminder.due_ms.saturating_add((gone + 1).saturating_mul(every));
                    true
                }
            }
        });
    }

    /// Puts one off that the actor could not take now.
    pub(crate) fn put_off(&mut self, due: &Due, until_ms: u64) {
        for reminder in &mut self.0 {
            if reminder.name == due.name && reminder.due_ms == due.due_ms {
                reminder.due_ms = until_ms;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, first_ms: u64, every_ms: Option<u64>) -> ReminderChange {
        ReminderChange::Set {
            name: name.to_owned(),
            first_ms,
            every_ms,
            payload: Bytes::new(),
        }
    }

    #[test]
    fn one_shots_fire_once_and_periodic_ones_again() {
        let mut reminders = Reminders::default();
        reminders.apply(set("once", 10, None), 100);
        reminders.apply(set("often", 20, Some(1000)), 100);
        assert_eq!(reminders.due(109), None);
        let once = reminders.due(110).expect("due");
        assert_eq!((once.name.as_str(), once.missed), ("once", 0));
        reminders.heard(&once, 110);
        assert_eq!(reminders.next_ms(), Some(120));
        let often = reminders.due(2500).expect("due");
        assert_eq!((often.name.as_str(), often.due_ms, often.missed), ("often", 120, 2));
        reminders.heard(&often, 2500);
        assert_eq!(reminders.next_ms(), Some(3120));
        reminders.apply(
            ReminderChange::Cancel {
                name: "often".to_owned(),
            },
            0,
        );
        assert_eq!(reminders.next_ms(), None);
    }

    #[test]
    fn setting_one_anew_replaces_it_and_a_late_hearing_does_not_undo_that() {
        let mut reminders = Reminders::default();
        reminders.apply(set("a", 10, None), 0);
        let due = reminders.due(10).expect("due");
        reminders.apply(set("a", 50, None), 10);
        reminders.heard(&due, 10);
        assert_eq!(reminders.next_ms(), Some(60));
    }
}
