//! The browser.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    BrowserError, Look,
    pipe::{NoMessage, Pipe},
};

/// Says which to use.
const VARIABLE: &str = "LATTICE_CHROMIUM";
/// What it is called here and there.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// Long enough for a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the page may take until something is so, in milliseconds.
const UNTIL_MS: u32 = 30_000;

/// A browser with one page, ended on drop.
pub struct Chromium {
    pipe: Pipe,
    program: PathBuf,
    calls: u64,
    session: Option<String>,
    complaints: Vec<String>,
}

/// Finds the browser of this machine: the one that `LATTICE_CHROMIUM` names, or the first on the search path.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    candidates.find(|candidate| candidate.is_file())
}

impl Chromium {
    /// Starts one.
    pub fn start(program: &Path) -> Result<Self, BrowserError> {
        let mut browser = Self {
            pipe: Pipe::start(program).map_err(BrowserError::Start)?,
            program: program.to_owned(),
            calls: 0,
            session: None,
            complaints: Vec::new(),
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach)?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// What went wrong in the page so far.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Decides how pages are looked at from now on.
    pub fn look(&mut self, look: Look) -> Result<(), BrowserError> {
        let size =
            json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": look.scheme }] });
        self.call("Emulation.setEmulatedMedia", &scheme).map(drop)
    }

    /// Goes to a page, and waits until it is there.
    pub fn open(&mut self, url: &str) -> Result<(), BrowserError> {
        self.call("Page.navigate", &json!({ "url": url }))?;
        self.until("document.readyState === 'complete'")
    }

    /// What an expression comes to in the page.
    pub fn eval(&mut self, expression: &str) -> Result<Value, BrowserError> {
        let wanted = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let outcome = self.call("Runtime.evaluate", &wanted)?;
        match outcome.get("exceptionDetails") {
            Some(reason) => Err(BrowserError::Page {
                expression: expression.to_owned(),
                reason: reason.clone(),
            }),
            None => Ok(outcome["result"]["value"].clone()),
        }
    }

    /// Waits until an expression is true in the page.
    pub fn until(&mut self, expression: &str) -> Result<(), BrowserError> {
        let waiting = format!(
            "new Promise((done, lost) => {{ const end = performance.now() + {UNTIL_MS}; (function look() {{
                try {{ if ({expression}) return done(); }} catch (error) {{ return lost(error); }}
                if (performance.now() < end) setTimeout(look, 10); else lost('never true');
            }})(); }})"
        );
        self.eval(&waiting).map(drop)
    }

    /// Keeps a picture of what can be seen, as PNG.
    pub fn picture(&mut self, file: &Path) -> Result<(), BrowserError> {
        // What was scrolled to is painted a frame later.
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")?;
        let method = "Page.captureScreenshot";
        let picture = self.call(method, &json!({ "format": "png" }))?;
        let bytes = picture["data"]
            .as_str()
            .and_then(|text| data_encoding::BASE64.decode(text.as_bytes()).ok());
        let bytes = bytes.ok_or_else(|| BrowserError::Refused {
            method: method.to_owned(),
            reason: picture,
        })?;
        std::fs::write(file, bytes).map_err(|source| BrowserError::Picture {
            path: file.to_owned(),
            source,
        })
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value, BrowserError> {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.pipe.send(&message);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut message = self.pipe.next(until).map_err(|why| match why {
                NoMessage::Ended => BrowserError::Ended {
                    program: self.program.display().to_string(),
                },
                NoMessage::Late => BrowserError::Silent {
                    method: method.to_owned(),
                },
            })?;
            if message["id"] != self.calls {
                self.overhear(&message);
                continue;
            }
            return match message.get("error") {
                Some(reason) => Err(BrowserError::Refused {
                    method: method.to_owned(),
                    reason: reason.clone(),
                }),
                None => Ok(message["result"].take()),
            };
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
