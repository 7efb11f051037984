//! Calls one function of `wasi:keyvalue@0.2.0-draft2` per request: `/FUNCTION/BUCKET/KEY[?argument]`, the value as body.
//!
//! The answer is JSON: `{"ok": ...}`, or `{"err": ...}` with the store's own error.

use serde_json::{Value, json};
use wasi::keyvalue::{atomics, batch, store};
use wstd::http::{Body, Error, Request, Response};

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-keyvalue-0.2.0-draft2", "wit"],
    world: "test:kv/kv",
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
            let page = bucket.list_keys((!query.is_empty()).then_some(query))?;
            json!({ "keys": page.keys, "cursor": page.cursor })
        }
        "increment" => atomics::increment(&bucket, key, query.parse().unwrap_or(1))?.into(),
        "swap" => swap(&bucket, key, &value, query)?,
        // Keys in the path, separated by commas.
        "get-many" => {
            let found = batch::get_many(&bucket, &names(key))?;
            found
                .into_iter()
                .map(|(key, value)| json!([key, value.map(|value| text(&value))]))
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

/// Replaces the value if nobody else does so first. `?interfere=X` writes X in between and so makes the first try fail;
/// the handle that comes back with the failure is then used for a second try.
fn swap(bucket: &store::Bucket, key: &str, value: &[u8], query: &str) -> Result<Value, store::Error> {
    let handle = atomics::Cas::new(bucket, key)?;
    let before = handle.current()?.map(|value| text(&value));
    if let Some(other) = query.strip_prefix("interfere=") {
        bucket.set(key, other.as_bytes())?;
    }
    match atomics::swap(handle, value) {
        Ok(()) => Ok(json!({ "before": before, "swapped": "at once" })),
        Err(atomics::CasError::StoreError(error)) => Err(error),
        Err(atomics::CasError::CasFailed(fresh)) => {
            let seen = fresh.current()?.map(|value| text(&value));
            let again = atomics::swap(fresh, value).is_ok();
            Ok(json!({ "before": before, "swapped": if again { "on the second try" } else { "never" }, "seen": seen }))
        }
    }
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
