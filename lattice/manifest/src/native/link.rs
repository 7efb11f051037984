//! Links, and what their ends mean.

use lattice_core::{FunctionSet, LinkClaims, LinkLimits, Party};

use super::Declared;
use super::form::{LinkForm, LinkLimitsForm, OtherPartyForm, PartyForm};
use super::placement::{config, positive};
use crate::draft::Draft;
use crate::nearest::nearest;
use crate::read::{At, Reader, labels};
use crate::source::Span;

/// Adds a link to the draft, if enough of it is right.
pub(super) fn add(link: &At<LinkForm>, declared: &Declared, draft: &mut Draft, reader: &mut Reader) {
    let form = &link.value;
    let source = form
        .source
        .0
        .as_ref()
        .and_then(|at| resolve(&at.value, at.span, declared, reader));
    let target = form
        .target
        .0
        .as_ref()
        .and_then(|at| resolve(&at.value, at.span, declared, reader));
    let limits = form
        .limits
        .as_ref()
        .map_or_else(LinkLimits::default, |at| limits(&at.value, reader));
    let hosts = labels(form.hosts.as_ref(), reader);
    let functions = form.functions.as_ref();
    if let Some(none) = functions.filter(|functions| functions.value.is_empty()) {
        reader.error_with(
            none.span,
            "a link for no function grants nothing",
            "leave `functions` out to grant all",
        );
    }
    let (Some(source), Some(target), Some(interface)) = (source, target, &form.interface.0) else {
        return;
    };
    if source.is_foreign && target.is_foreign {
        reader.error(
            link.span,
            "neither end of this link is declared here: declare it with one of them",
        );
    }
    let claims = LinkClaims {
        label: form.label.as_ref().map(|at| at.value.clone()).unwrap_or_default(),
        functions: functions.map_or(FunctionSet::All, |list| {
            FunctionSet::Only(list.value.iter().map(|at| at.value.clone()).collect())
        }),
        secrets: form
            .secrets
            .iter()
            .flat_map(|at| &at.value)
            .map(|at| at.value.clone())
            .collect(),
        limits,
        hosts,
        ..LinkClaims::new(source.party, interface.value.clone(), target.party)
    };
    let span = form.source.0.as_ref().map_or(link.span, |at| at.span);
    draft.add_link(span, interface.span, claims, config(form.config.as_ref()), reader);
}

fn limits(form: &LinkLimitsForm, reader: &mut Reader) -> LinkLimits {
    LinkLimits {
        payload_bytes_max: form.payload.as_ref().map(|at| at.value.0),
        rate_per_second: positive(form.rate_per_second.as_ref(), "the number of calls per second", reader),
        deadline_ms: form.deadline.as_ref().map(|at| at.value.millis()),
    }
}

/// An end of a link, and whether another application declares it.
pub(super) struct End {
    pub(super) party: Party,
    pub(super) is_foreign: bool,
}

/// What an end means. That something is not declared here is a mistake unless another application is named.
pub(super) fn resolve(form: &PartyForm, span: Span, declared: &Declared, reader: &mut Reader) -> Option<End> {
    let party = match form {
        PartyForm::Party(party) => party.clone(),
        PartyForm::Name(name) => {
            let provider = declared
                .providers
                .iter()
                .find(|provider| provider.as_str() == name.as_str());
            match (declared.actors.contains(name), provider) {
                (true, Some(_)) => {
                    let message = format!("both an actor and a provider are called `{name}`");
                    reader.error_with(span, message, format!("write actor/{name} or provider/{name}"));
                    return None;
                }
                (false, Some(provider)) => Party::Provider(provider.clone()),
                (true, None) => Party::Actor(name.clone()),
                (false, None) => {
                    tell_dangling(&format!("`{name}`"), name.as_str(), span, declared, reader);
                    return None;
                }
            }
        }
        PartyForm::Other(other) => {
            let party = one_of(other, span, reader)?;
            let app = other.application.as_ref().map(|at| &at.value);
            if app.is_some_and(|app| *app != declared.app) {
                return Some(End {
                    party,
                    is_foreign: true,
                });
            }
            party
        }
    };
    let is_declared = match &party {
        Party::Actor(name) => declared.actors.contains(name),
        Party::Provider(name) => declared.providers.contains(name),
    };
    if !is_declared {
        let what = format!("{} `{}`", party.kind(), party.name());
        tell_dangling(&what, party.name(), span, declared, reader);
        return None;
    }
    Some(End {
        party,
        is_foreign: false,
    })
}

fn one_of(other: &OtherPartyForm, span: Span, reader: &mut Reader) -> Option<Party> {
    match (&other.actor, &other.provider) {
        (Some(actor), None) => Some(Party::Actor(actor.value.clone())),
        (None, Some(provider)) => Some(Party::Provider(provider.value.clone())),
        (Some(_), Some(second)) => {
            reader.error(second.span, "an end of a link is an actor or a provider, not both");
            None
        }
        (None, None) => {
            reader.error(span, "an end of a link needs `actor` or `provider`");
            None
        }
    }
}

fn tell_dangling(what: &str, name: &str, span: Span, declared: &Declared, reader: &mut Reader) {
    let actors = declared.actors.iter().map(AsRef::as_ref);
    let names = actors.chain(declared.providers.iter().map(AsRef::as_ref));
    let help = match nearest(name, names) {
        // The same name, and yet not declared: it is of the other kind.
        Some(near) if near == name => match declared.actors.iter().any(|actor| actor.as_str() == name) {
            true => format!("did you mean `actor/{name}`?"),
            false => format!("did you mean `provider/{name}`?"),
        },
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("declare it, or write {{actor: {name}, application: …}} if another application does"),
    };
    reader.error_with(span, format!("{what} is not declared here"), help);
}
