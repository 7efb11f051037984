//! Which link takes which request, and how routes come and go.

use provider_http_server::HttpServer;
use provider_sdk::{LinkError, Provider as _};

use crate::support::{Client, Got, config, get, route, server, text};

async fn asked(server: &HttpServer, request: &str) -> Got {
    let mut client = Client::connect(server).await;
    client.send(format!("{}\r\n\r\n", request.replace('\n', "\r\n"))).await;
    client.read().await
}

async fn naming_server() -> std::sync::Arc<HttpServer> {
    server(
        config(),
        |call| async move { text(call.link.parts().label.to_string()) },
    )
    .await
}

#[tokio::test]
async fn the_most_specific_route_wins() {
    let server = naming_server().await;
    route(&server, "all", &[]).await.unwrap();
    route(&server, "api", &[("path", "/api")]).await.unwrap();
    route(&server, "v2", &[("path", "/api/v2/")]).await.unwrap();
    route(&server, "health", &[("path", "/api/health"), ("match", "exact")])
        .await
        .unwrap();
    route(&server, "writes", &[("path", "/api"), ("method", "POST,PUT")])
        .await
        .unwrap();
    route(&server, "shop", &[("host", "shop.example")]).await.unwrap();
    route(&server, "below", &[("host", "*.example")]).await.unwrap();

    for (request, expect) in [
        ("GET / HTTP/1.1\nhost: x", "all"),
        ("GET /apix HTTP/1.1\nhost: x", "all"),
        ("GET /api HTTP/1.1\nhost: x", "api"),
        ("GET /api/ HTTP/1.1\nhost: x", "api"),
        ("GET /api/v1?q=/api/v2 HTTP/1.1\nhost: x", "api"),
        ("GET /api/v2 HTTP/1.1\nhost: x", "v2"),
        ("GET /api/v2/deep/er HTTP/1.1\nhost: x", "v2"),
        ("GET /api/health HTTP/1.1\nhost: x", "health"),
        ("GET /api/health/x HTTP/1.1\nhost: x", "api"),
        ("POST /api/x HTTP/1.1\nhost: x\ncontent-length: 0", "writes"),
        ("DELETE /api/x HTTP/1.1\nhost: x", "api"),
        ("GET /api HTTP/1.1\nhost: SHOP.example:80", "shop"),
        ("GET /api HTTP/1.1\nhost: shop.example.", "shop"),
        ("GET /api HTTP/1.1\nhost: other.shop.example", "below"),
        ("GET /api HTTP/1.1\nhost: example", "api"),
        ("GET http://shop.example/api HTTP/1.1\nhost: x", "shop"),
        ("GET /api HTTP/1.0", "api"),
    ] {
        assert_eq!(asked(&server, request).await.body, expect, "{request}");
    }
}

#[tokio::test]
async fn what_nothing_takes_is_404_or_405() {
    let server = naming_server().await;
    let got = get(&server, "/x").await;
    assert_eq!(got.status, 404);
    assert!(got.body.contains("GET /x on test"), "{}", got.body);
    route(&server, "writes", &[("path", "/x"), ("method", "PUT,POST")])
        .await
        .unwrap();
    let got = get(&server, "/x").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("POST, PUT")));
    assert_eq!(get(&server, "/y").await.status, 404);
}

#[tokio::test]
async fn a_route_may_have_an_address_of_its_own() {
    let mut two = config();
    two.addresses.push("127.0.0.1:0".parse().unwrap());
    let server = server(two, |call| async move { text(call.link.parts().label.to_string()) }).await;
    let second = server.addresses()[1];
    route(&server, "both", &[("path", "/deep")]).await.unwrap();
    route(&server, "second", &[("port", &second.port().to_string())])
        .await
        .unwrap();
    let mut client = Client(tokio::net::TcpStream::connect(second).await.unwrap());
    assert_eq!(
        client.get("/deep").await.body,
        "second",
        "an address weighs more than a path"
    );
    assert_eq!(get(&server, "/deep").await.body, "both");
    assert_eq!(get(&server, "/").await.status, 404);
    assert_eq!(server.endpoints().len(), 2);
}

#[tokio::test]
async fn two_links_for_the_same_requests_conflict_and_the_first_stays() {
    let server = naming_server().await;
    let first = route(&server, "first", &[("path", "/a"), ("method", "GET,PUT")])
        .await
        .unwrap();
    let conflict = route(&server, "second", &[("path", "/a/"), ("method", "PUT")])
        .await
        .unwrap_err();
    assert!(
        matches!(&conflict, LinkError::Conflict { by, .. } if *by == first),
        "{conflict}"
    );
    assert!(conflict.to_string().contains("lnk:test/provider/http"), "{conflict}");
    assert_eq!(get(&server, "/a").await.body, "first");
    route(&server, "second", &[("path", "/a"), ("method", "POST")])
        .await
        .unwrap();

    // The same link may change its own route, and a change that conflicts leaves the old route.
    route(&server, "first", &[("path", "/b")]).await.unwrap();
    assert_eq!(get(&server, "/a").await.status, 405);
    assert_eq!(get(&server, "/b").await.body, "first");
    route(&server, "first", &[("path", "/a"), ("method", "POST")])
        .await
        .unwrap_err();
    assert_eq!(get(&server, "/b").await.body, "first");
}

#[tokio::test]
async fn routes_come_and_go_while_a_connection_stays() {
    let server = naming_server().await;
    let mut client = Client::connect(&server).await;
    assert_eq!(client.get("/").await.status, 404);
    let link = route(&server, "all", &[]).await.unwrap();
    assert_eq!(client.get("/").await.body, "all");
    server.unlink(&link).await.unwrap();
    server.unlink(&link).await.unwrap();
    assert_eq!(client.get("/").await.status, 404);
}

#[tokio::test]
async fn mistakes_in_a_link_are_told_at_once() {
    let server = naming_server().await;
    let error = route(&server, "bad", &[("path", "x"), ("port", "1"), ("hots", "x")])
        .await
        .unwrap_err();
    let LinkError::Config(mistakes) = error else {
        panic!("{error}")
    };
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert!(
        mistakes.iter().any(|mistake| mistake.contains("did you mean `host`?")),
        "{mistakes:?}"
    );
}
