//! Every NATS subject and bucket name we use, built from ids and parsed back. Nobody else formats one.
//!
//! | subject | what |
//! |---|---|
//! | `lat.<lattice>.ctl.host.<member>.<verb>` | command to one member |
//! | `lat.<lattice>.ctl.any.<verb>` | any host answers (queue group) |
//! | `lat.<lattice>.ctl.all.<verb>` | every member answers |
//! | `lat.<lattice>.box.<member>.<incarnation>` | mailbox of one run of a member |
//! | `lat.<lattice>.box.<member>.<incarnation>.<call>` | chunks of one invocation |
//! | `lat.<lattice>.actor.<actor>` | door for plain NATS clients |
//! | `lat.<lattice>.evt.<member>.presence` | heartbeat |
//! | `lat.<lattice>.evt.<member>.<event>` | CloudEvents |
//! | `lat.<lattice>.enrol.<meeting>` | where a machine that was invited and its issuer meet |
//! | `lat.<lattice>.log.<member>.<actor>` | what an actor logs, while somebody follows it |

use crate::id::{ActorName, EventName, Incarnation, InvocationId, LatticeId, MemberId, SiteName, Verb};
use crate::invitation::Invitation;

/// The key of the trust bundle in the trust bucket.
pub const TRUST_BUNDLE_KEY: &str = "bundle";

/// The key of the leading controller's lease in the leases bucket. Its holder calls itself by its member id.
pub const CONTROLLER_LEASE_KEY: &str = "controller";

/// The queue group of [`any_command`].
pub const CONTROL_QUEUE: &str = "lattice-hosts";

/// Where one member hears a command.
pub fn host_command(lattice: &LatticeId, member: &MemberId, verb: &Verb) -> String {
    format!("lat.{lattice}.ctl.host.{member}.{verb}")
}

/// All commands to one member.
pub fn host_command_wildcard(lattice: &LatticeId, member: &MemberId) -> String {
    format!("lat.{lattice}.ctl.host.{member}.*")
}

/// Where any one host hears a command; subscribe with [`CONTROL_QUEUE`].
pub fn any_command(lattice: &LatticeId, verb: &Verb) -> String {
    format!("lat.{lattice}.ctl.any.{verb}")
}

/// All commands to any one host.
pub fn any_command_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.ctl.any.*")
}

/// Where every member hears a command.
pub fn all_command(lattice: &LatticeId, verb: &Verb) -> String {
    format!("lat.{lattice}.ctl.all.{verb}")
}

/// All commands to every member.
pub fn all_command_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.ctl.all.*")
}

/// The mailbox of one run of a member.
pub fn mailbox(lattice: &LatticeId, member: &MemberId, incarnation: Incarnation) -> String {
    format!("lat.{lattice}.box.{member}.{incarnation}")
}

/// Everything below a mailbox: the chunks of its invocations. The mailbox itself is not among them.
pub fn mailbox_wildcard(lattice: &LatticeId, member: &MemberId, incarnation: Incarnation) -> String {
    format!("lat.{lattice}.box.{member}.{incarnation}.>")
}

/// Where the chunks of one invocation go.
pub fn mailbox_stream(lattice: &LatticeId, member: &MemberId, incarnation: Incarnation, call: InvocationId) -> String {
    format!(
        "lat.{lattice}.box.{member}.{incarnation}.{}",
        call.as_uuid().as_simple()
    )
}

/// The door of an actor for plain NATS clients.
pub fn door(lattice: &LatticeId, actor: &ActorName) -> String {
    format!("lat.{lattice}.actor.{actor}")
}

/// Where a member's heartbeats go.
pub fn presence(lattice: &LatticeId, member: &MemberId) -> String {
    format!("lat.{lattice}.evt.{member}.presence")
}

/// All heartbeats.
pub fn presence_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.evt.*.presence")
}

/// Where a member's events of one name go.
pub fn event(lattice: &LatticeId, member: &MemberId, event: &EventName) -> String {
    format!("lat.{lattice}.evt.{member}.{event}")
}

/// All events of all members, heartbeats too.
pub fn event_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.evt.>")
}

/// The events of one name, of all members.
pub fn event_of_all(lattice: &LatticeId, event: &str) -> String {
    format!("lat.{lattice}.evt.*.{event}")
}

/// The stream of JetStream that keeps events, and no heartbeats.
pub fn events_stream(lattice: &LatticeId) -> String {
    format!("lat_{lattice}_events")
}

/// Where a machine that was invited meets whoever invited it.
pub fn enrolment(invitation: &Invitation) -> String {
    format!("lat.{}.enrol.{}", invitation.lattice, invitation.meeting())
}

/// Where all who were invited are met.
pub fn enrolment_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.enrol.*")
}

/// Where a member passes on what an actor logs.
pub fn log(lattice: &LatticeId, member: &MemberId, actor: &ActorName) -> String {
    format!("lat.{lattice}.log.{member}.{actor}")
}

/// What an actor logs, on all members.
pub fn log_of_all(lattice: &LatticeId, actor: &ActorName) -> String {
    format!("lat.{lattice}.log.*.{actor}")
}

/// What all actors log, on all members.
pub fn log_wildcard(lattice: &LatticeId) -> String {
    format!("lat.{lattice}.log.>")
}

/// The JetStream buckets of a lattice.
pub fn buckets(lattice: &LatticeId) -> Buckets {
    Buckets {
        trust: format!("lat_{lattice}_trust"),
        links: format!("lat_{lattice}_links"),
        config: format!("lat_{lattice}_config"),
        artifacts: format!("lat_{lattice}_artifacts"),
        apps: format!("lat_{lattice}_apps"),
        leases: format!("lat_{lattice}_leases"),
        sessions: format!("lat_{lattice}_sessions"),
        actor_states: format!("lat_{lattice}_states"),
        reminders: format!("lat_{lattice}_reminders"),
        actors: format!("lat_{lattice}_actors"),
    }
}

/// The object store for the large states of actors whose records are at `site`, or else in the hub. Its subjects pass between domains, unlike
/// those of buckets: it needs a name that nothing else has.
pub fn states(lattice: &LatticeId, site: Option<&SiteName>) -> String {
    let hub = buckets(lattice).actor_states;
    site.map_or_else(|| hub.clone(), |site| format!("{hub}_at_{site}"))
}

/// The names of a lattice's buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// Key-value: the trust bundle.
    pub trust: String,
    /// Key-value: link tokens by [`crate::LinkId::link_key`].
    pub links: String,
    /// Key-value: the config of links by digest ([`crate::ConfigMap`]).
    pub config: String,
    /// Object store: components by digest.
    pub artifacts: String,
    /// Key-value: the revisions of applications by name ([`crate::application::StoredRevision`]).
    pub apps: String,
    /// Key-value with expiry: who leads.
    pub leases: String,
    /// Key-value: the sessions of hosts that keep stateful actors, by member.
    pub sessions: String,
    /// Object store: state of actors too large for a record.
    pub actor_states: String,
    /// Key-value: when the first reminder of an actor is due, by [`crate::KeyedActor::record_key`].
    pub reminders: String,
    actors: String,
}

impl Buckets {
    /// Key-value: one part of the records of stateful actors, by [`crate::KeyedActor::record_key`].
    pub fn actors(&self, shard: usize) -> String {
        format!("{}_{shard}", self.actors)
    }
}

/// A subject, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The lattice it belongs to.
    pub lattice: LatticeId,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a subject is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A command to one member.
    HostCommand(MemberId, Verb),
    /// A command to any one host.
    AnyCommand(Verb),
    /// A command to every member.
    AllCommand(Verb),
    /// The mailbox of one run of a member.
    Mailbox(MemberId, Incarnation),
    /// Chunks of one invocation.
    MailboxStream(MemberId, Incarnation, InvocationId),
    /// The door of an actor.
    Door(ActorName),
    /// A heartbeat.
    Presence(MemberId),
    /// An event.
    Event(MemberId, EventName),
    /// What an actor logs.
    Log(MemberId, ActorName),
}

impl Subject {
    /// Takes a subject apart; `None` when it is not one of ours.
    ///
    /// ```
    /// use lattice_core::subject::{self, Purpose, Subject};
    /// let lattice = "default".parse()?;
    /// let verb: lattice_core::Verb = "ping".parse()?;
    /// let parsed = Subject::parse(&subject::all_command(&lattice, &verb)).expect("one of ours");
    /// assert_eq!(parsed, Subject { lattice, purpose: Purpose::AllCommand(verb) });
    /// # Ok::<(), lattice_core::ParseIdError>(())
    /// ```
    pub fn parse(subject: &str) -> Option<Subject> {
        let rest = subject.strip_prefix("lat.")?;
        let (lattice, rest) = rest.split_once('.')?;
        let parts: Vec<&str> = rest.splitn(6, '.').collect();
        let purpose = match *parts.as_slice() {
            ["ctl", "host", member, verb] => Purpose::HostCommand(member.parse().ok()?, verb.parse().ok()?),
            ["ctl", "any", verb] => Purpose::AnyCommand(verb.parse().ok()?),
            ["ctl", "all", verb] => Purpose::AllCommand(verb.parse().ok()?),
            ["box", member, run] => Purpose::Mailbox(member.parse().ok()?, run.parse().ok()?),
            ["box", member, run, call] => {
                Purpose::MailboxStream(member.parse().ok()?, run.parse().ok()?, call.parse().ok()?)
            }
            ["actor", actor] => Purpose::Door(actor.parse().ok()?),
            ["evt", member, "presence"] => Purpose::Presence(member.parse().ok()?),
            ["evt", member, event] => Purpose::Event(member.parse().ok()?, event.parse().ok()?),
            ["log", member, actor] => Purpose::Log(member.parse().ok()?, actor.parse().ok()?),
            _ => return None,
        };
        Some(Subject {
            lattice: lattice.parse().ok()?,
            purpose,
        })
    }

    /// The subject as text.
    pub fn build(&self) -> String {
        let lattice = &self.lattice;
        match &self.purpose {
            Purpose::HostCommand(member, verb) => host_command(lattice, member, verb),
            Purpose::AnyCommand(verb) => any_command(lattice, verb),
            Purpose::AllCommand(verb) => all_command(lattice, verb),
            Purpose::Mailbox(member, run) => mailbox(lattice, member, *run),
            Purpose::MailboxStream(member, run, call) => mailbox_stream(lattice, member, *run, *call),
            Purpose::Door(actor) => door(lattice, actor),
            Purpose::Presence(member) => presence(lattice, member),
            Purpose::Event(member, name) => event(lattice, member, name),
            Purpose::Log(member, actor) => log(lattice, member, actor),
        }
    }
}
