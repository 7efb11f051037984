//! The browser as tests want it: what goes wrong with it is told by a panic.

use std::{
    io::{Write as _, stderr},
    path::PathBuf,
};

use lattice_browser::{Chromium, Look};
use serde_json::Value;

/// A page in a browser. What it does blocks, which the page's server does not mind: it has threads of its own.
pub(super) struct Tab(Chromium);

impl Tab {
    /// Opens one; `None` where there is no browser, which is told.
    pub(super) fn open(url: &str, look: Look) -> Option<Self> {
        let Some(program) = lattice_browser::find() else {
            // Not by a macro: what a test prints is only seen when it fails.
            let _ = writeln!(
                stderr(),
                "skipped: there is no Chromium here. `apt-get install chromium`, or name one by LATTICE_CHROMIUM"
            );
            return None;
        };
        let mut browser = Chromium::start(&program).expect("the browser starts");
        browser.look(look).expect("a look");
        browser.open(url).expect("the page");
        Some(Self(browser))
    }

    /// What went wrong in the page.
    pub(super) fn complaints(&self) -> &[String] {
        self.0.complaints()
    }

    pub(super) fn look(&mut self, look: Look) {
        self.0.look(look).expect("a look");
    }

    /// What an expression comes to in the page.
    pub(super) fn eval(&mut self, expression: &str) -> Value {
        self.0.eval(expression).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until an expression is true in the page.
    pub(super) fn until(&mut self, expression: &str) {
        self.0.until(expression).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Keeps a picture, when somebody wants pictures.
    pub(super) fn picture(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("LATTICE_UI_PICTURES").map(PathBuf::from) else {
            return;
        };
        let file = folder.join(format!("ui-{name}.png"));
        self.0.picture(&file).expect("the folder can be written to");
    }
}
