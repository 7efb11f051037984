//! Where the issuer waits: who is let in, and that it is one only.

use super::application::Applicant;
use super::sealed::{SealError, Tag, Use};
use super::text::Invitation;
use super::welcome::{Answer, are_thanks};
use crate::id::{HostId, UserId};
use crate::time::UnixSeconds;

/// One invitation on the issuer's side. Decides; sends and signs nothing.
#[derive(Debug)]
pub struct Door {
    invitation: Invitation,
    /// Who has it. Nobody else comes in by it any more.
    taken: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    host: HostId,
    user: UserId,
    answer: Answer,
    /// Of every answer that was sent: the thanks are bound to one of them.
    sent: Vec<Tag>,
}

/// How often a machine that did not hear the answer may ask again.
const ANSWERS_MAX: usize = 16;

/// What a message means.
#[derive(Debug)]
pub enum Heard {
    /// Somebody who was invited asks for the first time. Decide, then [`Door::answer`].
    Asks(Applicant),
    /// Send these bytes: the same machine did not hear the answer, or another one came too late.
    Reply(Vec<u8>),
    /// The machine has everything.
    Thanks,
    /// Not written with the invitation's secret, or not worth an answer. To be passed over in silence.
    Nothing,
}

impl Door {
    /// Waits for whoever has the invitation.
    pub fn new(invitation: Invitation) -> Self {
        Self {
            invitation,
            taken: None,
        }
    }

    /// The invitation.
    pub fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// Says what a message that came in means.
    pub fn hear(&mut self, bytes: &[u8], now: UnixSeconds) -> Heard {
        if let Some(taken) = &self.taken
            && taken
                .sent
                .iter()
                .any(|sent| are_thanks(&self.invitation, *sent, &taken.host, bytes))
        {
            return Heard::Thanks;
        }
        let Some(applicant) = Applicant::read(&self.invitation, bytes) else {
            return Heard::Nothing;
        };
        // Whoever has it already may ask again after its end: the answer was given in time.
        let answered = match &mut self.taken {
            Some(taken) if taken.host == applicant.host && taken.user == applicant.user => {
                taken.repeat(&self.invitation, &applicant)
            }
            Some(taken) => {
                let why = format!("this invitation was used by {}", taken.host);
                Answer::Refused(why).seal(&self.invitation, &applicant)
            }
            None if self.invitation.has_expired(now) => {
                let why = format!("this invitation was over at {}", self.invitation.expires_at);
                Answer::Refused(why).seal(&self.invitation, &applicant)
            }
            None => return Heard::Asks(applicant),
        };
        answered.map_or(Heard::Nothing, Heard::Reply)
    }

    /// Answers whoever asks, and closes the door to all others: also when the answer is no.
    ///
    /// # Errors
    /// The answer is too large, or the invitation was used meanwhile; it is not sent then.
    pub fn answer(&mut self, applicant: &Applicant, answer: Answer) -> Result<Vec<u8>, SealError> {
        if let Some(taken) = &self.taken
            && taken.host != applicant.host
        {
            return Err(SealError::Encode(format!("the invitation was used by {}", taken.host)));
        }
        let mut taken = Taken {
            host: applicant.host.clone(),
            user: applicant.user.clone(),
            answer,
            sent: Vec::new(),
        };
        let bytes = taken.repeat(&self.invitation, applicant)?;
        self.taken = Some(taken);
        Ok(bytes)
    }
}

impl Taken {
    fn repeat(&mut self, invitation: &Invitation, applicant: &Applicant) -> Result<Vec<u8>, SealError> {
        if self.sent.len() >= ANSWERS_MAX {
            return Err(SealError::Encode("asked too often".to_owned()));
        }
        let (bytes, tag) = invitation.secret.seal(Use::Answer, Some(applicant.tag), &self.answer)?;
        self.sent.push(tag);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
