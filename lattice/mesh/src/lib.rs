//! What makes a process a member of a lattice.
//!
//! A member has an identity that a token vouches for, is present in everybody's directory, and has a mailbox. It verifies every link itself,
//! keeps what it verified across restarts, and checks every call that comes in against its own table. Hosts are members, and so are
//! providers that run on their own.
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
mod stream;
mod wire;

// Helpers.
mod dice;
pub mod disk;
mod watched;

pub use body::{Body, ByteStream};
pub use call::{IncomingCall, OutgoingCall, Receiver, Reply, new_invocation_id};
pub use config::{Capacity, DEFAULT_HEARTBEAT, DEFAULT_LOST_AFTER, MemberConfig};
pub use directory::{Directory, DirectoryChange, HeartbeatError, KnownMember};
pub use error::{DiskError, JoinError};
pub use events::Events;
pub use identity::IdentityError;
pub use links::{ConfigStore, FetchConfigError, LinkChange, LinkView, Links};
pub use member::{Departure, Member};
pub use trace::TraceContext;
pub use trust::{AdmitError, TrustStore};
