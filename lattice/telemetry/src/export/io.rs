//! The thread on which telemetry waits for the network.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;

use crate::error::TelemetryError;

/// A thread with an event loop. It ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Io(Arc<Alive>);

struct Alive {
    handle: Handle,
    _until_dropped: oneshot::Sender<()>,
}

impl Io {
    pub(crate) fn start() -> Result<Self, TelemetryError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TelemetryError::StartThread)?;
        let handle = runtime.handle().clone();
        let (until_dropped, dropped) = oneshot::channel::<()>();
        let run = move || {
            // Nothing is ever sent: the error says that nobody needs the thread any more.
            let _ = runtime.block_on(dropped);
            runtime.shutdown_background();
        };
        std::thread::Builder::new()
            .name("telemetry-io".to_owned())
            .spawn(run)
            .map_err(TelemetryError::StartThread)?;
        Ok(Self(Arc::new(Alive {
            handle,
            _until_dropped: until_dropped,
        })))
    }

    /// For as long as the guard lives, sockets and timers made on this thread belong to the event loop.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.0.handle.enter()
    }

    /// Waits for the future for so long, on whatever executor this is called.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, future: F) -> Result<F::Output, Elapsed> {
        let timed = {
            let _entered = self.enter();
            tokio::time::timeout(limit, future)
        };
        let mut timed = pin!(timed);
        std::future::poll_fn(|context| {
            let _entered = self.enter();
            timed.as_mut().poll(context)
        })
        .await
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_without_a_runtime() {
        let io = Io::start().expect("a thread");
        let limit = Duration::from_millis(10);
        let late = futures::executor::block_on(io.within(limit, std::future::pending::<()>()));
        assert!(late.is_err());
        let sleep = io.within(Duration::from_secs(60), async { tokio::time::sleep(limit).await });
        assert!(futures::executor::block_on(sleep).is_ok());
    }

    #[tokio::test]
    async fn waits_and_ends_within_another_runtime() {
        let io = Io::start().expect("a thread");
        let late = io.within(Duration::from_millis(10), std::future::pending::<()>()).await;
        assert!(late.is_err());
        drop(io);
    }
}
