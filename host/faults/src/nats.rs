//! Three nats-servers that tell nobody of each other, so that hosts stay on the lines they are given.

use lattice_testkit::{Cluster, NatsServer, free_port};

const SERVERS: usize = 3;

/// Starts the cluster.
pub(crate) async fn start() -> Cluster {
    let ports: Vec<u16> = (0..SERVERS).map(|_| free_port()).collect();
    let routes: Vec<String> = ports
        .iter()
        .map(|port| format!("nats-route://127.0.0.1:{port}"))
        .collect();
    let routes = routes.join(", ");
    let mut members = Vec::new();
    for (number, port) in ports.iter().enumerate() {
        let cluster =
            format!("cluster {{ name: faults, listen: \"127.0.0.1:{port}\", no_advertise: true, routes: [{routes}] }}");
        let server = NatsServer::builder().name(&format!("n{}", number + 1)).config(&cluster);
        members.push(server.start().await);
    }
    let cluster = Cluster { members };
    cluster.ready().await;
    cluster
}
