//! The asker's side: signs commands, follows their progress, believes signed outcomes, notices silence.

mod gather;
mod signer;

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use lattice_bus::{Bus, RepliesEnd, RequestError};
use lattice_core::{Digest, Incarnation, LatticeId, MemberId, TraceContext, Trust, subject};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub(crate) use signer::issuer_of;
pub use signer::{CommandSigner, SignerError};

use crate::{
    assembly::{Assembly, Step},
    error::{ControlError, ErrorKind},
    progress::Progress,
    trace,
    verb::Verb,
    verbs::{Command, MemberSummary},
    wire::{self, Body, Cancel, Frame, Request, SignedRequest, WIRE_VERSION},
};

/// A member that is silent this long while it should be working is taken for dead. It gives a sign of life every second.
const SILENCE: Duration = Duration::from_secs(5);

/// How long a withdrawal may take to be sent.
const WITHDRAWAL: Duration = Duration::from_secs(1);

/// Talks to the members of a lattice. Clones are cheap.
#[derive(Clone)]
pub struct ControlClient {
    bus: Bus,
    lattice: LatticeId,
    signer: Option<CommandSigner>,
    pub(crate) trust: Option<Arc<Trust>>,
    silence: Duration,
    trace: Option<TraceContext>,
}

impl ControlClient {
    /// Builds a client that can read.
    pub fn new(bus: Bus, lattice: LatticeId) -> Self {
        Self {
            bus,
            lattice,
            signer: None,
            trust: None,
            silence: SILENCE,
            trace: None,
        }
    }

    /// Lets it also command.
    #[must_use]
    pub fn with_signer(mut self, signer: CommandSigner) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Lets it tell members from impostors: an answer to the roll call then counts only with a valid enrolment token.
    #[must_use]
    pub fn with_trust(mut self, trust: Arc<Trust>) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Changes how long a member may be silent.
    #[must_use]
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Says what its commands are part of: members continue that trace.
    #[must_use]
    pub fn within(mut self, trace: Option<TraceContext>) -> Self {
        self.trace = trace;
        self
    }

    /// The lattice it talks to.
    pub fn lattice(&self) -> &LatticeId {
        &self.lattice
    }

    /// The bus it talks over.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Asks a member for something that changes nothing there.
    ///
    /// # Errors
    /// Those of the member; `Unreachable` when it is not there or silent.
    pub async fn read<C: Command>(&self, member: &MemberId, command: &C) -> Result<C::Reply, ControlError> {
        self.ask(member, None, command, self.silence * 4, |_| {}).await
    }

    /// Tells a member to do something, and waits until it is done or has failed.
    ///
    /// Dropped before that, the command is withdrawn: what the member has not finished, it abandons.
    ///
    /// # Errors
    /// Those of the member. `Unreachable` when it is not there, or fell silent: the outcome is then unknown. `Timeout`
    /// when it was still at work after `within`. `Denied` when this client has no key to sign with.
    pub async fn send<C: Command>(
        &self,
        to: &MemberSummary,
        command: &C,
        within: Duration,
        on_progress: impl FnMut(Progress) + Send,
    ) -> Result<C::Reply, ControlError> {
        let withdrawal = Withdrawal::armed(self, to);
        let outcome = self
            .ask_as(
                withdrawal.id,
                &to.member,
                Some(to.incarnation),
                command,
                within,
                on_progress,
            )
            .await
            .map_err(|error| name_the_member(error, to));
        // A timeout leaves it armed: the member shall not go on with what nobody waits for.
        if !matches!(&outcome, Err(error) if error.kind == ErrorKind::Timeout) {
            withdrawal.disarm();
        }
        outcome
    }

    async fn ask<C: Command>(
        &self,
        member: &MemberId,
        to: Option<Incarnation>,
        command: &C,
        within: Duration,
        on_progress: impl FnMut(Progress) + Send,
    ) -> Result<C::Reply, ControlError> {
        self.ask_as(Uuid::now_v7(), member, to, command, within, on_progress)
            .await
    }

    async fn ask_as<C: Command>(
        &self,
        id: Uuid,
        member: &MemberId,
        to: Option<Incarnation>,
        command: &C,
        within: Duration,
        mut on_progress: impl FnMut(Progress) + Send,
    ) -> Result<C::Reply, ControlError> {
        let deadline = Instant::now() + within;
        let request = self.request(id, member, to, command)?;
        let payload = encode(&request)?;
        let asked = SignedRequest {
            lattice: &self.lattice,
            verb: C::VERB,
            id,
            body: &request.body,
        };
        let target = subject::host_command(&self.lattice, member, &C::VERB.into());
        let mut answers = self
            .bus
            .request_many(target, trace::headers(self.trace.as_ref()), payload, self.silence, None)
            .await
            .map_err(|error| not_sent(&error))?;
        let mut assembly = Assembly::new(member.clone());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(answer) = tokio::time::timeout(left, answers.recv()).await else {
                return Err(ControlError::new(
                    ErrorKind::Timeout,
                    format!(
                        "`{}` was not done within {}",
                        C::VERB,
                        lattice_core::text::format_duration(within)
                    ),
                )
                .with_help("give it longer with --timeout"));
            };
            let Some(message) = answer else {
                return Err(no_more_answers(answers.ended(), C::VERB, self.silence));
            };
            let Ok(frame) = wire::decode::<Frame>(&message.payload) else {
                continue;
            };
            match assembly.take(&asked, frame) {
                Step::Nothing => {}
                Step::Progress(progress) => on_progress(progress),
                Step::Outcome(outcome) => return decode(&outcome?),
            }
        }
    }

    fn request<C: Command>(
        &self,
        id: Uuid,
        member: &MemberId,
        to: Option<Incarnation>,
        command: &C,
    ) -> Result<Request, ControlError> {
        let body = encode(&Body { to, command })?;
        let token = if C::VERB.is_signed() {
            let signer = self.signer.as_ref().ok_or_else(|| {
                ControlError::denied(format!(
                    "`{}` must be signed, and there is no key to sign with",
                    C::VERB
                ))
                .with_help("use a context with an issuer key that has the role `control`: `lattice context ls`")
            })?;
            Some(signer.sign(&self.lattice, member, C::VERB, id, Digest::of(&body))?)
        } else {
            None
        };
        Ok(Request {
            v: WIRE_VERSION,
            id,
            token,
            body,
        })
    }
}

/// Withdraws a command whose asker is gone.
struct Withdrawal {
    id: Uuid,
    client: Option<(ControlClient, MemberSummary)>,
}

impl Withdrawal {
    fn armed(client: &ControlClient, to: &MemberSummary) -> Self {
        Self {
            id: Uuid::now_v7(),
            client: Some((client.clone(), to.clone())),
        }
    }

    fn disarm(mut self) {
        self.client = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let (Some((client, to)), Ok(runtime)) = (self.client.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        let id = self.id;
        let withdrawing = async move {
            let cancel = Cancel { id };
            let sending = client.ask(&to.member, Some(to.incarnation), &cancel, WITHDRAWAL, |_| {});
            if let Err(error) = sending.await {
                tracing::debug!(%error, %id, "a command could not be withdrawn");
            }
        };
        WITHDRAWALS.spawn_on(withdrawing, &runtime);
    }
}

/// Withdrawals under way. Their owner is what has just gone, so the process itself has them; each is bounded by its own timeout.
static WITHDRAWALS: LazyLock<TaskTracker> = LazyLock::new(|| {
    let tracker = TaskTracker::new();
    // Closed trackers still take tasks; only so can their end be waited for.
    tracker.close();
    tracker
});

/// Waits until every command whose asker is gone has been withdrawn. For programs that are about to end.
pub async fn withdrawals_sent() {
    WITHDRAWALS.wait().await;
}

fn name_the_member(mut error: ControlError, to: &MemberSummary) -> ControlError {
    if error.kind == ErrorKind::Unreachable {
        error.message = format!("{}: {}", to.name, error.message);
    }
    error
}

fn encode<T: serde::Serialize>(value: &T) -> Result<bytes::Bytes, ControlError> {
    wire::encode(value).map_err(|error| ControlError::internal(format!("the command cannot be encoded: {error}")))
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, ControlError> {
    wire::decode(bytes).map_err(|error| {
        ControlError::internal(format!("the reply cannot be read: {error}"))
            .with_help("is this `lattice` as new as the host? `lattice version` shows both")
    })
}

fn not_sent(error: &RequestError) -> ControlError {
    let kind = match error {
        RequestError::Denied { .. } => ErrorKind::Denied,
        RequestError::Publish(_) => ErrorKind::Invalid,
        _ => ErrorKind::Unreachable,
    };
    ControlError::new(kind, format!("the command was not sent: {error}"))
}

fn no_more_answers(ended: Option<RepliesEnd>, verb: Verb, silence: Duration) -> ControlError {
    match ended {
        Some(RepliesEnd::NoResponders) => ControlError::new(ErrorKind::Unreachable, "not there: nobody listens")
            .with_help("it may have stopped or restarted: `lattice get hosts` shows who is there"),
        Some(RepliesEnd::Closed) => ControlError::new(ErrorKind::Unreachable, "the connection to NATS was closed"),
        _ => ControlError::new(
            ErrorKind::Unreachable,
            format!(
                "silent for {} while `{verb}` was asked of it; the outcome is unknown",
                lattice_core::text::format_duration(silence)
            ),
        )
        .with_help("it may have died or lost its network: `lattice get hosts` shows who is there"),
    }
}
