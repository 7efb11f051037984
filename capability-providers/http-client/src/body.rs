//! A response's body, with a limit on its pauses.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use provider_sdk::capability::HttpError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::error;

/// Passes on what the server sends. Holds the request's permit until the body is gone.
pub(crate) struct ResponseBody {
    incoming: Incoming,
    pause_max: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    pausing: bool,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl ResponseBody {
    pub(crate) fn new(incoming: Incoming, pause_max: Duration, permit: OwnedSemaphorePermit) -> Self {
        Self {
            incoming,
            pause_max,
            pause: None,
            pausing: false,
            ended: false,
            _permit: permit,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.pausing = false;
                Poll::Ready(frame.map(|frame| frame.map_err(|error| error::of_body(&error))))
            }
            Poll::Pending => {
                let until = Instant::now() + this.pause_max;
                let pause = this
                    .pause
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                if !this.pausing {
                    pause.as_mut().reset(until);
                    this.pausing = true;
                }
                match pause.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        this.ended = true;
                        Poll::Ready(Some(Err(HttpError::ConnectionReadTimeout)))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
