//! One request and its response.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use lattice_core::{Blame, Fault, LinkId};
use provider_sdk::capability::HttpBody;
use provider_sdk::capability::http::empty_body;
use provider_sdk::telemetry::Span;
use tracing::{debug, warn};

use crate::answer;
use crate::body::{BodyVerdict, RequestBody};
use crate::key::{Asked, KeySource};
use crate::request_id::X_REQUEST_ID;
use crate::server::Shared;
use crate::spans;
use crate::table::{Lookup, host_name};

/// Where a route leads, with the limits that hold there.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) link: LinkId,
    /// The path, or its beginning, as the link says it.
    pub(crate) route: String,
    pub(crate) timeout: Duration,
    pub(crate) body_max: u64,
    pub(crate) key: Option<KeySource>,
}

/// Answers one request.
pub(crate) async fn answer(
    shared: &Shared,
    listener: usize,
    mut request: Request<Incoming>,
) -> Result<Response<HttpBody>, Infallible> {
    let started = Instant::now();
    let id = shared.request_ids.take(request.headers_mut());
    let mut response = route(shared, listener, request, started, &id).await;
    let headers = response.headers_mut();
    if !headers.contains_key(X_REQUEST_ID) {
        headers.insert(X_REQUEST_ID, id);
    }
    Ok(response)
}

async fn route(
    shared: &Shared,
    listener: usize,
    mut request: Request<Incoming>,
    started: Instant,
    id: &HeaderValue,
) -> Response<HttpBody> {
    let (target, key) = {
        let host = host(&request);
        let (method, path) = (request.method(), request.uri().path());
        match shared.routes.load().lookup(listener, host, method, path) {
            Lookup::Found(found) => {
                let asked = Asked {
                    segment: found.segment,
                    host: host.map(host_name),
                    query: request.uri().query(),
                    headers: request.headers(),
                };
                match found.target.key.as_ref().map(|source| source.find(&asked)).transpose() {
                    Ok(key) => (Arc::clone(found.target), key),
                    Err(no_key) => return answer::no_key(&no_key),
                }
            }
            Lookup::MethodNotAllowed(allowed) => return answer::method_not_allowed(&allowed),
            Lookup::NotFound => return answer::no_route(method, host, path),
        }
    };
    if request.body().size_hint().lower() > target.body_max {
        return answer::too_large(target.body_max);
    }
    let (mut span, seen) = spans::begin(&shared.tracer, &target, &request);
    spans::tell(&span, request.headers_mut());
    let (request, verdict) = bounded(request, &target, shared.config.body_timeout);
    let deadline = started + target.timeout;
    let invocation = shared.invoker.http(&target.link, key, request, deadline, span.handle());
    let response = match tokio::time::timeout_at(deadline.into(), invocation).await {
        Ok(outcome) => settle(outcome, verdict.as_ref(), &target, id, &mut span),
        Err(_) => {
            debug!(link = %target.link, request_id = ?id, "actor did not answer in time");
            answer::too_late()
        }
    };
    spans::end(span, &target, &seen, response.status());
    response
}

/// The answer that the client gets.
fn settle(
    outcome: Result<Response<HttpBody>, Fault>,
    verdict: Option<&BodyVerdict>,
    target: &Target,
    id: &HeaderValue,
    span: &mut Span,
) -> Response<HttpBody> {
    // An actor that ran into the broken body may have answered, or failed, in any way: what the client must hear is the cause.
    if let Some(broken) = verdict.and_then(BodyVerdict::get) {
        return answer::broken_body(broken, target.body_max);
    }
    match outcome {
        Ok(response) => response,
        Err(fault) => {
            match fault.blame {
                Blame::Caller | Blame::Lattice => {
                    debug!(link = %target.link, request_id = ?id, %fault, "request failed");
                }
                _ => warn!(link = %target.link, request_id = ?id, %fault, "request failed"),
            }
            spans::failed(span, &fault);
            answer::fault(&fault)
        }
    }
}

/// Puts the route's limits around the body, if there is one.
fn bounded(
    request: Request<Incoming>,
    target: &Target,
    body_timeout: Duration,
) -> (Request<HttpBody>, Option<BodyVerdict>) {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return (Request::from_parts(head, empty_body()), None);
    }
    let (body, verdict) = RequestBody::new(body, target.body_max, body_timeout);
    (Request::from_parts(head, body.boxed_unsync()), Some(verdict))
}

/// The host that the client asked for; an absolute URI wins over the header, as RFC 9112 §3.2.2 asks.
fn host(request: &Request<Incoming>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(
            authority
                .as_str()
                .rsplit_once('@')
                .map_or(authority.as_str(), |(_, host)| host),
        ),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()),
    }
}
