//! An actor's way to the broker: publish and ask.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_bus::{Bus, Headers, PublishError, RequestError};
use provider_sdk::capability::{BrokerMessage, CallContext, Messaging, MessagingError, SpanRef, TraceContext};
use tracing::debug;

use crate::config::ConsumerConfig;
use crate::subjects;

/// One link's way to the broker.
pub(crate) struct Consumer {
    pub(crate) bus: Bus,
    pub(crate) config: ConsumerConfig,
}

impl Consumer {
    fn check(&self, ctx: &CallContext, subject: &str) -> Result<(), MessagingError> {
        subjects::check_publish(&self.config.publish, subject).map_err(|reason| {
            debug!(link = %ctx.link, subject, %reason, "message not sent");
            MessagingError::Denied {
                subject: subject.to_owned(),
                reason,
            }
        })
    }
}

#[async_trait]
impl Messaging for Consumer {
    async fn publish(&self, ctx: &CallContext, message: BrokerMessage) -> Result<(), MessagingError> {
        self.check(ctx, &message.subject)?;
        let headers = headers(ctx.trace.as_ref().map(SpanRef::context));
        let publishing = async {
            match &message.reply_to {
                Some(reply_to) => {
                    // Whoever answers does so with its own rights, so this must not be a way to make it speak to the lattice.
                    self.check(ctx, reply_to)?;
                    self.bus
                        .publish_with_reply(&message.subject, reply_to, headers, message.body)
                        .await
                }
                None => self.bus.publish(&message.subject, headers, message.body).await,
            }
            .map_err(|error| of_publish(&error))
        };
        // While the connection is down and its buffer full, publishing waits.
        match tokio::time::timeout_at(ctx.deadline.into(), publishing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(MessagingError::TimedOut(message.subject)),
        }
    }

    async fn request(
        &self,
        ctx: &CallContext,
        subject: &str,
        body: Bytes,
        timeout: Duration,
    ) -> Result<BrokerMessage, MessagingError> {
        self.check(ctx, subject)?;
        let timeout = timeout.min(ctx.remaining());
        let answer = self
            .bus
            .request(
                subject,
                headers(ctx.trace.as_ref().map(SpanRef::context)),
                body,
                timeout,
            )
            .await;
        let answer = answer.map_err(|error| of_request(&error, subject))?;
        Ok(BrokerMessage {
            subject: answer.subject.to_string(),
            body: answer.payload,
            reply_to: answer.reply.map(|reply| reply.to_string()),
        })
    }
}

/// The trace, as NATS clients everywhere carry it.
fn headers(trace: Option<&TraceContext>) -> Headers {
    let mut headers = Headers::new();
    if let Some(trace) = trace {
        // A trace context was checked to be of plain characters, and a message without its trace still is the message.
        let _ = headers.insert("traceparent", &trace.traceparent());
        if let Some(tracestate) = trace.tracestate() {
            let _ = headers.insert("tracestate", tracestate);
        }
    }
    headers
}

/// The trace that a message continues.
pub(crate) fn trace_of(headers: &Headers) -> Option<TraceContext> {
    TraceContext::parse(headers.get("traceparent")?, headers.get("tracestate"))
}

fn of_publish(error: &PublishError) -> MessagingError {
    match error {
        PublishError::TooLarge { size, max, .. } => MessagingError::TooLarge {
            size: *size as u64,
            max: *max as u64,
        },
        other => MessagingError::Other(other.to_string()),
    }
}

fn of_request(error: &RequestError, subject: &str) -> MessagingError {
    match error {
        RequestError::NoResponders { .. } => MessagingError::NoResponders(subject.to_owned()),
        RequestError::TimedOut { .. } => MessagingError::TimedOut(subject.to_owned()),
        RequestError::Denied { .. } => MessagingError::Denied {
            subject: subject.to_owned(),
            reason: "the NATS credentials of the provider do not cover it".to_owned(),
        },
        RequestError::Publish(error) => of_publish(error),
        other => MessagingError::Other(other.to_string()),
    }
}
