//! Who watches the demonstration: a real Jaeger, a real Prometheus, and the page of `lattice ui` in a real browser, each where this machine
//! has it. What they see is checked, and told in a line each.

mod ask;
mod dashboard;
mod expected;
mod jaeger;
mod page;
mod prometheus;
mod trace;

pub(super) use prometheus::Shown;

use super::lonely::Lonely;
use super::scenario::tell;
use super::shop::{Moved, Shop};
use crate::setup::{CHROMIUM, JAEGER, PROMETHEUS, PROMTOOL, Tools};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use jaeger::Jaeger;
use page::Page;
use prometheus::Prometheus;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// So many requests that one of them is served by a counter that is not where its store is.
const TRIES: usize = 12;

/// The programs that watch, as far as this machine has them.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    jaeger: Option<PathBuf>,
    prometheus: Option<PathBuf>,
    promtool: Option<PathBuf>,
    chromium: Option<PathBuf>,
}

impl Watchers {
    /// Those of them that are among these tools.
    pub(super) fn among(tools: &Tools) -> Self {
        let path = |tool| tools.path(tool).map(Path::to_owned);
        Self {
            jaeger: path(&JAEGER),
            prometheus: path(&PROMETHEUS),
            promtool: path(&PROMTOOL),
            chromium: path(&CHROMIUM).or_else(lattice_browser::find),
        }
    }

    /// Which are missing.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let all = [
            ("Jaeger", &self.jaeger),
            ("Prometheus", &self.prometheus),
            ("promtool", &self.promtool),
            ("Chromium", &self.chromium),
        ];
        all.iter()
            .filter(|(_, path)| path.is_none())
            .map(|(name, _)| *name)
            .collect()
    }
}

/// Those who watch one run of the demonstration.
pub(super) struct Watch {
    programs: Watchers,
    jaeger: Option<Jaeger>,
    prometheus: Option<Prometheus>,
    page: Option<Page>,
    /// Where they write what they say.
    folder: PathBuf,
    pictures: PathBuf,
    dashboard: PathBuf,
    hosts: Vec<String>,
}

impl Watch {
    /// Starts those who have to be there before the lattice is. What they write goes into a folder below `home`.
    pub(super) fn start(programs: Watchers, workspace: &Workspace, home: &Path) -> Result<Self> {
        let folder = home.join("watch");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let jaeger = programs
            .jaeger
            .as_deref()
            .map(|program| Jaeger::start(program, &folder));
        Ok(Self {
            jaeger: jaeger.transpose()?,
            prometheus: None,
            page: None,
            folder,
            pictures: workspace.target.join("demo"),
            dashboard: workspace.root.join("deploy/observe/grafana/lattice.json"),
            hosts: Vec::new(),
            programs,
        })
    }

    /// What hosts have to be told for it.
    pub(super) fn environment(&self) -> Vec<(&'static str, OsString)> {
        self.jaeger.as_ref().map(Jaeger::environment).unwrap_or_default()
    }

    /// Starts the others, now that the hosts are there.
    pub(super) fn meet(&mut self, shop: &Shop<'_>, hosts: &[Shown]) -> Result<()> {
        self.hosts = hosts.iter().map(|shown| shown.host.clone()).collect();
        if let Some(program) = &self.programs.prometheus {
            let promtool = self.programs.promtool.clone();
            self.prometheus = Some(Prometheus::start(program, promtool, &self.folder, hosts)?);
        }
        if let Some(chromium) = &self.programs.chromium {
            let jaeger = self.jaeger.as_ref().map(Jaeger::page);
            let log = self.folder.join("ui.log");
            let mut page = Page::open(shop.lattice, chromium, jaeger.as_deref(), &self.pictures, &log)?;
            page.wait_for_hosts(&self.hosts)?;
            self.page = Some(page);
        }
        Ok(())
    }

    /// Looks at the page once the shop is there, with its links.
    pub(super) fn see_deployed(&mut self, shop: &Shop<'_>) -> Result<()> {
        let Some(page) = &mut self.page else { return Ok(()) };
        page.wait_for_links(shop.names("links")?.len())?;
        page.picture("deployed")?;
        page.picture_at_night("deployed-dark")
    }

    /// Looks at the page while it says something that a person should see.
    pub(super) fn picture(&mut self, name: &str) -> Result<()> {
        self.page.as_mut().map_or(Ok(()), |page| page.picture(name))
    }

    /// Whether anybody watches.
    pub(super) fn is_on(&self) -> bool {
        self.jaeger.is_some() || self.prometheus.is_some() || self.page.is_some()
    }

    /// Follows a request over three hosts.
    pub(super) fn follow_request(&self, shop: &Shop<'_>) -> Result<()> {
        let Some(jaeger) = &self.jaeger else { return Ok(()) };
        let (since, path) = (SystemTime::now(), "/count/seen");
        for _ in 0..TRIES {
            super::load::post(&format!("{}{path}", shop.site))?;
        }
        let attributes = [("url.path", path)];
        let (trace, [front, middle, back]) =
            jaeger.wait_for(since, expected::COUNT, &attributes, expected::crosses_three_hosts)?;
        tell(&format!(
            "Jaeger: POST {path} went {front} → {middle} → {back}: {} spans in one tree, none an orphan (trace {})",
            trace.len(),
            trace.id
        ));
        Ok(())
    }

    /// Makes a request that fails, and follows it.
    pub(super) fn follow_failure(&self, shop: &Shop<'_>, lonely: &Lonely<'_>) -> Result<()> {
        let since = SystemTime::now();
        // Metrics are to show it, too, whether or not there is a Jaeger.
        let path = lonely.call(&shop.site)?;
        let Some(jaeger) = &self.jaeger else { return Ok(()) };
        let attributes = [("url.path", path)];
        let (trace, [front, back]) =
            jaeger.wait_for(since, expected::LONELY, &attributes, expected::fails_where_nobody_is)?;
        tell(&format!(
            "Jaeger: GET {path} failed on {back}, whose call nobody took, and so at {front}: {} spans say so (trace {})",
            trace.len(),
            trace.id
        ));
        Ok(())
    }

    /// Follows one move of a customer's cart, on the page and in Jaeger.
    pub(super) fn follow_move(&mut self, shop: &Shop<'_>, customer: &str) -> Result<()> {
        let cart = format!("cart/{customer}");
        let since = SystemTime::now();
        let moved = match &mut self.page {
            None => shop.move_cart(customer)?,
            Some(page) => {
                let moved = page.catch_move("move", || shop.move_cart(customer))?;
                let shown = page.place_of("cart", customer)?;
                ensure!(
                    shown == moved.to,
                    "{cart} is on {}, and the page shows it on {shown:?}",
                    moved.to
                );
                tell(&format!("lattice ui: {cart} flew from {} to {}", moved.from, moved.to));
                moved
            }
        };
        let Some(jaeger) = &self.jaeger else { return Ok(()) };
        let Moved { from, to, .. } = moved;
        let (trace, ()) = jaeger.wait_for(since, expected::MOVE, &[("lattice.actor.id", &cart)], |trace| {
            expected::moves(trace, &from, &to)
        })?;
        tell(&format!(
            "Jaeger: {cart} moved {from} → {to}: {} spans in one tree, seven phases and what {to} did (trace {})",
            trace.len(),
            trace.id
        ));
        Ok(())
    }

    /// Has the hosts' metrics judged, while all hosts are there.
    pub(super) fn check_pages(&self) -> Result<()> {
        let Some(prometheus) = &self.prometheus else {
            return Ok(());
        };
        tell(&prometheus.check_pages()?);
        Ok(())
    }

    /// Looks back, at the end: `gone` are the hosts that are not there any more.
    pub(super) fn look_back(&mut self, gone: &[&str]) -> Result<()> {
        if let Some(prometheus) = &self.prometheus {
            tell(&prometheus.check_targets(gone)?);
            tell(&prometheus.check_dashboard(&self.dashboard)?);
        }
        if let Some(page) = &mut self.page {
            let there = self.hosts.iter().filter(|host| !gone.contains(&host.as_str()));
            page.wait_for_hosts(&there.cloned().collect::<Vec<_>>())?;
            page.picture("end")?;
            tell(&page.finish()?);
        }
        Ok(())
    }

    /// Leaves Jaeger and Prometheus running for a person to look at, and says where they are.
    pub(super) fn leave_running(&mut self) {
        let jaeger = self
            .jaeger
            .take()
            .map(|jaeger| ("Jaeger", jaeger.page(), jaeger.leave_running()));
        let prometheus = self.prometheus.take();
        let prometheus = prometheus.map(|it| ("Prometheus", it.page(), it.leave_running()));
        for (name, page, process) in jaeger.into_iter().chain(prometheus) {
            let end = process.map_or_else(String::new, |process| format!(" (`kill {process}` ends it)"));
            tell(&format!("{name}: {page}{end}"));
        }
    }
}
