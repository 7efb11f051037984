//! Lattices that never were, served as real ones are, and a browser to look at them.

mod browser;
mod scene;
mod tab;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Access, Listen, News, Server, Sources,
    told::{Change, Told},
};
use crate::{overview::Overview, traces::TraceView, views::EventRow};

pub(super) use scene::Scene;

/// A page that is served, and what feeds it.
pub(super) struct Rig {
    pub(super) overview: watch::Sender<Arc<Overview>>,
    pub(super) news: Arc<News>,
    traces: watch::Sender<Arc<Vec<TraceView>>>,
    pub(super) address: SocketAddr,
    server: Option<Server>,
}

impl Rig {
    pub(super) async fn start(overview: Overview) -> Self {
        let mut rig = Self {
            overview: watch::channel(Arc::new(overview)).0,
            news: Arc::new(News::new()),
            traces: watch::channel(Arc::default()).0,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            server: None,
        };
        rig.serve().await;
        rig
    }

    /// Serves, where it did before if it did.
    pub(super) async fn serve(&mut self) {
        let listen = Listen::new(Some(self.address), Access::Loopback).expect("a loopback address");
        let sources = || Sources {
            overview: self.overview.subscribe(),
            news: Arc::clone(&self.news),
            traces: self.traces.subscribe(),
            jaeger: Some("http://jaeger.test:16686".parse().expect("an address")),
        };
        // The one before lets go of its port when it gets to it.
        let served = async {
            loop {
                if let Ok(server) = Server::start(&listen, Access::Loopback, sources()).await {
                    break server;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let served = tokio::time::timeout(Duration::from_secs(10), served).await;
        let server = served.expect("the port is free again");
        self.address = server.address();
        self.server = Some(server);
    }

    pub(super) fn stop(&mut self) {
        self.server = None;
    }

    pub(super) fn show(&self, overview: &Overview) {
        self.overview.send_replace(Arc::new(overview.clone()));
    }

    pub(super) fn traced(&self, traces: Vec<TraceView>) {
        self.traces.send_replace(Arc::new(traces));
    }
}

/// Some event, by its number.
pub(super) fn told(nth: usize) -> Told {
    happened(nth, "actor-scaled", "actor/cart", "to 2 replicas from 1")
}

pub(super) fn happened(nth: usize, name: &str, object: &str, message: &str) -> Told {
    Told {
        id: nth.to_string(),
        at: scene::NOW_SECONDS + nth as u64,
        row: EventRow {
            name: name.to_owned(),
            object: object.to_owned(),
            from: "cloud".to_owned(),
            by: String::new(),
            message: message.to_owned(),
        },
        trace: nth
            .is_multiple_of(2)
            .then(|| lattice_core::TraceId::from_bytes([7; 16]).expect("not zero")),
        change: None,
    }
}

pub(super) fn changed(nth: usize, name: &str, object: &str, message: &str, change: Change) -> Told {
    Told {
        change: Some(change),
        ..happened(nth, name, object, message)
    }
}
