//! Counts things: HTTP in, key-value out.
//!
//! The path names the counter: `GET /visits` reads it, `POST /visits` adds one, `POST /visits?by=10` adds ten,
//! `DELETE /visits` forgets it. Where the numbers live (NATS, Redis) is decided by the link to a key-value provider, and
//! `increment` is atomic there, so any number of replicas on any hosts count together.

use serde_json::json;
use wasi::keyvalue::{atomics, store};
use wstd::http::{Body, Error, Method, Request, Response, StatusCode};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-keyvalue-0.2.0-draft", "wit"],
    world: "example:counter/counter",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let name = request.uri().path().trim_matches('/');
    if name.is_empty() {
        return answer(
            StatusCode::NOT_FOUND,
            json!({ "error": "name a counter, such as /visits" }),
        );
    }
    match count(request.method(), name, request.uri().query()) {
        Ok(Some(value)) => answer(StatusCode::OK, json!({ "counter": name, "value": value })),
        Ok(None) => answer(
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "error": "use GET, POST or DELETE" }),
        ),
        Err(error) => answer(StatusCode::BAD_GATEWAY, json!({ "error": format!("{error:?}") })),
    }
}

/// Does what the method asks for and returns the counter's value afterwards; none for an unknown method.
fn count(method: &Method, name: &str, query: Option<&str>) -> Result<Option<u64>, store::Error> {
    let bucket = store::open("default")?;
    match *method {
        Method::GET => Ok(Some(bucket.get(name)?.map_or(0, |bytes| number(&bytes)))),
        Method::POST => {
            let by = query
                .and_then(|query| query.strip_prefix("by="))
                .map_or(1, |by| number(by.as_bytes()));
            Ok(Some(atomics::increment(&bucket, name, by)?))
        }
        Method::DELETE => bucket.delete(name).map(|()| Some(0)),
        _ => Ok(None),
    }
}

/// Counters are stored as decimal text; anything else counts as zero.
fn number(text: &[u8]) -> u64 {
    str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn answer(status: StatusCode, body: serde_json::Value) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response.body(format!("{body}\n").into())?)
}
