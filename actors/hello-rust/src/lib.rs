//! Answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada, from Rust.
//!
//! `wstd` turns an `async fn main` into an export of `wasi:http/incoming-handler`.

use wstd::http::{Body, Error, Request, Response, StatusCode};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (status, line) = answer(request.uri().path(), request.uri().query().unwrap_or_default());
    let response = Response::builder()
        .status(status)
        .header("content-type", "text/plain; charset=utf-8");
    Ok(response.body(format!("{line}\n").into())?)
}

/// The status and the line that answer a request for a path with its query.
fn answer(path: &str, query: &str) -> (StatusCode, String) {
    if path != "/" {
        return (StatusCode::NOT_FOUND, "nothing is here but /".to_owned());
    }
    let name = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "name");
    let line = match name {
        Some((_, name)) if !name.is_empty() => format!("Hello, {name}, from Rust!"),
        _ => "Hello from Rust!".to_owned(),
    };
    (StatusCode::OK, line)
}
