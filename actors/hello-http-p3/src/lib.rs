//! The smallest actor again, on WASI 0.3: exports the async `wasi:http/handler`.
//!
//! One instance of such a component may serve many requests at a time, because its handler is a real `async fn`.

use wasip3::http::types::{ErrorCode, Request, Response};
use wasip3::http_compat::http_into_wasi_response;

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_else(|| "/".into());
        http_into_wasi_response(http::Response::new(format!(
            "Hello from the lattice, asynchronously! You asked for {path}\n"
        )))
    }
}
