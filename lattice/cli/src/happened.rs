//! Events as the lattice keeps them: what happened, and what happens.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use lattice_bus::{JournalEntry, JournalReader, JournalStart};
use lattice_control::Event;
use lattice_core::{
    UnixSeconds, event,
    subject::{self, Purpose, Subject},
};

use crate::{about::Topic, failure::Failure, session::Session};

/// An event, and when the server heard it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Happened {
    pub(crate) at: UnixSeconds,
    pub(crate) event: Event,
}

/// Which events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// About this.
    pub(crate) topic: Option<Topic>,
    /// Of this name.
    pub(crate) name: Option<String>,
    /// Not older than this.
    pub(crate) since: Option<Duration>,
    /// The last so many.
    pub(crate) limit: Option<usize>,
}

impl Wanted {
    fn covers(&self, event: &Event) -> bool {
        self.topic.as_ref().is_none_or(|topic| topic.covers(event))
            && self.name.as_ref().is_none_or(|name| event.name() == name)
    }

    /// Where to begin to read, so as to read no more than it takes.
    fn start(&self, now: SystemTime) -> JournalStart {
        match (self.since, self.limit) {
            (Some(since), _) => now.checked_sub(since).map_or(JournalStart::Oldest, JournalStart::Since),
            (None, Some(limit)) if self.topic.is_none() && self.name.is_none() => JournalStart::Latest(limit as u64),
            (None, _) => JournalStart::Oldest,
        }
    }
}

/// The events of a lattice, being read.
pub(crate) struct Events {
    wanted: Wanted,
    reader: JournalReader,
}

impl Events {
    /// Begins to read.
    ///
    /// # Errors
    /// When JetStream cannot be reached, or nothing is kept.
    pub(crate) async fn open(session: &Session, wanted: Wanted) -> Result<Self> {
        let (bus, lattice) = (session.client.bus(), session.client.lattice());
        let journal = bus
            .journal(&subject::events_stream(lattice))
            .await
            .context("the lattice's events cannot be read")?;
        let journal = journal.ok_or_else(|| {
            Failure::not_found(format!("lattice `{lattice}` keeps no events"))
                .because("no host with JetStream has told any yet")
                .help("`lattice doctor` looks at NATS and JetStream")
        })?;
        // Hosts made the stream, and may not change it: it learns here of events that newer hosts tell.
        let names = event::names::ALL.iter();
        let subjects: Vec<String> = names.map(|name| subject::event_of_all(lattice, name)).collect();
        if let Err(error) = journal.listen_also(&subjects).await {
            tracing::debug!(%error, "events of new kinds are not kept");
        }
        let filter = match &wanted.name {
            Some(name) => subject::event_of_all(lattice, name),
            None => subject::event_wildcard(lattice),
        };
        let reader = journal.read(wanted.start(SystemTime::now()), &filter).await;
        Ok(Self {
            reader: reader.context("the lattice's events cannot be read")?,
            wanted,
        })
    }

    /// What happened until now, the oldest first.
    pub(crate) async fn past(&mut self) -> Result<Vec<Happened>> {
        let limit = self.wanted.limit.unwrap_or(usize::MAX);
        let mut past = VecDeque::new();
        while !self.reader.is_caught_up() {
            if let Some(happened) = self.one().await? {
                past.push_back(happened);
                if past.len() > limit {
                    past.pop_front();
                }
            }
        }
        Ok(past.into())
    }

    /// The next thing that happens.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Happened> {
        loop {
            if let Some(happened) = self.one().await? {
                return Ok(happened);
            }
        }
    }

    async fn one(&mut self) -> Result<Option<Happened>> {
        let entry = self
            .reader
            .next()
            .await
            .context("the lattice's events cannot be read")?;
        Ok(read(&entry).filter(|happened| self.wanted.covers(&happened.event)))
    }

    /// Ends reading on the server too.
    pub(crate) async fn close(self) {
        self.reader.close().await;
    }
}

/// The last few events about something, for whoever looks at it. None when they cannot be read: it can be looked at all the same.
pub(crate) async fn last(session: &Session, topic: Topic, count: usize) -> Vec<Happened> {
    let wanted = Wanted {
        topic: Some(topic),
        limit: Some(count),
        ..Wanted::default()
    };
    let reading = async {
        let mut events = Events::open(session, wanted).await?;
        let past = events.past().await;
        events.close().await;
        past
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(past)) => past,
        Ok(Err(error)) => {
            tracing::debug!("no events: {error:#}");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// How long whoever looks at a thing waits for its events.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whoever may publish there may publish anything, but only under its own name.
fn read(entry: &JournalEntry) -> Option<Happened> {
    let Purpose::Event(member, _) = Subject::parse(&entry.subject)?.purpose else {
        return None;
    };
    let event: Event = serde_json::from_slice(&entry.payload).ok()?;
    (event.member() == Some(member)).then(|| Happened {
        at: UnixSeconds::from(entry.time),
        event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_only_from_whom_it_says_it_is() {
        let id = || nkeys::KeyPair::new_server().public_key();
        let (one, other) = (id(), id());
        let entry = |from: &str| {
            JournalEntry {
            sequence: 1,
            time: SystemTime::UNIX_EPOCH,
            subject: format!("lat.default.evt.{one}.host-started"),
            payload: format!(
                r#"{{"specversion":"1.0","id":"1","source":"lattice/default/{from}","type":"dev.lattice.host-started","time":"","datacontenttype":"application/json"}}"#
            )
            .into(),
        }
        };
        assert!(read(&entry(&one)).is_some());
        assert_eq!(read(&entry(&other)), None);
    }

    #[test]
    fn no_more_is_read_than_it_takes() {
        let now = SystemTime::now();
        let check = |wanted: Wanted, expect: JournalStart| assert_eq!(wanted.start(now), expect);
        let limited = Wanted {
            limit: Some(50),
            ..Wanted::default()
        };
        check(limited.clone(), JournalStart::Latest(50));
        let named = Wanted {
            name: Some("host-lost".to_owned()),
            ..limited.clone()
        };
        check(named, JournalStart::Oldest);
        let since = Wanted {
            since: Some(Duration::from_secs(60)),
            ..limited
        };
        check(since, JournalStart::Since(now - Duration::from_secs(60)));
    }
}
