//! A cluster of real nats-servers.

use std::time::Duration;

use async_nats::jetstream::{self, stream};

use crate::{NatsServer, eventually};

/// Time for the members to find each other and elect a leader.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// The first member has nobody to call yet, but JetStream refuses to start in a cluster without a route.
const NOWHERE: &str = "nats-route://127.0.0.1:1";

/// Several nats-servers that form one cluster with JetStream.
#[derive(Debug)]
pub struct Cluster {
    /// The members. Kill, pause and restart them one by one.
    pub members: Vec<NatsServer>,
}

impl Cluster {
    /// Starts a cluster of `size` members and waits until JetStream can place a copy on each of up to three of them.
    pub async fn start(size: usize) -> Self {
        let mut members: Vec<NatsServer> = Vec::new();
        for n in 1..=size {
            let route = members
                .first()
                .map_or_else(|| NOWHERE.to_owned(), NatsServer::route_url);
            members.push(
                NatsServer::builder()
                    .name(&format!("n{n}"))
                    .cluster("test", route)
                    .start()
                    .await,
            );
        }
        if let [first, .., last] = members.as_mut_slice() {
            first.route_to(last.route_url());
        }
        let cluster = Self { members };
        cluster.ready().await;
        cluster
    }

    /// Returns the addresses of all members.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(NatsServer::url).collect()
    }

    /// Waits until JetStream has a leader and can place copies.
    pub async fn ready(&self) {
        let copies = self.members.len().min(3);
        eventually("the cluster to place a stream", READY_LIMIT, || async {
            let client = async_nats::ConnectOptions::new()
                .connect(self.urls())
                .await
                .map_err(|err| err.to_string())?;
            let mut context = jetstream::new(client);
            context.set_timeout(Duration::from_secs(2));
            let config = stream::Config {
                name: "READY".into(),
                num_replicas: copies,
                ..Default::default()
            };
            context.create_stream(config).await.map_err(|err| err.to_string())?;
            context.delete_stream("READY").await.map_err(|err| err.to_string())
        })
        .await;
    }

    /// Returns the index of the member that leads a stream.
    pub async fn leader_of(&self, stream: &str) -> usize {
        eventually("a stream leader", READY_LIMIT, || async {
            let client = async_nats::ConnectOptions::new()
                .connect(self.urls())
                .await
                .map_err(|err| err.to_string())?;
            let stream = jetstream::new(client)
                .get_stream(stream)
                .await
                .map_err(|err| err.to_string())?;
            let leader = stream
                .cached_info()
                .cluster
                .as_ref()
                .and_then(|cluster| cluster.leader.clone());
            let number = leader
                .as_deref()
                .and_then(|name| name.strip_prefix('n')?.parse::<usize>().ok());
            number.map(|number| number - 1).ok_or_else(|| "no leader".to_owned())
        })
        .await
    }
}
