//! The smallest actor: answers every HTTP request with one line.
//!
//! `wstd` turns an `async fn main` into an export of `wasi:http/incoming-handler`. Nothing here knows the lattice.

use wstd::http::{Body, Error, Request, Response};

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let path = request.uri().path();
    Ok(Response::new(
        format!("Hello from the lattice! You asked for {path}\n").into(),
    ))
}
