//! Takes connections and serves them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, warn};

use crate::answer;
use crate::exchange;
use crate::server::Shared;
use crate::stall::StallGuard;

/// Pause after an accept that failed because the process or the system ran out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What a connection may hold of a request line, headers, or body that nobody has read yet: far more than clients send, and
/// little enough for thousands that send slowly.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a connection beyond the limit may take to hear so.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts connections until intake stops. `listener` is the address's index among the server's.
pub(crate) async fn accept(shared: Arc<Shared>, socket: TcpListener, listener: usize) {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.intake.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                failing = false;
                admit(&shared, stream, listener);
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Out of file descriptors or memory: connections that end give some back.
                if !failing {
                    warn!(%error, "cannot accept connections");
                    failing = true;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Serves the connection if there is room, else says that there is none. When even the refusals pile up, it just closes.
fn admit(shared: &Arc<Shared>, stream: TcpStream, listener: usize) {
    if let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() {
        shared.note_room();
        shared.tasks.spawn(serve(Arc::clone(shared), stream, listener, permit));
        return;
    }
    shared.note_full();
    if let Ok(permit) = Arc::clone(&shared.refusals).try_acquire_owned() {
        shared.tasks.spawn(refuse(stream, permit));
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, listener: usize, _permit: OwnedSemaphorePermit) {
    // Responses are written whole; waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "connection was gone at once");
        return;
    }
    // A token of its own, so that connections do not meet at the lock of one.
    let intake = shared.intake.child_token();
    let abort = shared.abort.child_token();
    let stream = StallGuard::new(stream, shared.config.write_timeout);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| exchange::answer(&shared, listener, request)),
        );
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = abort.cancelled() => return,
        () = intake.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection.as_mut() => served,
                () = abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = served {
        debug!(error = &error as &dyn std::error::Error, "connection ended early");
    }
}

async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let telling = async {
        stream.write_all(answer::FULL).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would reset the connection, and the client might lose the answer.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    let _: Result<_, _> = tokio::time::timeout(REFUSAL_TIMEOUT, telling).await;
}
