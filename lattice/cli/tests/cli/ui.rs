//! The page of `lattice ui`, served from a real lattice. What it looks like is tested beside it, in a browser.

use std::{process::Stdio, time::Duration};

use lattice_testkit::eventually;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::fixture::{Home, http_get, require_host_program};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn others_are_not_let_in_by_accident() {
    let home = Home::new();
    for open in ["0.0.0.0:0", "[::]:7411"] {
        let run = home.run(&["ui", "--listen", open]).fails(2, "--allow-remote");
        assert!(run.stderr.contains("asks nobody who they are"), "{}", run.stderr);
    }
    home.run(&["ui"]).fails(3, "lattice up");
}

#[tokio::test]
async fn the_page_shows_a_lattice() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--name", "cloud", "--host", "edge"]);
    home.serve("talker", "test-config", "edge");

    let mut serving = Command::from(home.command(&["ui", "--listen", "127.0.0.1:0"]))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program runs");
    let mut lines = BufReader::new(serving.stdout.take().expect("it is piped")).lines();
    let url = lines.next_line().await.expect("text").expect("it says where");
    let port = url
        .strip_prefix("http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix('/'));
    let port: u16 = port.and_then(|port| port.parse().ok()).expect(&url);

    let (status, page) = http_get(port, "/").expect("it answers");
    assert!(status == 200 && page.contains("main.js"), "{status} {page}");
    eventually("the page shows what runs", LONG, async || {
        let (_, text) = http_get(port, "/api/overview").map_err(|error| error.to_string())?;
        let overview: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match overview["hosts"][1]["actors"][0]["name"].as_str() {
            Some("talker") => Ok(()),
            _ => Err(text),
        }
    })
    .await;
}
