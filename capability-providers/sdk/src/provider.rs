//! What a provider is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lattice_capability::{KeyValue, Messaging, OutgoingHttp};
use lattice_core::{ActiveLink, InterfacePattern, LinkId};

/// The native side of one or more capabilities.
///
/// A provider is built with its own configuration, learns of its links one by one, and serves them until
/// [`shutdown`](Self::shutdown). Whether it runs inside a host or as a process of its own is not its business.
///
/// Links come in two directions. An actor that is linked *to* the provider calls it, by the accessor of the capability
/// (`keyvalue`, ...). A provider that is linked to an *actor* drives it, through the [`ActorInvoker`](crate::ActorInvoker)
/// that it was built with.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Returns the provider's kind, as a provider is started by (`http-server`).
    fn kind(&self) -> &'static str;

    /// Returns the interfaces that actors may call on this provider.
    fn serves(&self) -> &[InterfacePattern];

    /// Returns the interfaces of actors that this provider calls.
    fn drives(&self) -> &[InterfacePattern] {
        &[]
    }

    /// Returns where the outside reaches the provider, for people to read (`http://127.0.0.1:8000`).
    fn endpoints(&self) -> Vec<String> {
        Vec::new()
    }

    /// Takes up a link, or replaces the link of the same id by a newer generation.
    ///
    /// When it returns an error, nothing has changed: a link that was there before goes on as it was.
    async fn link(&self, binding: LinkBinding) -> Result<(), LinkError>;

    /// Gives up a link and what was held for it. A link that is not there is no error.
    async fn unlink(&self, link: &LinkId) -> Result<(), LinkError>;

    /// Returns the key-value store behind a link.
    fn keyvalue(&self, _link: &LinkId) -> Option<Arc<dyn KeyValue>> {
        None
    }

    /// Returns the message broker behind a link.
    fn messaging(&self, _link: &LinkId) -> Option<Arc<dyn Messaging>> {
        None
    }

    /// Returns the way out to HTTP servers behind a link.
    fn outgoing_http(&self, _link: &LinkId) -> Option<Arc<dyn OutgoingHttp>> {
        None
    }

    /// Says whether the provider can do its work now. One that is unhealthy for long is started again, so being busy is not.
    async fn health(&self) -> Health {
        Health::Healthy
    }

    /// Stops intake, waits up to `grace` for work in flight, then ends it. Says which happened.
    async fn shutdown(&self, grace: Duration) -> ShutdownReport;
}

/// A verified link and its configuration, as a provider gets them.
#[derive(Clone, Debug)]
pub struct LinkBinding {
    /// The link, verified by the host.
    pub link: Arc<ActiveLink>,
    /// The values that the link's config digest stands for.
    pub config: BTreeMap<String, String>,
}

/// Says why a provider does not take a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The configuration is wrong; every mistake in it is named.
    #[error("the link's configuration is wrong: {}", .0.join("; "))]
    Config(Vec<String>),
    /// The link asks for something that another link already has.
    #[error("{what} is already taken by link `{by}`")]
    Conflict {
        /// What both ask for.
        what: String,
        /// The link that has it.
        by: LinkId,
    },
    /// The provider neither serves nor drives the link's interface.
    #[error("a provider of kind `{kind}` has no use for interface `{interface}`")]
    Interface {
        /// The provider's kind.
        kind: &'static str,
        /// The link's interface.
        interface: InterfacePattern,
    },
    /// The store, broker or address behind the link cannot be had now. Trying again may help.
    #[error("{0}")]
    Unavailable(String),
}

/// Says whether a provider can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Healthy,
    /// Not all of it now, and why: what it works on is away, and it goes on by itself once that is back.
    Degraded(String),
    /// It cannot, and why. One that stays so is started anew.
    Unhealthy(String),
}

/// Says how a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownReport {
    /// All work in flight was finished.
    Drained,
    /// The grace period ended first; this many pieces of work were cut off.
    Aborted(usize),
}

/// Checks that a link is for one of `interfaces`, the ones that a provider serves or drives.
///
/// # Errors
///
/// [`LinkError::Interface`] when it is not.
pub fn check_interface(
    kind: &'static str,
    interfaces: &[InterfacePattern],
    binding: &LinkBinding,
) -> Result<(), LinkError> {
    let wanted = &binding.link.interface;
    let has_use = interfaces.iter().any(|known| {
        // A link may cover a whole package of which the provider knows a part, and the other way round.
        let covers = |a: &InterfacePattern, b: &InterfacePattern| b.as_interface().is_some_and(|b| a.covers(&b));
        known == wanted || covers(known, wanted) || covers(wanted, known)
    });
    if has_use {
        Ok(())
    } else {
        Err(LinkError::Interface {
            kind,
            interface: wanted.clone(),
        })
    }
}
