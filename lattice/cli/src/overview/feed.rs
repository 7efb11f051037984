//! Looks at the lattice again and again, for whoever shows it.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use lattice_control::MemberSummary;
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Overview,
    ask::Asker,
    assemble::{Memory, assemble},
    said::Look,
};
use crate::session::Session;

/// The roll is not called more often than this: every member answers every call.
const ROLL_CALL_EVERY_MIN: Duration = Duration::from_secs(1);

/// Who is there, or why that is not known.
type Roll = Result<Vec<MemberSummary>, String>;

/// The lattice as it is now. Nobody looks any more once this is dropped.
pub(crate) struct Feed {
    overview: watch::Receiver<Arc<Overview>>,
    /// Finds out who is there. Beside the looks, since it waits longer for those who do not answer.
    _roll_calls: AbortOnDropHandle<()>,
    _looks: AbortOnDropHandle<()>,
}

impl Feed {
    /// Looks for the first time, and then every so often. A look that takes longer than that puts off the next.
    ///
    /// # Errors
    /// When it cannot be asked who is there. An empty lattice is no error.
    pub(crate) async fn start(session: Arc<Session>, every: Duration) -> Result<Self> {
        let (call, roll) = watch::channel(Ok(session.members().await?));
        let mut looking = Looking {
            asker: Asker::new(&session.client),
            session: Arc::clone(&session),
            memory: Memory::default(),
            roll,
        };
        let heard = looking.hear().await;
        let first = looking.see(heard, &Overview::default());
        let (tell, overview) = watch::channel(Arc::new(first));
        Ok(Self {
            overview,
            _roll_calls: AbortOnDropHandle::new(tokio::spawn(call_the_roll(session, every, call))),
            _looks: AbortOnDropHandle::new(tokio::spawn(looking.go_on(every, tell))),
        })
    }

    /// The last overview, and each that comes.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Overview>> {
        self.overview.clone()
    }
}

async fn call_the_roll(session: Arc<Session>, every: Duration, call: watch::Sender<Roll>) {
    let mut calls = later(every.max(ROLL_CALL_EVERY_MIN));
    while !call.is_closed() {
        calls.tick().await;
        let _ = call.send_replace(session.members().await.map_err(|error| format!("{error:#}")));
    }
}

/// Ticks that come late are not made up for.
fn later(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// What looks, and what it remembers.
struct Looking {
    session: Arc<Session>,
    asker: Asker,
    memory: Memory,
    roll: watch::Receiver<Roll>,
}

impl Looking {
    async fn go_on(mut self, every: Duration, tell: watch::Sender<Arc<Overview>>) {
        let mut looks = later(every);
        while !tell.is_closed() {
            looks.tick().await;
            let heard = self.hear().await;
            let overview = self.see(heard, &tell.borrow());
            tell.send_replace(Arc::new(overview));
        }
    }

    fn see(&mut self, heard: Result<Look, String>, last: &Overview) -> Overview {
        let lattice = self.session.client.lattice().as_str();
        let (overview, memory) = next(lattice, heard, last, &self.memory);
        self.memory = memory;
        overview
    }

    async fn hear(&mut self) -> Result<Look, String> {
        if !self.session.client.bus().is_connected() {
            return Err("the connection to NATS is lost".to_owned());
        }
        let roll = self.roll.borrow_and_update().clone()?;
        Ok(self.asker.look(&roll).await)
    }
}

/// What is shown after a look. One that failed leaves the last overview, and says why.
fn next(lattice: &str, heard: Result<Look, String>, last: &Overview, memory: &Memory) -> (Overview, Memory) {
    let trouble = match heard {
        // That all have left at once is less likely than that we are cut off from them.
        Ok(look) if look.said.is_empty() && !(last.hosts.is_empty() && look.asked.is_empty()) => {
            "no member answers".to_owned()
        }
        Ok(look) => return assemble(lattice, &look, memory),
        Err(trouble) => trouble,
    };
    let stale = Overview {
        lattice: lattice.to_owned(),
        trouble: Some(trouble),
        ..last.clone()
    };
    (stale, memory.clone())
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{member, said},
        *,
    };

    #[test]
    fn a_failed_look_keeps_the_last_overview() {
        let look = Look {
            at_ms: 5,
            asked: [(member(1), "cloud".to_owned())].into(),
            said: vec![said(1, "cloud")],
        };
        let (good, memory) = next("default", Ok(look.clone()), &Overview::default(), &Memory::default());
        assert_eq!((good.hosts.len(), &good.trouble), (1, &None));

        let (stale, memory) = next("default", Err("no connection".to_owned()), &good, &memory);
        assert_eq!(stale.trouble.as_deref(), Some("no connection"));
        assert_eq!((stale.at_ms, &stale.hosts), (5, &good.hosts));

        let nobody = Look {
            at_ms: 9,
            ..Look::default()
        };
        let (stale, memory) = next("default", Ok(nobody), &stale, &memory);
        assert_eq!((stale.trouble.as_deref(), stale.at_ms), (Some("no member answers"), 5));

        let (good, _) = next("default", Ok(look), &stale, &memory);
        assert_eq!(good.trouble, None);
    }

    #[test]
    fn an_empty_lattice_is_no_trouble() {
        let empty = next("default", Ok(Look::default()), &Overview::default(), &Memory::default()).0;
        assert_eq!((empty.lattice.as_str(), &empty.trouble), ("default", &None));
    }
}
