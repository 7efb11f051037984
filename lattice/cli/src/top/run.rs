//! The loop: waits for a look, a key or the end, and draws.

use std::sync::Arc;

use anyhow::{Context as _, Result};

use super::{
    act::{Act, Step},
    draw::{Palette, draw, page},
    keys,
    model::Model,
    screen::{Input, Screen},
};
use crate::{
    dev::Interrupts,
    overview::{Feed, Overview},
};

/// Shows the lattice until somebody ends it.
pub(crate) async fn run(feed: &Feed, interrupts: &mut Interrupts) -> Result<()> {
    let mut overviews = feed.watch();
    let mut model = Model::new(overviews.borrow_and_update().clone());
    let palette = palette();
    let mut screen = Screen::open().context("the terminal cannot be used")?;
    loop {
        model.fits(page(screen.height()?));
        screen.draw(|frame| draw(frame, &model, palette))?;
        let event = tokio::select! {
            changed = overviews.changed() => {
                changed.context("nobody looks at the lattice any more")?;
                Happening::Looked(overviews.borrow_and_update().clone())
            }
            input = screen.input() => match input.context("the terminal cannot be read")? {
                Input::Key(key) => keys::act(key, model.is_typing).map_or(Happening::Nothing, Happening::Wanted),
                Input::Redraw => Happening::Nothing,
            },
            () = interrupts.recv() => Happening::Wanted(Act::Quit),
        };
        match event {
            Happening::Nothing => {}
            Happening::Looked(overview) => model.hear(overview),
            Happening::Wanted(act) => {
                if model.act(act) == Step::End {
                    return Ok(());
                }
            }
        }
    }
}

/// What is waited for.
enum Happening {
    Nothing,
    Looked(Arc<Overview>),
    Wanted(Act),
}

fn palette() -> Palette {
    match anstream::AutoStream::choice(&std::io::stdout()) {
        anstream::ColorChoice::Never => Palette::Plain,
        _ => Palette::Colours,
    }
}
