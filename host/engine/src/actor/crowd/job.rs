//! One call in a shared instance.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::channel::oneshot;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use lattice_capability::BrokerMessage;
use lattice_core::Fault;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Accessor, Instance, Val};
use wasmtime_wasi_http::handler::{Prepared, Proxy};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView as _};

use super::Values;
use crate::actor::entry::MessageHandler;
use crate::actor::http::Answer;
use crate::compiled::ExportedFunction;
use crate::ctx::Ctx;
use crate::fault::explain;
use crate::linked::Origin;

pub(super) struct Job {
    pub(super) origin: Origin,
    pub(super) task: Task,
}

/// What is asked of the guest, and where the answer goes.
pub(super) enum Task {
    Call {
        export: ExportedFunction,
        args: Vec<Val>,
        reply: oneshot::Sender<Result<Values, Fault>>,
    },
    Message {
        message: BrokerMessage,
        reply: oneshot::Sender<Result<Result<(), String>, Fault>>,
    },
    Http {
        request: Box<Request<WasiBody>>,
        reply: oneshot::Sender<Answer>,
    },
}

/// The exports of an instance that tasks are given to.
pub(super) struct Doors {
    pub(super) instance: Instance,
    pub(super) http: Option<Proxy>,
    pub(super) message: Option<MessageHandler>,
}

impl Job {
    /// Does the job. An error is a trap, and ends the instance; answers that nobody waits for any more are dropped.
    pub(super) async fn run(self, accessor: &Accessor<Ctx>, doors: &Doors) -> wasmtime::Result<()> {
        let origin = self.origin;
        accessor.with(|mut ctx| ctx.data_mut().call.join(origin));
        match self.task {
            Task::Call { export, args, reply } => {
                let outcome = call(accessor, doors, &export, &args).await;
                answer(accessor, reply, outcome)
            }
            Task::Message { message, reply } => {
                let outcome = match &doors.message {
                    Some(handler) => handler.call_concurrent(accessor, message).await,
                    None => Err(wasmtime::format_err!("the component lost its message handler")),
                };
                answer(accessor, reply, outcome)
            }
            Task::Http { request, reply } => {
                let Some(proxy) = &doors.http else {
                    wasmtime::bail!("the component lost its HTTP handler")
                };
                let prepared =
                    accessor.with(|mut ctx| Prepared::new(ctx.as_context_mut(), proxy, *request, Ctx::http, reply))?;
                prepared.run(accessor, std::future::pending()).await.map(drop)
            }
        }
    }
}

async fn call(
    accessor: &Accessor<Ctx>,
    doors: &Doors,
    export: &ExportedFunction,
    args: &[Val],
) -> wasmtime::Result<Values> {
    let func = accessor
        .with(|mut ctx| doors.instance.get_func(ctx.as_context_mut(), export.index))
        .ok_or_else(|| wasmtime::format_err!("the component lost an export"))?;
    let mut results = vec![Val::Bool(false); export.signature.result_types().len()];
    func.call_concurrent(accessor, args, &mut results).await?;
    Ok(Values::new(results))
}

fn answer<R>(
    accessor: &Accessor<Ctx>,
    reply: oneshot::Sender<Result<R, Fault>>,
    outcome: wasmtime::Result<R>,
) -> wasmtime::Result<()> {
    let (answer, ended) = match outcome {
        Ok(result) => (Ok(result), Ok(())),
        Err(error) => {
            let fault = accessor.with(|mut ctx| explain(&error, Some(&ctx.data_mut().memory)));
            (Err(fault), Err(error))
        }
    };
    let _ = reply.send(answer);
    ended
}

/// A body that tells when it has ended, or was dropped.
pub(super) struct EndSignal {
    body: WasiBody,
    ended: Option<oneshot::Sender<()>>,
}

impl EndSignal {
    pub(super) fn attach(response: Response<WasiBody>, ended: oneshot::Sender<()>) -> Response<WasiBody> {
        response.map(|body| {
            Self {
                body,
                ended: Some(ended),
            }
            .boxed_unsync()
        })
    }
}

impl Body for EndSignal {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.ended = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
