//! What a live instance is asked for, one turn each.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use lattice_capability::BrokerMessage;
use lattice_capability::http::{empty_body, full_body};
use lattice_core::stateful::{Effects, Refusal};
use lattice_core::{Fault, FaultKind, VersionedInterface};

use super::Live;
use crate::actor::entry::is_driven_by_host;
use crate::compiled::ExportedFunction;
use crate::fault::Raised;
use crate::live::Turn;
use crate::values::{Args, Values};

/// Every turn ends with what the actor answered and what it left behind, to be stored together. A [`Fault`] after which
/// [`is_dead`](Live::is_dead) is false was raised before the actor was asked, and nothing has happened.
///
/// Dropping the future of a turn ends the instance.
impl Live {
    /// Lets the actor answer an HTTP request, bodies whole. An answer over the limit of bodies kills it, as does one of `wasi:http`'s
    /// errors in place of an answer.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor could not take the request, or died of it.
    pub async fn http(&mut self, request: Request<Bytes>, turn: Turn) -> Result<(Response<Bytes>, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let Some(entry) = &inner.entries.http else {
            return Err(inner.serves_no_http());
        };
        let request = request.map(|body| if body.is_empty() { empty_body() } else { full_body(body) });
        let request = inner.admissible(request)?;
        let (flavor, max) = (inner.compiled.flavor(), inner.shared.limits.body_bytes_max);
        let stage = inner.stage(&self.actor, turn)?;
        let answer = self
            .run(stage, async |instance| {
                instance.http_whole(entry, flavor, request, max).await
            })
            .await?;
        Ok((answer, self.keep()))
    }

    /// Hands a broker's message to the actor. The inner result is the actor's own word on it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor could not take the message, or died of it.
    pub async fn message(
        &mut self,
        message: BrokerMessage,
        turn: Turn,
    ) -> Result<(Result<(), String>, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let Some(entry) = &inner.entries.message else {
            return Err(inner.takes_no_messages());
        };
        let stage = inner.stage(&self.actor, turn)?;
        let answer = self
            .run(stage, async |instance| instance.message(entry, message).await)
            .await?;
        Ok((answer, self.keep()))
    }

    /// Calls a function with arguments from the wire, and returns the results for the wire.
    ///
    /// # Errors
    ///
    /// As [`Actor::call_encoded`](crate::Actor::call_encoded).
    pub async fn call_encoded(
        &mut self,
        interface: &VersionedInterface,
        function: &str,
        args: &[u8],
        turn: Turn,
    ) -> Result<(Bytes, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let export = inner.keyed_export(interface, function)?;
        let args = Values::decode_params(&export.signature, args)
            .map_err(|error| Fault::new(FaultKind::BadArguments, format!("{}: {error}", export.signature)))?;
        let args = Args::new(args, export.signature.clone());
        let stage = inner.stage(&self.actor, turn)?;
        let answer = self
            .run(stage, async |instance| {
                let results = instance.call(export, args.vals()).await?;
                // What cannot be told is no answer, and the turn must not have been.
                Ok(results
                    .encode()
                    .map_err(|error| Raised::from(Fault::internal(error.to_string())))?)
            })
            .await?;
        Ok((answer, self.keep()))
    }

    /// Calls a function with arguments that a person typed, and returns the results in the same notation.
    ///
    /// # Errors
    ///
    /// As [`Actor::call_text`](crate::Actor::call_text).
    pub async fn call_text(
        &mut self,
        interface: &VersionedInterface,
        function: &str,
        args: &str,
        turn: Turn,
    ) -> Result<(String, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let export = inner.keyed_export(interface, function)?;
        let (values, format) = Values::parse_params(&export.signature, args)
            .map_err(|error| Fault::new(FaultKind::BadArguments, error.to_string()))?;
        let args = Args::new(values, export.signature.clone());
        let stage = inner.stage(&self.actor, turn)?;
        let results = self
            .run(stage, async |instance| instance.call(export, args.vals()).await)
            .await?;
        Ok((results.results_text(format), self.keep()))
    }

    /// Hands the actor a message of a peer, whom the turn names. A refused message has done nothing, and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor takes no such messages, or died of it.
    pub async fn receive(
        &mut self,
        operation: &str,
        body: Bytes,
        turn: Turn,
    ) -> Result<(Result<Bytes, Refusal>, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let entry = inner.stateful_entry()?;
        if !entry.receives() {
            return Err(inner.not_found("has no peers: it does not export lattice:actor/peer-handler@0.1.0"));
        }
        let sender = turn.sender.clone();
        let stage = inner.stage(&self.actor, turn)?;
        let answer = self
            .run(stage, async |instance| {
                entry.receive(instance, (sender.as_ref(), operation, &body)).await
            })
            .await?;
        Ok(self.unless_refused(answer))
    }

    /// Tells the actor that a reminder is due. One that is refused has done nothing, and leaves nothing behind.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor has no reminders, or died of it.
    pub async fn fire(
        &mut self,
        name: &str,
        due_ms: u64,
        payload: Bytes,
        missed: u32,
        turn: Turn,
    ) -> Result<(Result<(), Refusal>, Effects), Fault> {
        let inner = Arc::clone(&self.inner);
        let entry = inner.stateful_entry()?;
        if !entry.fires() {
            return Err(inner.not_found("has no reminders: it does not export lattice:actor/reminder-handler@0.1.0"));
        }
        let stage = inner.stage(&self.actor, turn)?;
        let answer = self
            .run(stage, async |instance| {
                entry.fire(instance, (name, due_ms, &payload, missed)).await
            })
            .await?;
        Ok(self.unless_refused(answer))
    }

    fn unless_refused<R>(&mut self, answer: Result<R, Refusal>) -> (Result<R, Refusal>, Effects) {
        let effects = if answer.is_ok() { self.keep() } else { self.take_back() };
        (answer, effects)
    }
}

impl crate::actor::Inner {
    /// Finds a function that callers may call: any but those by which the host itself drives the actor.
    fn keyed_export(&self, interface: &VersionedInterface, function: &str) -> Result<&ExportedFunction, Fault> {
        if is_driven_by_host(&interface.id) {
            return Err(Fault::denied(format!(
                "{interface} of actor `{}` is called by its host alone",
                self.shared.name
            )));
        }
        self.export(interface, function)
    }
}
