//! Several answers to one question.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::Sleep;

use crate::bus::NO_RESPONDERS;
use crate::{Bus, DIRECT_CAPACITY, Headers, Message, RequestError, Subject, Subscription};

/// The answers to a question, as they come in. Dropping it stops listening.
#[derive(Debug)]
pub struct Replies {
    answers: Subscription,
    stall: Duration,
    timer: Pin<Box<Sleep>>,
    left: Option<usize>,
    ended: Option<RepliesEnd>,
}

/// Why no more answers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepliesEnd {
    /// As many came as were wanted.
    Enough,
    /// None came for the stall time.
    Stalled,
    /// The server says that nobody listens.
    NoResponders,
    /// The bus was closed.
    Closed,
}

impl Replies {
    pub(crate) async fn ask(
        bus: &Bus,
        subject: Subject,
        headers: Headers,
        payload: Bytes,
        stall: Duration,
        max: Option<usize>,
    ) -> Result<Self, RequestError> {
        let sending = async {
            bus.connected().await.ok_or(RequestError::Disconnected)?;
            let inbox = bus.new_inbox();
            let answers = bus
                .subscribe(&inbox, None, DIRECT_CAPACITY)
                .await
                .map_err(|_| RequestError::Disconnected)?;
            bus.publish_with_reply(subject, inbox, headers, payload).await?;
            Ok::<_, RequestError>(answers)
        };
        let answers = tokio::time::timeout(stall, sending)
            .await
            .map_err(|_| RequestError::Disconnected)??;
        Ok(Self {
            answers,
            stall,
            timer: Box::pin(tokio::time::sleep(stall)),
            left: max,
            ended: None,
        })
    }

    /// Returns the next answer; `None` when there will be no more.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<Message> {
        self.next().await
    }

    /// Says why the stream ended; `None` while it has not.
    pub fn ended(&self) -> Option<RepliesEnd> {
        self.ended
    }

    fn end(&mut self, why: RepliesEnd) -> Poll<Option<Message>> {
        self.ended = Some(why);
        Poll::Ready(None)
    }
}

impl Stream for Replies {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        if self.left == Some(0) {
            return self.end(RepliesEnd::Enough);
        }
        match self.answers.poll_next_unpin(cx) {
            Poll::Ready(Some(message)) if message.status() == Some(NO_RESPONDERS) => self.end(RepliesEnd::NoResponders),
            Poll::Ready(Some(message)) => {
                self.left = self.left.map(|left| left - 1);
                let next = tokio::time::Instant::now() + self.stall;
                self.timer.as_mut().reset(next);
                Poll::Ready(Some(message))
            }
            Poll::Ready(None) => self.end(RepliesEnd::Closed),
            Poll::Pending => match self.timer.as_mut().poll(cx) {
                Poll::Ready(()) => self.end(RepliesEnd::Stalled),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}
