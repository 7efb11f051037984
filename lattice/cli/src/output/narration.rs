//! What is going on, told on stderr: a spinner on a terminal, plain lines elsewhere.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lattice_control::Progress;

/// Says something in passing.
pub(crate) fn note(text: impl std::fmt::Display) {
    anstream::eprintln!("{text}");
}

/// Says something that somebody should know.
pub(crate) fn warn(text: impl std::fmt::Display) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    anstream::eprintln!("{yellow}warning:{yellow:#} {text}");
}

/// Tells the progress of one piece of work, and leaves nothing behind when it is done.
pub(crate) struct Narrator {
    bar: Option<ProgressBar>,
    /// The last word of each who spoke, so that two at work at once do not make each other's words new.
    last: BTreeMap<String, String>,
}

impl Narrator {
    /// Starts to tell.
    pub(crate) fn new() -> Self {
        // Also false when the user asked for no escapes, which is what a spinner is made of.
        let draws = std::io::stderr().is_terminal()
            && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let bar = draws.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            last: BTreeMap::new(),
        }
    }

    /// Tells a step of our own.
    pub(crate) fn step(&mut self, text: impl Into<String>) {
        self.tell_new("", text.into());
    }

    /// Tells something that shall stay to be read.
    pub(crate) fn remark(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(format_args!("  ! {text}"))),
            None => note(format_args!("  ! {text}")),
        }
    }

    /// Tells what was not told yet: hosts repeat their last word as a sign of life.
    fn tell_new(&mut self, who: &str, text: String) {
        if self.last.get(who) == Some(&text) {
            return;
        }
        let line = if who.is_empty() {
            text.clone()
        } else {
            format!("{who}: {text}")
        };
        match &self.bar {
            Some(bar) => bar.set_message(line),
            None => note(format_args!("  {line}")),
        }
        self.last.insert(who.to_owned(), text);
    }

    /// Tells what a host says it is doing.
    pub(crate) fn progress(&mut self, who: &str, progress: &Progress) {
        let count = match (progress.done, progress.total) {
            (Some(done), Some(total)) => format!(" ({done} of {total})"),
            (Some(done), None) => format!(" ({done})"),
            _ => String::new(),
        };
        self.tell_new(who, format!("{}{count}", progress.message));
    }
}

impl Narrator {
    /// Like [`Narrator::progress`], for work that goes on in several places at once.
    pub(crate) fn tell(narrator: &Mutex<Self>, who: &str, progress: &Progress) {
        // A panic while it was held cannot have harmed a spinner.
        narrator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .progress(who, progress);
    }
}

impl Drop for Narrator {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
