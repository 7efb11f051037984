//! The life of one command: check, work, progress, outcome.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lattice_bus::{Headers, Message, Subject};
use lattice_core::IssuerId;
use lattice_core::subject::{Purpose, Subject as LatticeSubject};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, info, warn};

use super::{Audience, Shared, dispatch};
use crate::{
    error::{ControlError, ErrorKind},
    progress::{Progress, ProgressSink},
    trace,
    verb::Verb,
    wire::{self, Cancel, Content, Done, Frame, Part, Request, SignedRequest, WIRE_VERSION},
};

/// How often a command at work gives a sign of life. The asker gives up after several of these.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Progress is told at most this often, however often a handler reports.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

/// The largest piece of an outcome in one message, when the server would take more.
const PIECE_BYTES_MAX: usize = 256 * 1024;

/// What a frame needs beside its piece.
const FRAME_OVERHEAD: usize = 4 * 1024;

impl Shared {
    pub(super) async fn answer(self: &Arc<Self>, message: Message, audience: Audience, has_permit: bool) {
        let Some(reply) = message.reply else { return };
        let Some(verb) = verb_of(&message.subject) else {
            debug!(subject = %message.subject, "command with a verb from another version");
            return;
        };
        // Without its id a request cannot be answered so that anybody would believe it.
        let request: Request = match wire::decode(&message.payload) {
            Ok(request) => request,
            Err(error) => return debug!(%verb, %error, "unreadable command"),
        };
        let asked = SignedRequest {
            lattice: &self.config.lattice,
            verb,
            id: request.id,
            body: &request.body,
        };
        let outcome = match self.admit(verb, &request, audience, has_permit) {
            Ok(_) if verb == Verb::Cancel => self.cancel(&request.body),
            Ok(by) => {
                let (sink, reports) = ProgressSink::channel();
                let sink = sink.ordered_by(by).within(trace::read(&message.headers));
                self.work(verb, &request, &reply, sink, reports).await
            }
            Err(refusal) => Err(refusal),
        };
        if let (true, Err(error)) = (verb.is_signed(), &outcome) {
            info!(%verb, id = %request.id, kind = ?error.kind, error = %error, "command failed");
        }
        self.send_outcome(&reply, &asked, outcome).await;
    }

    fn admit(
        &self,
        verb: Verb,
        request: &Request,
        audience: Audience,
        has_permit: bool,
    ) -> Result<Option<IssuerId>, ControlError> {
        if request.v != WIRE_VERSION {
            return Err(ControlError::invalid(format!(
                "command envelope version {} is not known here",
                request.v
            )));
        }
        if !has_permit {
            return Err(
                ControlError::new(ErrorKind::Overloaded, "too many commands are at work here already")
                    .with_help("try again in a moment"),
            );
        }
        self.gate.admit(verb, request, audience)
    }

    /// Has the handler do the work, telling its progress, in a task of its own so that a panic becomes an outcome.
    async fn work(
        self: &Arc<Self>,
        verb: Verb,
        request: &Request,
        reply: &Subject,
        sink: ProgressSink,
        mut reports: watch::Receiver<Progress>,
    ) -> Result<Bytes, ControlError> {
        let withdrawn = CancellationToken::new();
        let _at_work = verb.is_signed().then(|| AtWork::enter(self, request.id, &withdrawn));
        let (shared, body) = (Arc::clone(self), request.body.clone());
        let mut work = AbortOnDropHandle::new(
            self.tracker
                .spawn(async move { dispatch::dispatch(&*shared.handler, verb, &body, sink).await }),
        );

        let mut signs_of_life = tokio::time::interval(SIGN_OF_LIFE);
        signs_of_life.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told_at = Instant::now() - BETWEEN_REPORTS;
        let mut reporting = true;
        loop {
            let report = tokio::select! {
                biased;
                outcome = &mut work => return outcome.unwrap_or_else(|stopped| Err(panicked(verb, &stopped))),
                () = withdrawn.cancelled() => return Err(ControlError::new(ErrorKind::Timeout, "withdrawn by the asker")),
                changed = reports.changed(), if reporting => {
                    // The sink is gone once the handler has returned; the outcome is next.
                    reporting = changed.is_ok();
                    if !reporting || told_at.elapsed() < BETWEEN_REPORTS {
                        continue;
                    }
                    reports.borrow_and_update().clone()
                }
                _ = signs_of_life.tick() => reports.borrow_and_update().clone(),
            };
            told_at = Instant::now();
            self.tell(reply, request, report).await;
        }
    }

    async fn tell(&self, reply: &Subject, request: &Request, progress: Progress) {
        self.send(reply, &self.frame(request.id, Content::Progress(progress)))
            .await;
    }

    /// Sends an outcome in as many messages as it takes, signed as a whole.
    async fn send_outcome(&self, reply: &Subject, asked: &SignedRequest<'_>, outcome: Result<Bytes, ControlError>) {
        let ok = outcome.is_ok();
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(error) => match wire::encode(&error) {
                Ok(bytes) => bytes,
                Err(error) => return warn!(%error, "an outcome cannot be encoded"),
            },
        };
        let signature = match self.config.key.sign(&wire::outcome_signing_input(asked, ok, &bytes)) {
            Ok(signature) => Bytes::from(signature),
            Err(error) => return warn!(%error, "an outcome cannot be signed"),
        };
        let piece = self
            .bus
            .max_payload()
            .saturating_sub(FRAME_OVERHEAD)
            .clamp(1024, PIECE_BYTES_MAX);
        let mut rest = bytes;
        let mut parts = 0;
        while rest.len() > piece {
            let part = Part {
                index: parts,
                bytes: rest.split_to(piece),
            };
            self.send(reply, &self.frame(asked.id, Content::Part(part))).await;
            parts += 1;
        }
        self.send(
            reply,
            &self.frame(
                asked.id,
                Content::Done(Done {
                    ok,
                    parts,
                    last: rest,
                    signature,
                }),
            ),
        )
        .await;
    }

    fn frame(&self, id: uuid::Uuid, content: Content) -> Frame {
        Frame {
            v: WIRE_VERSION,
            id,
            from: self.config.member.clone(),
            content,
        }
    }

    async fn send(&self, reply: &Subject, frame: &Frame) {
        let sent = match wire::encode(frame) {
            Ok(bytes) => self
                .bus
                .publish(reply.clone(), Headers::new(), bytes)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            debug!(%error, "an answer could not be sent");
        }
    }

    fn cancel(&self, body: &[u8]) -> Result<Bytes, ControlError> {
        let Cancel { id } = dispatch::read_command(body)?;
        let at_work = self.lock_at_work().get(&id).cloned();
        if let Some(command) = &at_work {
            command.cancel();
        }
        wire::encode(&at_work.is_some()).map_err(|error| ControlError::internal(error.to_string()))
    }

    fn lock_at_work(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<uuid::Uuid, CancellationToken>> {
        // A panic while it was held cannot have left a map half changed.
        self.at_work.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Keeps a command in the list of those that can be withdrawn.
struct AtWork<'a> {
    shared: &'a Shared,
    id: uuid::Uuid,
}

impl<'a> AtWork<'a> {
    fn enter(shared: &'a Shared, id: uuid::Uuid, withdrawn: &CancellationToken) -> Self {
        shared.lock_at_work().insert(id, withdrawn.clone());
        Self { shared, id }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.shared.lock_at_work().remove(&self.id);
    }
}

fn verb_of(subject: &str) -> Option<Verb> {
    let verb = match LatticeSubject::parse(subject)?.purpose {
        Purpose::HostCommand(_, verb) | Purpose::AnyCommand(verb) | Purpose::AllCommand(verb) => verb,
        _ => return None,
    };
    verb.as_str().parse().ok()
}

fn panicked(verb: Verb, stopped: &tokio::task::JoinError) -> ControlError {
    warn!(%verb, error = %stopped, "a command's handler did not return");
    ControlError::internal(format!("the host failed while carrying out `{verb}`"))
        .with_help("its log says more: it is a fault of Lattice, please report it")
}
