//! The clock that interrupts guests.
//!
//! Compiled code looks at a counter, the epoch, at every loop and call. One thread moves it on every ten milliseconds, so that
//! a guest that only computes gives way to others and notices its deadline. The thread sleeps while no guest runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::EngineWeak;

/// How long a guest may compute before it gives way, and how late an interruption may come.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Ticks without a running guest after which the thread goes to sleep. Waking it costs a caller a system call, so not at once.
const IDLE_TICKS: u32 = 100;

/// Owns the thread. Dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    engines: Mutex<Vec<EngineWeak>>,
    running: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

impl Ticker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            engines: Mutex::new(Vec::new()),
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let ours = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("guest-epoch".into())
            .spawn(move || ours.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(crate) fn add(&self, engine: &wasmtime::Engine) {
        self.shared.engines.lock().push(engine.weak());
    }

    /// Keeps the clock going while a guest may run.
    pub(crate) fn handle(&self) -> TickerHandle {
        let thread = self.thread.as_ref().map(|thread| thread.thread().clone());
        TickerHandle {
            shared: Arc::clone(&self.shared),
            thread,
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been reported by the panic hook; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

/// Lets calls say that a guest runs.
#[derive(Clone)]
pub(crate) struct TickerHandle {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

impl TickerHandle {
    pub(crate) fn guest_runs(&self) -> GuestRuns {
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.asleep.load(SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.unpark();
        }
        GuestRuns(Arc::clone(&self.shared))
    }
}

/// While it lives, the epoch moves.
pub(crate) struct GuestRuns(Arc<Shared>);

impl Drop for GuestRuns {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn run(&self) {
        let mut idle = 0;
        while !self.stop.load(SeqCst) {
            thread::sleep(TICK);
            for engine in self.engines.lock().iter().filter_map(EngineWeak::upgrade) {
                engine.increment_epoch();
            }
            idle = if self.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
            if idle >= IDLE_TICKS {
                self.sleep_until_a_guest_runs();
                idle = 0;
            }
        }
    }

    /// The flag goes up before the count is read, and callers count before they read the flag: one of the two sees the other.
    fn sleep_until_a_guest_runs(&self) {
        self.asleep.store(true, SeqCst);
        while self.running.load(SeqCst) == 0 && !self.stop.load(SeqCst) {
            thread::park();
        }
        self.asleep.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_clock_wakes_for_a_guest() {
        let ticker = Ticker::start().expect("starts");
        let handle = ticker.handle();
        while !handle.shared.asleep.load(SeqCst) {
            thread::sleep(TICK);
        }
        let runs = handle.guest_runs();
        while handle.shared.asleep.load(SeqCst) {
            thread::sleep(TICK);
        }
        drop(runs);
        assert_eq!(handle.shared.running.load(SeqCst), 0);
    }
}
