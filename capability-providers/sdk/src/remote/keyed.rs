//! What a call of a stateful actor has besides what every call has: a name for good, and a body that can be sent again.

use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Request};
use lattice_capability::HttpBody;
use lattice_core::{ActorKey, Blame, Fault, FaultKind, LinkId};
use lattice_mesh::{Body, KeyedTarget};
use uuid::Uuid;

use super::body;

/// By this header a client says that several requests are one and the same.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The largest body to collect, unless the link says otherwise: as large as requests to actors usually may be.
pub const BODY_BYTES_MAX: u64 = 64 << 20;

/// Names the call that a request with these headers is. Requests over one link, for one actor, with one `Idempotency-Key` have the same name,
/// wherever they come in; any other has a new one.
#[must_use]
pub fn call_of(link: &LinkId, key: &ActorKey, headers: &HeaderMap) -> Uuid {
    match headers.get(IDEMPOTENCY_KEY) {
        Some(said) if !said.is_empty() => {
            // Neither a link's id nor a key has a line break in it.
            let space = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{link}\n{key}").as_bytes());
            Uuid::new_v5(&space, said.as_bytes())
        }
        _ => Uuid::new_v4(),
    }
}

/// Which actor, and which call of it, a request with these headers is for: see [`call_of`]. One that a client has named is remembered for as
/// long as the actor remembers any, since the client may send it again.
#[must_use]
pub fn target_of(link: &LinkId, key: ActorKey, headers: &HeaderMap) -> KeyedTarget {
    let call = call_of(link, &key, headers);
    match headers.get(IDEMPOTENCY_KEY) {
        Some(said) if !said.is_empty() => KeyedTarget::lasting(key, call),
        _ => KeyedTarget::new(key, call),
    }
}

/// Reads all of a request's body, at most `max` bytes. Trailers are lost.
///
/// # Errors
///
/// [`TooLarge`](FaultKind::TooLarge), [`DeadlineExceeded`](FaultKind::DeadlineExceeded), or what broke the body off.
pub async fn collect(request: Request<HttpBody>, max: u64, deadline: Instant) -> Result<Request<Bytes>, Fault> {
    let (head, body) = request.into_parts();
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    match tokio::time::timeout_at(deadline.into(), body::to_mesh(body).collect(max)).await {
        Ok(bytes) => Ok(Request::from_parts(head, bytes?)),
        Err(_) => {
            let fault = Fault::new(FaultKind::DeadlineExceeded, "the request's body did not come in time");
            Err(fault.blaming(Blame::Caller))
        }
    }
}

/// Keeps `held` until all of a body has been read, or the body is dropped.
#[must_use]
pub fn holding(body: Body, held: impl Send + 'static) -> Body {
    match body {
        Body::Stream(chunks) => {
            let mut held = Some(held);
            let end = futures::stream::poll_fn(move |_| {
                drop(held.take());
                Poll::Ready(None)
            });
            Body::stream(chunks.chain(end))
        }
        whole => whole,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::stream;
    use http::HeaderValue;
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};
    use lattice_capability::HttpError;
    use lattice_capability::http::{empty_body, full_body};

    use super::*;

    #[test]
    fn a_retry_of_a_client_is_the_same_call() {
        let link: LinkId = "lnk:test/provider/http/wasi:http/default".parse().expect("a link");
        let other: LinkId = "lnk:test/provider/http/wasi:http/other".parse().expect("a link");
        let key = |text: &str| text.parse::<ActorKey>().expect("a key");
        let mut headers = HeaderMap::new();
        let call = |link, actor: &str, headers: &HeaderMap| call_of(link, &key(actor), headers);
        assert_ne!(call(&link, "alice", &headers), call(&link, "alice", &headers));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static(""));
        assert_ne!(call(&link, "alice", &headers), call(&link, "alice", &headers));
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("1"));
        let one = call(&link, "alice", &headers);
        assert_eq!(call(&link, "alice", &headers), one);
        assert_ne!(call(&other, "alice", &headers), one);
        assert_ne!(call(&link, "bob", &headers), one);
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("2"));
        assert_ne!(call(&link, "alice", &headers), one);
        // What hosts of other versions make of it.
        assert_eq!(one.to_string(), "36125515-0ef5-5eb3-8949-9c89a5507f5e");
    }

    fn due() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn bodies_are_collected_up_to_a_limit() {
        let post = |body: HttpBody| Request::post("/x").body(body).expect("a request");
        let whole = collect(post(full_body("hello")), 5, due()).await.expect("fits");
        assert_eq!((whole.method().as_str(), &**whole.body()), ("POST", &b"hello"[..]));
        let empty = collect(post(empty_body()), 0, due()).await.expect("fits");
        assert!(empty.body().is_empty());
        let kind = async |body, max, due| collect(post(body), max, due).await.expect_err("broken").kind;
        assert_eq!(kind(full_body("hello"), 4, due()).await, FaultKind::TooLarge);
        let broken = stream::iter([Err(HttpError::ConnectionTerminated)]);
        let broken = StreamBody::new(broken).boxed_unsync();
        assert_eq!(kind(broken, 9, due()).await, FaultKind::Cancelled);
        let stuck = StreamBody::new(stream::pending::<Result<Frame<Bytes>, HttpError>>()).boxed_unsync();
        assert_eq!(kind(stuck, 9, Instant::now()).await, FaultKind::DeadlineExceeded);
    }

    #[tokio::test]
    async fn what_is_held_goes_with_the_end_of_a_body() {
        let held = Arc::new(());
        let chunks = || Body::stream(stream::iter([Ok(Bytes::from_static(b"a"))]));
        let mut body = holding(chunks(), Arc::clone(&held)).into_stream();
        assert!(body.next().await.is_some());
        assert_eq!(Arc::strong_count(&held), 2, "there may be more");
        assert!(body.next().await.is_none());
        assert_eq!(Arc::strong_count(&held), 1);
        let unread = holding(chunks(), Arc::clone(&held));
        drop(unread);
        assert_eq!(Arc::strong_count(&held), 1);
        let whole = holding(Body::from(b"a".to_vec()), Arc::clone(&held));
        assert_eq!((whole.len(), Arc::strong_count(&held)), (Some(1), 1));
    }
}
