//! Traces as people name them.

use std::str::FromStr;

use http::Uri;
use lattice_core::TraceId;

use crate::keyed::ActorArg;

/// Fewer digits could be anything.
const DIGITS_MIN: usize = 4;

/// Which trace is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The last one.
    Last,
    /// This one.
    Id(TraceId),
    /// The one whose id begins with these digits.
    Begins(String),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.to_ascii_lowercase();
        if let Ok(id) = digits.parse() {
            return Ok(Self::Id(id));
        }
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match digits.len() {
            _ if text == "last" => Ok(Self::Last),
            DIGITS_MIN..32 if is_hex => Ok(Self::Begins(digits)),
            _ => Err(format!(
                "write the id of a trace, its first digits ({DIGITS_MIN} or more), or `last`"
            )),
        }
    }
}

/// What is to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// One request to this address.
    Url(Uri),
    /// Whatever passes an actor.
    Actor(ActorArg),
}

impl FromStr for Follow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(actor) = text.strip_prefix("actor/") {
            return actor.parse().map(Self::Actor).map_err(|error| error.to_string());
        }
        let uri: Option<Uri> = text.parse().ok();
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        uri.filter(is_web)
            .map(Self::Url)
            .ok_or_else(|| "write http://…, https://… or actor/NAME".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_named_by_id_its_beginning_or_last() {
        let check = |text: &str, expect: Option<Which>| assert_eq!(text.parse::<Which>().ok(), expect, "{text}");
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        check(id, Some(Which::Id(id.parse().expect("an id"))));
        check(&id.to_uppercase(), Some(Which::Id(id.parse().expect("an id"))));
        check("4BF9", Some(Which::Begins("4bf9".to_owned())));
        check("last", Some(Which::Last));
        for wrong in ["4bf", "first", "", "00000000000000000000000000000000", "häh1"] {
            check(wrong, None);
        }
    }

    #[test]
    fn requests_and_actors_are_followed() {
        let follow = |text: &str| text.parse::<Follow>();
        assert!(matches!(follow("http://127.0.0.1:8080/a?b"), Ok(Follow::Url(_))));
        assert!(matches!(follow("actor/cart/alice"), Ok(Follow::Actor(actor)) if actor.key.is_some()));
        for wrong in ["cart", "ftp://a", "http:///a", "/a", "actor/"] {
            assert!(follow(wrong).is_err(), "{wrong}");
        }
    }
}
