//! Being found by `nats micro`.

use std::collections::BTreeMap;
use std::time::Duration;

use lattice_bus::{Headers, RequestError, ServiceDescription};
use lattice_testkit::eventually;

use crate::{LIMIT, server_and_bus};

/// The subscriptions go shortly after their owner; a question in between is not answered.
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_service_answers_in_general_by_name_and_by_id_until_dropped() {
    let (_nats, bus) = server_and_bus().await;
    let service = bus
        .service(ServiceDescription {
            name: "lattice-host".into(),
            version: "0.1.0".into(),
            description: "runs actors".into(),
            metadata: BTreeMap::from([("host".to_owned(), "NABC".to_owned())]),
        })
        .await
        .expect("subscribed");
    let id = service.id().to_owned();
    for subject in [
        "$SRV.PING".to_owned(),
        "$SRV.INFO.lattice-host".to_owned(),
        format!("$SRV.STATS.lattice-host.{id}"),
    ] {
        let answer = bus
            .request(&subject, Headers::new(), "".into(), LIMIT)
            .await
            .expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).expect("JSON");
        assert_eq!(answer["id"], id, "{subject}");
        assert_eq!(answer["metadata"]["host"], "NABC", "{subject}");
    }
    drop(service);
    eventually("nobody to answer", LIMIT, || async {
        match bus.request("$SRV.PING", Headers::new(), "".into(), SHORT).await {
            Err(RequestError::NoResponders { .. }) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
