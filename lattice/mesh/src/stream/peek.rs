//! Bodies that are announced as streams and turn out to be short.

use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt, stream};
use lattice_core::Fault;

use crate::Body;

/// Takes what is ready of a body, up to `limit` bytes: one that ends within that needs no stream. Any other stays a stream, whole.
pub(crate) fn settle(body: Body, limit: usize) -> Body {
    let Body::Stream(mut chunks) = body else { return body };
    let mut front: Vec<Bytes> = Vec::new();
    let mut len = 0;
    let next: Option<Result<Bytes, Fault>> = loop {
        match chunks.next().now_or_never() {
            Some(None) => return joined(front, len),
            Some(Some(Ok(chunk))) => {
                len += chunk.len();
                front.push(chunk);
                if len > limit {
                    break None;
                }
            }
            Some(Some(Err(fault))) => break Some(Err(fault)),
            None => break None,
        }
    };
    if front.is_empty() && next.is_none() {
        return Body::Stream(chunks);
    }
    Body::stream(stream::iter(front.into_iter().map(Ok).chain(next)).chain(chunks))
}

fn joined(mut front: Vec<Bytes>, len: usize) -> Body {
    match front.pop() {
        None => Body::Empty,
        Some(only) if front.is_empty() => only.into(),
        Some(last) => {
            let mut all = BytesMut::with_capacity(len);
            front
                .iter()
                .chain([&last])
                .for_each(|chunk| all.extend_from_slice(chunk));
            all.freeze().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(parts: &[&'static [u8]]) -> impl futures::Stream<Item = Result<Bytes, Fault>> + Send + 'static {
        stream::iter(
            parts
                .iter()
                .map(|part| Ok(Bytes::from_static(part)))
                .collect::<Vec<_>>(),
        )
    }

    #[tokio::test]
    async fn a_short_body_that_is_there_needs_no_stream() {
        assert!(matches!(settle(Body::stream(ready(&[])), 9), Body::Empty));
        assert!(
            matches!(settle(Body::stream(ready(&[b"ab", b"", b"c"])), 9), Body::Inline(bytes) if &bytes[..] == b"abc")
        );
    }

    #[tokio::test]
    async fn any_other_stays_whole() {
        let long = settle(Body::stream(ready(&[b"abc", b"def"])), 4);
        assert!(matches!(long, Body::Stream(_)));
        assert_eq!(&long.collect(9).await.expect("whole")[..], b"abcdef");

        let mut polled = false;
        let slow = stream::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut polled, true) {
                std::task::Poll::Ready(None)
            } else {
                std::task::Poll::Pending
            }
        });
        let slow = settle(Body::stream(ready(&[b"abc"]).chain(slow)), 9);
        assert!(matches!(slow, Body::Stream(_)));
        assert_eq!(&slow.collect(9).await.expect("whole")[..], b"abc");

        let broken = Body::stream(ready(&[b"abc"]).chain(stream::iter([Err(Fault::internal("gone"))])));
        assert_eq!(settle(broken, 9).collect(9).await.expect_err("broken").message, "gone");
    }
}
