//! Runs the calls of other members on a provider.

use bytes::Bytes;
use lattice_capability::blob::Blob;
use lattice_capability::keyvalue::wire::{KvReply, KvRequest};
use lattice_capability::messaging::wire::{MessagingReply, MessagingRequest};
use lattice_capability::{CallContext, KeyValue, KvError, Messaging, MessagingError, SwapError};
use lattice_core::{Fault, FaultKind};
use lattice_mesh::{IncomingCall, Reply};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MESSAGE_BYTES_MAX, http as wire};
use crate::Provider;

/// Runs one call that came in for a provider. The member has checked the caller, the link, the function and the deadline.
///
/// # Errors
///
/// A fault when the provider does not have the link, or what was sent is not what the call says. Failures of the store or
/// broker itself are replies, not faults.
pub async fn dispatch(provider: &dyn Provider, call: IncomingCall) -> Result<Reply, Fault> {
    let ctx = CallContext {
        deadline: call.deadline,
        source: call.source.clone(),
        link: call.link.id.clone(),
        invocation: call.id,
        trace: call.trace.clone(),
    };
    let interface = call.interface.id.clone();
    match (interface.namespace(), interface.package(), interface.interface()) {
        ("wasi", "keyvalue", asked) => {
            let store = provider.keyvalue(&ctx.link).ok_or_else(|| not_linked(provider, &ctx))?;
            let function = call.function.clone();
            let request: KvRequest = read(call).await?;
            check_operation(request.operation(), (asked, function.as_str()))?;
            write(&keyvalue(&*store, &ctx, request).await)
        }
        ("wasmcloud", "messaging", asked) => {
            let broker = provider
                .messaging(&ctx.link)
                .ok_or_else(|| not_linked(provider, &ctx))?;
            let function = call.function.clone();
            let request: MessagingRequest = read(call).await?;
            check_operation(request.operation(), (asked, function.as_str()))?;
            write(&messaging(&*broker, &ctx, request).await)
        }
        ("wasi", "http", "outgoing-handler" | "client") => {
            let outlet = provider
                .outgoing_http(&ctx.link)
                .ok_or_else(|| not_linked(provider, &ctx))?;
            let (request, options) = wire::decode_outgoing(&call.head, call.body)?;
            wire::encode_outcome(outlet.send(&ctx, request, options).await)
        }
        _ => Err(Fault::new(
            FaultKind::NotFound,
            format!("a {} provider does not serve {interface}", provider.kind()),
        )),
    }
}

/// The link is in force, but this provider has not taken it up yet, or could not. Nothing was run.
fn not_linked(provider: &dyn Provider, ctx: &CallContext) -> Fault {
    Fault::not_here(
        format!(
            "the {} provider here does not serve link `{}`",
            provider.kind(),
            ctx.link
        ),
        None,
    )
}

/// The link was checked for the function that the call names, so that must be the one that the request asks for.
fn check_operation(carried: (&str, &str), named: (&str, &str)) -> Result<(), Fault> {
    if carried == named {
        return Ok(());
    }
    let message = format!(
        "a call of {}.{} carries a request for {}.{}",
        named.0, named.1, carried.0, carried.1
    );
    Err(Fault::new(FaultKind::BadArguments, message))
}

async fn read<T: DeserializeOwned>(call: IncomingCall) -> Result<T, Fault> {
    let bytes = call.body.collect(MESSAGE_BYTES_MAX).await?;
    rmp_serde::from_slice(&bytes)
        .map_err(|error| Fault::new(FaultKind::BadArguments, format!("the request cannot be read: {error}")))
}

fn write(reply: &impl Serialize) -> Result<Reply, Fault> {
    let body = rmp_serde::to_vec_named(reply).map_err(|error| Fault::internal(error.to_string()))?;
    Ok(Reply {
        head: Bytes::new(),
        body: body.into(),
    })
}

async fn keyvalue(store: &dyn KeyValue, ctx: &CallContext, request: KvRequest) -> KvReply {
    let done = |result: Result<(), KvError>| result.map(|()| KvReply::Done);
    let outcome = match request {
        KvRequest::Open { bucket } => done(store.open(ctx, &bucket).await),
        KvRequest::Get { bucket, key } => store.get(ctx, &bucket, &key).await.map(KvReply::Value),
        KvRequest::Set { bucket, key, value } => done(store.set(ctx, &bucket, &key, value).await),
        KvRequest::Delete { bucket, key } => done(store.delete(ctx, &bucket, &key).await),
        KvRequest::Exists { bucket, key } => store.exists(ctx, &bucket, &key).await.map(KvReply::Exists),
        KvRequest::ListKeys { bucket, cursor } => store.list_keys(ctx, &bucket, cursor).await.map(KvReply::Keys),
        KvRequest::Increment { bucket, key, delta } => {
            store.increment(ctx, &bucket, &key, delta).await.map(KvReply::Number)
        }
        KvRequest::Compare { bucket, key } => store.compare(ctx, &bucket, &key).await.map(KvReply::Handle),
        KvRequest::Swap {
            bucket,
            key,
            expected,
            value,
        } => match store.swap(ctx, &bucket, &key, &expected, value).await {
            Ok(()) => Ok(KvReply::Done),
            Err(SwapError::Store(error)) => Err(error),
            Err(changed @ SwapError::Changed(_)) => Ok(KvReply::Swap(changed)),
        },
        KvRequest::GetMany { bucket, keys } => store
            .get_many(ctx, &bucket, &keys)
            .await
            .map(|values| KvReply::Values(values.into_iter().map(|value| value.map(Blob)).collect())),
        KvRequest::SetMany { bucket, entries } => {
            let entries = entries.into_iter().map(|(key, Blob(value))| (key, value)).collect();
            done(store.set_many(ctx, &bucket, entries).await)
        }
        KvRequest::DeleteMany { bucket, keys } => done(store.delete_many(ctx, &bucket, &keys).await),
    };
    outcome.unwrap_or_else(KvReply::Failed)
}

async fn messaging(broker: &dyn Messaging, ctx: &CallContext, request: MessagingRequest) -> MessagingReply {
    let outcome = match request {
        MessagingRequest::Publish(message) => broker.publish(ctx, message).await.map(|()| MessagingReply::Done),
        MessagingRequest::Request { subject, body, timeout } => broker
            .request(ctx, &subject, body, timeout)
            .await
            .map(MessagingReply::Message),
        MessagingRequest::Handle(_) => Err(MessagingError::Other("a provider handles no messages".to_owned())),
    };
    outcome.unwrap_or_else(MessagingReply::Failed)
}
