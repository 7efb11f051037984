//! What the machine is told, and what it believes of that.

use serde::{Deserialize, Serialize};

use super::application::{Applicant, Application};
use super::sealed::{SealError, Tag, Use};
use super::text::Invitation;
use crate::id::{HostId, Labels, MemberId};
use crate::refusal::Refusal;
use crate::time::UnixSeconds;
use crate::token::{VerifiedMember, verify_member};
use crate::trust::{Trust, TrustRefusal};

/// The answer to an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Come in.
    Welcome(Box<Welcome>),
    /// Stay out, and why.
    Refused(String),
}

/// All that a host needs to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Its enrolment token.
    pub token: String,
    /// The trust bundle in force.
    pub bundle: String,
    /// The token of its NATS user, where the issuer makes those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats_user: Option<String>,
    /// What to put into its settings.
    pub settings: Settings,
}

/// What a host is told about itself and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What people call it.
    pub name: String,
    /// The labels it was granted.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The JetStream domain with the lattice's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jetstream_domain: Option<String>,
}

/// A welcome that was checked against the invitation.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What was sent.
    pub welcome: Welcome,
    /// What the token says.
    pub member: VerifiedMember,
    thanks: Vec<u8>,
}

/// Why a machine does not come in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWelcome {
    /// The answer was not written by whoever wrote the invitation, or answers something else.
    #[error("the answer does not come from whoever made the invitation")]
    NotTheirs,
    /// They said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The trust bundle is not from an operator whom the invitation names, or not in force.
    #[error("the trust bundle that came with the answer does not hold")]
    Bundle(#[source] TrustRefusal),
    /// The token is not from somebody who may enrol hosts, or not in force.
    #[error("the enrolment token that came with the answer does not hold")]
    Token(#[source] Refusal),
    /// The token is for somebody else.
    #[error("the enrolment token that came with the answer is for {0}")]
    OtherHost(MemberId),
    /// Something cannot be written.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Answer {
    /// The bytes to send to that applicant, and to nobody else.
    ///
    /// # Errors
    /// They would be too many.
    pub fn seal(&self, invitation: &Invitation, applicant: &Applicant) -> Result<Vec<u8>, SealError> {
        Ok(invitation.secret.seal(Use::Answer, Some(applicant.tag), self)?.0)
    }
}

impl Application {
    /// Reads the answer and believes it only if it comes from the invitation's maker, the bundle from an operator of the invitation,
    /// and the token from an issuer of the bundle, for this key.
    ///
    /// # Errors
    /// See [`NotWelcome`].
    pub fn read_answer(&self, invitation: &Invitation, bytes: &[u8], now: UnixSeconds) -> Result<Admitted, NotWelcome> {
        let (_, asked) = self.sealed(invitation)?;
        let (answer, tag) = invitation
            .secret
            .open::<Answer>(Use::Answer, Some(asked), bytes)
            .ok_or(NotWelcome::NotTheirs)?;
        let welcome = match answer {
            Answer::Welcome(welcome) => *welcome,
            Answer::Refused(why) => return Err(NotWelcome::Refused(why)),
        };
        let mut trust = Trust::new(invitation.lattice.clone(), invitation.operators.iter().cloned());
        trust.admit(&welcome.bundle, now).map_err(NotWelcome::Bundle)?;
        let member = verify_member(&welcome.token, &trust, now).map_err(NotWelcome::Token)?;
        if member.id != MemberId::from(self.host()) {
            return Err(NotWelcome::OtherHost(member.id));
        }
        let (thanks, _) = invitation.secret.seal(Use::Thanks, Some(tag), self.host())?;
        Ok(Admitted {
            welcome,
            member,
            thanks,
        })
    }
}

impl Admitted {
    /// What to send when everything is on disk: the invitation has done its work.
    pub fn thanks(&self) -> &[u8] {
        &self.thanks
    }
}

/// Whether these are the thanks for that answer.
pub(super) fn are_thanks(invitation: &Invitation, answer: Tag, host: &HostId, bytes: &[u8]) -> bool {
    let thanks = invitation.secret.open::<HostId>(Use::Thanks, Some(answer), bytes);
    thanks.is_some_and(|(thankful, _)| thankful == *host)
}
