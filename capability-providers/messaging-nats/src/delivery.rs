//! Hands one message to the actor, and says so when that fails.

use std::sync::Arc;
use std::time::Duration;

use lattice_bus::{Bus, Headers, Message};
use lattice_core::{ActorKey, Fault, FaultKind, LinkId};
use provider_sdk::ActorInvoker;
use provider_sdk::capability::{BrokerMessage, SpanRef};
use provider_sdk::telemetry::conventions as is;
use provider_sdk::telemetry::{KeyValue, Span, SpanKind, Status, Tracer};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::consumer::trace_of;
use crate::heard::{Heard, Unaddressed};

/// Pauses between tries grow from the first to the last, plus up to as much again by chance.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_LAST: Duration = Duration::from_millis(500);

/// What it takes to deliver the messages of one link.
pub(crate) struct Delivery {
    pub(crate) bus: Bus,
    pub(crate) invoker: Arc<dyn ActorInvoker>,
    pub(crate) link: LinkId,
    pub(crate) tracer: Tracer,
}

impl Delivery {
    /// Delivers one message until it is handled, failed, or `due`.
    pub(crate) async fn deliver(&self, heard: Heard, due: Instant) {
        let Heard { message, key } = heard;
        let span = self.begin(&message);
        let status = self.handle(&message, key, due, span.handle()).await;
        span.end(status, || {
            vec![
                KeyValue::new("messaging.system", "nats"),
                KeyValue::new("messaging.operation.type", "process"),
                KeyValue::new("messaging.destination.name", message.subject.to_string()),
                KeyValue::new(is::LINK, self.link.to_string()),
            ]
        });
    }

    /// Begins the trace of a message. Whoever sent it does not wait for what comes of it, so that its own trace is linked.
    fn begin(&self, message: &Message) -> Span {
        let sender = trace_of(&message.headers);
        if !self.tracer.is_on() {
            // Others may still want to know.
            return self.tracer.start("", SpanKind::Consumer, sender.as_ref());
        }
        let mut span = match &sender {
            Some(sender) if sender.sampled() => self.tracer.always("process message", SpanKind::Consumer, None),
            _ => self.tracer.start("process message", SpanKind::Consumer, None),
        };
        if let Some(sender) = &sender {
            span.link(sender);
        }
        span
    }

    async fn handle(&self, message: &Message, key: Option<ActorKey>, due: Instant, trace: Option<SpanRef>) -> Status {
        let for_actor = BrokerMessage {
            subject: message.subject.to_string(),
            body: message.payload.clone(),
            reply_to: message.reply.as_ref().map(ToString::to_string),
        };
        let mut pause = PAUSE_FIRST;
        let fault = loop {
            let invocation = self.invoker.message(
                &self.link,
                key.clone(),
                for_actor.clone(),
                due.into_std(),
                trace.clone(),
            );
            match tokio::time::timeout_at(due, invocation).await {
                Ok(Ok(Ok(()))) => return Status::Ok,
                Ok(Ok(Err(error))) => {
                    debug!(link = %self.link, subject = %message.subject, error, "the actor's handler returned an error");
                    self.answer(message, 500, &error).await;
                    return Status::error("handler", error);
                }
                // Nobody took it up. Without another try it would be lost, since core NATS keeps nothing.
                Ok(Err(fault)) if fault.is_safe_to_retry() && Instant::now() + pause < due => {
                    tokio::time::sleep(pause + jitter(pause)).await;
                    pause = (pause * 2).min(PAUSE_LAST);
                }
                Ok(Err(fault)) => break fault,
                Err(_) => break Fault::new(FaultKind::DeadlineExceeded, "the message was not handled in time"),
            }
        };
        warn!(link = %self.link, subject = %message.subject, %fault, "message not handled");
        self.answer(message, fault.kind.http_status(), fault.kind.code()).await;
        Status::error(fault.kind.code(), fault.message)
    }

    /// Refuses a message that there is no room for.
    pub(crate) async fn refuse(&self, message: &Message) {
        self.answer(
            message,
            FaultKind::Overloaded.http_status(),
            FaultKind::Overloaded.code(),
        )
        .await;
    }

    /// Refuses a message that is for no actor.
    pub(crate) async fn refuse_unaddressed(&self, unaddressed: &Unaddressed) {
        let Unaddressed { message, error } = unaddressed;
        warn!(link = %self.link, subject = %message.subject, %error, "message not handled");
        let kind = FaultKind::BadArguments;
        self.answer(message, kind.http_status(), &format!("{}: {error}", kind.code()))
            .await;
    }

    /// Tells the asker, if there is one, in the way of NATS services.
    async fn answer(&self, message: &Message, code: u16, error: &str) {
        let Some(reply) = &message.reply else {
            return;
        };
        let one_line: String = error
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(512)
            .collect();
        let headers = Headers::new()
            .with("Nats-Service-Error", &one_line)
            .and_then(|headers| headers.with("Nats-Service-Error-Code", &code.to_string()));
        let sent = match headers {
            Ok(headers) => self
                .bus
                .publish(reply, headers, bytes::Bytes::new())
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            debug!(link = %self.link, subject = %reply, error, "cannot answer");
        }
    }
}

/// Spreads the tries of many messages; need not be hard to guess.
fn jitter(pause: Duration) -> Duration {
    use std::hash::BuildHasher as _;
    let random = std::collections::hash_map::RandomState::new().hash_one(0u8);
    pause.mul_f64(f64::from(u32::try_from(random & 0xffff).unwrap_or_default()) / 65_536.0)
}
