//! Questions to everybody: who is there, and what does each say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant, SystemTime},
};

use futures::{StreamExt, stream::FuturesUnordered};
use lattice_bus::{Headers, RepliesEnd};
use lattice_core::{MemberId, UnixSeconds, subject, token::verify_member};
use uuid::Uuid;

use super::{ControlClient, encode, not_sent};
use crate::{
    assembly::{Assembly, Step},
    error::ControlError,
    verbs::{Command, Inventory, InventoryReply, MemberSummary, Ping},
    wire::{self, Body, Frame, Request, SignedRequest, WIRE_VERSION},
};

/// How long members have to answer who they are, when others say that they are there.
const ROLL_CALL: Duration = Duration::from_secs(2);

/// How long to wait for the first answer: the lattice may be empty, or far away.
const FIRST_ANSWER: Duration = Duration::from_millis(1500);

/// How many members are asked at a time.
const AT_A_TIME: usize = 32;

impl ControlClient {
    /// Finds out who is there: every member that answers, hosts and stand-alone providers.
    ///
    /// Members say whom they see, so this returns as soon as all of those have answered, and waits a while only for one that
    /// others see and that does not answer.
    ///
    /// # Errors
    /// When the question cannot be sent. An empty lattice is no error.
    pub async fn members(&self) -> Result<Vec<MemberSummary>, ControlError> {
        let id = Uuid::now_v7();
        let body = encode(&Body {
            to: None,
            command: Ping {},
        })?;
        let request = Request {
            v: WIRE_VERSION,
            id,
            token: None,
            body,
        };
        let asked = SignedRequest {
            lattice: &self.lattice,
            verb: Ping::VERB,
            id,
            body: &request.body,
        };
        let everyone = subject::all_command(&self.lattice, &Ping::VERB.into());
        let started = Instant::now();
        let mut answers = self
            .bus
            .request_many(everyone, Headers::new(), encode(&request)?, FIRST_ANSWER, None)
            .await
            .map_err(|error| not_sent(&error))?;

        let mut roll = Roll::default();
        while !roll.is_complete() {
            let left = ROLL_CALL.saturating_sub(started.elapsed());
            let Ok(Some(message)) = tokio::time::timeout(left, answers.recv()).await else {
                break;
            };
            let Ok(frame) = wire::decode::<Frame>(&message.payload) else {
                continue;
            };
            let from = frame.from.clone();
            if let Step::Outcome(Ok(reply)) = roll.assembly(&from).take(&asked, frame)
                && let Ok(summary) = super::decode::<MemberSummary>(&reply)
                && self.believes(&from, &summary)
            {
                roll.answered(summary);
            }
        }
        if roll.answers.is_empty() && answers.ended() == Some(RepliesEnd::Closed) {
            return Err(ControlError::new(
                crate::ErrorKind::Unreachable,
                "the connection to NATS was closed",
            ));
        }
        Ok(roll.answers.into_values().collect())
    }

    /// Whether an answer is about the member that signed it, and that member was enrolled by somebody the lattice trusts.
    /// A client that was not given the trust cannot ask the second.
    fn believes(&self, from: &MemberId, summary: &MemberSummary) -> bool {
        let enrolled = self.trust.as_ref().is_none_or(|trust| {
            let now = UnixSeconds::from(SystemTime::now());
            match verify_member(&summary.token, trust, now) {
                Ok(member) => member.id == *from,
                Err(refusal) => {
                    tracing::warn!(member = %from, name = summary.name, reason = %refusal, "passed over an answer");
                    false
                }
            }
        });
        summary.member == *from && enrolled
    }

    /// Asks each of these members the same, at once. Every member is in the answer, in the order given.
    pub async fn read_each<C: Command>(
        &self,
        members: &[MemberSummary],
        command: &C,
    ) -> Vec<(MemberSummary, Result<C::Reply, ControlError>)> {
        let mut waiting = members.iter().enumerate();
        let mut asking = FuturesUnordered::new();
        let ask = |(index, member): (usize, &MemberSummary)| {
            let member = member.clone();
            async move {
                let reply = self.read(&member.member, command).await;
                (index, member, reply)
            }
        };
        asking.extend(waiting.by_ref().take(AT_A_TIME).map(ask));
        let mut replies = BTreeMap::new();
        while let Some((index, member, reply)) = asking.next().await {
            replies.insert(index, (member, reply));
            asking.extend(waiting.next().map(ask));
        }
        replies.into_values().collect()
    }

    /// Asks everybody what they run. A member that answered the roll call and then not this is left out.
    ///
    /// # Errors
    /// When the question cannot be sent.
    pub async fn inventories(&self) -> Result<Vec<InventoryReply>, ControlError> {
        let members = self.members().await?;
        let replies = self.read_each(&members, &Inventory {}).await;
        Ok(replies.into_iter().filter_map(|(_, reply)| reply.ok()).collect())
    }
}

/// Who has answered, and who is said to be there.
#[derive(Default)]
struct Roll {
    assemblies: BTreeMap<MemberId, Assembly>,
    answers: BTreeMap<MemberId, MemberSummary>,
    expected: BTreeSet<MemberId>,
}

impl Roll {
    fn assembly(&mut self, from: &MemberId) -> &mut Assembly {
        self.assemblies
            .entry(from.clone())
            .or_insert_with(|| Assembly::new(from.clone()))
    }

    fn answered(&mut self, summary: MemberSummary) {
        self.expected.extend(summary.sees.iter().cloned());
        self.answers.insert(summary.member.clone(), summary);
    }

    fn is_complete(&self) -> bool {
        !self.answers.is_empty() && self.expected.iter().all(|member| self.answers.contains_key(member))
    }
}
