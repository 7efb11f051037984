//! What makes a process a member of a lattice.
//!
//! A member has an identity that a token vouches for, is present in everybody's directory, and has a mailbox. It verifies every link itself,
//! keeps what it verified across restarts, and checks every call that comes in against its own table. Hosts are members, and so are
//! providers that run on their own.
//!
//! There are three sorts of call, all over the same sessions and mailboxes:
//!
//! * One for a party: any instance of it will do. It is made elsewhere only when it is certain that nothing ran
//!   ([`Member::invoke_any`]).
//! * One for a stateful actor, which lives in one place at a time. It is made again and again, wherever the actor may be by then, until
//!   there is an answer: the call has a name by which the actor knows it ([`Member::invoke_keyed`]).
//! * One for a host itself, such as "take this actor over". No link grants it, and only hosts may make it ([`Member::ask`]).
//!
//! ```no_run
//! use std::sync::Arc;
//! use lattice_bus::{Bus, BusConfig};
//! use lattice_core::Fault;
//! use lattice_mesh::{IncomingCall, Member, MemberConfig, Receiver, Reply};
//!
//! struct Echo;
//!
//! #[async_trait::async_trait]
//! impl Receiver for Echo {
//!     async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
//!         Ok(Reply { head: call.head, body: call.body })
//!     }
//! }
//!
//! # async fn example(config: MemberConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Bus::connect(BusConfig::new("example")).await?;
//! let member = Member::join(config, bus).await?;
//! member.serve(Arc::new(Echo));
//! member.announce(|presence| presence.state = lattice_core::presence::MemberState::Ready).await;
//! # Ok(())
//! # }
//! ```

// A member and what it takes to become one.
mod config;
mod error;
mod identity;
mod member;

// Calls, as callers and callees see them.
mod ask;
mod body;
mod call;
mod trace;

// What a member believes.
pub mod buckets;
mod directory;
mod events;
mod links;
mod presence;
mod trust;

// How calls travel.
mod invoke;
mod mailbox;
mod outbox;
mod peer;
mod pick;
mod session;
mod size;
mod spans;
mod stream;
mod wire;

// Helpers.
mod dice;
pub mod disk;
mod watched;

pub use ask::{HostAsk, IncomingAsk};
pub use body::{Body, ByteStream};
pub use call::{IncomingCall, KeyedTarget, OutgoingCall, Receiver, Reply, new_invocation_id};
pub use config::{Capacity, DEFAULT_HEARTBEAT, DEFAULT_LOST_AFTER, MemberConfig};
pub use directory::{Directory, DirectoryChange, HeartbeatError, KnownMember};
pub use error::{DiskError, JoinError};
pub use events::Events;
pub use identity::IdentityError;
pub use invoke::Outstanding;
pub use lattice_core::TraceContext;
pub use links::{ConfigStore, FetchConfigError, LinkChange, LinkView, Links};
pub use member::{Departure, Member};
pub use trust::{AdmitError, TrustStore};
