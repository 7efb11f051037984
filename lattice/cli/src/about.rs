//! What an event shall be about, as people name it: `actor/cart`, `cart/alice`, `host/edge`, `app/shop`, `link/…`.

use std::str::FromStr;

use lattice_control::{Event, MemberSummary};
use lattice_core::{ActorName, AppName, KeyedActor, MemberId, ParseIdError, ProviderName};

use crate::{failure::Failure, resolve};

/// A thing that events are about, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// An actor; with state, all of its name.
    Actor(ActorName),
    /// One actor with state.
    Keyed(KeyedActor),
    /// A provider.
    Provider(ProviderName),
    /// A host, by its name, its id or the beginning of it.
    Host(String),
    /// An application, and what runs for it.
    App(AppName),
    /// A link, by its id or a part of it.
    Link(String),
}

impl FromStr for About {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("actor", rest)) if rest.contains('/') => Ok(Self::Keyed(rest.parse()?)),
            Some(("actor", name)) => Ok(Self::Actor(name.parse()?)),
            Some(("provider", name)) => Ok(Self::Provider(name.parse()?)),
            Some(("host", name)) => Ok(Self::Host(name.to_owned())),
            Some(("app", name)) => Ok(Self::App(name.parse()?)),
            Some(("link", id)) => Ok(Self::Link(id.to_owned())),
            _ if text.starts_with("lnk:") => Ok(Self::Link(text.to_owned())),
            Some(_) => Ok(Self::Keyed(text.parse()?)),
            None => Ok(Self::Actor(text.parse()?)),
        }
    }
}

impl About {
    /// What it comes to among those who are there. A host that is gone can be named by its id only.
    pub(crate) fn resolve(self, members: &[MemberSummary]) -> Result<Topic, Failure> {
        Ok(match self {
            Self::Actor(name) => Topic::Party(format!("actor/{name}")),
            Self::Keyed(actor) => Topic::Party(format!("actor/{actor}")),
            Self::Provider(name) => Topic::Party(format!("provider/{name}")),
            Self::App(name) => Topic::App(name),
            Self::Link(id) => Topic::Link(id),
            Self::Host(name) => Topic::Host(match name.parse::<MemberId>() {
                Ok(id) => id,
                Err(_) => resolve::member(members, &name)?.member.clone(),
            }),
        })
    }
}

/// What events are picked by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// About `actor/cart`, and so about `actor/cart/alice`.
    Party(String),
    /// About a host.
    Host(MemberId),
    /// About an application and whatever runs for it.
    App(AppName),
    /// About links whose id has this in it.
    Link(String),
}

impl Topic {
    /// Whether an event is about it.
    pub(crate) fn covers(&self, event: &Event) -> bool {
        let subject = event.subject.as_deref();
        match self {
            Self::Party(party) => subject
                .and_then(|subject| subject.strip_prefix(party.as_str()))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Self::Host(id) => match subject {
                Some(subject) => subject.strip_prefix("host/") == Some(id.as_str()),
                // What is about nothing else is about who says so.
                None => event.member().as_ref() == Some(id),
            },
            Self::App(name) => {
                subject.and_then(|subject| subject.strip_prefix("app/")) == Some(name.as_str())
                    || event.text("app") == Some(name.as_str())
            }
            Self::Link(id) => subject.is_some_and(|subject| subject.starts_with("lnk:") && subject.contains(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(subject: Option<&str>, source: &str, data: &serde_json::Value) -> Event {
        let event = json!({
            "specversion": "1.0", "id": "1", "source": source, "type": "dev.lattice.x", "time": "",
            "subject": subject, "datacontenttype": "application/json", "data": data,
        });
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn things_are_named_as_elsewhere() {
        let read = |text: &str| text.parse::<About>().expect(text);
        assert_eq!(read("cart"), read("actor/cart"));
        assert_eq!(read("cart/alice"), read("actor/cart/alice"));
        assert_eq!(read("host/edge"), About::Host("edge".to_owned()));
        assert_eq!(
            read("lnk:default/actor/a/wasi:keyvalue/default"),
            read("link/lnk:default/actor/a/wasi:keyvalue/default")
        );
        for bad in ["", "Cart", "actor/", "app/a b"] {
            assert!(bad.parse::<About>().is_err(), "{bad}");
        }
    }

    #[test]
    fn events_are_picked_by_what_they_are_about() {
        let id = nkeys::KeyPair::new_server().public_key();
        let source = format!("lattice/default/{id}");
        let check = |topic: &Topic, subject: Option<&str>, data, expect: bool| {
            let event = event(subject, &source, &data);
            assert_eq!(topic.covers(&event), expect, "{topic:?} {subject:?}");
        };
        let cart = Topic::Party("actor/cart".to_owned());
        check(&cart, Some("actor/cart"), json!(null), true);
        check(&cart, Some("actor/cart/alice"), json!(null), true);
        check(&cart, Some("actor/carts"), json!(null), false);
        check(&cart, None, json!(null), false);
        let host = Topic::Host(id.parse().expect("a host"));
        check(&host, None, json!(null), true);
        check(&host, Some(&format!("host/{id}")), json!(null), true);
        check(&host, Some("actor/cart"), json!(null), false);
        let app = Topic::App("shop".parse().expect("a name"));
        check(&app, Some("app/shop"), json!(null), true);
        check(&app, Some("actor/cart"), json!({ "app": "shop" }), true);
        check(&app, Some("actor/cart"), json!({ "app": null }), false);
        let link = Topic::Link("actor/a".to_owned());
        check(
            &link,
            Some("lnk:default/actor/a/wasi:keyvalue/default"),
            json!(null),
            true,
        );
        check(&link, Some("actor/a"), json!(null), false);
    }
}
