//! What the issuer signs for a machine that is let in.

use std::time::Duration;

use anyhow::Result;
use lattice_core::{
    EntityName, Labels, LatticeId, MemberId, UnixSeconds,
    invitation::{Answer, Applicant, Settings, Welcome},
    token::{self, Draft, HostGrant, Validity, nats},
};

use crate::{enrolment::Enrolment, permissions};

/// What was decided about a machine before it was known.
pub(crate) struct Admission {
    /// What the host will be called.
    pub(crate) name: EntityName,
    /// The labels it may carry.
    pub(crate) labels: Labels,
    /// How long its enrolment lasts.
    pub(crate) lasts: Duration,
    /// Subjects that messaging providers on it may use.
    pub(crate) messaging: Vec<String>,
    /// Which lattice.
    pub(crate) lattice: LatticeId,
    /// The trust bundle in force.
    pub(crate) bundle: String,
    /// Where the lattice's state is.
    pub(crate) jetstream_domain: Option<String>,
}

impl Admission {
    /// Signs the host's token, and its NATS user if that is ours to do.
    pub(crate) fn admit(&self, enrolment: &Enrolment, applicant: &Applicant, now: UnixSeconds) -> Result<Answer> {
        let member = MemberId::from(&applicant.host);
        let until = now.after(self.lasts);
        let nats_user = match &enrolment.nats_account {
            Some(account) => Some(nats::user_token(
                account,
                &applicant.user,
                &format!("host {}", self.name),
                &permissions::host(&self.lattice, &member, &self.messaging),
                now,
                Some(until),
            )?),
            None => None,
        };
        let body = HostGrant {
            labels: self.labels.clone(),
            // Bound to the user only where we made it: elsewhere the host connects as somebody else.
            user: nats_user.is_some().then(|| applicant.user.clone()),
            ..HostGrant::default()
        };
        let draft = Draft {
            subject: applicant.host.to_string(),
            lattice: self.lattice.clone(),
            validity: Validity::lasting(now, self.lasts),
            body,
        };
        Ok(Answer::Welcome(Box::new(Welcome {
            token: token::sign(&enrolment.issuer, &draft)?,
            bundle: self.bundle.clone(),
            nats_user,
            settings: Settings {
                name: self.name.to_string(),
                labels: self.labels.clone(),
                jetstream_domain: self.jetstream_domain.clone(),
            },
        })))
    }
}
