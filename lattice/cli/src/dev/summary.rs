//! What runs now, and how to reach it.

use std::net::SocketAddr;

use anyhow::Result;
use lattice_control::reconcile::AppProgress;
use lattice_core::{ActorName, AppName, application::DesiredProvider};
use serde::Serialize;

use super::release::Release;
use crate::output::{Document, for_programs};

/// Where an HTTP server listens unless its config says otherwise.
const HTTP_DEFAULT: &str = "127.0.0.1:8000";

/// What is shown once it runs.
#[derive(Serialize)]
struct Summary<'a> {
    application: &'a AppName,
    revision: u64,
    actors: Vec<&'a ActorName>,
    urls: Vec<String>,
    watches: &'a [String],
}

/// Lays it out.
pub(super) fn summary(release: &Release, watches: &[String]) -> Result<Document> {
    let application = &release.application;
    let summary = Summary {
        application: &application.name,
        revision: release.number,
        actors: application.actors.iter().map(|actor| &actor.spec.name).collect(),
        urls: application.providers.iter().flat_map(urls).collect(),
        watches,
    };
    let mut text = format!("app     {} (revision {})\n", application.name, release.number);
    for provider in &application.providers {
        let hosts = hosts(provider, &release.progress);
        for url in urls(provider) {
            text.push_str(&format!("url     {url}{hosts}\n"));
        }
    }
    for link in &application.links {
        if let Some(subjects) = link.config.get("subscriptions") {
            text.push_str(&format!("hears   {subjects}\n"));
        }
    }
    for path in watches {
        text.push_str(&format!("watches {path}\n"));
    }
    let name = format!("app/{}", application.name);
    Document::single("Development", name, &for_programs(&summary)?, text)
}

/// The URLs of an HTTP server.
fn urls(provider: &DesiredProvider) -> Vec<String> {
    if provider.spec.kind.as_str() != "http-server" {
        return Vec::new();
    }
    let listens = provider.spec.config.get("address").map_or(HTTP_DEFAULT, String::as_str);
    let addresses = listens.split(',').filter_map(|address| address.trim().parse().ok());
    addresses
        .map(|address| format!("http://{}/", reachable(address)))
        .collect()
}

/// An address to go to: one that listens everywhere is not.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// On which hosts a provider runs, since a loopback address is one of them alone: ` (on local)`.
fn hosts(provider: &DesiredProvider, progress: &AppProgress) -> String {
    let name = &provider.spec.name;
    let seen = progress.providers.iter().find(|provider| provider.name == *name);
    match seen.map(|seen| seen.hosts.join(", ")) {
        Some(hosts) if !hosts.is_empty() => format!(" (on {hosts})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use lattice_core::{ProviderSpec, application::Placement};

    use super::*;

    #[test]
    fn urls_lead_somewhere() {
        let check = |kind: &str, address: Option<&str>, expect: &[&str]| {
            let name = "http".parse().expect("a name");
            let mut spec = ProviderSpec::new(name, kind.parse().expect("a kind"));
            let said = address.map(|address| ("address".to_owned(), address.to_owned()));
            spec.config.extend(said);
            let placement = Placement::default();
            assert_eq!(urls(&DesiredProvider { spec, placement }), expect);
        };
        check("http-server", Some("127.0.0.1:80"), &["http://127.0.0.1:80/"]);
        check(
            "http-server",
            Some("0.0.0.0:8080, [::]:8081"),
            &["http://127.0.0.1:8080/", "http://[::1]:8081/"],
        );
        check("http-server", None, &["http://127.0.0.1:8000/"]);
        check("http-client", Some("127.0.0.1:80"), &[]);
    }
}
