//! A request's body, bounded in size and patience.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use provider_sdk::capability::HttpError;
use tokio::time::{Instant, Sleep};

/// Why a request's body broke off, for the response that the client then gets instead of the actor's.
#[derive(Clone, Default)]
pub(crate) struct BodyVerdict(Arc<AtomicU8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BrokenBody {
    TooLarge,
    TooSlow,
}

impl BodyVerdict {
    const TOO_LARGE: u8 = 1;
    const TOO_SLOW: u8 = 2;

    pub(crate) fn get(&self) -> Option<BrokenBody> {
        match self.0.load(Ordering::Acquire) {
            Self::TOO_LARGE => Some(BrokenBody::TooLarge),
            Self::TOO_SLOW => Some(BrokenBody::TooSlow),
            _ => None,
        }
    }
}

/// Passes on what the client sends, until it is too much or takes too long.
pub(crate) struct RequestBody {
    incoming: Incoming,
    max: u64,
    received: u64,
    pause_max: Duration,
    // Made at the first pause and kept for the next ones.
    pause: Option<Pin<Box<Sleep>>>,
    pausing: bool,
    verdict: BodyVerdict,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, max: u64, pause_max: Duration) -> (Self, BodyVerdict) {
        let verdict = BodyVerdict::default();
        let body = Self {
            incoming,
            max,
            received: 0,
            pause_max,
            pause: None,
            pausing: false,
            verdict: verdict.clone(),
        };
        (body, verdict)
    }

    fn break_off(&mut self, verdict: u8, error: HttpError) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.verdict.0.store(verdict, Ordering::Release);
        Poll::Ready(Some(Err(error)))
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = Instant::now() + self.pause_max;
        let pause = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !self.pausing {
            pause.as_mut().reset(until);
            self.pausing = true;
        }
        pause.as_mut().poll(cx)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if this.verdict.get().is_some() {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Pending => match this.poll_pause(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => this.break_off(BodyVerdict::TOO_SLOW, HttpError::ConnectionReadTimeout),
            },
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(read_error(&error)))),
            Poll::Ready(Some(Ok(frame))) => {
                this.pausing = false;
                let len = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.received = this.received.saturating_add(len);
                if this.received > this.max {
                    return this.break_off(BodyVerdict::TOO_LARGE, HttpError::RequestBodySize(Some(this.max)));
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

fn read_error(error: &hyper::Error) -> HttpError {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        HttpError::ConnectionTerminated
    } else {
        HttpError::Protocol
    }
}
