//! The body of a guest's answer, which runs the guest that writes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use lattice_capability::{HttpBody, HttpError};
use tokio_util::task::TaskTracker;
use wasmtime_wasi_http::WasiBody;

use super::Inner;
use super::http::Guest;
use super::leash::Leash;
use crate::imports::from_wasi_error;

/// What the other side will do with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Read it to its end. If it stops before, nobody wants the rest.
    Body,
    /// Nothing: it asked for the head only, and the guest is to end in peace.
    HeadOnly,
}

/// A body, and the guest behind it.
pub(super) struct AnswerBody {
    body: HttpBody,
    leash: Leash,
    /// Bytes that are still to come, where that is known.
    left: Option<u64>,
    reading: Reading,
    tasks: TaskTracker,
}

impl AnswerBody {
    /// Joins an answer with the guest that may still write it. Without a guest the body is all there is.
    pub(super) fn attach(
        response: Response<WasiBody>,
        guest: Option<Guest>,
        reading: Reading,
        deadline: Instant,
        inner: &Inner,
    ) -> Response<HttpBody> {
        let (head, body) = response.into_parts();
        let body = body.map_err(from_wasi_error).boxed_unsync();
        let body = Limited::response(body, inner.shared.limits.body_bytes_max).boxed_unsync();
        let body = match guest {
            None => body,
            Some(guest) => {
                let bodiless = head.status.is_informational()
                    || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
                let announced = head.headers.get(CONTENT_LENGTH);
                Self {
                    left: announced
                        .and_then(|value| value.to_str().ok()?.parse().ok())
                        .or(body.size_hint().exact()),
                    body,
                    leash: Leash::put(guest, deadline, &inner.stop, &inner.tasks),
                    reading: if bodiless { Reading::HeadOnly } else { reading },
                    tasks: inner.tasks.clone(),
                }
                .boxed_unsync()
            }
        };
        Response::from_parts(head, body)
    }

    /// Lets the guest end what it does after its answer: the caller has all it wanted.
    fn let_finish(&self) {
        if let Some(guest) = self.leash.release() {
            self.tasks.spawn(async move {
                if let Err(fault) = guest.await {
                    tracing::debug!(%fault, "a guest failed after it had answered");
                }
            });
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let failed = self.leash.run(cx);
        match (Pin::new(&mut self.body).poll_frame(cx), failed) {
            // What the guest died of says more than that its body broke off, and a body of WASI 0.2 that breaks off looks
            // like one that has ended.
            (Poll::Ready(None | Some(Err(_))) | Poll::Pending, Some(fault)) => {
                Poll::Ready(Some(Err(HttpError::Internal(fault.to_string()))))
            }
            (Poll::Ready(None), None) => {
                // Most guests end here.
                self.leash.run(cx);
                self.let_finish();
                Poll::Ready(None)
            }
            (Poll::Ready(Some(Ok(frame))), _) => {
                if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
                    *left = left.saturating_sub(data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            (other, None) => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    /// Servers drop a body once they have as much as was announced, so that alone does not mean that the caller went away.
    fn drop(&mut self) {
        if self.reading == Reading::HeadOnly || self.left == Some(0) || self.body.is_end_stream() {
            self.let_finish();
        } else {
            drop(self.leash.release());
        }
    }
}

/// A body that breaks off when it gets too long.
pub(super) struct Limited {
    body: HttpBody,
    left: u64,
    error: HttpError,
}

impl Limited {
    pub(super) fn request(body: HttpBody, max: u64) -> Self {
        Self {
            body,
            left: max,
            error: HttpError::RequestBodySize(Some(max)),
        }
    }

    pub(super) fn response(body: HttpBody, max: u64) -> Self {
        Self {
            body,
            left: max,
            error: HttpError::ResponseBodySize(Some(max)),
        }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(self.error.clone()))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
