//! Moves large and slow HTTP bodies in every direction.
//!
//! `GET /big?BYTES` streams so many bytes, each its offset modulo 251 · `GET /slow?CHUNKS` sends a chunk every 50 ms · `POST /echo`
//! streams the body back while it arrives · `POST /count` tells its length and sum · `GET /fetch?URL` and `POST /fetch?URL` make an
//! outgoing request and stream its answer back · `GET /head` shows what arrived · `GET /status?CODE` · `GET /broken` fails
//! in the middle of the body.

use futures_lite::stream::unfold;
use http_body_util::BodyExt;
use wstd::http::body::Bytes;
use wstd::http::{Body, Client, Error, Request, Response, StatusCode};
use wstd::time::Duration;

const CHUNK: u64 = 16 * 1024;

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or("");
    match head.uri.path() {
        "/big" => Ok(Response::new(big(query.parse().unwrap_or(0)))),
        "/slow" => Ok(Response::new(slow(query.parse().unwrap_or(5)))),
        "/echo" => Ok(Response::new(body)),
        "/count" => count(body).await,
        "/fetch" => fetch(head.method, query, body).await,
        "/head" => Ok(Response::new(
            format!("{} {}\n{:#?}\n", head.method, head.uri, head.headers).into(),
        )),
        "/status" => Ok(Response::builder().status(query.parse::<u16>()?).body(Body::empty())?),
        "/broken" => Ok(Response::new(broken())),
        _ => Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty())?),
    }
}

fn big(length: u64) -> Body {
    Body::from_stream(unfold(0, move |at| async move {
        let end = length.min(at + CHUNK);
        (at < end).then(|| ((at..end).map(|offset| (offset % 251) as u8).collect::<Bytes>(), end))
    }))
}

fn slow(chunks: u64) -> Body {
    Body::from_stream(unfold(0, move |at| async move {
        if at == chunks {
            return None;
        }
        wstd::task::sleep(Duration::from_millis(50)).await;
        Some((Bytes::from(format!("chunk {at}\n")), at + 1))
    }))
}

fn broken() -> Body {
    Body::from_try_stream(unfold(0, |at| async move {
        let chunk = if at < 3 {
            Ok(Bytes::from_static(b"so far so good\n"))
        } else {
            Err(std::fmt::Error)
        };
        Some((chunk, at + 1))
    }))
}

async fn count(body: Body) -> Result<Response<Body>, Error> {
    let mut body = body.into_boxed_body();
    let (mut length, mut sum) = (0_u64, 0_u64);
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            length += chunk.len() as u64;
            sum += chunk.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
    }
    Ok(Response::new(format!("{{\"length\":{length},\"sum\":{sum}}}\n").into()))
}

async fn fetch(method: wstd::http::Method, url: &str, body: Body) -> Result<Response<Body>, Error> {
    let request = Request::builder().method(method).uri(url).body(body)?;
    match Client::new().send(request).await {
        Ok(answer) => Ok(answer),
        Err(error) => Ok(Response::builder()
            .status(StatusCode::BAD_GATEWAY)
            .body(format!("{error:?}\n").into())?),
    }
}
