//! The names of events. Stable: people build on them.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*

        /// Every name: what the stream of events keeps. Heartbeats, which have subjects of the same form, are not among them.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

names! {
    /// A host serves.
    HOST_STARTED = "host-started";
    /// A host takes nothing new.
    HOST_DRAINING = "host-draining";
    /// It was said whether more may be placed on a host.
    HOST_SCHEDULING = "host-scheduling";
    /// A host has left.
    HOST_STOPPED = "host-stopped";
    /// Nothing was heard of a host for too long. Told by the host that leads.
    HOST_LOST = "host-lost";
    /// An actor serves on a host.
    ACTOR_STARTED = "actor-started";
    /// An actor could not be started on a host.
    ACTOR_START_FAILED = "actor-start-failed";
    /// An actor has another number of replicas on a host.
    ACTOR_SCALED = "actor-scaled";
    /// An actor was replaced by another component.
    ACTOR_REPLACED = "actor-replaced";
    /// An actor is gone from a host.
    ACTOR_STOPPED = "actor-stopped";
    /// Calls of an actor ended by its own fault. At most one for a reason in ten seconds; `count` says how many.
    ACTOR_FAILED = "actor-failed";
    /// A stateful actor lives on another host.
    KEYED_MOVED = "keyed-moved";
    /// Something else happened to one stateful actor; `what` says what.
    KEYED_ACTOR = "keyed-actor";
    /// A provider serves on a host.
    PROVIDER_STARTED = "provider-started";
    /// A provider failed and is being restarted.
    PROVIDER_FAILED = "provider-failed";
    /// A provider is well again.
    PROVIDER_RECOVERED = "provider-recovered";
    /// A provider is gone from a host.
    PROVIDER_STOPPED = "provider-stopped";
    /// A new link is in force on a member.
    LINK_ACCEPTED = "link-accepted";
    /// A member refused what was put as a link.
    LINK_REFUSED = "link-refused";
    /// A link is not in force any more; `code` says whether it was ended, expired or is not trusted any more.
    LINK_ENDED = "link-ended";
    /// A link ends within a day.
    LINK_EXPIRING = "link-expiring";
    /// Somebody deleted a link without a signed tombstone, which changes nothing.
    LINK_DELETION_IGNORED = "link-deletion-ignored";
    /// A provider cannot serve a link.
    LINK_FAILED = "link-failed";
    /// A trust bundle was refused.
    TRUST_REFUSED = "trust-refused";
    /// There is a new revision of an application; `cause` says why, such as a roll-back.
    APP_REVISED = "app-revised";
    /// An application is in another phase.
    APP_PHASE = "app-phase";
    /// A host's controller leads.
    CONTROLLER_LEADS = "controller-leads";
    /// A host's controller leads no more.
    CONTROLLER_RETIRED = "controller-retired";
}

#[cfg(test)]
mod tests {
    use crate::EventName;

    #[test]
    fn every_name_is_an_event_name_and_is_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for name in super::ALL {
            assert!(name.parse::<EventName>().is_ok(), "{name}");
            assert!(seen.insert(name), "{name}");
        }
    }
}
