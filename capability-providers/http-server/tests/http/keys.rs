//! Which stateful actor a request is for.

use provider_http_server::HttpServer;
use provider_sdk::LinkError;

use crate::support::{Call, Client, Got, config, get, route, server, text};

/// A server whose actor answers with its link, its key, and the path it was asked for.
async fn telling_server() -> std::sync::Arc<HttpServer> {
    server(config(), |call: Call| async move {
        let key = call.key.map_or("-".to_owned(), |key| key.to_string());
        text(format!("{} {key} {}", call.link.parts().label, call.request.uri()))
    })
    .await
}

async fn asked(server: &HttpServer, request: &str) -> Got {
    let mut client = Client::connect(server).await;
    client.send(format!("{}\r\n\r\n", request.replace('\n', "\r\n"))).await;
    client.read().await
}

#[tokio::test]
async fn a_segment_of_the_path_is_the_key() {
    let server = telling_server().await;
    route(&server, "cart", &[("path", "/cart/{key}")]).await.unwrap();
    route(&server, "items", &[("path", "/shop/{key}/items/")])
        .await
        .unwrap();
    route(&server, "one", &[("path", "/one/{key}"), ("match", "exact")])
        .await
        .unwrap();
    for (path, expect) in [
        ("/cart/alice", "cart alice /cart/alice"),
        ("/cart/alice/", "cart alice /cart/alice/"),
        (
            "/cart/alice/items?x=/cart/bob",
            "cart alice /cart/alice/items?x=/cart/bob",
        ),
        ("/cart/a%2Fb%20c/x", "cart a/b c /cart/a%2Fb%20c/x"),
        ("/shop/bob/items/3", "items bob /shop/bob/items/3"),
        ("/one/carol", "one carol /one/carol"),
    ] {
        let got = get(&server, path).await;
        assert_eq!((got.status, got.body.as_str()), (200, expect), "{path}");
    }
    // None of these has the segment, or all of what follows it.
    for path in [
        "/cart",
        "/cart/",
        "/cart//x",
        "/cartx/alice",
        "/shop/bob",
        "/shop/bob/itemsx",
        "/one/carol/",
    ] {
        assert_eq!(get(&server, path).await.status, 404, "{path}");
    }
    for (path, why) in [
        ("/cart/%zz", "percent-encoded"),
        ("/cart/%00/x", "control character"),
        (&*format!("/cart/{}", "x".repeat(129)), "longer than 128 bytes"),
    ] {
        let got = get(&server, path).await;
        assert_eq!(got.status, 400, "{path}");
        assert!(got.header("content-type").unwrap().starts_with("text/plain"));
        assert!(
            got.body.contains("the segment `{key}` of the path") && got.body.contains(why),
            "{}",
            got.body
        );
    }
}

#[tokio::test]
async fn a_segment_by_its_name_beats_a_key() {
    let server = telling_server().await;
    for (name, path, exact) in [
        ("all", "/", false),
        ("carts", "/cart", false),
        ("cart", "/cart/{key}", false),
        ("items", "/cart/{key}/items", false),
        ("total", "/cart/{key}/items/total", true),
        ("admin", "/cart/admin", false),
        ("any-items", "/{key}/alice/items", false),
        ("head", "/cart/{key}/head", true),
    ] {
        let matching = if exact { "exact" } else { "prefix" };
        route(&server, name, &[("path", path), ("match", matching)])
            .await
            .unwrap();
    }
    route(&server, "writes", &[("path", "/cart/admin/lock"), ("method", "PUT")])
        .await
        .unwrap();
    for (path, expect) in [
        ("/", "all -"),
        ("/cart", "carts -"),
        ("/cart/", "carts -"),
        ("/cart/alice", "cart alice"),
        ("/cart/alice/x/items", "cart alice"),
        ("/cart/alice/items", "items alice"),
        ("/cart/alice/items/1", "items alice"),
        ("/cart/alice/items/total", "total alice"),
        ("/cart/alice/items/total/x", "items alice"),
        ("/cart/alice/head", "head alice"),
        ("/cart/alice/head/x", "cart alice"),
        ("/cart/admin", "admin -"),
        ("/cart/admin/items", "admin -"),
        // Another method is no reason to leave what goes by name while something there takes the request.
        ("/cart/admin/lock", "admin -"),
        ("/shop/alice/items", "any-items shop"),
        ("/shop/alice", "all -"),
    ] {
        let got = get(&server, path).await;
        assert_eq!(got.body, format!("{expect} {path}"), "{path}");
    }
}

#[tokio::test]
async fn methods_and_conflicts_are_those_of_other_paths() {
    let server = telling_server().await;
    let first = route(&server, "first", &[("path", "/cart/{key}"), ("method", "GET,PUT")])
        .await
        .unwrap();
    route(&server, "later", &[("path", "/cart/{key}/"), ("method", "DELETE")])
        .await
        .unwrap();
    let conflict = route(&server, "same", &[("path", "/cart/{key}"), ("method", "PUT")])
        .await
        .unwrap_err();
    assert!(
        matches!(&conflict, LinkError::Conflict { what, by } if *by == first && what.contains("/cart/{key}")),
        "{conflict}"
    );
    route(&server, "named", &[("path", "/cart/key"), ("method", "PUT")])
        .await
        .unwrap();
    let got = asked(&server, "POST /cart/alice HTTP/1.1\nhost: x\ncontent-length: 0").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("DELETE, GET, PUT")));
    let got = asked(&server, "DELETE /cart/key HTTP/1.1\nhost: x").await;
    assert_eq!(got.body, "later key /cart/key");
}

#[tokio::test]
async fn a_key_may_be_elsewhere() {
    let server = telling_server().await;
    for (name, source) in [
        ("header", "header:X-Customer"),
        ("query", "query:customer"),
        ("host", "host:0"),
        ("cookie", "cookie:session"),
    ] {
        let path = format!("/{name}");
        route(&server, name, &[("path", &path), ("key", source)]).await.unwrap();
    }
    for (request, expect) in [
        (
            "GET /header/x HTTP/1.1\nhost: x\nx-customer: alice ",
            "header alice /header/x",
        ),
        (
            "GET /query?a=1&customer=al%20ice HTTP/1.1\nhost: x",
            "query al ice /query?a=1&customer=al%20ice",
        ),
        ("GET /host HTTP/1.1\nhost: Alice.shop.example:80", "host alice /host"),
        (
            "GET http://bob.shop.example/host HTTP/1.1\nhost: x",
            "host bob http://bob.shop.example/host",
        ),
        (
            "GET /cookie HTTP/1.1\nhost: x\ncookie: a=b; session=s1",
            "cookie s1 /cookie",
        ),
    ] {
        let got = asked(&server, request).await;
        assert_eq!((got.status, got.body.as_str()), (200, expect), "{request}");
    }
    for (request, place) in [
        ("GET /header HTTP/1.1\nhost: x", "the header `x-customer`"),
        (
            "GET /header HTTP/1.1\nhost: x\nx-customer: a\nx-customer: b",
            "the header `x-customer`",
        ),
        ("GET /query?b=1 HTTP/1.1\nhost: x", "the query parameter `customer`"),
        ("GET /host HTTP/1.1\nhost: 127.0.0.1:80", "label 0 of the host name"),
        ("GET /host HTTP/1.0", "label 0 of the host name"),
        ("GET /cookie HTTP/1.1\nhost: x", "the cookie `session`"),
    ] {
        let got = asked(&server, request).await;
        assert_eq!(got.status, 400, "{request}");
        assert!(got.body.starts_with(place), "{}", got.body);
    }
}

#[tokio::test]
async fn mistakes_in_keys_are_told_at_once() {
    let server = telling_server().await;
    for (config, expect) in [
        (
            &[("path", "/cart/{key}"), ("key", "header:x")][..],
            vec!["exclude each other"],
        ),
        (
            &[("path", "/cart/{id}"), ("key", "heder:x")],
            vec!["braces", "header:<name>"],
        ),
        (
            &[("path", "/{key}/{key}"), ("kye", "header:x")],
            vec!["more than once", "did you mean `key`?"],
        ),
    ] {
        let Err(LinkError::Config(mistakes)) = route(&server, "bad", config).await else {
            panic!("{config:?} is taken")
        };
        assert_eq!(mistakes.len(), expect.len(), "{mistakes:?}");
        for part in expect {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{mistakes:?}");
        }
    }
}
