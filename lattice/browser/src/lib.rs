//! A headless Chromium that looks at our own pages, for tests and for the demonstration.
//!
//! ```no_run
//! # fn example() -> Result<(), lattice_browser::BrowserError> {
//! use lattice_browser::{Chromium, DESK};
//!
//! let Some(program) = lattice_browser::find() else { return Ok(()) };
//! let mut browser = Chromium::start(&program)?;
//! browser.look(DESK)?;
//! browser.open("http://127.0.0.1:7411/")?;
//! browser.until("document.querySelector('.tile')")?;
//! browser.picture("page.png".as_ref())?;
//! # Ok(())
//! # }
//! ```
//!
//! It is spoken to by its DevTools protocol over two pipes: no port is open, and nothing but JSON is needed.

mod chromium;
mod error;
mod look;
mod pipe;

pub use chromium::{Chromium, find};
pub use error::BrowserError;
pub use look::{DESK, Look, NIGHT, PHONE};
