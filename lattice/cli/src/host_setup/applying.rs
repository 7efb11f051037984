//! Applying to join, on the machine that was invited.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use lattice_bus::{Bus, Headers, RequestError};
use lattice_core::{
    UserId,
    invitation::{Admitted, Application, Invitation, NotWelcome},
    subject,
};
use nkeys::KeyPair;

use super::chance::random;
use crate::{
    failure::{Exit, Failure},
    output::note,
    session::now,
};

/// How long one try waits. A person may be asked meanwhile; then there is another.
const TRY: Duration = Duration::from_secs(10);
/// How long saying thanks may take.
const THANKS: Duration = Duration::from_secs(5);

/// Applies until there is an answer, or the invitation is over.
pub(crate) async fn apply(
    bus: &Bus,
    invitation: &Invitation,
    key: &KeyPair,
    user: &UserId,
    machine: &str,
) -> Result<Admitted> {
    let mut told = false;
    loop {
        let application = Application::new(invitation, key, user.clone(), machine, random()?)?;
        let bytes = Bytes::from(application.seal(invitation)?);
        let answer = bus
            .request(subject::enrolment(invitation), Headers::new(), bytes, TRY)
            .await;
        match answer {
            Ok(answer) => {
                let read = application.read_answer(invitation, &answer.payload, now());
                return read.map_err(|refused| not_welcome(&refused));
            }
            Err(RequestError::NoResponders { .. }) => return Err(nobody_waits().into()),
            Err(RequestError::TimedOut { .. } | RequestError::Disconnected) if !invitation.has_expired(now()) => {
                if !told {
                    note("waiting for somebody to let this machine in");
                    told = true;
                }
            }
            Err(RequestError::TimedOut { .. }) => return Err(nobody_waits().into()),
            Err(error) => return Err(error).context("the application cannot be sent"),
        }
    }
}

/// Says that everything is on disk.
pub(crate) async fn thank(bus: &Bus, invitation: &Invitation, admitted: &Admitted) {
    let thanks = Bytes::copy_from_slice(admitted.thanks());
    // The host is enrolled either way; without this the other side only waits a while.
    let _ = bus
        .request(subject::enrolment(invitation), Headers::new(), thanks, THANKS)
        .await;
}

fn nobody_waits() -> Failure {
    Failure::new(Exit::NotFound, "nobody waits for this invitation")
        .because("it was used, its time is over, or the `lattice host invite` that made it has ended")
        .help("where the issuer's key is, run `lattice host invite` again and leave it running")
}

fn not_welcome(refused: &NotWelcome) -> anyhow::Error {
    let mut failure = Failure::new(Exit::Denied, refused.to_string());
    if let Some(cause) = std::error::Error::source(refused) {
        failure = failure.because(cause);
    }
    if matches!(refused, NotWelcome::Bundle(_) | NotWelcome::Token(_)) {
        // A machine without a battery for its clock wakes up in the past.
        failure = failure.help(format!(
            "this machine's clock says {}: if that is wrong, set it, then try again",
            now()
        ));
    }
    failure.into()
}
