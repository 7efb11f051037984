//! HTTP requests and responses as calls and replies.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use lattice_capability::blob::Blob;
use lattice_capability::{HttpBody, HttpError, RequestOptions};
use lattice_core::{Fault, FaultKind};
use lattice_mesh::{Body, Reply};
use serde::{Deserialize, Serialize};

use super::body;

#[derive(Serialize, Deserialize)]
struct RequestHead {
    method: String,
    uri: String,
    headers: Vec<(String, Blob)>,
    /// What an actor asks of a client provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    options: Option<RequestOptions>,
}

#[derive(Serialize, Deserialize)]
struct ResponseHead {
    status: u16,
    headers: Vec<(String, Blob)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OutgoingHead {
    Response(ResponseHead),
    Failed(HttpError),
}

/// Writes a request for an actor as the head and the body of a call.
///
/// # Errors
///
/// An internal fault, should it not be possible.
pub fn encode_request(request: Request<HttpBody>) -> Result<(Bytes, Body), Fault> {
    encode_with(request, None)
}

/// As [`encode_request`], for a body that is there already, and so may be sent again.
///
/// # Errors
///
/// An internal fault, should it not be possible.
pub fn encode_collected(request: Request<Bytes>) -> Result<(Bytes, Body), Fault> {
    let (parts, body) = request.into_parts();
    Ok((encode_parts(&parts, None)?, body.into()))
}

/// Reads what [`encode_request`] wrote.
///
/// # Errors
///
/// [`FaultKind::BadArguments`] when it is not a request.
pub fn decode_request(head: &[u8], body: Body) -> Result<Request<HttpBody>, Fault> {
    decode_with(head, body).map(|(request, _)| request)
}

/// Writes a response as a reply.
///
/// # Errors
///
/// An internal fault, should it not be possible.
pub fn encode_response(response: Response<HttpBody>) -> Result<Reply, Fault> {
    let (head, body) = take_apart(response);
    Ok(Reply {
        head: encode(&head)?,
        body: body::to_mesh(body),
    })
}

/// Reads what [`encode_response`] wrote.
///
/// # Errors
///
/// An internal fault when it is not a response.
pub fn decode_response(reply: Reply) -> Result<Response<HttpBody>, Fault> {
    let head: ResponseHead = decode(&reply.head).map_err(|error| not_a_response(&error))?;
    put_together(head, reply.body)
}

pub(super) fn encode_outgoing(request: Request<HttpBody>, options: RequestOptions) -> Result<(Bytes, Body), Fault> {
    encode_with(request, Some(options))
}

pub(super) fn decode_outgoing(head: &[u8], body: Body) -> Result<(Request<HttpBody>, RequestOptions), Fault> {
    decode_with(head, body).map(|(request, options)| (request, options.unwrap_or_default()))
}

pub(super) fn encode_outcome(outcome: Result<Response<HttpBody>, HttpError>) -> Result<Reply, Fault> {
    match outcome {
        Ok(response) => {
            let (head, body) = take_apart(response);
            Ok(Reply {
                head: encode(&OutgoingHead::Response(head))?,
                body: body::to_mesh(body),
            })
        }
        Err(error) => Ok(Reply {
            head: encode(&OutgoingHead::Failed(error))?,
            body: Body::Empty,
        }),
    }
}

pub(super) fn decode_outcome(reply: Reply) -> Result<Response<HttpBody>, HttpError> {
    match decode(&reply.head) {
        Ok(OutgoingHead::Response(head)) => {
            put_together(head, reply.body).map_err(|fault| HttpError::Internal(fault.to_string()))
        }
        Ok(OutgoingHead::Failed(error)) => Err(error),
        Err(error) => Err(HttpError::Internal(not_a_response(&error).to_string())),
    }
}

fn encode_with(request: Request<HttpBody>, options: Option<RequestOptions>) -> Result<(Bytes, Body), Fault> {
    let (parts, body) = request.into_parts();
    Ok((encode_parts(&parts, options)?, body::to_mesh(body)))
}

fn encode_parts(parts: &Parts, options: Option<RequestOptions>) -> Result<Bytes, Fault> {
    encode(&RequestHead {
        method: parts.method.as_str().to_owned(),
        uri: parts.uri.to_string(),
        headers: write_headers(&parts.headers),
        options,
    })
}

fn decode_with(head: &[u8], body: Body) -> Result<(Request<HttpBody>, Option<RequestOptions>), Fault> {
    let wrong = |what: &str| Fault::new(FaultKind::BadArguments, format!("the HTTP request has no valid {what}"));
    let head: RequestHead = decode(head).map_err(|_| wrong("head"))?;
    let mut request = Request::new(body::from_mesh(body));
    *request.method_mut() = Method::from_bytes(head.method.as_bytes()).map_err(|_| wrong("method"))?;
    *request.uri_mut() = Uri::try_from(head.uri).map_err(|_| wrong("URI"))?;
    *request.headers_mut() = read_headers(head.headers).ok_or_else(|| wrong("headers"))?;
    Ok((request, head.options))
}

fn take_apart(response: Response<HttpBody>) -> (ResponseHead, HttpBody) {
    let (parts, body) = response.into_parts();
    (
        ResponseHead {
            status: parts.status.as_u16(),
            headers: write_headers(&parts.headers),
        },
        body,
    )
}

fn put_together(head: ResponseHead, body: Body) -> Result<Response<HttpBody>, Fault> {
    let invalid = |what: &str| Fault::internal(format!("a response has no valid {what}"));
    let mut response = Response::new(body::from_mesh(body));
    *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| invalid("status"))?;
    *response.headers_mut() = read_headers(head.headers).ok_or_else(|| invalid("headers"))?;
    Ok(response)
}

fn write_headers(headers: &HeaderMap) -> Vec<(String, Blob)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), Blob(Bytes::copy_from_slice(value.as_bytes()))))
        .collect()
}

/// `None` when one is not a header, or there are more than a map can hold.
fn read_headers(headers: Vec<(String, Blob)>) -> Option<HeaderMap> {
    let mut map = HeaderMap::try_with_capacity(headers.len()).ok()?;
    for (name, Blob(value)) in headers {
        let name = HeaderName::try_from(name).ok()?;
        map.try_append(name, HeaderValue::from_maybe_shared(value).ok()?).ok()?;
    }
    Some(map)
}

fn encode(head: &impl Serialize) -> Result<Bytes, Fault> {
    rmp_serde::to_vec_named(head)
        .map(Bytes::from)
        .map_err(|error| Fault::internal(format!("an HTTP head cannot be written: {error}")))
}

fn decode<'de, T: Deserialize<'de>>(head: &'de [u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(head)
}

fn not_a_response(error: &rmp_serde::decode::Error) -> Fault {
    Fault::internal(format!("the answer is no HTTP response: {error}"))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use lattice_capability::http::full_body;

    use super::*;

    #[tokio::test]
    async fn requests_come_back() {
        let request = Request::post("http://a.example:8080/x?y=1")
            .header("x-twice", "1")
            .header("x-twice", "2")
            .header("x-raw", HeaderValue::from_bytes(&[0x80, 0xff]).expect("a value"))
            .body(full_body("hello"))
            .expect("a request");
        let headers = request.headers().clone();
        let (head, body) = encode_request(request).expect("encodes");
        let decoded = decode_request(&head, body).expect("decodes");
        assert_eq!(decoded.method(), "POST");
        assert_eq!(decoded.uri(), "http://a.example:8080/x?y=1");
        assert_eq!(decoded.headers(), &headers);
        assert_eq!(decoded.into_body().collect().await.expect("whole").to_bytes(), "hello");
    }

    #[tokio::test]
    async fn responses_and_failures_come_back() {
        let response = Response::builder()
            .status(418)
            .header("a", "b")
            .body(full_body("x"))
            .expect("a response");
        let decoded = decode_response(encode_response(response).expect("encodes")).expect("decodes");
        assert_eq!(
            (decoded.status().as_u16(), decoded.headers()["a"].as_bytes()),
            (418, &b"b"[..])
        );
        let failed = encode_outcome(Err(HttpError::Dns("no such host".into()))).expect("encodes");
        assert_eq!(
            decode_outcome(failed).map(drop),
            Err(HttpError::Dns("no such host".into()))
        );
    }

    #[test]
    fn what_is_no_head_is_a_fault() {
        let head = |method: &str, uri: &str, headers: Vec<(String, Blob)>| {
            encode(&RequestHead {
                method: method.into(),
                uri: uri.into(),
                headers,
                options: None,
            })
            .expect("encodes")
        };
        let header = |name: &str, value: &'static [u8]| vec![(name.to_owned(), Blob(Bytes::from_static(value)))];
        for bytes in [
            Bytes::new(),
            Bytes::from_static(b"\xff\x00"),
            head("G ET", "/", Vec::new()),
            head("GET", "http://a b/", Vec::new()),
            head("GET", "/", header("a b", b"x")),
            head("GET", "/", header("a", b"x\r\ny")),
            head(
                "GET",
                "/",
                (0..100_000)
                    .map(|number| (format!("h{number}"), Blob(Bytes::new())))
                    .collect(),
            ),
        ] {
            let fault = decode_request(&bytes, Body::Empty).expect_err("is no request");
            assert_eq!(fault.kind, FaultKind::BadArguments);
        }
        let status = encode(&ResponseHead {
            status: 7,
            headers: Vec::new(),
        })
        .expect("encodes");
        assert!(
            decode_response(Reply {
                head: status,
                body: Body::Empty
            })
            .is_err()
        );
    }
}
