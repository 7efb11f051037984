//! What goes back: a body, and the headers that keep a page to itself.

use std::convert::Infallible;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;

/// An answer.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Nothing from elsewhere, nothing inline, in nobody's frame. Should a name ever be taken for markup, it still does nothing.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// Every header that says to whom the answer is of no use.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The program may be another one the next time, and it is near.
    (CACHE_CONTROL, "no-store"),
];

/// An answer that is there at once.
pub(super) fn whole(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Answer {
    answer(status, kind, Full::new(body.into()).boxed_unsync())
}

/// An answer that goes on.
pub(super) fn stream(chunks: impl futures::Stream<Item = Bytes> + Send + 'static) -> Answer {
    use futures::StreamExt as _;
    let frames = chunks.map(|chunk| Ok(Frame::data(chunk)));
    answer(StatusCode::OK, EVENT_STREAM, StreamBody::new(frames).boxed_unsync())
}

/// The refusal of anything but looking.
pub(super) fn only_get() -> Answer {
    let mut answer = whole(
        StatusCode::METHOD_NOT_ALLOWED,
        TEXT,
        "nothing can be changed here: only GET and HEAD\n",
    );
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn answer(status: StatusCode, kind: HeaderValue, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, kind);
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}
