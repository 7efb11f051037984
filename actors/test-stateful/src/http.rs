//! Operations by HTTP, and answers that go wrong.

use crate::wasi::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use crate::wasi::io::streams::StreamError;
use crate::{Stateful, operations, told};

impl crate::exports::wasi::http::incoming_handler::Guest for Stateful {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let operation = request.path_with_query().unwrap_or_default();
        let argument = String::from_utf8_lossy(&read(&request)).into_owned();
        drop(request);
        match operation.trim_start_matches('/') {
            "body" => answer(out, 200, &vec![b'x'; argument.parse().expect("a number")]),
            "silent" => std::mem::forget(out),
            "unfinished" => {
                let (response, body) = head(200);
                ResponseOutparam::set(out, Ok(response));
                std::mem::forget(body);
            }
            "error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            operation => match operations::run(operation, &argument) {
                Ok(done) => answer(out, 200, done.as_bytes()),
                Err(fault) => answer(out, 400, told(fault).as_bytes()),
            },
        }
    }
}

fn read(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("the first to ask for it");
    let stream = body.stream().expect("the first to ask for it");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return bytes,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
}

fn head(status: u16) -> (OutgoingResponse, OutgoingBody) {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("the first to ask for it");
    (response, body)
}

fn answer(out: ResponseOutparam, status: u16, bytes: &[u8]) {
    let (response, body) = head(status);
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("the first to ask for it");
    for chunk in bytes.chunks(4096) {
        // Whoever does not want the rest ends the turn.
        if stream.blocking_write_and_flush(chunk).is_err() {
            return;
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("nothing was announced");
}
