//! A failed invocation becomes the status that says whose fault it was.

use lattice_core::{Blame, Fault, FaultKind};

use crate::support::{config, get, open_server};

async fn status_of(fault: Fault) -> (u16, bool, String) {
    let server = open_server(config(), move |_| {
        let fault = fault.clone();
        async move { Err(fault) }
    })
    .await;
    let got = get(&server, "/").await;
    (got.status, got.header("retry-after").is_some(), got.body)
}

#[tokio::test]
async fn each_kind_has_its_status() {
    for (kind, status, retry) in [
        (FaultKind::Overloaded, 503, true),
        (FaultKind::NoResponders, 503, true),
        (FaultKind::DeadlineExceeded, 504, false),
        (FaultKind::Trap, 500, false),
        (FaultKind::LimitMemory, 500, false),
        (FaultKind::Unreachable, 502, false),
        (FaultKind::Internal, 500, false),
        (FaultKind::Denied, 403, false),
    ] {
        let (got, has_retry, body) = status_of(Fault::new(kind, "secret details")).await;
        assert_eq!((got, has_retry), (status, retry), "{kind}");
        assert!(body.contains(kind.code()) && !body.contains("secret"), "{body}");
    }
}

#[tokio::test]
async fn a_client_is_not_blamed_for_what_lies_behind() {
    let fault = Fault::new(FaultKind::TooLarge, "the response is too large").blaming(Blame::Guest);
    assert_eq!(status_of(fault).await.0, 502);
}
