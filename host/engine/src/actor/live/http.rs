//! HTTP in one piece: the whole answer is part of the turn, because it leaves only once the turn is stored.

use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use futures::channel::oneshot;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use lattice_capability::HttpError;
use wasmtime_wasi_http::WasiBody;

use crate::actor::body::Limited;
use crate::actor::entry::HttpEntry;
use crate::actor::http::{Answer, refused, silent};
use crate::actor::instance::Instance;
use crate::fault::Raised;
use crate::imports::from_wasi_error;
use crate::profile::Flavor;

impl Instance {
    /// Serves one request and collects its answer.
    pub(super) async fn http_whole(
        &mut self,
        entry: &HttpEntry,
        flavor: Flavor,
        request: Request<WasiBody>,
        bytes_max: u64,
    ) -> wasmtime::Result<Response<Bytes>> {
        let (sender, answer) = oneshot::channel();
        let (read, was_read) = oneshot::channel();
        let reading = async {
            let whole = collect(answer, bytes_max).await;
            // The guest may be gone already, and needs no telling then.
            let _ = read.send(());
            whole
        };
        let guest = self.http(entry, flavor, request, sender, async {
            // Dropped unsent, nothing will be read any more.
            let _ = was_read.await;
        });
        // What the guest has written is read to its end even if that is more than a task should do at a time: once the guest has
        // returned, what is not there is not coming.
        let (mut guest, mut reading) = (pin!(guest), pin!(tokio::task::unconstrained(reading)));
        let mut whole = None;
        let ended = std::future::poll_fn(|cx| {
            let ended = guest.as_mut().poll(cx);
            if whole.is_none()
                && let Poll::Ready(read) = reading.as_mut().poll(cx)
            {
                whole = Some(read);
            }
            match (ended, &whole) {
                (Poll::Ready(ended), _) => Poll::Ready(ended),
                // The guest goes on for nobody.
                (Poll::Pending, Some(Err(_))) => Poll::Ready(Ok(())),
                (Poll::Pending, _) => Poll::Pending,
            }
        });
        ended.await?;
        let unfinished = || Raised::misuse("the guest returned without answering the request in full");
        Ok(whole.ok_or_else(unfinished)??)
    }
}

async fn collect(answer: oneshot::Receiver<Answer>, bytes_max: u64) -> Result<Response<Bytes>, Raised> {
    let response = answer.await.map_err(|_| silent())?.map_err(|error| refused(&error))?;
    let (head, body) = response.into_parts();
    let body = body.map_err(from_wasi_error).boxed_unsync();
    let body = Limited::response(body, bytes_max)
        .collect()
        .await
        .map_err(|error| match error {
            HttpError::ResponseBodySize(_) => Raised::too_large(format!(
                "the answer has more than {bytes_max} bytes, which is its limit"
            )),
            other => Raised::misuse(format!("the body of the answer broke off: {other}")),
        })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}
