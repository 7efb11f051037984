//! The last traces, looked for now and then.

use std::{sync::Arc, time::Duration};

use lattice_control::TraceFilter;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    session::Session,
    traces::{self, TraceView},
};

/// As many are shown.
const LIMIT: u64 = 30;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// The looking, ended with it.
#[derive(Debug)]
pub(crate) struct RecentTraces {
    latest: watch::Receiver<Arc<Vec<TraceView>>>,
    _task: AbortOnDropHandle<()>,
}

impl RecentTraces {
    /// Begins to look.
    pub(crate) fn start(session: Arc<Session>) -> Self {
        let (sender, latest) = watch::channel(Arc::default());
        Self {
            latest,
            _task: AbortOnDropHandle::new(tokio::spawn(look(session, sender))),
        }
    }

    /// What was found last, the latest trace first.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Vec<TraceView>>> {
        self.latest.clone()
    }
}

async fn look(session: Arc<Session>, latest: watch::Sender<Arc<Vec<TraceView>>>) {
    let mut looks = tokio::time::interval(EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let members = match session.members().await {
            Ok(members) => members,
            Err(error) => {
                tracing::debug!("members cannot be asked for traces: {error:#}");
                continue;
            }
        };
        let filter = TraceFilter {
            limit: LIMIT,
            ..TraceFilter::default()
        };
        let (mut found, _) = traces::last(&session, &members, filter).await;
        found.truncate(usize::try_from(LIMIT).unwrap_or(usize::MAX));
        latest.send_if_modified(|now| {
            let is_new = **now != found;
            *now = Arc::new(found);
            is_new
        });
    }
}
