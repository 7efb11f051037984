//! An actor that calls another which is nowhere: what goes wrong in a lattice has to be seen as well.

use super::load;
use crate::lattice::Lattice;
use anyhow::{Context, Result, ensure};
use std::path::Path;

const NAME: &str = "lonely";
/// What its server answers to.
const PATH: &str = "/lonely";
/// The host it is on, which is not the HTTP server's.
const HOST: &str = "edge";

/// The actor, stopped again when [`Lonely::stop`] is called.
pub(super) struct Lonely<'a> {
    lattice: &'a Lattice,
}

impl<'a> Lonely<'a> {
    /// Starts it behind the shop's HTTP server, with a link to nobody.
    pub(super) fn start(lattice: &'a Lattice, components: &Path) -> Result<Self> {
        let component = components.join("ping.wasm");
        let component = component.to_str().context("the components' path is not Unicode")?;
        let (actor, path) = (format!("actor/{NAME}"), format!("path={PATH}"));
        lattice.run(&["link", "put", &actor, "example:ping-pong/pong", "actor/nobody"])?;
        lattice.run(&["start", "actor", NAME, component, "--host", HOST])?;
        lattice.run(&[
            "link",
            "put",
            "provider/http",
            "wasi:http",
            &actor,
            "--label",
            NAME,
            "--config",
            &path,
        ])?;
        Ok(Self { lattice })
    }

    /// Calls it, which cannot go well. Returns the path that was asked for.
    pub(super) fn call(&self, site: &str) -> Result<&'static str> {
        let answer = load::fetch(&format!("{site}{PATH}/ada"));
        ensure!(answer.is_err(), "a call to nobody was answered: {answer:?}");
        Ok("/lonely/ada")
    }

    /// Takes it and its links away.
    pub(super) fn stop(self) -> Result<()> {
        let actor = format!("actor/{NAME}");
        self.lattice
            .run(&["link", "del", "provider/http", "wasi:http", "--label", NAME])?;
        self.lattice.run(&["stop", "actor", NAME])?;
        self.lattice.run(&["link", "del", &actor, "example:ping-pong/pong"])?;
        Ok(())
    }
}
