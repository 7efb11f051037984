//! `lattice call`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lattice_control::{ActorState, Call as CallCommand, TextEncoding};
use lattice_core::ActorName;
use serde::Serialize;

use crate::{app::App, args::duration, failure::Failure, output::Document, resolve, session::Session};

/// Calls a function that an actor exports
#[derive(Args, Debug)]
#[command(after_help = "Example: lattice call pong demo:pong/pong.ping '\"hello\"'")]
pub(crate) struct Call {
    /// Which actor
    actor: ActorName,
    /// The function: `demo:pong/pong.ping`, or only its name when it belongs to no interface
    function: String,
    /// The arguments in WAVE, such as `"hello"` `42` `{name: "x"}`
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// The arguments are JSON, and so is the result
    #[arg(long)]
    json: bool,
    /// On this host, instead of any that runs the actor
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// How long the function may take
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    deadline: Duration,
}

#[derive(Serialize)]
struct Outcome {
    result: serde_json::Value,
    took_us: u64,
    host: String,
}

impl Call {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let (interface, function) = split(&self.function);
        let session = Session::connect_verifying(app.context()?).await?;
        let mut places = session.client.inventories().await?;
        if let Some(host) = &self.host {
            let members: Vec<_> = places.iter().map(|place| place.summary.clone()).collect();
            let host = resolve::member(&members, host)?.member.clone();
            places.retain(|place| place.summary.member == host);
        }
        let serves = |place: &lattice_control::InventoryReply| {
            place
                .actors
                .iter()
                .any(|actor| *actor.name() == self.actor && actor.state == ActorState::Ready)
        };
        let Some(place) = places.into_iter().find(serves) else {
            return Err(Failure::not_found(format!("actor `{}` does not serve", self.actor))
                .help("`lattice get actors` shows what runs where")
                .into());
        };
        let call = CallCommand {
            actor: self.actor.clone(),
            interface: interface.to_owned(),
            function: function.to_owned(),
            arguments: arguments(&self.arguments, self.json),
            encoding: if self.json {
                TextEncoding::Json
            } else {
                TextEncoding::Wave
            },
            deadline_ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let within = self.deadline + app.timeout;
        let reply = session.client.send(&place.summary, &call, within, |_| {}).await?;
        let result = if self.json {
            serde_json::from_str(&reply.result).ok()
        } else {
            None
        };
        let outcome = Outcome {
            result: result.unwrap_or_else(|| reply.result.clone().into()),
            took_us: reply.took_us,
            host: place.summary.name,
        };
        app.print(&Document::single(
            "CallResult",
            format!("actor/{}", self.actor),
            &outcome,
            reply.result,
        )?)
    }
}

/// `demo:pong/pong@0.1.0.ping` as interface and function. A function of a resource has a dot of its own: `a:b/c.[method]d.e`.
fn split(text: &str) -> (&str, &str) {
    text.split_once(".[")
        .map(|(interface, _)| (interface, &text[interface.len() + 1..]))
        .or_else(|| text.rsplit_once('.'))
        .unwrap_or(("", text))
}

/// One text of all arguments: `1, 2` in WAVE, `[1, 2]` in JSON. A single JSON array is taken as the list of arguments it is.
fn arguments(arguments: &[String], json: bool) -> String {
    match arguments {
        [only] if json && only.trim_start().starts_with('[') => only.clone(),
        list if json => format!("[{}]", list.join(", ")),
        list => list.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_taken_apart() {
        assert_eq!(split("demo:pong/pong.ping"), ("demo:pong/pong", "ping"));
        assert_eq!(split("demo:pong/pong@0.1.0.ping"), ("demo:pong/pong@0.1.0", "ping"));
        assert_eq!(split("a:b/c.[method]d.e"), ("a:b/c", "[method]d.e"));
        assert_eq!(split("run"), ("", "run"));
    }

    #[test]
    fn arguments_become_one_text() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(arguments(&list(&["\"a\"", "2"]), false), "\"a\", 2");
        assert_eq!(arguments(&list(&["1", "2"]), true), "[1, 2]");
        assert_eq!(arguments(&list(&["[1, 2]"]), true), "[1, 2]");
        assert_eq!(arguments(&[], true), "[]");
    }
}
