//! Chooses among links of one interface by name: `GET /NAME/get/KEY`, `POST /NAME/set/KEY` (key-value) and `GET /NAME/ping/TEXT`
//! (another actor) go through the link called NAME. `GET /-/...` leaves the choice alone.

use example::ping_pong::pong;
use serde_json::{Value, json};
use wasi::keyvalue::store;
use wasmcloud::bus::lattice::{CallTargetInterface, set_link_name};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2",
        "../../wit/deps/wasmcloud-bus-2.0.1",
        "../../wit/example-ping-pong",
        "wit",
    ],
    world: "test:links/links",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let body = body.contents().await?.to_vec();
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let answer = match run(&path, &body) {
        Ok(value) => json!({ "ok": value }),
        Err(reason) => json!({ "err": reason }),
    };
    Ok(Response::new(answer.to_string().into()))
}

fn run(path: &[&str], body: &[u8]) -> Result<Value, String> {
    let [name, function, argument] = path else {
        return Err("ask for /NAME/FUNCTION/ARGUMENT".into());
    };
    if *name != "-" {
        let interfaces = vec![
            CallTargetInterface::new("wasi", "keyvalue", "store"),
            CallTargetInterface::new("example", "ping-pong", "pong"),
        ];
        set_link_name(name, interfaces)?;
    }
    let bucket = || store::open("default").map_err(|error| format!("{error:?}"));
    match *function {
        "get" => {
            let value = bucket()?.get(argument).map_err(|error| format!("{error:?}"))?;
            Ok(value.map_or(Value::Null, |value| String::from_utf8_lossy(&value).into()))
        }
        "set" => bucket()?
            .set(argument, body)
            .map(|()| Value::Null)
            .map_err(|error| format!("{error:?}")),
        "ping" => Ok(pong::ping(argument).into()),
        other => Err(format!("no function {other}")),
    }
}
