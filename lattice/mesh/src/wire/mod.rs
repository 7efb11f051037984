//! What goes over the wire between members.

mod aim;
pub(crate) mod call;
mod frame;
pub(crate) mod open;
mod routes;
mod seal;
mod transcript;

pub(crate) use aim::Aim;
pub(crate) use call::{CallHead, CallRoute, HeadError, PingHead, PingedCall, PongHead, ReplyHead};
pub(crate) use frame::{Frame, FrameBuilder, FrameKind, PREFIX_LEN, SessionId};
pub(crate) use open::{Incoming, OpenKind};
pub(crate) use routes::{DecodedRoutes, EncodedRoutes};
pub(crate) use seal::{MacKey, Sealed};
pub(crate) use transcript::Transcript;
