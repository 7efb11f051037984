//! Drives both sides of `wasmcloud:messaging@0.2.0`.
//!
//! Over HTTP it publishes (`POST /publish/SUBJECT?reply-to`, body) and requests (`POST /request/SUBJECT?timeout_ms`). A message
//! that arrives is obeyed: body `fail` is refused, `trap` panics, `forward SUBJECT` publishes the subject it came on to
//! SUBJECT; anything else is answered with `got N bytes on SUBJECT` when an answer is wanted.

use exports::wasmcloud::messaging::handler::Guest;
use serde_json::json;
use wasmcloud::messaging::consumer;
use wasmcloud::messaging::types::BrokerMessage;
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasmcloud-messaging-0.2.0", "wit"],
    world: "test:messaging/messaging",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let body = body.contents().await?.to_vec();
    let query = head.uri.query();
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let outcome = match path[..] {
        ["publish", subject] => publish(subject, body, query.map(Into::into)).map(|()| json!(null)),
        ["request", subject] => {
            let timeout_ms = query.and_then(|query| query.parse().ok()).unwrap_or(2_000);
            consumer::request(subject, &body, timeout_ms).map(|answer| {
                json!({ "subject": answer.subject, "body": String::from_utf8_lossy(&answer.body), "reply-to": answer.reply_to })
            })
        }
        _ => Err("ask for /publish/SUBJECT or /request/SUBJECT".into()),
    };
    let answer = match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(reason) => json!({ "err": reason }),
    };
    Ok(Response::new(answer.to_string().into()))
}

struct Handler;

export!(Handler);

impl Guest for Handler {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        let text = String::from_utf8_lossy(&message.body);
        match (text.split_once(' '), &*text, message.reply_to) {
            (_, "fail", _) => Err("asked to fail".into()),
            (_, "trap", _) => panic!("asked to trap"),
            (Some(("forward", subject)), ..) => publish(subject, message.subject.into_bytes(), None),
            (_, _, Some(reply_to)) => {
                let answer = format!("got {} bytes on {}", message.body.len(), message.subject);
                publish(&reply_to, answer.into_bytes(), None)
            }
            (_, _, None) => Ok(()),
        }
    }
}

fn publish(subject: &str, body: Vec<u8>, reply_to: Option<String>) -> Result<(), String> {
    consumer::publish(&BrokerMessage {
        subject: subject.into(),
        body,
        reply_to,
    })
}
