//! What the actors of this host log: the last lines of each are kept, and passed on while somebody follows.
//!
//! A guest never waits for any of it. Keeping is a push under a lock that nothing is done under; passing on is a queue that drops and counts
//! when it is full. Who follows asks again and again by the control verb `logs`, which says why: see [`lattice_control::Logs`].

mod kept;
mod relay;
mod ring;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use lattice_bus::Bus;
use lattice_control::{FOLLOWED_FOR, LogLevel, LogLine, LogStream, LogsReply};
use lattice_core::{ActorName, LatticeId, MemberId};
use lattice_engine::LogSource;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::kept::Kept;
use self::relay::Relay;
use crate::tasks::Tasks;

/// Lines that wait to be passed on. When full, further ones are dropped and counted; they are still kept.
const QUEUE: usize = 1024;

/// Actors that may be followed at a time. Each costs a host no more than a place in a map.
const FOLLOWED_MAX: usize = 4096;

/// The lines of this host's actors.
pub(crate) struct Logs {
    kept: Mutex<Kept>,
    followed: Arc<Followed>,
    queue: mpsc::Sender<Arc<LogLine>>,
}

impl Logs {
    /// Starts the task that passes lines on.
    pub(crate) fn start(bus: Bus, lattice: LatticeId, member: MemberId, tasks: &Tasks) -> Arc<Self> {
        let (queue, lines) = mpsc::channel(QUEUE);
        let followed = Arc::new(Followed::default());
        let relay = Relay {
            bus,
            lattice,
            member,
            lines,
            followed: Arc::clone(&followed),
        };
        let stop = tasks.stopping();
        tasks.spawn("pass logs on", async move {
            stop.run_until_cancelled(relay.run()).await;
        });
        Arc::new(Self {
            kept: Mutex::default(),
            followed,
            queue,
        })
    }

    /// Takes a line of an actor. Does not block.
    pub(crate) fn write(&self, actor: &ActorName, line: &lattice_engine::LogLine<'_>) {
        let line = self.kept.lock().push(from_engine(actor, line, SystemTime::now()));
        if self.followed.covers(actor, Instant::now()) && self.queue.try_send(line).is_err() {
            self.followed.dropped(actor);
        }
    }

    /// Answers who asks what an actor has logged.
    pub(crate) fn read(&self, request: &lattice_control::Logs, runs: bool) -> LogsReply {
        // First, so that no line falls between what is read and what is passed on.
        if request.follow {
            self.followed.follow(&request.actor, Instant::now());
        }
        let (lines, last) = self.kept.lock().read(request);
        LogsReply { runs, lines, last }
    }
}

/// Whom somebody follows, and until when.
#[derive(Default)]
struct Followed {
    actors: Mutex<HashMap<ActorName, Interest>>,
    /// Whether there may be any, so that a host whom nobody follows takes no lock.
    any: AtomicBool,
}

struct Interest {
    until: Instant,
    dropped: u64,
}

impl Followed {
    fn follow(&self, actor: &ActorName, now: Instant) {
        let mut actors = self.actors.lock();
        if let Some(interest) = actors.get_mut(actor) {
            interest.until = now + FOLLOWED_FOR;
            return;
        }
        actors.retain(|_, interest| interest.until > now);
        if actors.len() < FOLLOWED_MAX {
            let until = now + FOLLOWED_FOR;
            actors.insert(actor.clone(), Interest { until, dropped: 0 });
            self.any.store(true, Ordering::Release);
        }
    }

    fn covers(&self, actor: &ActorName, now: Instant) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut actors = self.actors.lock();
        match actors.get(actor) {
            Some(interest) if interest.until > now => return true,
            Some(_) => drop(actors.remove(actor)),
            None => {}
        }
        self.any.store(!actors.is_empty(), Ordering::Release);
        false
    }

    fn dropped(&self, actor: &ActorName) {
        if let Some(interest) = self.actors.lock().get_mut(actor) {
            interest.dropped += 1;
        }
    }

    /// How many lines of the actor were dropped since this was last asked.
    fn take_dropped(&self, actor: &ActorName) -> u64 {
        let mut actors = self.actors.lock();
        actors
            .get_mut(actor)
            .map_or(0, |interest| std::mem::take(&mut interest.dropped))
    }
}

fn from_engine(actor: &ActorName, line: &lattice_engine::LogLine<'_>, at: SystemTime) -> LogLine {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    LogLine {
        number: 0,
        at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        level: match line.level {
            lattice_engine::LogLevel::Trace => LogLevel::Trace,
            lattice_engine::LogLevel::Debug => LogLevel::Debug,
            lattice_engine::LogLevel::Info => LogLevel::Info,
            lattice_engine::LogLevel::Warn => LogLevel::Warn,
            lattice_engine::LogLevel::Error => LogLevel::Error,
            lattice_engine::LogLevel::Critical => LogLevel::Critical,
        },
        actor: actor.clone(),
        key: line.within.key.cloned(),
        stream: match line.source {
            LogSource::Stdout => LogStream::Stdout,
            LogSource::Stderr => LogStream::Stderr,
            LogSource::Logging => LogStream::Logging,
        },
        context: line.context.to_owned(),
        message: line.message.to_owned(),
        trace: line.within.trace,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn interest_ends_unless_it_is_renewed() {
        let (followed, start) = (Followed::default(), Instant::now());
        let (hello, other): (ActorName, ActorName) =
            ("hello".parse().expect("a name"), "other".parse().expect("a name"));
        assert!(!followed.covers(&hello, start));
        followed.follow(&hello, start);
        assert!(followed.covers(&hello, start) && !followed.covers(&other, start));
        followed.dropped(&hello);
        followed.follow(&hello, start + Duration::from_secs(10));
        assert!(followed.covers(&hello, start + Duration::from_secs(20)));
        assert_eq!((followed.take_dropped(&hello), followed.take_dropped(&hello)), (1, 0));
        assert!(!followed.covers(&hello, start + Duration::from_secs(26)));
        assert!(!followed.any.load(Ordering::Acquire), "nothing is looked up any more");
    }
}
