//! What a receiver checks of a call before anything runs, against its own tables only. Pure.
//!
//! Nothing the caller says about the grant counts: not its link, not where it lives. The session has proved which member it is.

use lattice_core::{ActiveLink, Fault, FunctionName, MemberId, Party, VersionedInterface};

use crate::directory::KnownMember;

/// What a caller claims.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    pub(crate) source: &'a Party,
    pub(crate) target: &'a Party,
    pub(crate) interface: &'a VersionedInterface,
    pub(crate) function: &'a FunctionName,
}

/// Checks a call against the link that this member has in force under the id the caller names.
pub(crate) fn check_link(link: &ActiveLink, call: &Claimed<'_>, me: &MemberId) -> Result<(), Fault> {
    let denied = |what: String| Err(Fault::denied(format!("link `{}` {what}", link.id)));
    if link.source != *call.source {
        return denied(format!("is for {}, not for {}", link.source, call.source));
    }
    if link.target != *call.target {
        return denied(format!("reaches {}, not {}", link.target, call.target));
    }
    if !link.covers(call.interface) {
        return denied(format!("does not cover {}", call.interface));
    }
    if !link.allows(call.function.as_str()) {
        return denied(format!("does not allow `{}`", call.function));
    }
    match &link.target_key {
        Some(key) if key.as_str() != me.as_str() => denied(format!("reaches the provider {key} only")),
        _ => Ok(()),
    }
}

/// Why a source may not call from where it calls.
#[derive(Debug)]
pub(crate) enum Misplaced {
    /// The member is not known to run it. It may have started it a moment ago.
    NotThere,
    /// It runs there, and may not use the link.
    Denied(Fault),
}

/// Checks that the source of `link` lives on the member that called.
pub(crate) fn check_origin(link: &ActiveLink, origin: Option<&KnownMember>) -> Result<(), Misplaced> {
    let origin = origin
        .filter(|origin| origin.runs(&link.source))
        .ok_or(Misplaced::NotThere)?;
    let denied = |what: &str| Err(Misplaced::Denied(Fault::denied(format!("link `{}` {what}", link.id))));
    if let Party::Actor(name) = &link.source
        && let Some(placement) = origin.presence.actor(name)
        && !link.permits_component(&placement.digest)
    {
        return denied("does not permit the component that its source runs");
    }
    if !link.permits_host(&origin.labels) {
        return denied("does not permit the host that its source runs on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lattice_core::presence::{ActorPlacement, Load, MemberKind, MemberState, Scheduling};
    use lattice_core::token::VerifiedMember;
    use lattice_core::{Digest, FunctionSet, LinkClaims, Presence, UnixSeconds};
    use nkeys::KeyPair;

    use super::*;

    fn member() -> MemberId {
        KeyPair::new_server().public_key().parse().expect("a host key")
    }

    fn link(change: impl FnOnce(&mut LinkClaims)) -> ActiveLink {
        let interface = "demo:ping/pong".parse().expect("an interface");
        let mut claims = LinkClaims::new(
            "actor/ping".parse().expect("a party"),
            interface,
            "actor/pong".parse().expect("a party"),
        );
        change(&mut claims);
        let id = claims.id(&"dev".parse().expect("a lattice"));
        let issuer = KeyPair::new_account().public_key().parse().expect("an issuer");
        let times = UnixSeconds::new(1);
        ActiveLink {
            id,
            claims,
            issuer,
            token_id: String::new(),
            issued_at: times,
            expires_at: times,
            token: "".into(),
        }
    }

    fn check(
        link: &ActiveLink,
        me: &MemberId,
        source: &str,
        target: &str,
        interface: &str,
        function: &str,
        expect: &str,
    ) {
        let (source, target) = (source.parse().expect("a party"), target.parse().expect("a party"));
        let (interface, function) = (
            interface.parse().expect("an interface"),
            function.parse().expect("a function"),
        );
        let claimed = Claimed {
            source: &source,
            target: &target,
            interface: &interface,
            function: &function,
        };
        let got = check_link(link, &claimed, me).map_or_else(|fault| fault.message, |()| "ok".to_owned());
        assert!(got.ends_with(expect), "{got:?} should end with {expect:?}");
    }

    #[test]
    fn every_claim_has_to_match_the_link() {
        let me = member();
        let plain = link(|link| link.functions = FunctionSet::Only(vec!["play".parse().expect("a function")]));
        check(&plain, &me, "actor/ping", "actor/pong", "demo:ping/pong", "play", "ok");
        check(
            &plain,
            &me,
            "actor/ping",
            "actor/pong",
            "demo:ping/pong@1.2.3",
            "play",
            "ok",
        );
        check(
            &plain,
            &me,
            "actor/thief",
            "actor/pong",
            "demo:ping/pong",
            "play",
            "not for actor/thief",
        );
        check(
            &plain,
            &me,
            "actor/ping",
            "actor/safe",
            "demo:ping/pong",
            "play",
            "not actor/safe",
        );
        check(
            &plain,
            &me,
            "actor/ping",
            "actor/pong",
            "demo:ping/admin",
            "play",
            "not cover demo:ping/admin",
        );
        check(
            &plain,
            &me,
            "actor/ping",
            "actor/pong",
            "demo:ping/pong",
            "wipe",
            "not allow `wipe`",
        );
    }

    #[test]
    fn a_link_to_one_certain_provider_stays_with_it() {
        let key: lattice_core::ProviderKey = KeyPair::new_service().public_key().parse().expect("a provider key");
        let bound = link(|link| link.target_key = Some(key.clone()));
        let play = |me: &MemberId, expect: &str| {
            check(&bound, me, "actor/ping", "actor/pong", "demo:ping/pong", "play", expect);
        };
        play(&MemberId::from(&key), "ok");
        play(&member(), "only");
    }

    fn origin(actor: Option<Digest>) -> KnownMember {
        let id = member();
        let issuer = KeyPair::new_account().public_key().parse().expect("an issuer");
        let token = VerifiedMember {
            id: id.clone(),
            kind: MemberKind::Host,
            labels: "zone=eu".parse().expect("labels"),
            provides: Default::default(),
            issuer,
            token_id: String::new(),
            issued_at: UnixSeconds::new(1),
            expires_at: UnixSeconds::MAX,
            token: "".into(),
        };
        let name = "ping".parse().expect("a name");
        let placement = |digest| ActorPlacement {
            name,
            digest,
            replicas: 1,
            in_flight: 0,
            capacity: 1,
            fingerprint: None,
            app: None,
        };
        let presence = Presence {
            lattice: "dev".parse().expect("a lattice"),
            member: id,
            kind: MemberKind::Host,
            name: "h".into(),
            incarnation: 1.into(),
            seq: 1,
            sent_at: UnixSeconds::new(1),
            started_at: UnixSeconds::new(1),
            version: "0".into(),
            labels: "zone=us".parse().expect("labels"),
            site: None,
            state: MemberState::Draining,
            scheduling: Scheduling::Open,
            replicas_max: None,
            actors: actor.map(placement).into_iter().collect(),
            providers: vec![],
            load: Load::default(),
            token: String::new(),
        };
        KnownMember::new(presence, Arc::new(token))
    }

    #[test]
    fn the_source_has_to_live_where_the_call_comes_from() {
        let digest = Digest::of(b"component");
        let there = origin(Some(digest));
        assert!(check_origin(&link(|_| ()), Some(&there)).is_ok());
        assert!(matches!(
            check_origin(&link(|_| ()), Some(&origin(None))),
            Err(Misplaced::NotThere)
        ));
        assert!(matches!(check_origin(&link(|_| ()), None), Err(Misplaced::NotThere)));

        let same = link(|link| link.source_digests = vec![digest]);
        assert!(check_origin(&same, Some(&there)).is_ok());
        let other = link(|link| link.source_digests = vec![Digest::of(b"other")]);
        assert!(matches!(check_origin(&other, Some(&there)), Err(Misplaced::Denied(_))));

        // What the token says of a zone counts, what the host says does not.
        let granted = link(|link| link.hosts = "zone=eu".parse().expect("labels"));
        assert!(check_origin(&granted, Some(&there)).is_ok());
        let claimed = link(|link| link.hosts = "zone=us".parse().expect("labels"));
        assert!(matches!(
            check_origin(&claimed, Some(&there)),
            Err(Misplaced::Denied(_))
        ));
    }
}
