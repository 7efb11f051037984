//! The page of `lattice ui` in a real browser, beside the demonstration.

use super::ask;
use crate::lattice::Lattice;
use crate::program::{Program, free_port};
use anyhow::{Context, Result, ensure};
use lattice_browser::{Chromium, DESK, Look, NIGHT};
use std::path::{Path, PathBuf};
use std::time::Duration;

const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// High enough for four hosts with what runs on them, and their links.
const WALL: Look = Look {
    width: 1440,
    height: 1100,
    ..DESK
};

/// The page, looked at.
pub(super) struct Page {
    browser: Chromium,
    folder: PathBuf,
    pictures: usize,
    _served: Program,
}

impl Page {
    /// Serves the page, and opens it. Pictures go into `folder`.
    pub(super) fn open(
        lattice: &Lattice,
        chromium: &Path,
        jaeger: Option<&str>,
        folder: &Path,
        log: &Path,
    ) -> Result<Self> {
        let url = format!("http://127.0.0.1:{}/", free_port()?);
        let mut command = lattice.command();
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        command.args(["ui", "--listen", address]);
        if let Some(jaeger) = jaeger {
            command.args(["--jaeger", jaeger]);
        }
        let mut served = Program::start(&mut command, log)?;
        served.wait_until(STARTS_WITHIN, || Ok(ask::text(&url, &[]).is_ok()))?;
        let mut browser = Chromium::start(chromium).context("`--unwatched` does without a browser")?;
        browser.look(WALL)?;
        browser.open(&url)?;
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self {
            browser,
            folder: folder.to_owned(),
            pictures: 0,
            _served: served,
        })
    }

    /// Waits until the page shows these hosts and no others.
    pub(super) fn wait_for_hosts(&mut self, hosts: &[String]) -> Result<()> {
        let mut hosts = hosts.to_vec();
        hosts.sort_unstable();
        let names = "[...document.querySelectorAll('article.host h3')].map((it) => it.textContent).sort().join()";
        Ok(self.browser.until(&format!("{names} === '{}'", hosts.join(",")))?)
    }

    /// Waits until the page shows actors, and so many links at least, each drawn.
    pub(super) fn wait_for_links(&mut self, count: usize) -> Result<()> {
        let drawn = format!(
            "document.querySelector('.tile.actor') && document.querySelectorAll('.verdict').length >= {count}
                && document.querySelectorAll('#arcs path').length >= {count}"
        );
        Ok(self.browser.until(&drawn)?)
    }

    /// Keeps a picture.
    pub(super) fn picture(&mut self, name: &str) -> Result<()> {
        self.pictures += 1;
        let file = self.folder.join(format!("{}-{name}.png", self.pictures));
        Ok(self.browser.picture(&file)?)
    }

    /// The same, as those see it who like it dark.
    pub(super) fn picture_at_night(&mut self, name: &str) -> Result<()> {
        self.browser.look(Look {
            scheme: NIGHT.scheme,
            ..WALL
        })?;
        self.picture(name)?;
        Ok(self.browser.look(WALL)?)
    }

    /// Waits for something to fly from one host to another when this is done, stops it half-way for a picture, and lets it go on.
    pub(super) fn catch_move<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        // What moved before has to have landed, or it would be in the picture too.
        self.browser.eval(CALM)?;
        // Armed before anything moves, so that nothing is missed however busy the machine is.
        self.browser.eval(ARM)?;
        let moved = act()?;
        self.browser.until("window.caught > 0")?;
        self.picture(name)?;
        self.browser.eval(GO_ON)?;
        self.browser.until("!document.querySelector('.flying')")?;
        Ok(moved)
    }

    /// On which host the page shows a key of a stateful actor.
    pub(super) fn place_of(&mut self, actor: &str, key: &str) -> Result<String> {
        let place = format!(
            "[...document.querySelectorAll('#hosts .tile[data-party=\"actor/{actor}\"]')]
                .filter((tile) => [...tile.querySelectorAll('.chip')].some((chip) => chip.textContent === '{key}'))
                .map((tile) => tile.closest('article').querySelector('h3').textContent).join()"
        );
        let place = self.browser.eval(&place)?;
        Ok(place.as_str().unwrap_or_default().to_owned())
    }

    /// Checks that nothing went wrong in the page, and says where the pictures are.
    pub(super) fn finish(&self) -> Result<String> {
        let complaints = self.browser.complaints();
        ensure!(
            complaints.is_empty(),
            "the browser complains of the page: {}",
            complaints.join("\n")
        );
        Ok(format!(
            "lattice ui: {} pictures in {}, and nothing for the browser to complain of",
            self.pictures,
            self.folder.display()
        ))
    }
}

/// Waits until nothing has flown for a while.
const CALM: &str = "new Promise((done) => {
    let since = performance.now();
    (function look() {
        if (document.querySelector('.flying')) since = performance.now();
        performance.now() - since > 1500 ? done() : requestAnimationFrame(look);
    })();
})";
/// Stops the first thing that flies at half its way.
const ARM: &str = "window.caught = 0;
    (function look() {
        const flights = document.getAnimations().filter((it) => it.effect.target.matches('.flying'));
        for (const it of flights) {
            it.pause();
            it.currentTime = it.effect.getComputedTiming().duration / 2;
        }
        window.caught = flights.length;
        if (!window.caught) requestAnimationFrame(look);
    })()";
const GO_ON: &str = "document.getAnimations().forEach((it) => it.play())";
