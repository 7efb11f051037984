//! Calls one function of `wasi:keyvalue@0.2.0-draft` per request, like `test-kv` does for draft2:
//! `/FUNCTION/BUCKET/KEY[?argument]`, the value as body, the answer as JSON.

use serde_json::{Value, json};
use wasi::keyvalue::{atomics, batch, store};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-keyvalue-0.2.0-draft", "wit"],
    world: "test:kv-draft/kv-draft",
    generate_all,
});

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, mut body) = request.into_parts();
    let value = body.contents().await?.to_vec();
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let answer = match run(&path, head.uri.query().unwrap_or(""), value) {
        Ok(value) => json!({ "ok": value }),
        Err(store::Error::NoSuchStore) => json!({ "err": "no-such-store" }),
        Err(store::Error::AccessDenied) => json!({ "err": "access-denied" }),
        Err(store::Error::Other(reason)) => json!({ "err": { "other": reason } }),
    };
    Ok(Response::new(answer.to_string().into()))
}

fn run(path: &[&str], query: &str, value: Vec<u8>) -> Result<Value, store::Error> {
    let [function, bucket, rest @ ..] = path else {
        return Err(store::Error::Other("ask for /FUNCTION/BUCKET[/KEY]".into()));
    };
    let bucket = store::open(bucket)?;
    let key = rest.first().copied().unwrap_or("");
    Ok(match *function {
        "open" => Value::Null,
        "get" => bucket.get(key)?.map_or(Value::Null, |value| text(&value)),
        "set" => bucket.set(key, &value).map(|()| Value::Null)?,
        "delete" => bucket.delete(key).map(|()| Value::Null)?,
        "exists" => bucket.exists(key)?.into(),
        "list-keys" => {
            let page = bucket.list_keys(query.parse().ok())?;
            json!({ "keys": page.keys, "cursor": page.cursor })
        }
        "increment" => atomics::increment(&bucket, key, query.parse().unwrap_or(1))?.into(),
        // Keys in the path, separated by commas.
        "get-many" => {
            let found = batch::get_many(&bucket, &names(key))?;
            found
                .into_iter()
                .map(|pair| pair.map_or(Value::Null, |(key, value)| json!([key, text(&value)])))
                .collect()
        }
        // Every key of the path gets the body.
        "set-many" => {
            let pairs: Vec<_> = names(key).into_iter().map(|key| (key, value.clone())).collect();
            batch::set_many(&bucket, &pairs).map(|()| Value::Null)?
        }
        "delete-many" => batch::delete_many(&bucket, &names(key)).map(|()| Value::Null)?,
        other => return Err(store::Error::Other(format!("no function {other}"))),
    })
}

fn names(list: &str) -> Vec<String> {
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect()
}

fn text(value: &[u8]) -> Value {
    String::from_utf8_lossy(value).into()
}
