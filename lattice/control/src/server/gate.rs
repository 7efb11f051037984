//! Decides whether a command may be carried out: signed for exactly this, by whom the lattice trusts, for this run of this
//! member, and never seen before.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use lattice_core::{
    Incarnation, IssuerId, MemberId, Refusal, Trust, UnixSeconds,
    token::{CommandTarget, ReplayGuard, Replayed, verify_command},
};
use tracing::warn;

use super::{Audience, ServerConfig, dispatch};
use crate::{
    error::{ControlError, ErrorKind},
    verb::Verb,
    wire::Request,
};

/// Where the server reads the lattice's trust, afresh for every command.
pub trait TrustSource: Send + Sync + 'static {
    /// What the lattice trusts now.
    fn trust(&self) -> Arc<Trust>;
}

impl<F: Fn() -> Arc<Trust> + Send + Sync + 'static> TrustSource for F {
    fn trust(&self) -> Arc<Trust> {
        self()
    }
}

pub(super) struct Gate {
    member: MemberId,
    incarnation: Incarnation,
    trust: Arc<dyn TrustSource>,
    replays: Mutex<ReplayGuard>,
}

impl Gate {
    pub(super) fn new(config: &ServerConfig, trust: Arc<dyn TrustSource>) -> Self {
        Self {
            member: config.member.clone(),
            incarnation: config.incarnation,
            trust,
            replays: Mutex::new(ReplayGuard::default()),
        }
    }

    /// Lets a command in and says who signed it, or says why not. Verbs that only read need no signature: who may ask is up to NATS' permissions.
    pub(super) fn admit(
        &self,
        verb: Verb,
        request: &Request,
        audience: Audience,
    ) -> Result<Option<IssuerId>, ControlError> {
        self.admit_at(verb, request, audience, UnixSeconds::from(SystemTime::now()))
    }

    fn admit_at(
        &self,
        verb: Verb,
        request: &Request,
        audience: Audience,
        now: UnixSeconds,
    ) -> Result<Option<IssuerId>, ControlError> {
        if !verb.is_signed() {
            return Ok(None);
        }
        let checked = self.check(verb, request, audience, now);
        if let Err(refusal) = &checked {
            warn!(%verb, id = %request.id, reason = %refusal, "command refused");
        }
        checked.map(Some)
    }

    fn check(
        &self,
        verb: Verb,
        request: &Request,
        audience: Audience,
        now: UnixSeconds,
    ) -> Result<IssuerId, ControlError> {
        if audience != Audience::Me {
            return Err(ControlError::denied(format!("`{verb}` must be addressed to one host")));
        }
        let Some(token) = &request.token else {
            return Err(ControlError::denied(format!(
                "`{verb}` must be signed, and came without a token"
            )));
        };
        let target = CommandTarget::Member(self.member.clone());
        let trust = self.trust.trust();
        let command = verify_command(token, &verb.into(), &target, &request.body, &trust, now)
            .map_err(|why| refused(verb, &why))?;
        // After the signature, so that nobody learns from an unsigned guess which run this is.
        if dispatch::read_addressee(&request.body)? != Some(self.incarnation) {
            return Err(
                ControlError::new(ErrorKind::Conflict, "the command is meant for another run of this host")
                    .with_help("it has restarted meanwhile: give the command again"),
            );
        }
        // A panic while it was held cannot have left an id half remembered.
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        replays.admit(&command, now).map_err(|replayed| match replayed {
            Replayed::Before => ControlError::denied(replayed.to_string()),
            Replayed::Full => ControlError::new(ErrorKind::Overloaded, replayed.to_string()),
        })?;
        Ok(command.issuer)
    }
}

fn refused(verb: Verb, why: &Refusal) -> ControlError {
    let help = match why {
        Refusal::UnknownIssuer { .. } | Refusal::RoleMissing { .. } | Refusal::OutOfScope { .. } => {
            "sign with a key that the trust bundle gives the role `control`: `lattice key show` lists yours"
        }
        Refusal::Expired { .. } | Refusal::NotYetValid { .. } => {
            "is the clock right, here and there? `lattice doctor` compares them"
        }
        Refusal::NoTrust | Refusal::TrustExpired { .. } => {
            "the host has no trust bundle in force: an operator must sign and publish one"
        }
        _ => "give the command again; if it stays so, somebody tampers with it on the way",
    };
    ControlError::denied(format!("`{verb}` was refused: {why} ({})", why.code())).with_help(help)
}
