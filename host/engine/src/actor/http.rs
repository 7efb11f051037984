//! HTTP requests: the head of the answer is returned as soon as the guest gives it, the body streams after.
//!
//! The guest goes on running while its body is read, and it is the reader that runs it: polling the body polls the guest.
//! So a slow reader slows its guest, a reader that goes away takes its guest along, and a request that is answered in one
//! go costs no task of its own. Only a guest that is not done when its head is out gets a watch, which ends it in time even
//! if nobody reads.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use futures::channel::oneshot;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use lattice_capability::{CallContext, HttpBody};
use lattice_core::{Fault, FaultKind};
use wasmtime::AsContextMut as _;
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use super::body::{AnswerBody, Limited, Reading};
use super::entry::HttpEntry;
use super::instance::Instance;
use super::{Actor, Inner, Source};
use crate::ctx::Ctx;
use crate::gate::Permit;
use crate::imports::to_wasi_error;
use crate::linked::Origin;
use crate::profile::Flavor;

/// How a guest hands over the head of its answer.
pub(super) type Answer = Result<Response<WasiBody>, wasmtime::Error>;
pub(super) type AnswerSender = oneshot::Sender<Answer>;
pub(super) type Guest = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

impl Actor {
    /// Lets the actor answer an HTTP request, by `wasi:http` 0.3 or 0.2. Returns when the head of the answer is there.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when the actor could not take the request, or died of it before it answered. What happens later is an
    /// error of the body.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future, or later the body before its end, interrupts the guest.
    pub async fn http(&self, request: Request<HttpBody>, call: CallContext) -> Result<Response<HttpBody>, Fault> {
        let inner = &self.0;
        inner.has_no_keys()?;
        if inner.entries.http.is_none() {
            return Err(inner.serves_no_http());
        }
        let origin = inner.origin(&call);
        let reading = if request.method() == Method::HEAD {
            Reading::HeadOnly
        } else {
            Reading::Body
        };
        let (request, deadline) = (inner.admissible(request)?, origin.deadline);
        let (sender, answer) = oneshot::channel();
        let guest: Guest = match &inner.source {
            Source::Crowd(crowd) => crowd.http(inner, origin, request, sender).await?,
            Source::Fresh | Source::Warm(_) => {
                let permit = inner.enter(&origin).await?;
                Box::pin(Arc::clone(inner).serve_http(origin, permit, request, sender))
            }
        };
        inner.answer(guest, answer, reading, deadline).await
    }
}

impl Inner {
    /// Serves one request in an instance of its own.
    async fn serve_http(
        self: Arc<Self>,
        origin: Origin,
        permit: Permit,
        request: Request<WasiBody>,
        sender: AnswerSender,
    ) -> Result<(), Fault> {
        let _permit = permit;
        let _runs = self.ticker.guest_runs();
        let deadline = origin.deadline;
        let work = pin!(async {
            let mut instance = self.take(origin).await?;
            let outcome = match &self.entries.http {
                Some(entry) => {
                    let flavor = self.compiled.flavor();
                    instance
                        .http(entry, flavor, request, sender, std::future::ready(()))
                        .await
                }
                None => Ok(()),
            };
            self.give_back(instance, outcome)
        });
        self.counted(self.within(deadline, work).await)
    }

    pub(super) fn serves_no_http(&self) -> Fault {
        self.not_found("serves no HTTP: it exports neither wasi:http/handler nor wasi:http/incoming-handler")
    }

    /// Checks a request before anything is spent on it, and gives it what `wasi:http` insists on.
    pub(super) fn admissible(&self, mut request: Request<HttpBody>) -> Result<Request<WasiBody>, Fault> {
        let max = self.shared.limits.body_bytes_max;
        let announced = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if let Some(bytes) = announced
            .or(request.body().size_hint().exact())
            .filter(|bytes| *bytes > max)
        {
            let message = format!(
                "the request has {bytes} bytes, actor `{}` takes {max}",
                self.shared.name
            );
            return Err(Fault::new(FaultKind::TooLarge, message));
        }
        if request.uri().authority().is_none() && !request.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(self.shared.name.as_str());
            request.headers_mut().insert(
                HOST,
                host.map_err(|_| Fault::internal("an actor's name is no host name"))?,
            );
        }
        Ok(request.map(|body| {
            let body = if body.is_end_stream() {
                body
            } else {
                Limited::request(body, max).boxed_unsync()
            };
            body.map_err(to_wasi_error).boxed_unsync()
        }))
    }

    /// Runs the guest until it gives the head of its answer.
    async fn answer(
        self: &Arc<Self>,
        guest: Guest,
        mut answer: oneshot::Receiver<Answer>,
        reading: Reading,
        deadline: Instant,
    ) -> Result<Response<HttpBody>, Fault> {
        let mut guest = Some(guest);
        let answer = std::future::poll_fn(|cx| {
            let ended = match guest.as_mut().map(|guest| guest.as_mut().poll(cx)) {
                Some(Poll::Ready(ended)) => {
                    guest = None;
                    Some(ended)
                }
                Some(Poll::Pending) | None => None,
            };
            match (Pin::new(&mut answer).poll(cx), ended) {
                // A guest that died in the same breath has not answered in full, whatever it began.
                (_, Some(Err(fault))) => Poll::Ready(Err(fault)),
                (Poll::Ready(Ok(answer)), _) => Poll::Ready(Ok(answer)),
                // The sender may live on in an instance that is kept, and will not be used any more.
                (_, Some(Ok(()))) | (Poll::Ready(Err(_)), None) if guest.is_none() => Poll::Ready(Err(silent())),
                (Poll::Ready(Err(_)) | Poll::Pending, _) => Poll::Pending,
            }
        })
        .await?;
        let response = answer.map_err(|error| refused(&error))?;
        Ok(AnswerBody::attach(response, guest, reading, deadline, self))
    }
}

impl Instance {
    /// Serves one request to its end, the body included. An instance that lives on has to run until the body was read, since it is the
    /// instance that hands the body on; `was_read` ends then.
    pub(super) async fn http(
        &mut self,
        entry: &HttpEntry,
        flavor: Flavor,
        request: Request<WasiBody>,
        sender: AnswerSender,
        was_read: impl Future<Output = ()> + Send,
    ) -> wasmtime::Result<()> {
        let proxy = entry.load(&mut self.store, &self.instance)?;
        match (flavor, &proxy) {
            (Flavor::Sequential | Flavor::Resident, Proxy::P2(proxy)) => {
                let mut view = self.store.data_mut().http();
                let request = view.new_incoming_request(Scheme::Http, request)?;
                let out = view.new_response_outparam_from_callback(move |answer| {
                    // Nobody waits any more when the caller is gone.
                    let _ = sender.send(answer.map_err(Into::into));
                })?;
                proxy
                    .wasi_http_incoming_handler()
                    .call_handle(&mut self.store, request, out)
                    .await
            }
            _ => {
                let prepared = Prepared::new(self.store.as_context_mut(), &proxy, request, Ctx::http, sender)?;
                self.store
                    .run_concurrent(async |accessor| {
                        prepared.run(accessor, std::future::pending()).await?;
                        // The head is out; tasks of the guest that are left write the body.
                        std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
                        was_read.await;
                        Ok(())
                    })
                    .await?
            }
        }
    }
}

pub(super) fn silent() -> Fault {
    Fault::new(FaultKind::Trap, "the guest returned without answering the request")
}

/// The guest answered with an error of `wasi:http`, or trapped in a way that reached the answer first.
pub(super) fn refused(error: &wasmtime::Error) -> Fault {
    crate::fault::explain_answer(error)
}
