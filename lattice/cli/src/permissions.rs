//! What each kind of process may do on NATS. Signatures keep a stranger from being believed; these keep one process' stolen
//! credentials from reading the mail of others.

use lattice_core::{LatticeId, MemberId, UserId, subject, token::nats::Permissions};

/// A host: what every member needs, buckets of its own for key-value providers, and subjects for messaging providers.
pub(crate) fn host(lattice: &LatticeId, host: &MemberId, messaging: &[String]) -> Permissions {
    let subjects = || messaging.iter().cloned();
    Permissions::member(lattice, host)
        .with_jetstream(lattice)
        .publishing(subjects())
        .subscribing(subjects())
}

/// A host whose controller may lead.
pub(crate) fn leading_host(lattice: &LatticeId, member: &MemberId, messaging: &[String]) -> Permissions {
    host(lattice, member, messaging).controlling(lattice)
}

/// A stand-alone provider: what every member needs, and no more.
pub(crate) fn provider(lattice: &LatticeId, provider: &MemberId) -> Permissions {
    Permissions::member(lattice, provider)
}

/// This CLI: give commands, write the lattice's state, hear events and logs. It serves nothing and owns no mailbox.
pub(crate) fn cli(lattice: &LatticeId, user: &UserId) -> Permissions {
    let buckets = subject::buckets(lattice);
    let inbox = format!("{}.>", inbox_prefix(user));
    let mut publish = vec![
        format!("lat.{lattice}.ctl.>"),
        format!("$O.{}.>", buckets.artifacts),
        "$JS.API.>".to_owned(),
        "$JS.FC.>".to_owned(),
        "$SRV.>".to_owned(),
        inbox.clone(),
    ];
    publish
        .extend([buckets.trust, buckets.links, buckets.config, buckets.apps].map(|bucket| format!("$KV.{bucket}.>")));
    let heard = [
        inbox,
        subject::event_wildcard(lattice),
        subject::log_wildcard(lattice),
        // Where machines that were invited apply; each is answered wherever it listens.
        subject::enrolment_wildcard(lattice),
    ];
    Permissions::all().publishing(publish).subscribing(heard).answering()
}

/// Where replies to this CLI come back to.
pub(crate) fn inbox_prefix(user: &UserId) -> String {
    format!("_INBOX.{user}")
}
