//! Stateful actors as people name them, `cart/alice`, and where they are.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use lattice_control::{ActorState, ActorStatus, InventoryReply, KeyedFind, KeyedFound, MemberSummary};
use lattice_core::stateful::homes;
use lattice_core::{ActorKey, ActorName, KeyedActor, MemberId, ParseIdError};

use crate::{failure::Failure, session::Session};

/// An actor as it is typed: `hello`, or `cart/alice` for one of those with state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActorArg {
    pub(crate) name: ActorName,
    pub(crate) key: Option<ActorKey>,
}

impl ActorArg {
    /// The stateful actor that is meant, if one is.
    pub(crate) fn keyed(&self) -> Option<KeyedActor> {
        let key = self.key.clone()?;
        Some(KeyedActor::new(self.name.clone(), key))
    }
}

impl FromStr for ActorArg {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            None => Ok(Self {
                name: text.parse()?,
                key: None,
            }),
            Some((name, key)) => Ok(Self {
                name: name.parse()?,
                key: Some(key.parse()?),
            }),
        }
    }
}

impl fmt::Display for ActorArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => self.name.fmt(f),
            Some(key) => write!(f, "{}/{key}", self.name),
        }
    }
}

/// The hosts on which an actor of that name serves.
pub(crate) fn serving<'a>(places: &'a [InventoryReply], name: &ActorName) -> Vec<&'a MemberSummary> {
    let serves = |place: &&InventoryReply| {
        let ready = |actor: &&ActorStatus| *actor.name() == *name && actor.state == ActorState::Ready;
        place.actors.iter().find(ready).is_some()
    };
    places.iter().filter(serves).map(|place| &place.summary).collect()
}

/// What runs under that name on a host.
pub(crate) fn status<'a>(
    places: &'a [InventoryReply],
    host: &MemberSummary,
    name: &ActorName,
) -> Option<&'a ActorStatus> {
    let place = places.iter().find(|place| place.summary.member == host.member)?;
    place.actors.iter().find(|actor| actor.name() == name)
}

/// The one among them that a stateful actor would be woken on.
pub(crate) fn home<'a>(actor: &KeyedActor, serving: &[&'a MemberSummary]) -> Option<&'a MemberSummary> {
    let ids: Vec<MemberId> = serving.iter().map(|host| host.member.clone()).collect();
    let first = homes(actor, ids).into_iter().next()?;
    serving.iter().find(|host| host.member == first).copied()
}

/// Asks any host that serves such actors whose this one is.
pub(crate) async fn find(session: &Session, actor: &KeyedActor, serving: &[&MemberSummary]) -> Result<KeyedFound> {
    let Some(host) = serving.first() else {
        return Err(not_served(&actor.name).into());
    };
    let question = KeyedFind { actor: actor.clone() };
    Ok(session.client.read(&host.member, &question).await?)
}

/// Whether the actors of that name are known to have state. A component may have it without anybody having said so.
pub(crate) fn is_stateful(places: &[InventoryReply], name: &ActorName) -> bool {
    let mut actors = places.iter().flat_map(|place| &place.actors);
    actors.any(|actor| actor.name() == name && actor.spec.kind.stateful().is_some())
}

/// Nothing says which of the actors of that name is meant.
pub(crate) fn without_key(name: &ActorName) -> Failure {
    Failure::usage(format!("actor `{name}` has state, and nothing says which one is meant"))
        .help(format!("write `{name}/KEY`, such as `{name}/alice`"))
}

/// The host whose a stateful actor is, if that answers: also one that stops, since it has the actor until it moved.
pub(crate) fn owner<'a>(places: &'a [InventoryReply], found: &KeyedFound) -> Option<&'a MemberSummary> {
    let mut hosts = places.iter().map(|place| &place.summary);
    hosts.find(|host| Some(&host.member) == found.owner.as_ref())
}

/// Nothing is known of such an actor.
pub(crate) fn never_lived(actor: &KeyedActor) -> Failure {
    Failure::not_found(format!("`{actor}` has never lived")).help(format!(
        "an actor with state comes to life with its first call: `lattice call {actor} …`"
    ))
}

/// No host serves actors of that name.
pub(crate) fn not_served(name: &ActorName) -> Failure {
    Failure::not_found(format!("actor `{name}` does not serve")).help("`lattice get actors` shows what runs where")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_the_first_slash() {
        let read = |text: &str| text.parse::<ActorArg>().expect("an actor");
        assert_eq!(read("hello").key, None);
        let cart = read("cart/a/b");
        assert_eq!(
            (cart.name.as_str(), cart.key.as_ref().map(ActorKey::as_str)),
            ("cart", Some("a/b"))
        );
        assert_eq!(cart.to_string(), "cart/a/b");
        assert!("cart/".parse::<ActorArg>().is_err());
    }
}
