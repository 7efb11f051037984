//! Every verb of the control interface: what is asked, what is answered. One family a file.

mod actor;
mod apps;
mod call;
mod doctor;
mod host;
mod inspect;
mod keyed;
mod links;
mod logs;
mod provider;
mod traces;
mod traffic;

use serde::{Serialize, de::DeserializeOwned};

pub use actor::{
    ActorFetch, ActorFetched, ActorScale, ActorStart, ActorStarted, ActorState, ActorStatus, ActorStop, ActorStopped,
};
pub use apps::{AppsProgress, AppsProgressReply};
pub use call::{Call, CallReply, TextEncoding};
pub use doctor::{Check, CheckStatus, Doctor, DoctorReport};
pub use host::{
    HostSchedule, HostStop, HostStopping, Inventory, InventoryReply, MemberSummary, Ping, Placements, PlacementsReply,
};
pub use inspect::{ActorInspect, ActorShape, FunctionShape, ImportClass, InspectTarget, InterfaceShape};
pub use keyed::{KeyedFind, KeyedFound, KeyedList, KeyedListed, KeyedMove, KeyedMoved, KeyedStayed};
pub use links::{LinkStatus, Links, LinksReply, RefusedLink};
pub use logs::{FOLLOWED_FOR, LogBatch, LogLevel, LogLine, LogStream, Logs, LogsReply};
pub use provider::{ProviderStart, ProviderStarted, ProviderState, ProviderStatus, ProviderStop, ProviderStopped};
pub use traces::{
    TraceBrief, TraceError, TraceFilter, TraceLink, TraceMoment, TraceSpan, TraceSpanKind, TraceTop, Traces,
    TracesReply, TracesWanted,
};
pub use traffic::{Flow, Traffic, TrafficReply};

use crate::verb::Verb;

/// A typed request of the control interface, with the reply it is answered with.
pub trait Command: Serialize + DeserializeOwned + Send + Sync {
    /// What a member answers when the command succeeded.
    type Reply: Serialize + DeserializeOwned + Send;
    /// The verb it travels under.
    const VERB: Verb;
}
