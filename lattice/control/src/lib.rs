//! The control interface: how hosts are told what to do, and how they answer with the truth.
//!
//! * A [`Command`] is typed; its reply is the *outcome* of the work, never "received".
//! * [`ControlClient`] sends commands and signs those that change something; [`ControlServer`] authorises them and
//!   hands them to a [`Handler`].
//! * [`spread`](fn@spread) decides how many replicas go where. It is pure, as is everything that decides.

mod assembly;
mod client;
mod error;
#[cfg(feature = "spans")]
mod flows;
mod handler;
mod operations;
mod progress;
pub mod reconcile;
mod server;
#[cfg(feature = "spans")]
mod spans;
mod spread;
mod state;
mod trace;
mod verb;
mod verbs;
mod wire;

pub use client::{CommandSigner, ControlClient, SignerError, withdrawals_sent};
pub use error::{ControlError, ErrorKind};
pub use handler::Handler;
pub use lattice_core::Event;
pub use operations::{
    APP_LINK_LIFETIME, Action, AppSigner, Component, Place, Placed, Placement, Relocate, Relocated, Revised, Tell, plan,
};
pub use progress::{Progress, ProgressSink};
pub use server::{ControlServer, ServerConfig, TrustSource};
pub use spread::{Candidate, NoHostMatches, spread};
pub use state::{
    ARTIFACT_BYTES_MAX, AppAt, CODE_BYTES_MAX, LinkDraft, LinkSigner, PutApp, SIGNATURES_BYTES_MAX, Signed, StoredLink,
    Upload, Verdict, Verdicts, apps_bucket, artifact_name, code_name, config_bucket, leases_bucket, links_bucket,
    signatures_name, trust_bucket,
};
pub use verb::{UnknownVerb, Verb};
pub use verbs::*;
