//! What a user of NATS may publish and subscribe to.
//!
//! Signatures already keep a stranger from being believed; these permissions keep one member's stolen credentials from reading
//! other members' mail and from filling the buckets with garbage.

use serde::Serialize;

use crate::id::{LatticeId, MemberId, SiteName};
use crate::invitation::Invitation;
use crate::subject;

/// How long a member may answer a request, in nanoseconds: the longest command reports for an hour.
const ANSWER_NANOS: u64 = 3_600_000_000_000;

/// What it takes to keep buckets of one's own.
const KEEPING_BUCKETS: [&str; 6] = [
    "$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.CREATE.*",
    "$JS.API.STREAM.MSG.GET.*",
    "$JS.API.CONSUMER.CREATE.>",
    "$JS.API.CONSUMER.DELETE.>",
    "$KV.>",
];

/// What a user may do. Empty permissions allow everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Permissions {
    #[serde(rename = "pub")]
    publish: SubjectPermissions,
    #[serde(rename = "sub")]
    subscribe: SubjectPermissions,
    #[serde(rename = "resp", skip_serializing_if = "Option::is_none")]
    responses: Option<ResponsePermission>,
}

/// Subjects allowed and denied. An empty `allow` allows all that is not denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubjectPermissions {
    /// Allowed subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Denied subjects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// Leave to answer what one was asked, wherever the answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ResponsePermission {
    max: i64,
    ttl: u64,
}

impl Permissions {
    /// Everything in the account: for the person who runs it.
    pub fn all() -> Self {
        Self::default()
    }

    /// What every member needs: its own mailbox, commands, heartbeats, and to read trust, links, their config and components.
    /// Its client must use [`inbox_prefix`](Permissions::inbox_prefix).
    pub fn member(lattice: &LatticeId, member: &MemberId) -> Self {
        let own_inbox = format!("{}.>", Self::inbox_prefix(member));
        let mut publish = vec![
            format!("lat.{lattice}.box.>"),
            format!("lat.{lattice}.evt.{member}.*"),
            format!("lat.{lattice}.log.{member}.*"),
            // To itself, as a measure of the way to the server and back.
            own_inbox.clone(),
            "$JS.API.INFO".to_owned(),
            "$JS.FC.>".to_owned(),
        ];
        for stream in streams(lattice) {
            publish.extend(reading(&stream));
        }
        let subscribe = vec![
            format!("lat.{lattice}.box.{member}.>"),
            subject::host_command_wildcard(lattice, member),
            subject::any_command_wildcard(lattice),
            subject::all_command_wildcard(lattice),
            subject::presence_wildcard(lattice),
            own_inbox,
            "$SRV.>".to_owned(),
        ];
        Self {
            publish: SubjectPermissions {
                allow: publish,
                deny: Vec::new(),
            },
            subscribe: SubjectPermissions {
                allow: subscribe,
                deny: Vec::new(),
            },
            responses: Some(ResponsePermission {
                max: -1,
                ttl: ANSWER_NANOS,
            }),
        }
    }

    /// Where a member's own replies arrive; nobody else's are under it.
    pub fn inbox_prefix(member: &MemberId) -> String {
        format!("_INBOX.{member}")
    }

    /// Leave to publish to these subjects too, as a messaging provider needs. From [`Permissions::all`], the first subject turns
    /// "everything" into "only these".
    #[must_use]
    pub fn publishing(mut self, subjects: impl IntoIterator<Item = String>) -> Self {
        self.publish.allow.extend(subjects);
        self
    }

    /// Leave to subscribe to these subjects too; see [`Permissions::publishing`].
    #[must_use]
    pub fn subscribing(mut self, subjects: impl IntoIterator<Item = String>) -> Self {
        self.subscribe.allow.extend(subjects);
        self
    }

    /// Leave to answer what it is asked, wherever the answer goes.
    #[must_use]
    pub fn answering(mut self) -> Self {
        self.responses = Some(ResponsePermission {
            max: -1,
            ttl: ANSWER_NANOS,
        });
        self
    }

    /// What a machine that was invited needs to apply, and no more.
    pub fn invited(invitation: &Invitation) -> Self {
        let inbox = format!("{}.>", invitation.inbox_prefix());
        Self::default()
            .publishing([subject::enrolment(invitation)])
            .subscribing([inbox])
    }

    /// Leave to keep key-value buckets of its own, which takes reading all buckets, but not to write those of the lattice; and to keep
    /// stateful actors, whose records are in buckets and whose large states are objects.
    ///
    /// Whoever may create streams may also record what passes through the account; between members that is authenticated, not
    /// secret. Give hosts whose actors do not need key-value on JetStream no such leave.
    #[must_use]
    pub fn with_jetstream(mut self, lattice: &LatticeId) -> Self {
        // What is allowed for every stream need not be said for each: the token has to stay short.
        self.publish
            .allow
            .retain(|subject| !streams(lattice).iter().any(|stream| subject.contains(stream.as_str())));
        self.publish.allow.extend(KEEPING_BUCKETS.map(str::to_owned));
        let buckets = subject::buckets(lattice);
        let states = &buckets.actor_states;
        // Components too, for a host that fetched one from a registry: those with none in reach take it from there.
        let objects = [
            format!("$O.{states}.>"),
            format!("$JS.API.STREAM.PURGE.OBJ_{states}"),
            format!("$O.{}.>", buckets.artifacts),
        ];
        self.publish.allow.extend(objects);
        let protected = [
            buckets.trust,
            buckets.links,
            buckets.config,
            buckets.apps,
            buckets.leases,
        ];
        self.publish
            .deny
            .extend(protected.map(|bucket| format!("$KV.{bucket}.>")));
        self
    }

    /// Leave to lead as a controller: to command hosts, to put links in force again, to take the lease, to roll an application back. Call it
    /// last.
    #[must_use]
    pub fn controlling(mut self, lattice: &LatticeId) -> Self {
        let buckets = subject::buckets(lattice);
        let written = [&buckets.links, &buckets.apps, &buckets.leases].map(|bucket| format!("$KV.{bucket}.>"));
        self.publish.deny.retain(|subject| !written.contains(subject));
        let reads_all = self
            .publish
            .allow
            .iter()
            .any(|subject| subject == "$JS.API.CONSUMER.CREATE.>");
        if !reads_all {
            for stream in [&buckets.apps, &buckets.leases].map(|bucket| format!("KV_{bucket}")) {
                self.publish.allow.extend(reading(&stream));
            }
        }
        let commands = format!("lat.{lattice}.ctl.>");
        let written = written
            .into_iter()
            .filter(|_| !self.publish.allow.iter().any(|subject| subject == "$KV.>"));
        let allowed: Vec<String> = written.chain([commands]).collect();
        self.publish.allow.extend(allowed);
        self
    }

    /// Leave to keep state in the JetStream domain of a site too: buckets of its own, and stateful actors whose records are there. The lattice's
    /// own buckets are in the hub, so that none needs protection there.
    #[must_use]
    pub fn at_site(mut self, lattice: &LatticeId, site: &SiteName) -> Self {
        let prefix = format!("$JS.{site}.API");
        let states = subject::states(lattice, Some(site));
        self.publish
            .allow
            .extend(KEEPING_BUCKETS.map(|subject| format!("{prefix}.{}", subject.trim_start_matches("$JS.API."))));
        let objects = [format!("$O.{states}.>"), format!("{prefix}.STREAM.PURGE.OBJ_{states}")];
        self.publish.allow.extend(objects);
        self
    }

    /// The same leave where JetStream is reached through a domain, as on a leaf node.
    #[must_use]
    pub fn in_domain(mut self, domain: &str) -> Self {
        let prefix = format!("$JS.{domain}.API.");
        for subject in self.publish.allow.iter_mut().chain(&mut self.publish.deny) {
            if let Some(rest) = subject.strip_prefix("$JS.API.") {
                *subject = format!("{prefix}{rest}");
            } else if subject.starts_with("$KV.") {
                *subject = format!("{prefix}{subject}");
            }
        }
        self
    }
}

/// What it takes to read a stream.
fn reading(stream: &str) -> [String; 5] {
    [
        format!("$JS.API.STREAM.INFO.{stream}"),
        format!("$JS.API.STREAM.MSG.GET.{stream}"),
        format!("$JS.API.CONSUMER.CREATE.{stream}"),
        format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
        format!("$JS.API.CONSUMER.DELETE.{stream}.*"),
    ]
}

/// The streams behind the buckets of a lattice that every member reads.
fn streams(lattice: &LatticeId) -> [String; 4] {
    let buckets = subject::buckets(lattice);
    [
        format!("KV_{}", buckets.trust),
        format!("KV_{}", buckets.links),
        format!("KV_{}", buckets.config),
        format!("OBJ_{}", buckets.artifacts),
    ]
}
