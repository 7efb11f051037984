//! What goes wrong with a browser.

use std::{io, path::PathBuf};

use serde_json::Value;

/// Why a browser did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// It, or the shell that gives it its pipes, cannot be started.
    #[error("the browser cannot be started")]
    Start(#[source] io::Error),
    /// It has ended, mostly because something that it needs is not on this machine.
    #[error("the browser ended: does `{program} --headless` start on this machine?")]
    Ended {
        /// Which browser.
        program: String,
    },
    /// It takes too long.
    #[error("the browser did not answer {method} in time")]
    Silent {
        /// What was asked.
        method: String,
    },
    /// It says no.
    #[error("the browser refused {method}: {reason}")]
    Refused {
        /// What was asked.
        method: String,
        /// What it said.
        reason: Value,
    },
    /// What was to be done in the page failed there.
    #[error("`{expression}` failed in the page: {reason}")]
    Page {
        /// What was to be done.
        expression: String,
        /// What the page said.
        reason: Value,
    },
    /// A picture cannot be kept.
    #[error("cannot write {}", path.display())]
    Picture {
        /// Where to.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
