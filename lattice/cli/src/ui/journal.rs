//! Reads the lattice's events for the page, for as long as it lives.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{news::News, told::Told};
use crate::{
    happened::{Events, Wanted},
    overview::Overview,
    session::Session,
    views::Names,
};

/// As many of the past are read.
const PAST: usize = 100;
/// The pause after events could not be read: no host may have told any yet, or NATS is away.
const PAUSE: Duration = Duration::from_secs(2);

/// The reading of events, ended with it.
#[derive(Debug)]
pub(crate) struct Journal {
    _task: AbortOnDropHandle<()>,
}

impl Journal {
    /// Begins to read.
    pub(crate) fn start(session: Arc<Session>, overview: watch::Receiver<Arc<Overview>>, news: Arc<News>) -> Self {
        let reading = Reading {
            session,
            overview,
            news,
            names: Names::default(),
            since: None,
        };
        Self {
            _task: AbortOnDropHandle::new(tokio::spawn(reading.run())),
        }
    }
}

struct Reading {
    session: Arc<Session>,
    overview: watch::Receiver<Arc<Overview>>,
    news: Arc<News>,
    names: Names,
    /// When reading broke off.
    since: Option<tokio::time::Instant>,
}

impl Reading {
    async fn run(mut self) {
        loop {
            let broken = match self.read().await {
                Ok(never) => match never {},
                Err(error) => format!("{error:#}"),
            };
            tracing::debug!("no events: {broken}");
            self.news.set_trouble(Some(broken));
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&mut self) -> Result<std::convert::Infallible> {
        let mut events = Events::open(&self.session, self.wanted()).await?;
        for past in events.past().await? {
            self.tell(&past);
        }
        self.news.set_trouble(None);
        loop {
            self.since = Some(tokio::time::Instant::now());
            let next = events.next().await?;
            self.tell(&next);
        }
    }

    /// The last ones, or after a break those that came meanwhile. The page knows by their ids which it has.
    fn wanted(&self) -> Wanted {
        match self.since {
            None => Wanted {
                limit: Some(PAST),
                ..Wanted::default()
            },
            Some(since) => Wanted {
                since: Some(since.elapsed() + PAUSE),
                ..Wanted::default()
            },
        }
    }

    fn tell(&mut self, happened: &crate::happened::Happened) {
        for host in &self.overview.borrow().hosts {
            self.names.know(&host.id, &host.name);
        }
        self.names.learn(&happened.event);
        self.news.tell(Told::new(happened, &self.names));
    }
}
