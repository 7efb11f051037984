//! From what a component imports and exports to an application that runs it. Pure: nobody is asked, nothing is read.

use std::collections::BTreeMap;

use lattice_control::ImportClass;
use lattice_core::{
    ActorSpec, Application, Digest, LinkClaims, Party, ProviderSpec,
    application::{DesiredActor, DesiredLink, DesiredProvider, Placement, UpdateStrategy},
};

use super::plan::Wishes;
use crate::{
    commands::inspect::guess,
    component::{Item, World},
    failure::Failure,
};

/// A component that was built.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// Which.
    pub(super) digest: Digest,
    /// Where it lies, as it is shown.
    pub(super) image: String,
    /// What it imports and exports.
    pub(super) world: World,
}

/// The application with this component as its one actor, the providers that it needs, and the links between them.
///
/// # Errors
/// Names the imports that no provider of the hosts serves: who serves them, only a person can say.
pub(super) fn derive(built: &Built, wishes: &Wishes) -> Result<Application, Failure> {
    let unmet = unmet(&built.world);
    if !unmet.is_empty() {
        return Err(refusal(&unmet));
    }
    let app = wishes.name.app();
    let actor = Party::Actor(wishes.name.actor().clone());
    let mut application = Application::empty(app.clone());
    for offer in &OFFERS {
        let serves = built
            .world
            .imports
            .iter()
            .any(|item| offer.serves.contains(&plain(item)));
        let drives = built
            .world
            .exports
            .iter()
            .any(|item| offer.drives.contains(&plain(item)));
        if !serves && !drives {
            continue;
        }
        let name = wishes.name.provider(offer.role);
        let provider = Party::Provider(name.clone());
        application.providers.push(DesiredProvider {
            spec: ProviderSpec {
                config: offer.provider_config(wishes),
                managed: true,
                ..ProviderSpec::new(name, offer.kind.parse().expect("a constant kind is well-formed"))
            },
            placement: Placement {
                per_host_max: Some(1),
                ..Placement::replicas(1)
            },
        });
        let mut link = |source: &Party, target: &Party, config| {
            let package = offer.package.parse().expect("a constant package is well-formed");
            let claims = LinkClaims::new(source.clone(), package, target.clone());
            application.links.push(DesiredLink::new(claims, config));
        };
        if serves {
            link(&actor, &provider, offer.import_config());
        }
        if drives {
            link(&provider, &actor, offer.export_config(wishes));
        }
    }
    application.actors.push(DesiredActor {
        spec: ActorSpec {
            config: wishes.config.clone(),
            app: Some(app),
            ..ActorSpec::new(wishes.name.actor().clone(), built.digest, &built.image)
        },
        placement: Placement::replicas(1),
        update: UpdateStrategy::default(),
    });
    Ok(application)
}

/// A provider that every host carries, and what it is to components.
struct Offer {
    kind: &'static str,
    /// What it is called beside the actor.
    role: &'static str,
    package: &'static str,
    /// What actors call it for.
    serves: &'static [&'static str],
    /// What it calls actors for.
    drives: &'static [&'static str],
}

const OFFERS: [Offer; 4] = [
    Offer {
        kind: "http-server",
        role: "http",
        package: "wasi:http",
        serves: &[],
        drives: &["wasi:http/incoming-handler", "wasi:http/handler"],
    },
    Offer {
        kind: "http-client",
        role: "client",
        package: "wasi:http",
        serves: &["wasi:http/outgoing-handler", "wasi:http/client"],
        drives: &[],
    },
    Offer {
        kind: "keyvalue-nats",
        role: "kv",
        package: "wasi:keyvalue",
        serves: &["wasi:keyvalue/store", "wasi:keyvalue/atomics", "wasi:keyvalue/batch"],
        drives: &[],
    },
    Offer {
        kind: "messaging-nats",
        role: "messaging",
        package: "wasmcloud:messaging",
        serves: &["wasmcloud:messaging/consumer"],
        drives: &["wasmcloud:messaging/handler"],
    },
];

impl Offer {
    fn provider_config(&self, wishes: &Wishes) -> BTreeMap<String, String> {
        match self.kind {
            "http-server" => config("address", wishes.address.to_string()),
            _ => BTreeMap::new(),
        }
    }

    /// What an actor may do with it: whatever there is, since whoever develops it is who runs it.
    fn import_config(&self) -> BTreeMap<String, String> {
        match self.kind {
            "http-client" => config("hosts", "*:*".to_owned()),
            "messaging-nats" => config("publish", ">".to_owned()),
            _ => BTreeMap::new(),
        }
    }

    /// What it brings to an actor.
    fn export_config(&self, wishes: &Wishes) -> BTreeMap<String, String> {
        match self.kind {
            "http-server" => config("path", "/".to_owned()),
            "messaging-nats" => config("subscriptions", subscriptions(wishes)),
            _ => BTreeMap::new(),
        }
    }
}

fn config(key: &str, value: String) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value)])
}

fn subscriptions(wishes: &Wishes) -> String {
    match wishes.subjects.as_slice() {
        [] => format!("{name},{name}.>", name = wishes.name),
        said => said.join(","),
    }
}

/// The imports that neither the host nor one of its providers satisfies, with their versions.
fn unmet(world: &World) -> Vec<&Item> {
    let is_served = |item: &Item| OFFERS.iter().any(|offer| offer.serves.contains(&plain(item)));
    // An interface of types alone gives nothing and needs nobody.
    let needed = world.imports.iter().filter(|item| !item.functions.is_empty());
    needed
        .filter(|item| guess(&item.name) != ImportClass::Host && !is_served(item))
        .collect()
}

fn refusal(unmet: &[&Item]) -> Failure {
    let names: Vec<String> = unmet.iter().map(|item| format!("`{}`", item.name)).collect();
    let by_actors = unmet.iter().any(|item| guess(&item.name) == ImportClass::Actor);
    let why = match by_actors {
        true => "another actor has to serve that, and which one is not known",
        false => "no provider that hosts carry serves that",
    };
    Failure::failed(format!("the component imports {}", names.join(", ")))
        .because(why)
        .help("write a manifest that says who does: `lattice.yaml` in the folder, or --manifest FILE")
}

/// The interface without its version.
fn plain(item: &Item) -> &str {
    item.name.split_once('@').map_or(item.name.as_str(), |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use lattice_control::FunctionShape;

    use super::*;

    fn wishes() -> Wishes {
        Wishes {
            name: "shop".parse().expect("a name"),
            address: "127.0.0.1:8080".parse().expect("an address"),
            config: config("greeting", "hi".to_owned()),
            subjects: Vec::new(),
        }
    }

    fn built(imports: &[&str], exports: &[&str]) -> Built {
        let items = |names: &[&str]| {
            let item = |name: &&str| Item {
                name: (*name).to_owned(),
                functions: vec![FunctionShape {
                    name: "f".to_owned(),
                    signature: "func()".to_owned(),
                }],
            };
            names.iter().map(item).collect()
        };
        Built {
            digest: Digest::of(b"a component"),
            image: "file:///shop.wasm".to_owned(),
            world: World {
                imports: items(imports),
                exports: items(exports),
            },
        }
    }

    /// The providers by name and kind, and the links with their config, in words.
    #[track_caller]
    fn check(imports: &[&str], exports: &[&str], providers: &[&str], links: &[&str]) {
        let application = derive(&built(imports, exports), &wishes()).expect("everything is served");
        let shown: Vec<String> = application
            .providers
            .iter()
            .map(|provider| {
                format!(
                    "{} {} {:?}",
                    provider.spec.name, provider.spec.kind, provider.spec.config
                )
            })
            .collect();
        assert_eq!(shown, providers);
        let shown: Vec<String> = application
            .links
            .iter()
            .map(|link| {
                let claims = &link.claims;
                let config = &link.config;
                format!("{} {} {} {config:?}", claims.source, claims.interface, claims.target)
            })
            .collect();
        assert_eq!(shown, links);
        let lattice = "default".parse().expect("an id");
        assert_eq!(lattice_core::application::check(&application, &lattice), []);
    }

    #[test]
    fn an_http_handler_gets_a_server() {
        for export in ["wasi:http/incoming-handler@0.2.3", "wasi:http/handler@0.3.0"] {
            check(
                &["wasi:io/streams@0.2.3", "wasi:http/types@0.2.3", "wasi:logging/logging"],
                &[export],
                &[r#"dev-shop-http http-server {"address": "127.0.0.1:8080"}"#],
                &[r#"provider/dev-shop-http wasi:http actor/shop {"path": "/"}"#],
            );
        }
    }

    #[test]
    fn each_capability_gets_its_provider_once() {
        check(
            &[
                "wasi:keyvalue/store@0.2.0-draft",
                "wasi:keyvalue/atomics@0.2.0-draft",
                "wasi:http/outgoing-handler@0.2.0",
                "wasmcloud:messaging/consumer@0.2.0",
            ],
            &["wasmcloud:messaging/handler@0.2.0"],
            &[
                "dev-shop-client http-client {}",
                "dev-shop-kv keyvalue-nats {}",
                "dev-shop-messaging messaging-nats {}",
            ],
            &[
                r#"actor/shop wasi:http provider/dev-shop-client {"hosts": "*:*"}"#,
                "actor/shop wasi:keyvalue provider/dev-shop-kv {}",
                r#"actor/shop wasmcloud:messaging provider/dev-shop-messaging {"publish": ">"}"#,
                r#"provider/dev-shop-messaging wasmcloud:messaging actor/shop {"subscriptions": "shop,shop.>"}"#,
            ],
        );
    }

    #[test]
    fn a_component_that_needs_nobody_runs_alone() {
        check(&["wasi:clocks/wall-clock@0.2.3"], &["example:echo/echo"], &[], &[]);
        let application = derive(&built(&[], &[]), &wishes()).expect("nothing to serve");
        let actor = &application.actors[0];
        assert_eq!(
            (application.name.as_str(), actor.spec.name.as_str()),
            ("dev-shop", "shop")
        );
        assert_eq!(actor.spec.config["greeting"], "hi");
    }

    #[test]
    fn what_another_actor_must_serve_is_named() {
        let built = built(
            &["example:ping-pong/pong@1.0.0", "wasi:keyvalue/store@0.2.0-draft"],
            &[],
        );
        let failure = derive(&built, &wishes()).expect_err("who serves pong?");
        assert_eq!(failure.what, "the component imports `example:ping-pong/pong@1.0.0`");
        assert!(failure.why.expect("why").contains("another actor"));
        assert!(failure.help.expect("help").contains("manifest"));
    }

    #[test]
    fn what_no_provider_of_ours_serves_is_named() {
        let failure = derive(&built(&["wasi:blobstore/container@0.2.0-draft"], &[]), &wishes());
        assert!(
            failure
                .expect_err("no provider")
                .why
                .expect("why")
                .contains("no provider")
        );
    }

    #[test]
    fn an_import_of_types_alone_needs_nobody() {
        let mut built = built(&["example:ping-pong/types@1.0.0"], &[]);
        built.world.imports[0].functions.clear();
        derive(&built, &wishes()).expect("nothing is called");
    }

    #[test]
    fn the_subjects_it_hears_may_be_said() {
        let wishes = Wishes {
            subjects: vec!["orders.*".to_owned(), "audit.>".to_owned()],
            ..wishes()
        };
        let application = derive(&built(&[], &["wasmcloud:messaging/handler@0.2.0"]), &wishes).expect("served");
        assert_eq!(application.links[0].config["subscriptions"], "orders.*,audit.>");
    }
}
