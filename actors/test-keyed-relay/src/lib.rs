//! Calls a service, or a stateful actor, again and again: to compare what the two calls cost an actor on the same host.

use example::ping_pong::pong;
use exports::test::keyed_relay::relay::Guest;
use lattice::actor::peers;
use test::stateful::operations;

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
        "../test-stateful/wit",
        "wit",
    ],
    world: "test:keyed-relay/relay-player",
    generate_all,
});

struct Relay;

export!(Relay);

impl Guest for Relay {
    fn plain(calls: u32, message_bytes: u32) -> u32 {
        right(calls, message_bytes, |message| pong::ping(message))
    }

    fn keyed(key: String, calls: u32, message_bytes: u32) -> u32 {
        peers::select("test:stateful/operations", &key);
        right(calls, message_bytes, |message| operations::ping(message))
    }
}

fn right(calls: u32, message_bytes: u32, ping: impl Fn(&str) -> String) -> u32 {
    let message = "x".repeat(message_bytes as usize);
    let answer_bytes = message.len() + "pong: ".len();
    (0..calls).filter(|_| ping(&message).len() == answer_bytes).count() as u32
}
