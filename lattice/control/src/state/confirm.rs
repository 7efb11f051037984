//! Asking every member what it made of a link, until each has decided.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lattice_core::{Digest, LinkId, MemberId};
use serde::Serialize;

use super::links::Signed;
use crate::{
    client::ControlClient,
    error::ControlError,
    verbs::{Links, LinksReply, MemberSummary},
};

/// Between two looks at members that have not decided yet.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What one member made of a token.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It took it: the link is in force there, or gone.
    Accepted,
    /// It took it, but cannot serve it.
    Hampered {
        /// Why.
        problem: String,
    },
    /// It refused it.
    Refused {
        /// The stable reason.
        code: String,
        /// The reason in words.
        message: String,
    },
    /// It has not seen it in time, or does not answer.
    Silent,
}

/// What every member made of a token, by member.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Verdicts {
    /// Name of the member, and what it made of the token.
    pub members: Vec<(String, Verdict)>,
}

impl Verdicts {
    /// The members that took it, without any problem.
    pub fn accepted(&self) -> usize {
        self.members
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Accepted)
            .count()
    }
}

impl ControlClient {
    /// Waits until every member has decided on a token that was stored, and says what each decided.
    ///
    /// # Errors
    /// When nobody can be asked. A refusal is no error here.
    pub async fn confirm_link(&self, signed: &Signed, ends: bool, within: Duration) -> Result<Verdicts, ControlError> {
        let deadline = Instant::now() + within;
        let wanted = Wanted {
            id: &signed.id,
            generation: signed.generation,
            digest: signed.digest(),
            ends,
        };
        let members = self.members().await?;
        let question = Links {
            link: Some(signed.id.clone()),
            ..Links::default()
        };
        let mut verdicts: BTreeMap<MemberId, Verdict> = BTreeMap::new();
        loop {
            let undecided: Vec<MemberSummary> = members
                .iter()
                .filter(|member| !verdicts.contains_key(&member.member))
                .cloned()
                .collect();
            if undecided.is_empty() || Instant::now() >= deadline {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            // A member that is silent must not hold up what the others have to say.
            let Ok(replies) = tokio::time::timeout(left, self.read_each(&undecided, &question)).await else {
                break;
            };
            for (member, reply) in replies {
                let verdict = match &reply {
                    Ok(reply) => wanted.judge(reply),
                    Err(_) => Some(Verdict::Silent),
                };
                if let Some(verdict) = verdict {
                    verdicts.insert(member.member, verdict);
                }
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let of = |member: &MemberSummary| verdicts.remove(&member.member).unwrap_or(Verdict::Silent);
        let mut verdicts: Vec<(String, Verdict)> = members
            .iter()
            .map(|member| member.name.clone())
            .zip(members.iter().map(of).collect::<Vec<_>>())
            .collect();
        verdicts.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Verdicts { members: verdicts })
    }
}

/// The token members are asked about.
struct Wanted<'a> {
    id: &'a LinkId,
    generation: u64,
    digest: Digest,
    ends: bool,
}

impl Wanted<'_> {
    /// What a member's view says of the token; `None` while it has not seen it.
    fn judge(&self, reply: &LinksReply) -> Option<Verdict> {
        let active = reply.active.iter().find(|link| link.id == *self.id);
        let has_taken = reply.high_water.is_some_and(|mark| mark >= self.generation)
            || active.is_some_and(|link| link.generation >= self.generation);
        if has_taken && self.ends && active.is_none_or(|link| link.generation > self.generation) {
            return Some(Verdict::Accepted);
        }
        // Until its own link is the one in force, what is said of the link is said of an older one.
        let current = active.filter(|link| link.generation >= self.generation);
        if let (false, Some(link)) = (self.ends, current) {
            return Some(match &link.problem {
                Some(problem) => Verdict::Hampered {
                    problem: problem.clone(),
                },
                None => Verdict::Accepted,
            });
        }
        let refused = reply
            .refused
            .iter()
            .find(|refused| refused.digest == Some(self.digest))?;
        Some(Verdict::Refused {
            code: refused.code.clone(),
            message: refused.message.clone(),
        })
    }
}
