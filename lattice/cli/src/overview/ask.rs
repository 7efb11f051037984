//! One look: asks every member at once, and waits for none longer than people wait for a screen.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant, SystemTime},
};

use futures::{StreamExt, stream};
use lattice_control::{Command, ControlClient, Inventory, InventoryReply, KeyedList, Links, MemberSummary, Traffic};
use lattice_core::{ActorKey, ActorName, MemberId};

use super::said::{Look, Said};

/// A look ends after this, whoever has not answered.
const LOOK_MAX: Duration = Duration::from_millis(1200);
/// A member that is silent for so long is left out of this look.
const SILENCE: Duration = Duration::from_secs(1);
/// How many members are asked at a time.
const MEMBERS_AT_A_TIME: usize = 64;
/// Of how many actors a member is asked at a time which keys are awake.
const ACTORS_AT_A_TIME: usize = 8;
/// As many keys are shown of an actor on a host.
const KEYS_MAX: u64 = 50;
/// Who answers this often all but what it has served does not know the question: members of earlier versions say nothing then.
const UNHEARD_MAX: u32 = 2;
/// So often it is asked all the same: something may have been lost, or another version come in its place.
const LOOKS_PER_TRY: u32 = 16;

/// Asks members again and again.
pub(super) struct Asker {
    client: ControlClient,
    /// Who is there, and what people call it.
    known: BTreeMap<MemberId, String>,
    /// How often in a row members told everything but their traffic.
    unheard: HashMap<MemberId, u32>,
    looks: u32,
}

impl Asker {
    /// Builds one that asks over this connection.
    pub(super) fn new(client: &ControlClient) -> Self {
        Self {
            client: client.clone().with_silence(SILENCE),
            known: BTreeMap::new(),
            unheard: HashMap::new(),
            looks: 0,
        }
    }

    /// Looks at those who are there, and at those who are still seen by them.
    pub(super) async fn look(&mut self, there: &[MemberSummary]) -> Look {
        let there = there.iter().map(|member| (member.member.clone(), member.name.clone()));
        let there: BTreeMap<MemberId, String> = there.collect();
        self.known.extend(there.clone());
        self.looks = self.looks.wrapping_add(1);
        let asking = Asking {
            client: self.client.clone(),
            deadline: tokio::time::Instant::now() + LOOK_MAX,
        };
        let at_ms = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let members = self.known.keys();
        let ask = |member: &MemberId| {
            let is_asked = self.is_asked_for_traffic(member);
            asking.clone().ask(member.clone(), is_asked)
        };
        let asked: Vec<_> = members.map(ask).collect();
        let said: Vec<Said> = stream::iter(asked)
            .buffer_unordered(MEMBERS_AT_A_TIME)
            .filter_map(std::future::ready)
            .collect()
            .await;
        let look = Look {
            at_ms,
            asked: self.known.clone(),
            said,
        };
        self.learn(&look, &there);
        look
    }

    fn is_asked_for_traffic(&self, member: &MemberId) -> bool {
        let unheard = self.unheard.get(member).copied().unwrap_or_default();
        unheard < UNHEARD_MAX || self.looks.is_multiple_of(LOOKS_PER_TRY)
    }

    /// One that did not answer the roll call, and that nobody sees any more, is gone.
    fn learn(&mut self, look: &Look, there: &BTreeMap<MemberId, String>) {
        let seen: BTreeSet<&MemberId> = look.said.iter().flat_map(|said| &said.inventory.summary.sees).collect();
        self.known
            .retain(|member, _| there.contains_key(member) || seen.contains(member));
        for said in &look.said {
            match said.traffic {
                Some(_) => _ = self.unheard.remove(said.member()),
                None => *self.unheard.entry(said.member().clone()).or_default() += 1,
            }
        }
        self.unheard.retain(|member, _| self.known.contains_key(member));
    }
}

/// The questions of one look.
#[derive(Clone)]
struct Asking {
    client: ControlClient,
    deadline: tokio::time::Instant,
}

impl Asking {
    async fn ask(self, member: MemberId, for_traffic: bool) -> Option<Said> {
        let inventory = async {
            let inventory = self.read(&member, &Inventory {}).await?;
            let keys = self.keys(&member, &inventory).await;
            Some((inventory, keys))
        };
        let all = Links::default();
        let links = self.read(&member, &all);
        let traffic = async {
            match for_traffic {
                true => self
                    .read(&member, &Traffic {})
                    .await
                    .map(|reply| (Instant::now(), reply)),
                false => None,
            }
        };
        let (inventory, links, traffic) = tokio::join!(inventory, links, traffic);
        let (inventory, keys) = inventory?;
        // An answer is about whom it was asked of, whatever it says.
        (inventory.summary.member == member).then_some(Said {
            inventory,
            links,
            traffic,
            keys,
        })
    }

    async fn keys(&self, member: &MemberId, inventory: &InventoryReply) -> BTreeMap<ActorName, Vec<ActorKey>> {
        let awake = inventory
            .actors
            .iter()
            .filter(|actor| actor.awake.unwrap_or_default() > 0);
        let list = |name: ActorName| {
            let question = KeyedList {
                name: name.clone(),
                limit: KEYS_MAX,
            };
            let (asking, member) = (self.clone(), member.clone());
            async move { Some((name, asking.read(&member, &question).await?.keys)) }
        };
        let asked: Vec<_> = awake.map(|actor| list(actor.name().clone())).collect();
        stream::iter(asked)
            .buffer_unordered(ACTORS_AT_A_TIME)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    async fn read<C: Command>(&self, member: &MemberId, question: &C) -> Option<C::Reply> {
        match tokio::time::timeout_at(self.deadline, self.client.read(member, question)).await {
            Ok(Ok(reply)) => Some(reply),
            Ok(Err(error)) => {
                tracing::debug!(%member, verb = %C::VERB, %error, "was not heard");
                None
            }
            Err(_) => None,
        }
    }
}
