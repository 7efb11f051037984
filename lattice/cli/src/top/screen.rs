//! The terminal: ours while this lives, and as it was afterwards.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use ratatui::{
    DefaultTerminal, Frame,
    crossterm::event::{self, Event, KeyEvent},
};
use tokio::sync::mpsc;

/// Keys that wait to be heeded. Who types faster waits; the terminal keeps what comes.
const KEYS_WAITING: usize = 64;
/// How often the reader looks whether it shall end.
const READ_FOR: Duration = Duration::from_millis(100);

/// What comes from the terminal.
#[derive(Debug)]
pub(super) enum Input {
    Key(KeyEvent),
    /// It has another size, or was covered.
    Redraw,
}

/// The terminal.
pub(super) struct Screen {
    // Dropped first: nobody reads keys from a terminal that is not ours any more.
    keyboard: Keyboard,
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal. It is given back when this is dropped, and when anything panics.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let keyboard = Keyboard::open().inspect_err(|_| ratatui::restore())?;
        Ok(Self { keyboard, terminal })
    }

    /// How many lines there are.
    pub(super) fn height(&self) -> io::Result<u16> {
        Ok(self.terminal.size()?.height)
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw).map(|_| ())
    }

    /// What comes next.
    ///
    /// # Errors
    /// When there is nothing to read from.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn input(&mut self) -> io::Result<Input> {
        let input = self.keyboard.input.recv().await;
        input.unwrap_or_else(|| Err(io::Error::other("keys are not read any more")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.keyboard.close();
        ratatui::restore();
    }
}

/// Reads keys in a thread of its own: reading blocks.
struct Keyboard {
    input: mpsc::Receiver<io::Result<Input>>,
    ends: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Keyboard {
    fn open() -> io::Result<Self> {
        let (tell, input) = mpsc::channel(KEYS_WAITING);
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let reader = std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&told, &tell))?;
        Ok(Self {
            input,
            ends,
            reader: Some(reader),
        })
    }

    fn close(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.input.close();
        if let Some(reader) = self.reader.take() {
            // One that panicked has ended too.
            let _ = reader.join();
        }
    }
}

fn read(ends: &AtomicBool, tell: &mpsc::Sender<io::Result<Input>>) {
    while !ends.load(Ordering::Relaxed) {
        let input = match event::poll(READ_FOR) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let is_last = input.is_err();
        let input = match input {
            Ok(Event::Key(key)) => Ok(Input::Key(key)),
            Ok(_) => Ok(Input::Redraw),
            Err(error) => Err(error),
        };
        if tell.blocking_send(input).is_err() || is_last {
            return;
        }
    }
}
