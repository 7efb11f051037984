//! The responses that the server gives by itself, when no actor's response is to be had.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Response, StatusCode};
use lattice_core::{Blame, Fault};
use provider_sdk::capability::HttpBody;
use provider_sdk::capability::http::full_body;

use crate::body::BrokenBody;
use crate::key::NoKey;

/// Seconds after which a client may try again what was refused for load.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Nothing takes this request.
pub(crate) fn no_route(method: &Method, host: Option<&str>, path: &str) -> Response<HttpBody> {
    let host = host.unwrap_or("any host");
    text(
        StatusCode::NOT_FOUND,
        format!(
            "no actor is linked for {method} {} on {}\n\nlattice get links   shows the routes there are\n",
            printable(path),
            printable(host),
        ),
    )
}

/// Actors take the path, but with other methods.
pub(crate) fn method_not_allowed(allowed: &[Method]) -> Response<HttpBody> {
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} here\n"));
    if let Ok(value) = HeaderValue::from_str(&allowed) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// The route is for actors with keys, and the request names none.
pub(crate) fn no_key(no_key: &NoKey) -> Response<HttpBody> {
    text(StatusCode::BAD_REQUEST, format!("{}\n", printable(&no_key.to_string())))
}

/// The client announced, or sent, more than it may.
pub(crate) fn too_large(max: u64) -> Response<HttpBody> {
    closing(text(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the request body is larger than the {max} bytes allowed here\n"),
    ))
}

/// The client's body broke off before the actor had answered.
pub(crate) fn broken_body(broken: BrokenBody, max: u64) -> Response<HttpBody> {
    match broken {
        BrokenBody::TooLarge => too_large(max),
        BrokenBody::TooSlow => closing(text(
            StatusCode::REQUEST_TIMEOUT,
            "the request body took too long\n".to_owned(),
        )),
    }
}

/// The actor's response did not come in time.
pub(crate) fn too_late() -> Response<HttpBody> {
    text(
        StatusCode::GATEWAY_TIMEOUT,
        "the actor did not answer in time\n".to_owned(),
    )
}

/// The invocation failed. Says whose fault it was and what kind; the details are in the log under the request's id.
pub(crate) fn fault(fault: &Fault) -> Response<HttpBody> {
    let status = status_of(fault);
    let whose = match fault.blame {
        Blame::Caller => "the request was refused",
        Blame::Guest => "the actor failed",
        Blame::Lattice => "the actor cannot be reached",
        _ => "the host failed",
    };
    let mut response = text(status, format!("{whose}: {}\n", fault.kind));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response
}

fn status_of(fault: &Fault) -> StatusCode {
    let status = StatusCode::from_u16(fault.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A client must not be told that its request was wrong when what is wrong lies behind us.
    if status.is_client_error() && fault.blame != Blame::Caller {
        StatusCode::BAD_GATEWAY
    } else {
        status
    }
}

/// What a connection beyond the limit is told, written without a server behind it.
pub(crate) const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 21\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\
    \r\n\
    too many connections\n";

fn text(status: StatusCode, body: String) -> Response<HttpBody> {
    let mut response = Response::new(full_body(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The rest of the request is not going to be read.
fn closing(mut response: Response<HttpBody>) -> Response<HttpBody> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What a client sent, without what could confuse a terminal, and not too long.
fn printable(text: &str) -> String {
    const LEN_MAX: usize = 200;
    let mut out: String = text
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(LEN_MAX)
        .collect();
    if out.len() < text.len() {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_server_says_so_in_correct_http() {
        let answer = std::str::from_utf8(FULL).expect("is ASCII");
        let (_, body) = answer.split_once("\r\n\r\n").expect("has a head and a body");
        assert!(answer.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
