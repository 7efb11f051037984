//! Passes calls on to `pong`: an actor in the middle, for measuring calls from actor to actor without HTTP around them.

use example::ping_pong::pong;
use exports::test::relay::relay::Guest;

wit_bindgen::generate!({
    path: ["../../wit/example-ping-pong", "wit"],
    world: "test:relay/relay-player",
    generate_all,
});

struct Relay;

export!(Relay);

impl Guest for Relay {
    fn once(message: String) -> String {
        pong::ping(&message)
    }

    fn many(calls: u32, message_bytes: u32) -> u32 {
        let message = "x".repeat(message_bytes as usize);
        let answer_bytes = message.len() + "pong: ".len();
        (0..calls)
            .filter(|_| pong::ping(&message).len() == answer_bytes)
            .count() as u32
    }
}
