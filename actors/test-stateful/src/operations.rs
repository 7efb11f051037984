//! What the actor can be told to do.

use std::sync::Mutex;

use crate::STATE;
use crate::example::ping_pong::pong;
use crate::lattice::actor::types::{Fault, Identity};
use crate::lattice::actor::{context, peers, reminders, state};
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::{Fields, OutgoingRequest, Scheme};
use crate::wasi::keyvalue::store;
use crate::wasmcloud::messaging::consumer;
use crate::wasmcloud::messaging::types::BrokerMessage;

/// Things of the host that are kept from one turn to the next.
enum Held {
    Bucket { _bucket: store::Bucket },
    Request { _request: OutgoingRequest },
    Memory { _memory: Vec<u8> },
}

static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

pub(crate) fn run(operation: &str, argument: &str) -> Result<String, Fault> {
    let words: Vec<&str> = argument.splitn(3, ' ').collect();
    match (operation, words.as_slice()) {
        ("add", [by]) => {
            let mut state = STATE.lock().unwrap();
            state.count += number(by)?;
            state.changed = true;
            Ok(state.count.to_string())
        }
        ("get", _) => Ok(STATE.lock().unwrap().count.to_string()),
        ("cell-set", _) => set(argument).map(|()| String::new()),
        ("cell-get", [key]) => Ok(state::get(key).map_or("none".into(), |value| text(&value))),
        ("cell-remove", [key]) => done(state::remove(key)),
        ("scan", [prefix, limit]) => {
            let found = state::scan(prefix, number(limit)? as u32);
            let found: Vec<_> = found
                .iter()
                .map(|(key, value)| format!("{key}={}", text(value)))
                .collect();
            Ok(found.join(","))
        }
        ("remind", [name, first, every]) => {
            let every = if *every == "-" { None } else { Some(number(every)?) };
            done(reminders::set(name, number(first)?, every, b"add 1"))
        }
        ("cancel", [name]) => done(reminders::cancel(name)),
        ("send", [to, operation, body]) => done(peers::send(&identity(to), operation, body.as_bytes())),
        ("sends", [to, count, bytes]) => {
            let body = vec![b'x'; number(bytes)? as usize];
            (0..number(count)?).for_each(|_| peers::send(&identity(to), "many", &body));
            Ok(String::new())
        }
        ("call", [to, operation, body]) => {
            peers::call(&identity(to), operation, body.as_bytes()).map(|body| text(&body))
        }
        ("select", [key]) => done(peers::select("example:ping-pong/pong", key)),
        // Both in one turn, which is as long as a choice lasts.
        ("select-ping", [key, message]) => {
            peers::select("example:ping-pong/pong", key);
            Ok(pong::ping(message))
        }
        ("ping", _) => Ok(pong::ping(argument)),
        ("kv-get", [key]) => {
            let value = store::open("default").and_then(|bucket| bucket.get(key));
            value
                .map(|value| value.map_or("none".into(), |value| text(&value)))
                .map_err(|error| Fault::Rejected(format!("{error:?}")))
        }
        ("publish", [subject]) => {
            let message = BrokerMessage {
                subject: subject.to_string(),
                body: Vec::new(),
                reply_to: None,
            };
            consumer::publish(&message)
                .map(|()| String::new())
                .map_err(Fault::Rejected)
        }
        ("fetch", [authority]) => {
            // It takes no for an answer, so that only the host can see that it asked.
            let sent = outgoing_handler::handle(request(authority), None);
            Ok(format!("sent: {}", sent.is_ok()))
        }
        ("hold", ["bucket"]) => {
            let bucket = store::open("default").map_err(|error| Fault::Rejected(format!("{error:?}")))?;
            hold(Held::Bucket { _bucket: bucket })
        }
        ("hold", ["request"]) => hold(Held::Request {
            _request: request("held.example"),
        }),
        ("release", _) => {
            HELD.lock().unwrap().clear();
            Ok(String::new())
        }
        ("context", _) => {
            let sender = context::sender().map_or("nobody".into(), |sender| format!("{}/{}", sender.kind, sender.key));
            let me = context::self_();
            let (epoch, turn, now) = (context::epoch(), context::turn_id(), context::now_ms());
            assert!(context::deadline_ms() > 0);
            Ok(format!("{}/{} {epoch} {turn} {sender} {now}", me.kind, me.key))
        }
        ("print", _) => {
            println!("{argument}");
            eprintln!("{argument}");
            Ok(String::new())
        }
        ("grow", [bytes]) => hold(Held::Memory {
            _memory: vec![1; number(bytes)? as usize],
        }),
        ("refuse", _) => set(argument).and(Err(Fault::Rejected("as it was told".into()))),
        ("later", _) => set(argument).and(Err(Fault::Transient("as it was told".into()))),
        ("trap", _) => panic!("as it was told"),
        ("spin", _) => loop {
            std::hint::spin_loop();
        },
        _ => Err(Fault::Rejected(format!("there is no `{operation}` of `{argument}`"))),
    }
}

fn done((): ()) -> Result<String, Fault> {
    Ok(String::new())
}

fn set(cell: &str) -> Result<(), Fault> {
    let (key, value) = cell.split_once('=').unwrap_or((cell, ""));
    if !key.is_empty() {
        state::set(key, value.as_bytes());
    }
    Ok(())
}

fn hold(held: Held) -> Result<String, Fault> {
    HELD.lock().unwrap().push(held);
    Ok(String::new())
}

fn request(authority: &str) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some("/")).expect("a path");
    request
}

fn identity(text: &str) -> Identity {
    let (kind, key) = text.split_once('/').unwrap_or((text, ""));
    Identity {
        kind: kind.into(),
        key: key.into(),
    }
}

fn number(text: &str) -> Result<u64, Fault> {
    text.parse()
        .map_err(|_| Fault::Rejected(format!("`{text}` is no number")))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
