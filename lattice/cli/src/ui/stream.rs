//! What one page is told while it is open, as server-sent events.
//!
//! Nothing waits here but what [`News`] bounds: a page that reads slowly gets the latest look at the lattice when it comes to read, and
//! learns how many events it missed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast, watch},
    time::{Interval, MissedTickBehavior},
};

use super::{News, news::Following, server::Sources, told::Told};
use crate::{overview::Overview, traces::TraceView};

/// How often something is said when there is nothing to say, so that whoever is gone is noticed.
const BEAT: Duration = Duration::from_secs(10);

/// The telling of one page.
pub(super) struct Stream {
    kept: Option<Vec<Arc<Told>>>,
    overview: watch::Receiver<Arc<Overview>>,
    live: broadcast::Receiver<Arc<Told>>,
    trouble: watch::Receiver<Option<String>>,
    traces: watch::Receiver<Arc<Vec<TraceView>>>,
    beat: Interval,
    _place: OwnedSemaphorePermit,
}

/// Something to tell.
enum Word {
    Kept(Vec<Arc<Told>>),
    Overview(Arc<Overview>),
    Happened(Arc<Told>),
    Missed(u64),
    Trouble(Option<String>),
    Traces(Arc<Vec<TraceView>>),
    Beat,
}

impl Stream {
    pub(super) fn new(sources: &Sources, place: OwnedSemaphorePermit) -> Self {
        let Following {
            kept,
            live,
            mut trouble,
        } = News::follow(&sources.news);
        let (mut overview, mut traces) = (sources.overview.clone(), sources.traces.clone());
        // What is known already is told first.
        overview.mark_changed();
        trouble.mark_changed();
        traces.mark_changed();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            kept: Some(kept),
            overview,
            live,
            trouble,
            traces,
            beat,
            _place: place,
        }
    }

    /// As chunks of a body. Ends when there is nobody left who would tell anything; the page then comes again.
    pub(super) fn chunks(self) -> impl futures::Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut stream| async move {
            let word = stream.next().await?;
            Some((word.chunk(), stream))
        })
    }

    async fn next(&mut self) -> Option<Word> {
        if let Some(kept) = self.kept.take() {
            return Some(Word::Kept(kept));
        }
        Some(tokio::select! {
            // Looks come once a second at most, and hold up nothing.
            biased;
            changed = self.overview.changed() => {
                changed.ok()?;
                Word::Overview(Arc::clone(&self.overview.borrow_and_update()))
            }
            changed = self.trouble.changed() => {
                changed.ok()?;
                Word::Trouble(self.trouble.borrow_and_update().clone())
            }
            told = self.live.recv() => match told {
                Ok(told) => Word::Happened(told),
                Err(broadcast::error::RecvError::Lagged(count)) => Word::Missed(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            },
            changed = self.traces.changed() => {
                changed.ok()?;
                Word::Traces(Arc::clone(&self.traces.borrow_and_update()))
            }
            _ = self.beat.tick() => Word::Beat,
        })
    }
}

impl Word {
    fn chunk(&self) -> Bytes {
        match self {
            Self::Kept(told) => chunk("kept", told),
            Self::Overview(overview) => chunk("overview", overview),
            Self::Happened(told) => chunk("happened", told),
            Self::Missed(count) => chunk("missed", count),
            Self::Trouble(trouble) => chunk("trouble", trouble),
            Self::Traces(traces) => chunk("traces", traces),
            Self::Beat => Bytes::from_static(b": still here\n\n"),
        }
    }
}

/// One event. JSON on one line has no line breaks that would end it early.
fn chunk(name: &str, content: &(impl Serialize + ?Sized)) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    serde_json::to_writer(&mut text, content).expect("texts and numbers can be written as JSON");
    text.extend_from_slice(b"\n\n");
    text.into()
}
