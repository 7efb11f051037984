//! Reads a stream in order, and knows when it missed something.
//!
//! A short-lived consumer pushes to an inbox. Consumer sequences without a gap prove that nothing was lost on the way, and heartbeats that
//! the consumer still lives. Whoever reads decides what a break means: start over, or go on after the last sequence.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::wire::ConsumerConfig;
use super::{JetStream, StateError};
use crate::{DIRECT_CAPACITY, Headers, Message, Subscription};

/// A consumer with nothing to say says so this often.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// Silence after which the consumer is taken for gone.
const SILENCE: Duration = Duration::from_secs(7);

/// Status of heartbeats and flow control requests.
const CONTROL: u16 = 100;

/// Where to start reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With everything the stream has.
    All,
    /// With the last message of each subject.
    LastPerSubject,
    /// With what comes after this sequence.
    After(u64),
    /// With what was stored at this time.
    Since(SystemTime),
}

/// A message of a stream, in order.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) message: Message,
    pub(crate) place: Place,
}

/// Reads a stream in order.
#[derive(Debug)]
pub(crate) struct OrderedReader {
    jetstream: JetStream,
    stream: String,
    name: String,
    inbox: Subscription,
    /// Messages the consumer had to deliver when it was made.
    pending_at_start: u64,
    delivered: u64,
    deadline: Instant,
}

impl OrderedReader {
    pub(crate) async fn open(
        jetstream: &JetStream,
        stream: &str,
        filter: &str,
        start: Start,
        headers_only: bool,
    ) -> Result<Self, StateError> {
        let bus = jetstream.bus();
        let subject = bus.new_inbox();
        let inbox = bus
            .subscribe(&subject, None, DIRECT_CAPACITY)
            .await
            .map_err(|_| StateError::Interrupted("the connection is closed"))?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let config = ConsumerConfig {
            name: &name,
            deliver_subject: &subject,
            deliver_policy: match start {
                Start::All => "all",
                Start::LastPerSubject => "last_per_subject",
                Start::After(_) => "by_start_sequence",
                Start::Since(_) => "by_start_time",
            },
            opt_start_seq: match start {
                Start::After(sequence) => Some(sequence + 1),
                _ => None,
            },
            opt_start_time: match start {
                Start::Since(time) => OffsetDateTime::from(time).format(&Rfc3339).ok(),
                _ => None,
            },
            filter_subject: filter,
            ack_policy: "none",
            replay_policy: "instant",
            max_deliver: 1,
            flow_control: true,
            idle_heartbeat: nanos(HEARTBEAT),
            num_replicas: 1,
            mem_storage: true,
            headers_only,
        };
        let created = jetstream.create_consumer(stream, &config).await?;
        Ok(Self {
            jetstream: jetstream.clone(),
            stream: stream.to_owned(),
            name,
            inbox,
            pending_at_start: created.num_pending,
            delivered: 0,
            deadline: Instant::now() + SILENCE,
        })
    }

    /// Says whether the stream had nothing for us when reading began.
    pub(crate) fn starts_empty(&self) -> bool {
        self.pending_at_start == 0
    }

    /// Says whether all that the stream had when reading began has been delivered, `last` being the latest delivery.
    pub(crate) fn is_caught_up(&self, last: &Place) -> bool {
        last.pending == 0 || self.delivered >= self.pending_at_start
    }

    /// Returns the next message.
    ///
    /// # Errors
    ///
    /// When one was missed, or the consumer is gone. The reader is of no use after that.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is returned or stays queued.
    pub(crate) async fn next(&mut self) -> Result<Delivered, StateError> {
        loop {
            let received = tokio::time::timeout_at(self.deadline, self.inbox.recv()).await;
            let message = received
                .map_err(|_| StateError::Interrupted("the consumer has fallen silent"))?
                .ok_or(StateError::Interrupted("the connection is closed"))?;
            self.deadline = Instant::now() + SILENCE;
            match message.status() {
                None => return self.accept(message),
                Some(CONTROL) => self.on_control(&message).await?,
                Some(_) => return Err(StateError::Interrupted("the consumer was removed")),
            }
        }
    }

    /// Removes the consumer at once instead of leaving that to the server, which would take some seconds.
    pub(crate) async fn close(self) {
        // It goes by itself if this fails.
        let _ = self.jetstream.delete_consumer(&self.stream, &self.name).await;
    }

    fn accept(&mut self, message: Message) -> Result<Delivered, StateError> {
        let place = message
            .reply
            .as_deref()
            .and_then(Place::parse)
            .ok_or(StateError::Interrupted("a message came from no consumer"))?;
        if place.consumer_sequence != self.delivered + 1 {
            return Err(StateError::Interrupted("a message was missed"));
        }
        self.delivered = place.consumer_sequence;
        Ok(Delivered { message, place })
    }

    async fn on_control(&self, message: &Message) -> Result<(), StateError> {
        let number = |name| message.headers.get(name).and_then(|text| text.parse::<u64>().ok());
        if number("Nats-Last-Consumer").is_some_and(|last| last > self.delivered) {
            return Err(StateError::Interrupted("a message was missed"));
        }
        // Answering lets the server send on; it comes after all that was sent before, which is what bounds our queue.
        let stalled = message.headers.get("Nats-Consumer-Stalled").map(Into::into);
        if let Some(reply) = message.reply.clone().or(stalled) {
            let answered = self.jetstream.bus().publish(reply, Headers::new(), Bytes::new()).await;
            answered.map_err(|_| StateError::Interrupted("the connection is closed"))?;
        }
        Ok(())
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where a delivered message stands, as its reply subject tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stream_sequence: u64,
    pub(crate) consumer_sequence: u64,
    pub(crate) time: SystemTime,
    pub(crate) pending: u64,
}

impl Place {
    /// Reads `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>[.<token>]`.
    fn parse(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        // The short form has exactly seven tokens; the long one nine, and later servers may add more.
        let numbers = match tokens.len() {
            7 => &tokens[3..7],
            9.. => &tokens[5..9],
            _ => return None,
        };
        let [stream_sequence, consumer_sequence, time, pending] = numbers else {
            return None;
        };
        Some(Self {
            stream_sequence: stream_sequence.parse().ok()?,
            consumer_sequence: consumer_sequence.parse().ok()?,
            time: SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(time.parse().ok()?))?,
            pending: pending.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_place_are_read() {
        let expected = Place {
            stream_sequence: 42,
            consumer_sequence: 7,
            time: SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001),
            pending: 3,
        };
        assert_eq!(Place::parse("$JS.ACK.S.C.1.42.7.1700000000000000001.3"), Some(expected));
        assert_eq!(
            Place::parse("$JS.ACK.hub.HASH.S.C.1.42.7.1700000000000000001.3"),
            Some(expected)
        );
        assert_eq!(
            Place::parse("$JS.ACK.hub.HASH.S.C.1.42.7.1700000000000000001.3.tok"),
            Some(expected)
        );
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for reply in [
            "",
            "$JS.ACK.",
            "$JS.ACK.S.C.1.x.7.1.3",
            "$JS.ACK.S.C.1.42.7.1",
            "_INBOX.a.b.c.d.e.f.g.h",
            "$JS.ACK.a.b.c.d.e.f.g.h",
        ] {
            assert_eq!(Place::parse(reply), None, "{reply}");
        }
    }
}
