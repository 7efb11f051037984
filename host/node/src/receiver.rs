//! Calls that come in from other members. Identity, link, function and deadline were checked before; what is decided here is
//! whether the target lives here.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use lattice_capability::CallContext;
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_core::{ActorName, Fault, FaultKind, Party, ProviderName};
use lattice_mesh::{IncomingAsk, IncomingCall, Receiver, Reply};
use provider_sdk::remote;

use crate::actors::Entry;
use crate::shared::Shared;

/// Runs the calls of other members on this node.
pub(crate) struct NodeReceiver {
    /// The member holds this, and the node holds the member.
    shared: Weak<Shared>,
}

/// What an actor is called for. The link's interface decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Http,
    Message,
    Function,
}

impl NodeReceiver {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
        }
    }
}

#[async_trait]
impl Receiver for NodeReceiver {
    async fn receive(&self, call: IncomingCall) -> Result<Reply, Fault> {
        let Some(shared) = self.shared.upgrade() else {
            return Err(Fault::new(FaultKind::Draining, "this host is stopping"));
        };
        // What has state is served until it has moved: nobody else may have it before.
        if call.address.is_some() {
            return shared.stateful.deliver(&shared, call).await;
        }
        if shared.is_draining() {
            return Err(Fault::new(
                FaultKind::Draining,
                format!("host {} is stopping", shared.member.id()),
            ));
        }
        match &call.target {
            Party::Actor(name) => {
                let name = name.clone();
                // The local look-up comes first: while nothing is let in, the body is untouched and the caller tries elsewhere.
                let Some(entry) = shared.actors.enter(&name) else {
                    return Err(not_here(&shared, &name));
                };
                serve(entry, call).await
            }
            Party::Provider(name) => {
                let Some(provider) = shared.providers.get(name).filter(|provider| !provider.is_leaving()) else {
                    return Err(provider_not_here(&shared, name));
                };
                let Some(provider) = provider.get() else {
                    let fault = format!("provider `{name}` is being started again on {}", shared.member.id());
                    return Err(Fault::not_here(fault, None));
                };
                remote::dispatch(provider.as_ref(), call).await
            }
        }
    }

    async fn asked(&self, ask: IncomingAsk) -> Result<Reply, Fault> {
        answer(&self.shared, ask).await
    }
}

/// Answers one thing that another host asks.
async fn answer(shared: &Weak<Shared>, ask: IncomingAsk) -> Result<Reply, Fault> {
    match shared.upgrade() {
        Some(shared) => shared.stateful.answer(ask).await,
        None => Err(Fault::new(FaultKind::Draining, "this host is stopping")),
    }
}

async fn serve(entry: Entry, call: IncomingCall) -> Result<Reply, Fault> {
    let context = CallContext {
        deadline: call.deadline,
        source: call.source.clone(),
        link: call.link.id.clone(),
        invocation: call.id,
        trace: call.trace.clone(),
    };
    match purpose(call.interface.id.as_str()) {
        Purpose::Http => {
            let request = remote::http::decode_request(&call.head, call.body)?;
            let response = entry.http(request, context).await?;
            remote::http::encode_response(response)
        }
        Purpose::Message => {
            let limit = entry.body_bytes_max();
            let bytes = call.body.collect(limit).await?;
            let request: MessagingRequest = rmp_serde::from_slice(&bytes)
                .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the message cannot be read: {error}")))?;
            let MessagingRequest::Handle(message) = request else {
                return Err(Fault::new(
                    FaultKind::BadArguments,
                    "an actor handles messages, nothing else was asked of it",
                ));
            };
            let reply = match entry.message(message, &context).await? {
                Ok(()) => MessagingReply::Done,
                Err(error) => MessagingReply::HandlerError(error),
            };
            let bytes = rmp_serde::to_vec_named(&reply).map_err(|error| Fault::internal(error.to_string()))?;
            Ok(Reply {
                head: Bytes::new(),
                body: bytes.into(),
            })
        }
        Purpose::Function => {
            let limit = entry.body_bytes_max();
            let args = call.body.collect(limit).await?;
            let results = entry
                .call_encoded(&call.interface, call.function.as_str(), &args, &context)
                .await?;
            Ok(Reply {
                head: Bytes::new(),
                body: results.into(),
            })
        }
    }
}

fn purpose(interface: &str) -> Purpose {
    match interface {
        "wasi:http/incoming-handler" | "wasi:http/handler" => Purpose::Http,
        "wasmcloud:messaging/handler" => Purpose::Message,
        _ => Purpose::Function,
    }
}

fn not_here(shared: &Shared, name: &ActorName) -> Fault {
    Fault::not_here(format!("actor `{name}` does not run on {}", shared.member.id()), None)
}

fn provider_not_here(shared: &Shared, name: &ProviderName) -> Fault {
    Fault::not_here(
        format!("provider `{name}` does not run on {}", shared.member.id()),
        None,
    )
}
