//! What a subscription of a link hears.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use lattice_bus::{Message, Subscription};
use lattice_core::ActorKey;
use lattice_core::id::ParseIdError;

use crate::subjects::KeyToken;

/// A message, and whom it is for.
pub(crate) struct Heard {
    pub(crate) message: Message,
    /// The key of the actor, if it has one.
    pub(crate) key: Option<ActorKey>,
}

/// A message whose subject names no actor.
pub(crate) struct Unaddressed {
    pub(crate) message: Message,
    pub(crate) error: ParseIdError,
}

/// A subscription that knows where its subjects have the key.
pub(crate) struct Ear {
    subscription: Subscription,
    key: Option<KeyToken>,
}

impl Ear {
    pub(crate) fn new(subscription: Subscription, key: Option<KeyToken>) -> Self {
        Self { subscription, key }
    }

    /// As [`Subscription::drain`].
    pub(crate) async fn drain(&mut self) {
        self.subscription.drain().await;
    }
}

impl Stream for Ear {
    type Item = Result<Heard, Unaddressed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let token = self.key;
        self.subscription.poll_next_unpin(cx).map(|next| {
            let message = next?;
            Some(match token.map(|token| token.read(&message.subject)).transpose() {
                Ok(key) => Ok(Heard { message, key }),
                Err(error) => Err(Unaddressed { message, error }),
            })
        })
    }
}
