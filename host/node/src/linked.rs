//! What an actor's imports lead to, asked on every call: the link that is in force now, and what it reaches, here or elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::{KeyValue, Messaging, OutgoingHttp};
use lattice_core::stateful::Refusal;
use lattice_core::{ActiveLink, Fault, FaultKind, InterfaceId, KeyedActor, LinkLabel, Party, ProviderName};
use lattice_engine::{Granted, Linked, LogLevel, LogLine, Need, Origin, OutgoingCall, PeerCall, Values};
use provider_sdk::Provider;
use provider_sdk::remote::{RemoteKeyValue, RemoteMessaging, RemoteOutgoingHttp};
use tracing::{debug, error, info, trace, warn};

use crate::grants::Source;
use crate::invoke::Call;
use crate::limited::Limited;
use crate::shared::Shared;
use crate::stateful::{PEER_FUNCTION, PeerMessage, ask_peer, peer_interface, peer_link, target_of};
use crate::traced::Traced;

/// The links of one actor on this host.
pub(crate) struct ActorLinks {
    shared: Arc<Shared>,
    source: Source,
}

/// Where a capability is.
enum Place<T: ?Sized> {
    /// In a provider on this host.
    Here(Arc<T>),
    /// In a provider on some other member.
    Elsewhere,
}

impl ActorLinks {
    pub(crate) fn new(shared: Arc<Shared>, source: Source) -> Self {
        Self { shared, source }
    }

    /// The link for a need, with its rate counted, and the capability if a provider on this host has it.
    fn capability<T: ?Sized>(
        &self,
        need: Need<'_>,
        accessor: impl FnOnce(&dyn Provider, &ActiveLink) -> Option<Arc<T>>,
    ) -> Result<(Arc<ActiveLink>, Place<T>), Fault> {
        let view = self.shared.member.links().current();
        let link = Arc::clone(self.source.resolve(&view, need.interface, need.function, need.label)?);
        let Party::Provider(name) = &link.target else {
            let fault = format!(
                "link `{}` leads to {}, and {} is served by providers",
                link.id, link.target, need.interface
            );
            return Err(Fault::denied(fault));
        };
        let place = self.place(name, &link, accessor)?;
        // Whoever serves it elsewhere meters it there.
        if matches!(place, Place::Here(_)) {
            self.shared.meters.admit(&link, std::time::Instant::now())?;
        }
        Ok((link, place))
    }

    fn place<T: ?Sized>(
        &self,
        name: &ProviderName,
        link: &ActiveLink,
        accessor: impl FnOnce(&dyn Provider, &ActiveLink) -> Option<Arc<T>>,
    ) -> Result<Place<T>, Fault> {
        // A link for one certain stand-alone provider is not served by a host.
        if link.target_key.is_some() {
            return Ok(Place::Elsewhere);
        }
        let Some(hosted) = self.shared.providers.get(name) else {
            return Ok(Place::Elsewhere);
        };
        let provider = hosted.get();
        if let Some(capability) = provider.as_ref().and_then(|provider| accessor(provider.as_ref(), link)) {
            return Ok(Place::Here(capability));
        }
        // It is here and does not serve. If another member runs it too, that one may.
        let target = Party::Provider(name.clone());
        let elsewhere = self.shared.member.directory().running(&target);
        if elsewhere.iter().any(|member| member.id() != self.shared.member.id()) {
            return Ok(Place::Elsewhere);
        }
        let why = match (&provider, hosted.standing().problem(&link.id)) {
            (None, _) => "it is being started again".to_owned(),
            (Some(_), Some(problem)) => problem.to_owned(),
            (Some(_), None) => "it has not taken up the link yet".to_owned(),
        };
        Err(Fault::new(
            FaultKind::Backend,
            format!("provider `{name}` does not serve link `{}`: {why}", link.id),
        ))
    }
}

#[async_trait]
impl Linked for ActorLinks {
    fn keyvalue(&self, need: Need<'_>) -> Result<Granted<dyn KeyValue>, Fault> {
        let (link, place) = self.capability(need, |provider, link| provider.keyvalue(&link.id))?;
        let capability: Arc<dyn KeyValue> = match place {
            Place::Here(store) => {
                let limited = Limited::around(&store, &link).map(|limited| Arc::new(limited) as Arc<dyn KeyValue>);
                let store = limited.unwrap_or(store);
                Arc::new(Traced::around(store, &self.shared, need.interface, &link))
            }
            Place::Elsewhere => Arc::new(RemoteKeyValue::new(Arc::clone(&self.shared.member), Arc::clone(&link))),
        };
        Ok(Granted {
            capability,
            link: link.id.clone(),
        })
    }

    fn messaging(&self, need: Need<'_>) -> Result<Granted<dyn Messaging>, Fault> {
        let (link, place) = self.capability(need, |provider, link| provider.messaging(&link.id))?;
        let capability: Arc<dyn Messaging> = match place {
            Place::Here(broker) => {
                let limited = Limited::around(&broker, &link).map(|limited| Arc::new(limited) as Arc<dyn Messaging>);
                let broker = limited.unwrap_or(broker);
                Arc::new(Traced::around(broker, &self.shared, need.interface, &link))
            }
            Place::Elsewhere => Arc::new(RemoteMessaging::new(Arc::clone(&self.shared.member), Arc::clone(&link))),
        };
        Ok(Granted {
            capability,
            link: link.id.clone(),
        })
    }

    fn outgoing_http(&self, need: Need<'_>) -> Result<Granted<dyn OutgoingHttp>, Fault> {
        let (link, place) = self.capability(need, |provider, link| provider.outgoing_http(&link.id))?;
        let capability: Arc<dyn OutgoingHttp> = match place {
            Place::Here(outlet) => {
                let limited = Limited::around(&outlet, &link).map(|limited| Arc::new(limited) as Arc<dyn OutgoingHttp>);
                let outlet = limited.unwrap_or(outlet);
                Arc::new(Traced::around(outlet, &self.shared, need.interface, &link))
            }
            Place::Elsewhere => Arc::new(RemoteOutgoingHttp::new(
                Arc::clone(&self.shared.member),
                Arc::clone(&link),
            )),
        };
        Ok(Granted {
            capability,
            link: link.id.clone(),
        })
    }

    fn has_link(&self, interface: &InterfaceId, label: &LinkLabel) -> bool {
        self.source
            .has_link(&self.shared.member.links().current(), interface, label)
    }

    async fn call(&self, call: OutgoingCall<'_>) -> Result<Values, Fault> {
        let view = self.shared.member.links().current();
        let link = self
            .source
            .resolve(&view, &call.interface.id, call.function(), &call.label)?;
        let Party::Actor(name) = &link.target else {
            let fault = format!(
                "link `{}` leads to {}, which cannot serve {}",
                link.id, link.target, call.interface
            );
            return Err(Fault::denied(fault));
        };
        let deadline = self.shared.meters.admit(link, call.origin.deadline)?;
        let way = Call {
            link,
            interface: &call.interface,
            function: call.args.signature().name(),
            deadline,
            trace: call.origin.trace.as_ref(),
            invocation: call.origin.invocation,
        };
        match &call.key {
            None => self.shared.call_actor(name, &way, call.args.clone()).await,
            Some(key) => {
                let (turn, chain) = turn_of(&call.origin);
                let target = target_of(key.clone(), turn, call.nth, &self.shared.invocations);
                self.shared.call_keyed_actor(&way, target, chain, &call.args).await
            }
        }
    }

    async fn call_peer(&self, call: PeerCall) -> Result<Result<Bytes, Refusal>, Fault> {
        let view = self.shared.member.links().current();
        let link = peer_link(&view, &self.source.party, &Party::Actor(call.to.name.clone()))?;
        let interface = peer_interface();
        let way = Call {
            link,
            interface: &interface,
            function: PEER_FUNCTION,
            deadline: self.shared.meters.admit(link, call.origin.deadline)?,
            trace: call.origin.trace.as_ref(),
            invocation: call.origin.invocation,
        };
        let (turn, chain) = turn_of(&call.origin);
        let message = PeerMessage {
            from: call.origin.turn.as_ref().map(|turn| &turn.actor),
            to: &call.to,
            operation: &call.operation,
            body: call.body,
        };
        let target = target_of(call.to.key.clone(), turn, call.nth, &self.shared.invocations);
        ask_peer(&self.shared, message, &way, target, chain).await
    }

    fn log(&self, line: LogLine<'_>) {
        if let Party::Actor(actor) = &self.source.party {
            self.shared.logs.write(actor, &line);
        }
        let (context, message) = (line.about(), line.message);
        let actor = self.source.party.name();
        match line.level {
            LogLevel::Trace => trace!(target: "lattice::actor", actor, context, "{message}"),
            LogLevel::Debug => debug!(target: "lattice::actor", actor, context, "{message}"),
            LogLevel::Info => info!(target: "lattice::actor", actor, context, "{message}"),
            LogLevel::Warn => warn!(target: "lattice::actor", actor, context, "{message}"),
            LogLevel::Error | LogLevel::Critical => error!(target: "lattice::actor", actor, context, "{message}"),
        }
    }
}

/// The turn that a call is made in, and the actors that wait for it.
fn turn_of(origin: &Origin) -> (Option<uuid::Uuid>, Vec<KeyedActor>) {
    match &origin.turn {
        Some(turn) => (Some(turn.id), turn.chain.clone()),
        None => (None, Vec::new()),
    }
}
