use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::*;
use crate::ui::testing::{Rig, Scene, told};

async fn connect(rig: &Rig, what: &str, host: &str) -> TcpStream {
    let mut stream = TcpStream::connect(rig.address).await.expect("connects");
    let request = format!("{what} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sends");
    stream
}

async fn ask(rig: &Rig, what: &str) -> String {
    ask_as(rig, what, "localhost:7411").await
}

async fn ask_as(rig: &Rig, what: &str, host: &str) -> String {
    let mut answer = String::new();
    let mut stream = connect(rig, what, host).await;
    stream.read_to_string(&mut answer).await.expect("reads");
    answer
}

#[tokio::test]
async fn files_and_what_is_known_are_served() {
    let rig = Rig::start(Scene::shop().0).await;
    let page = ask(&rig, "GET /").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'self';",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
    assert!(!page.contains("set-cookie"));
    assert!(page.contains("<!doctype html>"));
    assert!(
        ask(&rig, "GET /main.js?x=1")
            .await
            .contains("content-type: text/javascript")
    );
    assert!(ask(&rig, "GET /style.css").await.contains("content-type: text/css"));
    let head = ask(&rig, "HEAD /style.css").await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let overview = ask(&rig, "GET /api/overview").await;
    assert!(overview.contains("content-type: application/json"), "{overview}");
    assert!(
        overview.contains(r#""lattice":"shop""#) && overview.contains(r#""atMs":"#),
        "{overview}"
    );
    let about = ask(&rig, "GET /api/about").await;
    assert!(about.contains(r#""jaeger":"http://jaeger.test:16686""#), "{about}");
}

#[tokio::test]
async fn all_else_is_turned_away() {
    let rig = Rig::start(Scene::shop().0).await;
    for path in [
        "/nothing",
        "/../Cargo.toml",
        "/page/main.js",
        "//",
        "/api/",
        "/%2e%2e/main.js",
    ] {
        let answer = ask(&rig, &format!("GET {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for path in ["/", "/api/overview", "/api/stream", "/nothing"] {
            let answer = ask(&rig, &format!("{method} {path}")).await;
            assert!(
                answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"),
                "{answer}"
            );
        }
    }
    for path in ["/", "/api/overview", "/api/stream"] {
        let answer = ask_as(&rig, &format!("GET {path}"), "evil.example:7411").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(!answer.contains("shop"), "nothing is told to another page: {answer}");
    }
}

/// Reads the stream of a page.
struct Reader(BufReader<TcpStream>);

impl Reader {
    async fn open(rig: &Rig) -> Self {
        let mut reader = Self(BufReader::new(connect(rig, "GET /api/stream", "127.0.0.1").await));
        let head = reader.until("\r\n\r\n").await;
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        reader
    }

    /// All there is up to and with a text.
    async fn until(&mut self, end: &str) -> String {
        let reading = async {
            let mut text = Vec::new();
            while !text.ends_with(end.as_bytes()) {
                text.push(self.0.read_u8().await.expect("it goes on"));
            }
            String::from_utf8(text).expect("text")
        };
        let read = tokio::time::timeout(Duration::from_secs(30), reading).await;
        read.unwrap_or_else(|_| panic!("{end:?} did not come"))
    }

    /// The next word, without what frames it.
    async fn word(&mut self, name: &str) -> serde_json::Value {
        loop {
            self.until(&format!("event: {name}\ndata: ")).await;
            let text = self.until("\n\n").await;
            // The end of a chunk may be within.
            if let Ok(value) = serde_json::from_str(text.trim_end()) {
                return value;
            }
        }
    }
}

#[tokio::test]
async fn who_looks_is_told_what_is_known_and_what_comes() {
    let mut scene = Scene::shop();
    let rig = Rig::start(scene.0.clone()).await;
    rig.news.tell(told(1));
    let mut reader = Reader::open(&rig).await;
    assert_eq!(reader.word("kept").await[0]["id"], "1");
    assert_eq!(reader.word("overview").await["hosts"][0]["name"], "cloud");
    assert!(reader.word("trouble").await.is_null());

    rig.news.tell(told(2));
    let happened = reader.word("happened").await;
    assert_eq!(
        (&happened["id"], &happened["object"]),
        (&"2".into(), &"actor/cart".into())
    );
    scene.0.lattice = "other".to_owned();
    rig.show(&scene.0);
    assert_eq!(reader.word("overview").await["lattice"], "other");
    rig.news.set_trouble(Some("NATS is away".to_owned()));
    assert_eq!(reader.word("trouble").await, "NATS is away");
}

#[tokio::test]
async fn who_reads_slowly_costs_no_memory_and_learns_what_was_missed() {
    const LOOKS: usize = 500;
    const EVENTS: usize = 20_000;
    let mut scene = Scene::large(10, 100);
    let rig = Rig::start(scene.0.clone()).await;
    let mut reader = Reader::open(&rig).await;
    for nth in 0..EVENTS {
        rig.news.tell(told(nth));
        if nth.is_multiple_of(EVENTS / LOOKS) {
            scene.0.at_ms += 1;
            rig.show(&scene.0);
            // Whoever would queue them has the time to.
            tokio::task::yield_now().await;
        }
    }
    scene.0.lattice = "last".to_owned();
    rig.show(&scene.0);
    // As large as all looks and events together would be, were they kept.
    let whole = serde_json::to_vec(&scene.0).expect("JSON").len() * LOOKS;
    let read = reader.until(r#"{"lattice":"last""#).await.len();
    assert!(read < whole / 10, "{read} of {whole} bytes waited");
    let missed = reader.word("missed").await.as_u64();
    assert!(missed > Some(EVENTS as u64 / 2), "{missed:?}");
    let newest = (EVENTS - 1).to_string();
    while reader.word("happened").await["id"] != newest {}
}

#[tokio::test]
async fn only_so_many_pages_are_open() {
    let rig = Rig::start(Scene::shop().0).await;
    let mut readers = Vec::new();
    for _ in 0..STREAMS_MAX {
        readers.push(Reader::open(&rig).await);
    }
    let answer = ask(&rig, "GET /api/stream").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        ask(&rig, "GET /").await.starts_with("HTTP/1.1 200 "),
        "the rest is served"
    );
    readers.pop();
    let freed = async {
        while ask_for_stream(&rig).await.starts_with("HTTP/1.1 503 ") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let freed = tokio::time::timeout(Duration::from_secs(20), freed).await;
    assert!(freed.is_ok(), "who goes makes room");
}

async fn ask_for_stream(rig: &Rig) -> String {
    let mut stream = connect(rig, "GET /api/stream", "localhost").await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.expect("reads");
    String::from_utf8(start.to_vec()).expect("text") + " "
}
