//! The last lines of every actor, bounded over all of them.

use std::collections::HashMap;
use std::sync::Arc;

use lattice_control::{LogLine, Logs};
use lattice_core::ActorName;

use super::ring::{Ring, weight};

/// The most bytes of all actors together. When they are more, what the actor that has been silent for longest has logged goes.
const BYTES_MAX: usize = 8 << 20;

/// The most actors, gone ones included.
const ACTORS_MAX: usize = 1024;

/// The most bytes of lines in one answer.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// The last lines of every actor. Pure.
#[derive(Default)]
pub(super) struct Kept {
    rings: HashMap<ActorName, Ring>,
    bytes: usize,
    /// The number of the last line of all. Lines are numbered on the whole host, so that numbers only grow whatever is forgotten.
    last: u64,
}

impl Kept {
    /// Numbers a line and keeps it.
    pub(super) fn push(&mut self, line: LogLine) -> Arc<LogLine> {
        self.last += 1;
        let line = Arc::new(LogLine {
            number: self.last,
            ..line
        });
        let ring = match self.rings.get_mut(&line.actor) {
            Some(ring) => ring,
            None => self.rings.entry(line.actor.clone()).or_default(),
        };
        let before = ring.bytes();
        ring.push(Arc::clone(&line));
        self.bytes = self.bytes + ring.bytes() - before;
        while (self.bytes > BYTES_MAX || self.rings.len() > ACTORS_MAX) && self.forget_one(&line.actor) {}
        line
    }

    /// Forgets the actor, other than this one, that has been silent for longest; false when there is none.
    fn forget_one(&mut self, except: &ActorName) -> bool {
        let others = self.rings.iter().filter(|(actor, _)| *actor != except);
        let silent = others.min_by_key(|(_, ring)| ring.last());
        let Some(actor) = silent.map(|(actor, _)| actor.clone()) else {
            return false;
        };
        if let Some(ring) = self.rings.remove(&actor) {
            self.bytes -= ring.bytes();
        }
        true
    }

    /// The last lines that are asked for, and the number of the last of all.
    pub(super) fn read(&self, request: &Logs) -> (Vec<LogLine>, u64) {
        let Some(ring) = self.rings.get(&request.actor) else {
            return (Vec::new(), self.last);
        };
        let fits = |line: &&Arc<LogLine>| {
            let key = request.key.is_none() || line.key == request.key;
            key && line.at_ms >= request.since_ms && line.level >= request.level
        };
        let mut room = ANSWER_BYTES_MAX;
        let has_room = |line: &&Arc<LogLine>| {
            let left = room.checked_sub(weight(line));
            room = left.unwrap_or_default();
            left.is_some()
        };
        let tail = usize::try_from(request.tail).unwrap_or(usize::MAX);
        let last = ring.iter().rev().filter(fits).take(tail).take_while(has_room);
        let mut lines: Vec<LogLine> = last.map(|line| LogLine::clone(line)).collect();
        lines.reverse();
        (lines, self.last)
    }
}

#[cfg(test)]
mod tests {
    use lattice_control::{LogLevel, LogStream};

    use super::super::ring::{BYTES_MAX as RING_BYTES_MAX, LINES_MAX};
    use super::*;

    fn line(actor: &str, key: Option<&str>, level: LogLevel, message: String) -> LogLine {
        LogLine {
            number: 0,
            at_ms: 1000,
            level,
            actor: actor.parse().expect("a name"),
            key: key.map(|key| key.parse().expect("a key")),
            stream: LogStream::Logging,
            context: String::new(),
            message,
            trace: None,
        }
    }

    fn all(actor: &str) -> Logs {
        Logs {
            actor: actor.parse().expect("a name"),
            key: None,
            tail: u64::MAX,
            since_ms: 0,
            level: LogLevel::Trace,
            follow: false,
        }
    }

    fn said(kept: &Kept, request: &Logs) -> Vec<String> {
        kept.read(request).0.into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn the_last_lines_of_each_actor_are_kept() {
        let mut kept = Kept::default();
        kept.push(line("b", None, LogLevel::Info, "of b".to_owned()));
        for n in 0..LINES_MAX + 10 {
            kept.push(line("a", None, LogLevel::Info, n.to_string()));
        }
        let lines = said(&kept, &all("a"));
        assert_eq!((lines.len(), lines[0].as_str()), (LINES_MAX, "10"));
        assert_eq!(said(&kept, &all("b")), ["of b"]);
        assert_eq!(said(&kept, &Logs { tail: 2, ..all("a") }), ["1008", "1009"]);
        assert_eq!(kept.read(&all("nobody")), (Vec::new(), LINES_MAX as u64 + 11));
    }

    #[test]
    fn long_lines_leave_room_for_fewer() {
        let mut kept = Kept::default();
        for _ in 0..100 {
            kept.push(line("a", None, LogLevel::Info, "x".repeat(8 * 1024)));
        }
        let lines = said(&kept, &all("a"));
        assert!((30..33).contains(&lines.len()), "{}", lines.len());
        assert!(kept.bytes <= RING_BYTES_MAX);
    }

    #[test]
    fn all_together_are_bounded_and_the_silent_go_first() {
        let mut kept = Kept::default();
        for actor in 0..64 {
            for _ in 0..31 {
                let name = format!("a{actor}");
                kept.push(line(&name, None, LogLevel::Info, "x".repeat(8 * 1024)));
            }
        }
        assert!(kept.bytes <= BYTES_MAX, "{}", kept.bytes);
        assert!(said(&kept, &all("a0")).is_empty());
        assert_eq!(said(&kept, &all("a63")).len(), 31);
        assert_eq!(kept.bytes, kept.rings.values().map(Ring::bytes).sum::<usize>());
        for actor in 0..2 * ACTORS_MAX {
            kept.push(line(&format!("b{actor}"), None, LogLevel::Info, String::new()));
        }
        assert!(kept.rings.len() <= ACTORS_MAX);
    }

    #[test]
    fn only_what_was_asked_for_is_read() {
        let mut kept = Kept::default();
        kept.push(line("cart", Some("alice"), LogLevel::Info, "one".to_owned()));
        kept.push(line("cart", Some("bob"), LogLevel::Error, "two".to_owned()));
        kept.push(line("cart", Some("alice"), LogLevel::Warn, "three".to_owned()));
        let alice = Logs {
            key: Some("alice".parse().expect("a key")),
            ..all("cart")
        };
        assert_eq!(said(&kept, &alice), ["one", "three"]);
        let warnings = Logs {
            level: LogLevel::Warn,
            ..all("cart")
        };
        assert_eq!(said(&kept, &warnings), ["two", "three"]);
        let later = Logs {
            since_ms: 1001,
            ..all("cart")
        };
        assert!(said(&kept, &later).is_empty());
    }
}
