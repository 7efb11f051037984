//! The application that the demonstration is about: what people type about it, and what it answers.

use super::load::{self, Request};
use crate::lattice::Lattice;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// What the manifests call it.
pub(super) const NAME: &str = "shop";
/// How many answers in a row must be those of a version that is said to be in force.
const ANSWERS: usize = 20;

/// The application `shop` on a running lattice.
pub(super) struct Shop<'a> {
    /// Where it runs.
    pub(super) lattice: &'a Lattice,
    /// The folder with a manifest for each of its versions.
    pub(super) manifests: &'a Path,
    /// Where it serves: `http://127.0.0.1:PORT`.
    pub(super) site: String,
}

/// A version of the shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    /// Its manifest.
    pub(super) manifest: &'static str,
    /// How its hello begins.
    greeting: &'static str,
}

/// The first version.
pub(super) const FIRST: Version = Version {
    manifest: "shop-1.0.yaml",
    greeting: "Hello from the lattice! ",
};
/// The next one, with another hello.
pub(super) const SECOND: Version = Version {
    manifest: "shop-1.1.yaml",
    greeting: "Hello from the lattice, asynchronously! ",
};
/// The manifest of one that cannot become ready.
pub(super) const MISTAKE: &str = "shop-1.2.yaml";

/// How far the shop is: what of `lattice app status` matters here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Progress {
    phase: String,
    actors: Vec<Actor>,
    providers: Vec<Provider>,
}

/// What came of a move.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    /// The host it was on.
    pub(super) from: String,
    /// The host it is on now.
    pub(super) to: String,
    /// How long it stood still.
    pub(super) pause: Duration,
}

#[derive(Debug, Deserialize)]
struct Actor {
    name: String,
    ready: u32,
    wanted: u32,
    hosts: Vec<(String, u32)>,
}

#[derive(Debug, Deserialize)]
struct Provider {
    name: String,
    hosts: Vec<String>,
}

impl Shop<'_> {
    /// A request for one of its pages.
    pub(super) fn get(&self, page: &str) -> Request {
        Request::Get(format!("{}/{page}", self.site))
    }

    /// Applies a manifest, and waits until it is ready or taken back.
    pub(super) fn apply(&self, manifest: &str) -> Result<()> {
        let manifest = self.manifests.join(manifest);
        let manifest = manifest.to_str().context("the manifests' path is not Unicode")?;
        self.lattice.run(&["apply", "-f", manifest, "--env", "--wait"])?;
        Ok(())
    }

    /// Checks that every answer is that of this version.
    pub(super) fn check_version(&self, version: Version) -> Result<()> {
        for _ in 0..ANSWERS {
            let text = load::fetch(&format!("{}/hello", self.site))?;
            ensure!(
                text.starts_with(version.greeting),
                "{} is in force, and hello answered {text:?}",
                version.manifest
            );
        }
        Ok(())
    }

    /// How far it is; nothing of it while no controller can say.
    pub(super) fn progress(&self) -> Result<Progress> {
        let status = self.lattice.json(&["app", "status", NAME])?;
        let progress: Option<Progress> =
            serde_json::from_value(status["progress"].clone()).context("`lattice app status` prints something else")?;
        Ok(progress.unwrap_or_default())
    }

    /// Where an actor's replicas are, such as `edge 2, pi 1`.
    pub(super) fn placement(&self, actor: &str) -> Result<String> {
        let progress = self.progress()?;
        let hosts = progress.hosts(actor).iter();
        let places: Vec<String> = hosts.map(|(host, count)| format!("{host} {count}")).collect();
        Ok(places.join(", "))
    }

    /// What a counter stands at.
    pub(super) fn count(&self) -> Result<u64> {
        let text = load::fetch(&format!("{}/count/visits", self.site))?;
        let answer: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("the counter answered {text:?}"))?;
        answer["value"]
            .as_u64()
            .with_context(|| format!("the counter answered {text:?}"))
    }

    /// The address of a customer's cart.
    pub(super) fn cart(&self, customer: &str) -> String {
        format!("{}/cart/{customer}", self.site)
    }

    /// How much was added to a customer's cart.
    pub(super) fn cart_count(&self, customer: &str) -> Result<u64> {
        let text = load::fetch(&format!("{}/count", self.cart(customer)))?;
        let answer: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("the cart answered {text:?}"))?;
        answer["count"]
            .as_u64()
            .with_context(|| format!("the cart answered {text:?}"))
    }

    /// Moves a customer's cart to another host.
    pub(super) fn move_cart(&self, customer: &str) -> Result<Moved> {
        let cart = format!("cart/{customer}");
        let moved = self.lattice.json(&["move", &cart, "--to", "zone=edge"])?;
        let host = |end: &str| moved[end].as_str().map(str::to_owned);
        let (from, to, pause) = (host("from"), host("to"), moved["pauseUs"].as_u64());
        let (Some(from), Some(to), Some(pause)) = (from, to, pause) else {
            bail!("`lattice move` printed {moved}");
        };
        Ok(Moved {
            from,
            to,
            pause: Duration::from_micros(pause),
        })
    }

    /// The names of what the lattice has of a kind, such as `actors`.
    pub(super) fn names(&self, kind: &str) -> Result<Vec<String>> {
        let text = self.lattice.run(&["get", kind, "-o", "name"])?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Progress {
    /// Whether everything runs as it shall, and nothing of it on this host.
    pub(super) fn is_ready_without(&self, host: &str) -> bool {
        self.phase == "ready"
            && self
                .actors
                .iter()
                .all(|actor| actor.ready == actor.wanted && actor.hosts.iter().all(|(name, _)| name != host))
    }

    /// The hosts of an actor, and how many of its replicas are on each.
    pub(super) fn hosts(&self, actor: &str) -> &[(String, u32)] {
        let actor = self.actors.iter().find(|one| one.name == actor);
        actor.map_or(&[], |actor| &actor.hosts)
    }

    /// The first host of a provider.
    pub(super) fn provider(&self, name: &str) -> Option<&str> {
        let provider = self.providers.iter().find(|one| one.name == name)?;
        provider.hosts.first().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_healed_when_all_replicas_are_ready_elsewhere() {
        let progress = |phase: &str, ready: u32, host: &str| -> Progress {
            let hello =
                serde_json::json!({"name": "hello", "ready": ready, "wanted": 2, "hosts": [["pi", 1], [host, 1]]});
            let status = serde_json::json!({"phase": phase, "actors": [hello], "providers": []});
            serde_json::from_value(status).expect("it is what `lattice app status` prints")
        };
        assert!(progress("ready", 2, "edge").is_ready_without("field"));
        assert!(!progress("ready", 2, "field").is_ready_without("field"));
        assert!(!progress("progressing", 2, "edge").is_ready_without("field"));
        assert!(!progress("ready", 1, "edge").is_ready_without("field"));
        assert!(!Progress::default().is_ready_without("field"));
    }
}
