//! Whom a bare name means: `hello` may stand for `actor/hello` when nothing else is called so.

use anyhow::Result;
use lattice_control::InventoryReply;
use lattice_core::{ActorName, Party, ProviderName};

use crate::failure::{Exit, Failure};

/// Takes `actor/hello` and `provider/http` as they are, and a bare name for whatever runs under it.
pub(super) fn resolve(text: &str, inventories: &[InventoryReply]) -> Result<Party> {
    if text.contains('/') {
        return Ok(text
            .parse()
            .map_err(|error: lattice_core::ParseIdError| Failure::usage(error.to_string()))?);
    }
    let actor = text.parse::<ActorName>().ok().filter(|name| {
        inventories
            .iter()
            .any(|inventory| inventory.actors.iter().any(|actor| actor.name() == name))
    });
    let provider = text.parse::<ProviderName>().ok().filter(|name| {
        inventories
            .iter()
            .any(|inventory| inventory.providers.iter().any(|provider| provider.spec.name == *name))
    });
    let say = format!("say actor/{text} or provider/{text}");
    match (actor, provider) {
        (Some(actor), None) => Ok(Party::Actor(actor)),
        (None, Some(provider)) => Ok(Party::Provider(provider)),
        (Some(_), Some(_)) => Err(
            Failure::new(Exit::Conflict, format!("`{text}` is an actor and a provider"))
                .help(say)
                .into(),
        ),
        (None, None) => Err(Failure::not_found(format!("nothing that runs is called `{text}`"))
            .help(format!("{say}: a link may be made before what it links runs"))
            .into()),
    }
}
