//! A stateful actor that does what it is told: `OPERATION ARGUMENT`, by a call, a peer's message, a reminder, a broker's message or HTTP
//! (`POST /OPERATION`, the argument as body).
//!
//! It counts in its own memory, which `save` writes down, and has cells. What it does while it is woken, saved and put to rest stands in
//! its configuration: `on-activate`, `on-save` and `on-deactivate` are an operation each.
//!
//! | operation | argument | |
//! |---|---|---|
//! | `add`, `get` | number | counts |
//! | `cell-set`, `cell-get`, `cell-remove` | `KEY=VALUE`, `KEY` | one cell |
//! | `scan` | `PREFIX LIMIT` | cells as `KEY=VALUE,...` |
//! | `remind`, `cancel` | `NAME FIRST EVERY`, `NAME` | reminders; `-` for no `EVERY` |
//! | `send`, `call` | `KIND/KEY OPERATION BODY` | peers |
//! | `sends` | `KIND/KEY COUNT BYTES` | as many messages of as many bytes |
//! | `select`, `ping` | key, text | another actor by its own interface |
//! | `kv-get`, `publish`, `fetch` | key, subject, authority | capabilities |
//! | `hold`, `release` | `bucket`, `request` | keeps something of the host; lets go of all |
//! | `context` | | what the turn says of itself |
//! | `print`, `grow` | text, bytes | writes a line; takes memory and keeps it |
//! | `refuse`, `later` | `KEY=VALUE` | writes a cell and then says no, for good or for now |
//! | `trap`, `spin` | | never returns |
//!
//! By HTTP also: `body` (an answer of so many bytes), `silent` (no answer), `unfinished` (an answer without an end), `error` (an error).

mod http;
mod operations;

use std::sync::Mutex;

use exports::lattice::actor::lifecycle::{Activation, Fault, Image, StopReason};
use exports::lattice::actor::{lifecycle, peer_handler, reminder_handler, snapshot};
use exports::test::stateful::operations as own;
use exports::wasmcloud::messaging::handler;
use lattice::actor::types::Identity;
use wasmcloud::messaging::types::BrokerMessage;

wit_bindgen::generate!({
    path: [
        "../../wit/deps/wasi-io-0.2.12",
        "../../wit/deps/wasi-clocks-0.2.12",
        "../../wit/deps/wasi-random-0.2.12",
        "../../wit/deps/wasi-filesystem-0.2.12",
        "../../wit/deps/wasi-sockets-0.2.12",
        "../../wit/deps/wasi-cli-0.2.12",
        "../../wit/deps/wasi-http-0.2.12",
        "../../wit/deps/wasi-config-0.2.0-rc.1",
        "../../wit/deps/wasi-keyvalue-0.2.0-draft2",
        "../../wit/deps/wasmcloud-messaging-0.2.0",
        "../../wit/example-ping-pong",
        "../../wit/lattice-actor-0.1.0",
        "wit",
    ],
    world: "test:stateful/stateful",
    generate_all,
});

struct Stateful;

export!(Stateful);

/// What the actor knows without its cells.
struct State {
    count: u64,
    /// Whether `count` is other than what was saved last.
    changed: bool,
}

static STATE: Mutex<State> = Mutex::new(State {
    count: 0,
    changed: true,
});

impl lifecycle::Guest for Stateful {
    fn activate(_: Activation, restored: Option<Image>) -> Result<(), Fault> {
        configured("on-activate")?;
        if let Some(image) = restored {
            let text = String::from_utf8_lossy(&image.data).into_owned();
            let count = text
                .parse()
                .map_err(|_| Fault::Incompatible(format!("`{text}` is no count")))?;
            *STATE.lock().unwrap() = State { count, changed: false };
        }
        Ok(())
    }

    fn deactivate(why: StopReason) {
        println!("put to rest: {why:?}");
        // Nobody hears what it says.
        let _ = configured("on-deactivate");
    }
}

impl snapshot::Guest for Stateful {
    fn save() -> Result<Option<Image>, Fault> {
        configured("on-save")?;
        let mut state = STATE.lock().unwrap();
        Ok(std::mem::take(&mut state.changed).then(|| Image {
            media_type: "text/plain".into(),
            schema: 1,
            data: state.count.to_string().into(),
        }))
    }
}

impl reminder_handler::Guest for Stateful {
    fn fire(name: String, due_ms: u64, payload: Vec<u8>, missed: u32) -> Result<(), Fault> {
        lattice::actor::state::set("fired", format!("{name} {due_ms} {missed}").as_bytes());
        run_line(&String::from_utf8_lossy(&payload)).map(drop)
    }
}

impl peer_handler::Guest for Stateful {
    fn receive(_: Option<Identity>, operation: String, body: Vec<u8>) -> Result<Vec<u8>, Fault> {
        operations::run(&operation, &String::from_utf8_lossy(&body)).map(Into::into)
    }
}

impl handler::Guest for Stateful {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        run_line(&String::from_utf8_lossy(&message.body))
            .map(drop)
            .map_err(told)
    }
}

impl own::Guest for Stateful {
    fn run(operation: String, argument: String) -> Result<String, String> {
        operations::run(&operation, &argument).map_err(told)
    }

    fn ping(message: String) -> String {
        format!("pong: {message}")
    }
}

fn configured(when: &str) -> Result<(), Fault> {
    match wasi::config::store::get(when) {
        Ok(Some(line)) => run_line(&line).map(drop),
        Ok(None) | Err(_) => Ok(()),
    }
}

fn run_line(line: &str) -> Result<String, Fault> {
    let (operation, argument) = line.split_once(' ').unwrap_or((line, ""));
    operations::run(operation, argument)
}

fn told(fault: Fault) -> String {
    match fault {
        Fault::Rejected(why) => format!("rejected: {why}"),
        Fault::Incompatible(why) => format!("incompatible: {why}"),
        Fault::Transient(why) => format!("not now: {why}"),
    }
}
