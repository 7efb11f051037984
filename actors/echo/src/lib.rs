//! Sends every message back to whoever asked for an answer.
//!
//! The messaging provider calls `handle_message` for each message of its subscriptions, and the same link lets the actor
//! publish. Try it with `nats request SUBJECT "anybody there?"`.

use exports::wasmcloud::messaging::handler::Guest;
use wasmcloud::messaging::consumer;
use wasmcloud::messaging::types::BrokerMessage;

wit_bindgen::generate!({
    path: ["../../wit/deps/wasmcloud-messaging-0.2.0", "wit"],
    world: "example:echo/echo",
    generate_all,
});

struct Echo;

export!(Echo);

impl Guest for Echo {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        match message.reply_to {
            Some(subject) => consumer::publish(&BrokerMessage {
                subject,
                body: message.body,
                reply_to: None,
            }),
            // Nobody waits for an answer: there is nothing to do, and that is no failure.
            None => Ok(()),
        }
    }
}
