//! Answers as `pong` does, and keeps what it was told in a key-value store: the last actor of a chain that ends in a provider.
//!
//! `ping` stores the message and reads it back; a message that is `trap` never returns.

use exports::example::ping_pong::pong::{Answer, Guest, Player, Refusal};
use wasi::keyvalue::store;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasi-keyvalue-0.2.0-draft2", "../../wit/example-ping-pong", "wit"],
    world: "test:keeper/keeper",
    generate_all,
});

/// Every store has this bucket.
const BUCKET: &str = "default";
const KEY: &str = "last";

struct Keeper;

export!(Keeper);

impl Guest for Keeper {
    fn ping(message: String) -> String {
        if message == "trap" {
            std::process::abort();
        }
        match keep(&message) {
            Ok(kept) => format!("pong: {kept}"),
            Err(error) => format!("not kept: {error:?}"),
        }
    }

    fn play(_: Player) -> Result<Answer, Refusal> {
        Err(Refusal::Other("does not play".into()))
    }
}

fn keep(message: &str) -> Result<String, store::Error> {
    let bucket = store::open(BUCKET)?;
    bucket.set(KEY, message.as_bytes())?;
    let kept = bucket.get(KEY)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&kept).into_owned())
}
