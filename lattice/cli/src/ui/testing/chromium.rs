//! A headless Chromium, spoken to by its DevTools protocol over two pipes.

use std::{
    ffi::OsString,
    io::{Write as _, stderr},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// Says which to use.
const VARIABLE: &str = "LATTICE_CHROMIUM";
/// What it is called here and there.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// Long enough for a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(super) struct Chromium {
    write: ChildStdin,
    read: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    /// What went wrong in the page.
    pub(super) complaints: Vec<String>,
    _process: Child,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) scheme: &'static str,
}

impl Chromium {
    /// Starts one; `None` where there is none, which is told.
    pub(super) async fn start() -> Option<Self> {
        let Some(program) = find() else {
            // Not by a macro: what a test prints is only seen when it fails.
            let _ = writeln!(
                stderr(),
                "skipped: there is no Chromium here. `apt-get install chromium`, or name one by {VARIABLE}"
            );
            return None;
        };
        let profile = tempfile::tempdir().expect("a temporary folder");
        // It reads from its third descriptor and writes to its fourth, which only a shell can arrange without unsafe code.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh"])
            .arg(program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
                "--disable-extensions",
            ])
            // The page is ours, and many a container gives it no sandbox; nor much shared memory.
            .args([
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--no-proxy-server",
                "--disable-background-networking",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a shell starts");
        let mut browser = Self {
            write: process.stdin.take().expect("it is piped"),
            read: BufReader::new(process.stdout.take().expect("it is piped")),
            calls: 0,
            session: None,
            complaints: Vec::new(),
            _process: process,
            _profile: profile,
        };
        let target = browser
            .call("Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        Some(browser)
    }

    /// Decides how pages are looked at from now on.
    pub(super) async fn look(&mut self, look: Look) {
        let size =
            json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        self.call("Emulation.setEmulatedMedia", scheme).await;
    }

    pub(super) async fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
        self.until("document.readyState === 'complete'").await;
    }

    /// What an expression comes to in the page.
    pub(super) async fn eval(&mut self, expression: &str) -> Value {
        let wanted = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let outcome = self.call("Runtime.evaluate", wanted).await;
        assert!(outcome.get("exceptionDetails").is_none(), "{expression}: {outcome}");
        outcome["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub(super) async fn until(&mut self, expression: &str) {
        let waiting = format!(
            "new Promise((done, lost) => {{ const end = performance.now() + 15000; (function look() {{
                try {{ if ({expression}) return done(); }} catch (error) {{ return lost(error); }}
                if (performance.now() < end) setTimeout(look, 10); else lost('never true');
            }})(); }})"
        );
        self.eval(&waiting).await;
    }

    /// Keeps a picture, when somebody wants pictures.
    pub(super) async fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("LATTICE_UI_PICTURES").map(PathBuf::from) else {
            return;
        };
        // What was scrolled to is painted a frame later.
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            .await;
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        let text = picture["data"].as_str().expect("a picture").as_bytes();
        let bytes = data_encoding::BASE64.decode(text).expect("base64");
        std::fs::write(folder.join(format!("ui-{name}.png")), bytes).expect("the folder can be written to");
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let calling = tokio::time::timeout(PATIENCE, self.exchange(method, params)).await;
        calling.unwrap_or_else(|_| panic!("the browser did not answer {method}"))
    }

    async fn exchange(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let text = message.to_string() + "\0";
        self.write.write_all(text.as_bytes()).await.expect("the browser reads");
        loop {
            let mut text = Vec::new();
            self.read.read_until(0, &mut text).await.expect("the browser writes");
            assert!(
                text.pop().is_some(),
                "the browser ended: does it start on this machine?"
            );
            let message: Value = serde_json::from_slice(&text).expect("JSON");
            if message["id"] == self.calls {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.overhear(&message);
        }
    }

    fn overhear(&mut self, message: &Value) {
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(params["exceptionDetails"].to_string()),
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"].to_string());
            }
            _ => {}
        }
    }
}

fn find() -> Option<OsString> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(named);
    }
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    candidates.find(|candidate| candidate.is_file()).map(Into::into)
}
