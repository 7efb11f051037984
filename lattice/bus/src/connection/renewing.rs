//! A subscription that moves on to the next client should the present one die.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_nats::{Client, Subscriber};
use futures::{Stream, StreamExt};
use tracing::debug;

use super::Line;
use crate::{Message, Subject, SubscribeError};

/// A subscription of the client's own, made again on the next client should the present one die.
pub(crate) struct Renewing {
    line: Arc<Line>,
    subject: Subject,
    queue: Option<String>,
    /// The client we are subscribed on.
    generation: u64,
    state: RenewingState,
}

enum RenewingState {
    Open(Subscriber),
    Draining(Subscriber),
    Reopening(Reopening),
    Over,
}

type Reopening = Pin<Box<dyn Future<Output = Option<(Subscriber, u64)>> + Send + Sync>>;

impl Renewing {
    pub(crate) async fn open(line: Arc<Line>, subject: Subject, queue: Option<String>) -> Result<Self, SubscribeError> {
        let installed = line.client().ok_or(SubscribeError::Disconnected)?;
        let generation = installed.generation;
        let subscriber = subscribe(&installed.client, &subject, queue.clone()).await?;
        Ok(Self {
            line,
            subject,
            queue,
            generation,
            state: RenewingState::Open(subscriber),
        })
    }

    pub(crate) async fn drain(&mut self) {
        self.state = match std::mem::replace(&mut self.state, RenewingState::Over) {
            RenewingState::Open(mut subscriber) => match subscriber.drain().await {
                Ok(()) => RenewingState::Draining(subscriber),
                Err(_) => RenewingState::Over,
            },
            RenewingState::Draining(subscriber) => RenewingState::Draining(subscriber),
            RenewingState::Reopening(_) | RenewingState::Over => RenewingState::Over,
        };
    }

    fn reopen(&self) -> RenewingState {
        let (line, subject, queue) = (Arc::clone(&self.line), self.subject.clone(), self.queue.clone());
        let mut generation = self.generation;
        RenewingState::Reopening(Box::pin(async move {
            loop {
                let installed = line.client_after(generation).await?;
                generation = installed.generation;
                match subscribe(&installed.client, &subject, queue.clone()).await {
                    Ok(subscriber) => return Some((subscriber, generation)),
                    Err(err) => debug!(error = %err, %subject, "cannot subscribe again yet"),
                }
            }
        }))
    }
}

impl Stream for Renewing {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            let next = match &mut self.state {
                RenewingState::Open(subscriber) => match ready!(subscriber.poll_next_unpin(cx)) {
                    Some(message) => return Poll::Ready(Some(message.into())),
                    None if self.line.is_closing() => RenewingState::Over,
                    None => self.reopen(),
                },
                RenewingState::Draining(subscriber) => match ready!(subscriber.poll_next_unpin(cx)) {
                    Some(message) => return Poll::Ready(Some(message.into())),
                    None => RenewingState::Over,
                },
                RenewingState::Reopening(reopening) => match ready!(reopening.as_mut().poll(cx)) {
                    Some((subscriber, generation)) => {
                        self.generation = generation;
                        RenewingState::Open(subscriber)
                    }
                    None => RenewingState::Over,
                },
                RenewingState::Over => return Poll::Ready(None),
            };
            self.state = next;
        }
    }
}

impl std::fmt::Debug for Renewing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renewing")
            .field("subject", &self.subject)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

async fn subscribe(client: &Client, subject: &Subject, queue: Option<String>) -> Result<Subscriber, SubscribeError> {
    let inner = subject.clone().into_inner();
    let subscribed = match queue {
        Some(queue) => client.queue_subscribe(inner, queue).await,
        None => client.subscribe(inner).await,
    };
    subscribed.map_err(|err| match err.kind() {
        async_nats::SubscribeErrorKind::InvalidSubject | async_nats::SubscribeErrorKind::InvalidQueueName => {
            SubscribeError::BadSubject {
                subject: subject.to_string(),
            }
        }
        async_nats::SubscribeErrorKind::Other => SubscribeError::Disconnected,
    })
}
