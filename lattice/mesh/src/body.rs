//! The bulk of a call or a reply.

use std::fmt;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use lattice_core::{Fault, FaultKind};

/// Chunks of a body, in order. An error is the last item. Dropping the stream tells the sender to stop.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Fault>> + Send + 'static>>;

/// The bulk of a call or a reply: nothing, bytes at hand, or a stream of them.
#[derive(Default)]
pub enum Body {
    /// No bytes.
    #[default]
    Empty,
    /// All bytes, at hand. Any size: more than one message holds is cut into chunks on the way.
    Inline(Bytes),
    /// Bytes as they come.
    Stream(ByteStream),
}

impl Body {
    /// A body whose chunks come from `chunks`.
    pub fn stream(chunks: impl Stream<Item = Result<Bytes, Fault>> + Send + 'static) -> Self {
        Self::Stream(Box::pin(chunks))
    }

    /// The number of bytes, where that is known.
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::Empty => Some(0),
            Self::Inline(bytes) => Some(bytes.len()),
            Self::Stream(_) => None,
        }
    }

    /// Whether it is known that there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Reads all of it, at most `limit` bytes.
    ///
    /// # Errors
    /// The body broke off, or it is longer than `limit`.
    pub async fn collect(self, limit: usize) -> Result<Bytes, Fault> {
        let too_large = || Fault::new(FaultKind::TooLarge, format!("the body is longer than {limit} bytes"));
        let mut chunks = match self {
            Self::Empty => return Ok(Bytes::new()),
            Self::Inline(bytes) if bytes.len() <= limit => return Ok(bytes),
            Self::Inline(_) => return Err(too_large()),
            Self::Stream(chunks) => chunks,
        };
        let mut all = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if chunk.len() > limit - all.len() {
                return Err(too_large());
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// The body as a stream, whatever it is.
    pub fn into_stream(self) -> ByteStream {
        match self {
            Self::Empty => Box::pin(stream::empty()),
            Self::Inline(bytes) => Box::pin(stream::iter((!bytes.is_empty()).then_some(Ok(bytes)))),
            Self::Stream(chunks) => chunks,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Inline(bytes)
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Inline(bytes) => write!(f, "Inline({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(parts: &[&'static str]) -> Body {
        let parts: Vec<_> = parts
            .iter()
            .map(|part| Ok(Bytes::from_static(part.as_bytes())))
            .collect();
        Body::stream(stream::iter(parts))
    }

    async fn check(body: Body, limit: usize, expect: Result<&str, FaultKind>) {
        let got = body.collect(limit).await.map_err(|fault| fault.kind);
        assert_eq!(got.as_deref(), expect.as_ref().map(|text| text.as_bytes()));
    }

    #[tokio::test]
    async fn collects_up_to_the_limit_and_not_beyond() {
        check(Body::Empty, 0, Ok("")).await;
        check(Body::from(b"abc".to_vec()), 3, Ok("abc")).await;
        check(Body::from(b"abc".to_vec()), 2, Err(FaultKind::TooLarge)).await;
        check(chunks(&["ab", "", "c"]), 3, Ok("abc")).await;
        check(chunks(&["ab", "c"]), 2, Err(FaultKind::TooLarge)).await;
        let broken = Body::stream(stream::iter([
            Ok(Bytes::from_static(b"a")),
            Err(Fault::internal("gone")),
        ]));
        check(broken, 9, Err(FaultKind::Internal)).await;
    }
}
