//! Routes: links from an HTTP server to an actor, written shortly.

use std::collections::BTreeMap;

use lattice_core::{Digest, InterfacePattern, LinkClaims, LinkLabel, Party};

use super::form::{PathMatch, RouteForm};
use super::link::resolve;
use super::{Declared, key};
use crate::draft::Draft;
use crate::read::{At, OneOrMany, Reader};

/// What a route is a link for: both the interface of WASI 0.2 and that of 0.3.
const INTERFACE: &str = "wasi:http";
/// The kind of provider that has routes.
const KIND: &str = "http-server";

/// Adds a route to the draft, if enough of it is right.
pub(super) fn add(route: &At<RouteForm>, declared: &Declared, draft: &mut Draft, reader: &mut Reader) {
    let form = &route.value;
    let provider = form
        .provider
        .0
        .as_ref()
        .and_then(|at| resolve(&at.value.0, at.span, declared, reader));
    let actor = form
        .actor
        .0
        .as_ref()
        .and_then(|at| resolve(&at.value.0, at.span, declared, reader));
    if let Some(path) = form.path.as_ref().filter(|path| !path.value.starts_with('/')) {
        reader.error(path.span, "a path begins with `/`");
    }
    key::tell_mistakes(form, reader);
    if let (Some(port), Some(_)) = (&form.port, &form.address) {
        reader.error(
            port.span,
            "`port` and `address` exclude each other: an address has a port already",
        );
    }
    let (Some(source), Some(target), Some(place)) = (provider, actor, &form.provider.0) else {
        return;
    };
    if source.is_foreign && target.is_foreign {
        reader.error(
            place.span,
            "neither end of this route is declared here: declare it with one of them",
        );
    }
    let kind = source.party.as_provider().and_then(|name| draft.provider_kind(name));
    if let Some(kind) = kind.filter(|kind| kind.as_str() != KIND) {
        let message = format!("{} is no {KIND} but a {kind}, and has no routes", source.party);
        return reader.error(place.span, message);
    }
    let config = config(form);
    let interface: InterfacePattern = INTERFACE.parse().expect("the name of a package");
    let claims = LinkClaims {
        label: label(&target.party, &config),
        ..LinkClaims::new(source.party, interface, target.party)
    };
    draft.add_link(place.span, place.span, claims, config, reader);
}

/// The settings of the link, under the keys that the HTTP server knows.
fn config(form: &RouteForm) -> BTreeMap<String, String> {
    let list = |list: &Option<At<OneOrMany<String>>>| {
        let items: Vec<&str> = list.as_ref()?.value.0.iter().map(|at| at.value.as_str()).collect();
        Some(items.join(","))
    };
    let settings = [
        (
            "path",
            Some(form.path.as_ref().map_or("/".to_owned(), |at| at.value.clone())),
        ),
        ("match", is_exact(form).then(|| "exact".to_owned())),
        ("key", form.key.as_ref().map(|at| at.value.clone())),
        ("host", list(&form.host)),
        ("method", list(&form.methods)),
        ("port", form.port.as_ref().map(|at| at.value.to_string())),
        ("address", form.address.as_ref().map(|at| at.value.clone())),
        (
            "timeout",
            form.timeout.as_ref().map(|at| format!("{}ms", at.value.millis())),
        ),
        ("body-max", form.body.as_ref().map(|at| at.value.0.to_string())),
    ];
    let said = settings
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    said.collect()
}

fn is_exact(form: &RouteForm) -> bool {
    form.matching.as_ref().is_some_and(|at| at.value == PathMatch::Exact)
}

/// The label of a route: one for each set of requests, whatever other routes there are, so that a route that changes nothing of its own
/// keeps its link. `web` and `web_api_v1` for plain paths; what else is asked of a request goes in as a digest.
fn label(target: &Party, config: &BTreeMap<String, String>) -> LinkLabel {
    let limits = ["timeout", "body-max"];
    let asked: Vec<_> = config
        .iter()
        .filter(|(key, _)| !limits.contains(&key.as_str()))
        .collect();
    let path = config.get("path").map_or("", String::as_str).trim_matches('/');
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let readable: String = path.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let readable = match readable.as_str() {
        "" => target.name().to_owned(),
        path => format!("{}_{path}", target.name()),
    };
    // With underscores of its own a name could be that of another actor with a path.
    let tells_all = asked.len() == 1
        && !target.name().contains('_')
        && path.split('/').all(|part| part.chars().all(is_plain))
        && !path.contains("//")
        && readable.len() <= 63;
    let label = if tells_all {
        readable
    } else {
        let whole = format!("{target} {asked:?}");
        let digest = Digest::of(whole.as_bytes()).hex();
        let shown: String = readable.chars().take(54).collect();
        format!("{shown}-{}", &digest[..8])
    };
    label.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_routes_apart() {
        let label = |actor: &str, settings: &[(&str, &str)]| {
            let config = settings
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            label(&Party::Actor(actor.parse().expect("a name")), &config.collect()).to_string()
        };
        assert_eq!(label("web", &[("path", "/")]), "web");
        assert_eq!(label("web", &[("path", "/api/v1")]), "web_api_v1");
        assert_eq!(label("web", &[("path", "/api/v1/")]), "web_api_v1");
        assert_eq!(label("web", &[("path", "/"), ("timeout", "5s")]), "web");
        let others = [
            label("web", &[("path", "/Api")]),
            label("web", &[("path", "/api_v1")]),
            label("web", &[("path", "/api/v1"), ("match", "exact")]),
            label("web", &[("path", "/"), ("host", "shop.example")]),
            label("web", &[("path", "/{key}")]),
            label("web", &[("path", "/"), ("key", "host:0")]),
            label("web_api", &[("path", "/")]),
            label("web", &[("path", &format!("/{}", "a".repeat(100)))]),
        ];
        for (at, other) in others.iter().enumerate() {
            assert!(other.len() <= 63 && other.contains('-'), "{other}");
            assert!(!others[..at].contains(other), "{other}");
        }
    }
}
