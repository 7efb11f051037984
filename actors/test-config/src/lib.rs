//! Shows what an actor can learn about itself, and that it can speak.
//!
//! `/get/KEY` and `/all` read the configuration through all three drafts of `wasi:config` · `/log/LEVEL?TEXT` logs ·
//! `/stdout?TEXT` and `/stderr?TEXT` print · `/ambient` lists arguments, environment and what a file and a socket answer · `/clocks`
//! shows time and random bytes.

use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Debug;
use wasi::config0_2_0_draft::runtime;
use wasi::config0_2_0_draft_2024_09_27::store as dated;
use wasi::config0_2_0_rc_1::store;
use wasi::logging::logging::{self, Level};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-config-0.2.0-rc.1",
        "../../wit/deps/wasi-config-0.2.0-draft-2024-09-27",
        "../../wit/deps/wasi-config-0.2.0-draft",
        "../../wit/deps/wasi-logging-0.1.0-draft",
        "wit",
    ],
    world: "test:config/config",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let text = request.uri().query().unwrap_or("").replace("%20", " ");
    let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    let answer = match path[..] {
        ["get", key] => json!({
            "rc.1": told(store::get(key)),
            "draft-2024-09-27": told(dated::get(key)),
            "draft": told(runtime::get(key)),
        }),
        ["all"] => json!({
            "rc.1": told(store::get_all()),
            "draft-2024-09-27": told(dated::get_all()),
            "draft": told(runtime::get_all()),
        }),
        ["log", level] => log(level, &text),
        ["stdout"] => {
            println!("{text}");
            Value::Null
        }
        ["stderr"] => {
            eprintln!("{text}");
            Value::Null
        }
        ["ambient"] => ambient().await,
        ["clocks"] => json!({
            "unix_seconds": std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs(),
            "random": random(),
        }),
        _ => json!("unknown path"),
    };
    Ok(Response::new(answer.to_string().into()))
}

fn log(level: &str, text: &str) -> Value {
    let level = match level {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        "critical" => Level::Critical,
        _ => Level::Info,
    };
    logging::log(level, "test-config", text);
    Value::Null
}

/// Everything an actor must not get from its host.
async fn ambient() -> Value {
    let nats = std::net::SocketAddr::from(([127, 0, 0, 1], 4222));
    json!({
        "arguments": std::env::args().collect::<Vec<_>>(),
        "environment": std::env::vars().collect::<Vec<_>>(),
        "file": told(std::fs::read_to_string("/etc/passwd")),
        "directory": told(std::fs::read_dir("/").map(Iterator::count)),
        "socket": told(wstd::net::TcpStream::connect_addr(nats).await.map(|_| "connected")),
    })
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    wstd::rand::get_random_bytes(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// The value itself, or `{"err": ...}`.
fn told<T: Serialize, E: Debug>(outcome: Result<T, E>) -> Value {
    outcome.map_or_else(|error| json!({ "err": format!("{error:?}") }), |value| json!(value))
}
