//! Waiting until every member knows of a change, so that no caller goes to where an actor is no longer.

use std::time::{Duration, Instant};

use lattice_core::{MemberId, Party};

use crate::{
    client::ControlClient,
    error::{ControlError, ErrorKind},
    verbs::{MemberSummary, Placements},
};

/// Between two looks. Members tell each other of a change at once; this only paces our asking.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// How long members have to see a change. Several heartbeats, in case the first word was lost.
const SEEN_WITHIN: Duration = Duration::from_secs(15);

impl ControlClient {
    /// Waits until all of `members` see `party` at `place`.
    ///
    /// A member that does not answer cannot hold this up: it is either gone, or deaf and can call nobody either.
    pub(super) async fn wait_until_seen(
        &self,
        members: &[MemberSummary],
        party: &Party,
        place: &MemberId,
    ) -> Result<(), ControlError> {
        let deadline = Instant::now() + SEEN_WITHIN;
        let question = Placements { party: party.clone() };
        let mut asked: Vec<MemberSummary> = members.to_vec();
        loop {
            let replies = self.read_each(&asked, &question).await;
            asked = replies
                .into_iter()
                .filter(|(_, reply)| reply.as_ref().is_ok_and(|reply| !reply.members.contains(place)))
                .map(|(member, _)| member)
                .collect();
            if asked.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let names: Vec<&str> = asked.iter().map(|member| member.name.as_str()).collect();
                let message = format!("not seen yet by {}", names.join(", "));
                return Err(ControlError::new(ErrorKind::Timeout, message)
                    .with_help("heartbeats do not get through: `lattice doctor` looks for the cause"));
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}
