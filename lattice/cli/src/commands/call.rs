//! `lattice call`

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lattice_control::{Call as CallCommand, CallReply, InventoryReply, MemberSummary, TextEncoding};
use lattice_core::KeyedActor;
use serde::Serialize;

use crate::{
    app::App,
    args::duration,
    failure::Failure,
    keyed::{self, ActorArg},
    output::Document,
    resolve,
    session::Session,
};

/// How often a stateful actor is followed to where it moved.
const HOPS_MAX: usize = 10;

/// Calls a function that an actor exports
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice call pong demo:pong/pong.ping '\"hello\"'
  lattice call cart/alice example:shop/cart.add '\"apple\"' 2    one actor with state, where it lives")]
pub(crate) struct Call {
    /// Which actor; of those with state name one: `cart/alice`
    actor: ActorArg,
    /// The function, after the interface it belongs to: `demo:pong/pong.ping`
    function: String,
    /// The arguments in WAVE, such as `"hello"` `42` `{name: "x"}`
    #[arg(allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// The arguments are JSON, and so is the result
    #[arg(long)]
    json: bool,
    /// On this host, instead of any that runs the actor; one with state is called where it lives
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
        if let (Some(actor), Some(host)) = (self.actor.keyed(), &self.host) {
            let failure = Failure::usage(format!("`{actor}` is called where it lives, wherever that is"));
            return Err(failure
                .help(format!(
                    "leave `--host` out, or bring it there first: `lattice move {actor} --to {host}`"
                ))
                .into());
        }
        if split(&self.function).0.is_empty() {
            let failure = Failure::usage(format!("`{}` is in no interface", self.function));
            let name = &self.actor.name;
            return Err(failure
                .help(format!(
                    "write `INTERFACE.FUNCTION`; `lattice inspect {name}` shows what it exports"
                ))
                .into());
        }
        let session = Session::connect_verifying(app.context()?).await?;
        let mut places = session.client.inventories().await?;
        if let Some(host) = &self.host {
            let members: Vec<_> = places.iter().map(|place| place.summary.clone()).collect();
            let host = resolve::member(&members, host)?.member.clone();
            places.retain(|place| place.summary.member == host);
        }
        let serving = keyed::serving(&places, &self.actor.name);
        let (reply, host) = match self.actor.keyed() {
            Some(actor) => self.call_keyed(app, &session, &actor, &places).await?,
            None => {
                if keyed::is_stateful(&places, &self.actor.name) {
                    return Err(keyed::without_key(&self.actor.name).into());
                }
                let host = serving.first().ok_or_else(|| keyed::not_served(&self.actor.name))?;
                (self.send(app, &session, host, false).await?, (*host).clone())
            }
        };
        let result = if self.json {
            serde_json::from_str(&reply.result).ok()
        } else {
            None
        };
        let outcome = Outcome {
            result: result.unwrap_or_else(|| reply.result.clone().into()),
            took_us: reply.took_us,
            host: host.name,
        };
        let about = format!("actor/{}", self.actor);
        app.print(&Document::single("CallResult", about, &outcome, reply.result)?)
    }

    /// Calls a stateful actor where it lives, or has it woken where it would.
    async fn call_keyed(
        &self,
        app: &App,
        session: &Session,
        actor: &KeyedActor,
        places: &[InventoryReply],
    ) -> Result<(CallReply, MemberSummary)> {
        let serving = keyed::serving(places, &actor.name);
        let mut found = keyed::find(session, actor, &serving).await?;
        for _ in 0..HOPS_MAX {
            let there = keyed::owner(places, &found);
            let host = there.or_else(|| keyed::home(actor, &serving));
            let Some(host) = host else {
                return Err(keyed::not_served(&actor.name).into());
            };
            // It belongs to a host that does not answer: whoever is asked sees to it that it is woken elsewhere.
            let owner_is_gone = found.owner.is_some() && there.is_none();
            let reply = self.send(app, session, host, owner_is_gone).await?;
            match reply.moved_to {
                None => return Ok((reply, host.clone())),
                moved => found.owner = moved,
            }
        }
        let failure = Failure::failed(format!("`{actor}` moves faster than it can be followed"));
        Err(failure.help("try again").into())
    }

    async fn send(
        &self,
        app: &App,
        session: &Session,
        host: &MemberSummary,
        owner_unreachable: bool,
    ) -> Result<CallReply> {
        let (interface, function) = split(&self.function);
        let call = CallCommand {
            actor: self.actor.name.clone(),
            key: self.actor.key.clone(),
            owner_unreachable,
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
        Ok(session.client.send(host, &call, within, |_| {}).await?)
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
