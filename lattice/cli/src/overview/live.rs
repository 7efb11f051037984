//! The feed over a real nats-server, with stand-in members.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lattice_bus::{Bus, BusConfig};
use lattice_control::*;
use lattice_core::{LatticeId, Trust};
use lattice_testkit::NatsServer;
use nkeys::{KeyPair, KeyPairType};
use tokio::sync::watch;

use super::{
    Feed, Overview,
    testing::{flow, link_status, said},
};
use crate::{context::ContextFile, session::Session};

const LONG: Duration = Duration::from_secs(30);

/// Serves five calls, one of which fails, between two questions.
struct Standin {
    inventory: InventoryReply,
    asked: AtomicU64,
    knows_traffic: bool,
}

#[async_trait]
impl Handler for Standin {
    async fn ping(&self, _: Ping) -> Result<MemberSummary, ControlError> {
        Ok(self.inventory.summary.clone())
    }

    async fn inventory(&self, _: Inventory) -> Result<InventoryReply, ControlError> {
        Ok(self.inventory.clone())
    }

    async fn links(&self, _: Links) -> Result<LinksReply, ControlError> {
        Ok(LinksReply {
            active: vec![link_status("actor/cart", 1)],
            ..LinksReply::default()
        })
    }

    async fn placements(&self, _: Placements) -> Result<PlacementsReply, ControlError> {
        Err(ControlError::unsupported("placements"))
    }

    async fn doctor(&self, _: Doctor) -> Result<DoctorReport, ControlError> {
        Err(ControlError::unsupported("doctor"))
    }

    async fn traffic(&self, _: Traffic) -> Result<TrafficReply, ControlError> {
        if !self.knows_traffic {
            std::future::pending::<()>().await;
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(TrafficReply {
            flows: vec![flow("actor/cart", asked * 5, asked, &[0, 0, asked * 5])],
        })
    }

    async fn keyed_list(&self, request: KeyedList) -> Result<KeyedListed, ControlError> {
        let keys = ["alice", "bob"].map(|key| key.parse().expect("a key"));
        assert_eq!(request.name.as_str(), "cart");
        Ok(KeyedListed {
            keys: keys.into(),
            total: 2,
        })
    }
}

struct Lattice {
    nats: NatsServer,
    id: LatticeId,
}

impl Lattice {
    async fn bus(&self) -> Bus {
        let connected = Bus::connect(BusConfig::new("test").server(self.nats.url())).await;
        connected.expect("nats-server answers")
    }

    async fn member(&self, seed: u8, name: &str, knows_traffic: bool) -> ControlServer {
        let mut inventory = said(seed, name).inventory;
        inventory.actors[0].awake = Some(2);
        let key = KeyPair::new_from_raw(KeyPairType::Server, [seed; 32]).expect("32 bytes make a key");
        let config = ServerConfig {
            lattice: self.id.clone(),
            member: inventory.summary.member.clone(),
            incarnation: inventory.summary.incarnation,
            key: Arc::new(key),
        };
        let standin = Standin {
            inventory,
            asked: AtomicU64::new(0),
            knows_traffic,
        };
        let trust = Arc::new(Trust::new(self.id.clone(), []));
        let bus = self.bus().await;
        let server = ControlServer::start(
            config,
            bus.clone(),
            Arc::new(move || Arc::clone(&trust)),
            Arc::new(standin),
        );
        let server = server.await.expect("subscribes");
        bus.round_trip(LONG).await.expect("the subscriptions are in effect");
        server
    }

    async fn session(&self) -> Arc<Session> {
        let context = serde_json::json!({ "lattice": self.id });
        let context: ContextFile = serde_json::from_value(context).expect("a context");
        let client = ControlClient::new(self.bus().await, self.id.clone());
        Arc::new(Session { context, client })
    }
}

async fn until(
    overviews: &mut watch::Receiver<Arc<Overview>>,
    is_wanted: impl FnMut(&Arc<Overview>) -> bool,
) -> Arc<Overview> {
    let wanted = tokio::time::timeout(LONG, overviews.wait_for(is_wanted)).await;
    wanted.expect("it comes in time").expect("the feed goes on").clone()
}

#[tokio::test]
async fn members_of_all_ages_are_shown_and_none_holds_up_the_rest() {
    let mut lattice = Lattice {
        nats: NatsServer::start().await,
        id: "default".parse().expect("a lattice id"),
    };
    let _cloud = lattice.member(1, "cloud", true).await;
    let edge = lattice.member(2, "edge", false).await;
    let feed = Feed::start(lattice.session().await, Duration::from_millis(100))
        .await
        .expect("somebody is there");
    let mut overviews = feed.watch();
    assert_eq!(overviews.borrow().hosts.len(), 2, "the first look is done");

    let view = until(&mut overviews, |view| view.traffic.calls > 0.0).await;
    let [cloud, edge_view] = &view.hosts[..] else {
        panic!("{view:?}")
    };
    assert_eq!((cloud.name.as_str(), edge_view.name.as_str()), ("cloud", "edge"));
    assert_eq!(cloud.actors[0].traffic.p50_us, Some(4));
    assert!(cloud.traffic.failed > 0.0 && edge_view.traffic.calls == 0.0);
    let keys: Vec<&str> = edge_view.actors[0].keys.iter().map(AsRef::as_ref).collect();
    assert_eq!(keys, ["alice", "bob"]);
    assert_eq!(view.links[0].verified_by, ["cloud", "edge"]);

    // Whoever does not know a question is not waited for at every look.
    let mut last = u64::MAX;
    until(&mut overviews, |view| {
        let took = view.at_ms.saturating_sub(std::mem::replace(&mut last, view.at_ms));
        took > 0 && took < 600
    })
    .await;

    // What it still had to answer is of no account.
    let _ = edge.shutdown(Duration::ZERO).await;
    let view = until(&mut overviews, |view| !view.silent.is_empty()).await;
    assert_eq!((view.silent.join(" "), view.hosts.len()), ("edge".to_owned(), 1));

    lattice.nats.kill();
    let view = until(&mut overviews, |view| view.trouble.is_some()).await;
    assert_eq!(view.hosts.len(), 1, "what was last seen stays");
}
