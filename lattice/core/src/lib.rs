//! What everything on a lattice agrees on: ids, subjects, signed tokens, links, presence, faults.
//!
//! Here are the decisions and the bytes, and nothing that acts: no I/O, no clock, no runtime. Whatever depends on the time takes
//! `now`; whatever arrives from outside is checked into a type once and trusted afterwards.
//!
//! The life of a link, from the issuer who signs it to the member that believes it:
//!
//! ```
//! use std::time::Duration;
//! use lattice_core::link_table::{Change, LinkTable};
//! use lattice_core::token::Validity;
//! use lattice_core::trust::{Issuer, TrustBundle};
//! use lattice_core::{LatticeId, LinkClaims, Trust, UnixSeconds};
//! use nkeys::KeyPair;
//!
//! let (operator, issuer) = (KeyPair::new_operator(), KeyPair::new_account());
//! let lattice: LatticeId = "default".parse()?;
//! let now = UnixSeconds::new(1_763_804_820);
//! let a_day = Validity::lasting(now, Duration::from_secs(86_400));
//!
//! // The operator says who may sign what; a member that was told to trust the operator takes its word.
//! let issuers = vec![Issuer::unlimited(issuer.public_key().parse()?)];
//! let bundle = TrustBundle { serial: 1, issuers, ..TrustBundle::default() };
//! let mut trust = Trust::new(lattice.clone(), [operator.public_key().parse()?]);
//! trust.admit(&bundle.sign(&operator, &lattice, a_day)?, now)?;
//!
//! // The issuer grants the actor `counter` the key-value interfaces of the provider `kv`.
//! let claims = LinkClaims::new("actor/counter".parse()?, "wasi:keyvalue".parse()?, "provider/kv".parse()?);
//! let token = claims.sign(&issuer, &lattice, a_day)?;
//!
//! // The member finds the token in the bucket and decides for itself.
//! let mut table = LinkTable::new();
//! let key = claims.id(&lattice).link_key();
//! assert!(matches!(table.admit(&key, token.as_bytes(), &trust, now)?, Change::Linked(_)));
//! assert!(table.get(&claims.id(&lattice)).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Names of things.
mod digest;
pub mod id;
mod incarnation;
pub mod interface;
mod invocation_id;
mod labels;
mod nkey;
mod party;
pub mod subject;
pub mod time;

// What is run.
pub mod actor;
pub mod application;
pub mod config;
mod fingerprint;
pub mod provider;
pub mod site;
pub mod stateful;

// What is run without a compiler.
pub mod aot;

// What is signed, and who is believed.
pub mod invitation;
pub mod refusal;
pub mod scope;
pub mod token;
pub mod trust;

// Links.
pub mod link;
pub mod link_check;
pub mod link_table;
mod rejected;

// What travels.
pub mod event;
pub mod fault;
pub mod presence;
pub mod trace;
pub mod value;
mod wire;

// What people write and read.
pub mod text;

pub use actor::{ActorKind, ActorSpec, Limits, Reuse};
pub use application::Application;
pub use config::{ConfigError, ConfigMap};
pub use event::Event;
pub use fault::{Blame, Fault, FaultKind};
pub use fingerprint::Fingerprint;
pub use id::{
    AccountId, ActorName, AppName, Digest, EntityName, EventName, FunctionName, HostId, Incarnation, InvocationId,
    IssuerId, LabelError, Labels, LatticeId, LinkLabel, MemberId, OperatorId, ParseIdError, Party, ProviderKey,
    ProviderKind, ProviderName, SiteName, UserId, Verb,
};
pub use interface::{InterfaceId, InterfacePattern, VersionedInterface};
pub use link::{ActiveLink, FunctionSet, LinkClaims, LinkId, LinkLimits, UnlinkClaims};
pub use link_table::LinkTable;
pub use presence::Presence;
pub use provider::ProviderSpec;
pub use refusal::Refusal;
pub use rejected::Rejected;
pub use site::{OnPartition, SITE_LABEL};
pub use stateful::{ActorKey, CallAddress, Durability, KeyedActor, Stateful};
pub use time::UnixSeconds;
pub use trace::{SpanId, TraceContext, TraceId};
pub use trust::{Trust, TrustBundle};
