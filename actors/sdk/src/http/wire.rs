//! Reads a request to its end and writes a response to its end. Nothing is left open when a turn is over: an actor that holds no
//! handle can be moved.

use super::request::split_target;
use super::{Method, Request, Response};
use crate::generated::http::wasi::http::types as wasi;
use crate::generated::http::wasi::io::streams::StreamError;

/// How much is read at once.
const CHUNK_BYTES: u64 = 64 * 1024;

/// What `blocking-write-and-flush` takes at most.
const BLOCKING_WRITE_BYTES_MAX: usize = 4096;

/// Reads the request, has `answer` answer it and sends the response.
pub(crate) fn serve(
    incoming: wasi::IncomingRequest,
    out: wasi::ResponseOutparam,
    body_bytes_max: usize,
    answer: impl FnOnce(Request) -> Response,
) {
    let response = match read(&incoming, body_bytes_max) {
        Ok(request) => answer(request),
        Err(refusal) => refusal,
    };
    // The response may be sent before the request is gone, but need not: the actor has all of it.
    drop(incoming);
    write(response, out);
}

fn read(incoming: &wasi::IncomingRequest, body_bytes_max: usize) -> Result<Request, Response> {
    let (path, query) = split_target(incoming.path_with_query().as_deref().unwrap_or("/"));
    Ok(Request {
        method: method(incoming.method()),
        path,
        query,
        headers: incoming.headers().entries(),
        body: read_body(incoming, body_bytes_max)?,
    })
}

fn read_body(incoming: &wasi::IncomingRequest, bytes_max: usize) -> Result<Vec<u8>, Response> {
    let cut_off = || Response::error(400, "the body of the request is cut off");
    let body = incoming.consume().map_err(|()| cut_off())?;
    let stream = body.stream().map_err(|()| cut_off())?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(cut_off()),
        }
        if bytes.len() > bytes_max {
            return Err(Response::error(
                413,
                format!("the body of the request is longer than {bytes_max} bytes"),
            ));
        }
    }
}

fn write(response: Response, out: wasi::ResponseOutparam) {
    let (outgoing, bytes) = match outgoing(response) {
        Ok(outgoing) => outgoing,
        Err(reason) => return wasi::ResponseOutparam::set(out, Err(wasi::ErrorCode::InternalError(Some(reason)))),
    };
    let body = outgoing.body();
    wasi::ResponseOutparam::set(out, Ok(outgoing));
    let Ok(body) = body else { return };
    // Who does not listen any more misses the answer. What the turn changed stays.
    if write_body(&body, &bytes).is_ok() {
        let _ = wasi::OutgoingBody::finish(body, None);
    }
}

/// The head of the response; an error if the actor made up one that HTTP does not know.
fn outgoing(response: Response) -> Result<(wasi::OutgoingResponse, Vec<u8>), String> {
    let headers = wasi::Fields::from_list(&response.headers)
        .map_err(|error| format!("the actor's answer has a header that is none: {error:?}"))?;
    let outgoing = wasi::OutgoingResponse::new(headers);
    outgoing
        .set_status_code(response.status)
        .map_err(|()| format!("the actor's answer has status {}, which is none", response.status))?;
    Ok((outgoing, response.body))
}

/// Writes as much as the host takes at once, and waits only when it takes nothing. It does not wait for the last of it to be taken: an
/// answer that fits is written without waiting at all.
fn write_body(body: &wasi::OutgoingBody, bytes: &[u8]) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else { return Ok(()) };
    let mut rest = bytes;
    while !rest.is_empty() {
        let permit = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        let (now, later) = rest.split_at(if permit == 0 {
            rest.len().min(BLOCKING_WRITE_BYTES_MAX)
        } else {
            rest.len().min(permit)
        });
        if permit == 0 {
            stream.blocking_write_and_flush(now)?;
        } else {
            stream.write(now)?;
        }
        rest = later;
    }
    Ok(())
}

fn method(method: wasi::Method) -> Method {
    match method {
        wasi::Method::Get => Method::Get,
        wasi::Method::Head => Method::Head,
        wasi::Method::Post => Method::Post,
        wasi::Method::Put => Method::Put,
        wasi::Method::Delete => Method::Delete,
        wasi::Method::Connect => Method::Connect,
        wasi::Method::Options => Method::Options,
        wasi::Method::Trace => Method::Trace,
        wasi::Method::Patch => Method::Patch,
        wasi::Method::Other(name) => Method::Other(name),
    }
}
