//! Makes an actor's request fit to be sent.

use http::header::{
    CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, Parts};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use provider_sdk::capability::{HttpError, TraceContext};

use crate::allow::AllowList;

/// Headers that belong to one connection, and `host`, which the URI decides: by another one, an actor could ask a shared
/// server for a site that its link does not allow.
const NOT_THE_ACTORS: [HeaderName; 8] = [
    CONNECTION,
    HOST,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Checks the request against the link and takes out what an actor has no say in.
pub(crate) fn prepare<B>(
    request: &mut Request<B>,
    allowed: &AllowList,
    trace: Option<&TraceContext>,
) -> Result<(), HttpError> {
    if request.uri().scheme().is_none() || request.uri().host().is_none_or(str::is_empty) {
        return Err(HttpError::RequestUriInvalid);
    }
    if !allowed.allows(request.uri()) {
        return Err(HttpError::RequestDenied);
    }
    // A tunnel would reach hosts that no list can see.
    if request.method() == Method::CONNECT {
        return Err(HttpError::RequestDenied);
    }
    *request.uri_mut() = without_user(request.uri())?;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    for name in NOT_THE_ACTORS {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
    if let Some(trace) = trace {
        inject(headers, trace);
    }
    Ok(())
}

/// A user and password in a URI never go over the wire.
fn without_user(uri: &Uri) -> Result<Uri, HttpError> {
    let invalid = || HttpError::RequestUriInvalid;
    let authority = uri.authority().ok_or_else(invalid)?;
    let Some((_, host)) = authority.as_str().rsplit_once('@') else {
        return Ok(uri.clone());
    };
    let host = Authority::try_from(host).map_err(|_| invalid())?;
    let mut parts: Parts = uri.clone().into_parts();
    parts.authority = Some(host);
    Uri::from_parts(parts).map_err(|_| invalid())
}

/// The call's own trace replaces what the actor passed on, since it is the nearer parent.
fn inject(headers: &mut HeaderMap, trace: &TraceContext) {
    let Ok(traceparent) = HeaderValue::from_str(&trace.traceparent()) else {
        return;
    };
    headers.insert("traceparent", traceparent);
    headers.remove("tracestate");
    if let Some(Ok(tracestate)) = trace.tracestate().map(HeaderValue::from_str) {
        headers.insert("tracestate", tracestate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allow::AllowedHost;

    fn allow(host: &str) -> AllowList {
        AllowList::new(vec![AllowedHost::read(host).expect("a good entry")])
    }

    fn request(uri: &str) -> Request<()> {
        Request::builder().uri(uri).body(()).expect("a request")
    }

    #[test]
    fn what_is_not_the_actors_is_taken_out() {
        let mut request = request("http://user:pass@a.example/x");
        for name in ["host", "connection", "transfer-encoding", "keep-alive", "x-own"] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static("b.example"));
        }
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::parse(traceparent, None).expect("is good");
        prepare(&mut request, &allow("a.example"), Some(&trace)).expect("is allowed");
        assert_eq!(request.uri(), "http://a.example/x");
        assert_eq!(request.headers().len(), 2);
        assert_eq!(request.headers()["traceparent"], traceparent);
    }

    #[test]
    fn other_hosts_tunnels_and_relative_uris_are_refused() {
        assert_eq!(
            prepare(&mut request("http://b.example/"), &allow("a.example"), None),
            Err(HttpError::RequestDenied)
        );
        assert_eq!(
            prepare(&mut request("/x"), &allow("*"), None),
            Err(HttpError::RequestUriInvalid)
        );
        let mut tunnel = request("http://a.example/");
        *tunnel.method_mut() = Method::CONNECT;
        assert_eq!(
            prepare(&mut tunnel, &allow("a.example"), None),
            Err(HttpError::RequestDenied)
        );
    }
}
