//! A network that fails on command.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Pieces on their way in one direction. Bounds what a delay can hold back, as a real line does.
const PIECES_IN_FLIGHT: usize = 256;

const PIECE_BYTES: usize = 64 * 1024;

/// A TCP proxy on loopback that delays, stalls and cuts. Starts out passing everything on.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    counters: Arc<Counters>,
    _accepting: AbortOnDropHandle<()>,
}

/// What has gone through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that clients made, those cut at once included.
    pub connections: usize,
    /// Bytes passed on towards the server.
    pub bytes_up: u64,
    /// Bytes passed on towards clients.
    pub bytes_down: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    Delay(Duration),
    Stall,
    StallAnswers,
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn is_stalled_by(self, weather: Weather) -> bool {
        weather == Weather::Stall || (self == Self::Down && weather == Weather::StallAnswers)
    }
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicUsize,
    up: AtomicU64,
    down: AtomicU64,
}

impl FaultProxy {
    /// Listens on a free port in front of `target`, a `host:port`.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    pub async fn start(target: impl Into<String>) -> Self {
        let target = target.into();
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a loopback port can be bound");
        let address = listener.local_addr().expect("a bound socket has an address");
        let weather = watch::Sender::new(Weather::Fair);
        let counters = Arc::new(Counters::default());
        let accepting = tokio::spawn(accept(listener, target, weather.subscribe(), Arc::clone(&counters)));
        Self {
            address,
            weather,
            counters,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }

    /// Returns `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Returns the address as a NATS URL.
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Holds every byte back for this long, in both directions, without lowering throughput.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_replace(Weather::Delay(delay));
    }

    /// Passes nothing on any more while all connections stay open, as when a cable is pulled.
    pub fn stall(&self) {
        self.weather.send_replace(Weather::Stall);
    }

    /// Passes on what clients send and nothing that comes back, as when the answer gets lost.
    pub fn stall_answers(&self) {
        self.weather.send_replace(Weather::StallAnswers);
    }

    /// Closes all connections and every new one at once.
    pub fn cut(&self) {
        self.weather.send_replace(Weather::Cut);
    }

    /// Passes everything on again. What a stall held back arrives late; what a cut closed stays closed.
    pub fn heal(&self) {
        self.weather.send_replace(Weather::Fair);
    }

    /// Says what has gone through so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            bytes_up: self.counters.up.load(Ordering::Relaxed),
            bytes_down: self.counters.down.load(Ordering::Relaxed),
        }
    }
}

async fn accept(listener: TcpListener, target: String, weather: watch::Receiver<Weather>, counters: Arc<Counters>) {
    // Connections end with the proxy: each also waits for the end of `weather`, which the proxy holds.
    let tracker = TaskTracker::new();
    while let Ok((client, _)) = listener.accept().await {
        counters.connections.fetch_add(1, Ordering::Relaxed);
        tracker.spawn(serve(client, target.clone(), weather.clone(), Arc::clone(&counters)));
    }
}

async fn serve(client: TcpStream, target: String, weather: watch::Receiver<Weather>, counters: Arc<Counters>) {
    let carry = async {
        wait_until(&mut weather.clone(), |weather| weather != Weather::Stall).await;
        let server = TcpStream::connect(&target).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::try_join!(
            pump(from_client, to_server, Direction::Up, weather.clone(), &counters.up),
            pump(from_server, to_client, Direction::Down, weather.clone(), &counters.down),
        )
    };
    let mut cutting = weather.clone();
    tokio::select! {
        // How a connection ends is for its two ends to notice.
        _ = carry => {}
        () = wait_until(&mut cutting, |weather| weather == Weather::Cut) => {}
    }
}

/// Waits for the weather, or for the end of the proxy.
async fn wait_until(weather: &mut watch::Receiver<Weather>, wanted: impl Fn(Weather) -> bool) {
    // An error means that the proxy is gone.
    let _ = weather.wait_for(|now| wanted(*now)).await;
}

/// Carries bytes one way. One half reads and notes when each piece is due, the other half waits and writes, so that a delay does not add up.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    mut weather: watch::Receiver<Weather>,
    passed: &AtomicU64,
) -> io::Result<()> {
    let (tx, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_IN_FLIGHT);
    let reading = weather.clone();
    let read = async move {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let length = from.read(&mut piece).await?;
            if length == 0 {
                return Ok(());
            }
            piece.truncate(length);
            let delay = match *reading.borrow() {
                Weather::Delay(delay) => delay,
                _ => Duration::ZERO,
            };
            if tx.send((Instant::now() + delay, piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async {
        while let Some((due, piece)) = pieces.recv().await {
            tokio::time::sleep_until(due).await;
            wait_until(&mut weather, |weather| !direction.is_stalled_by(weather)).await;
            to.write_all(&piece).await?;
            passed.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(|_: ((), ())| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;

    async fn echo_behind_a_proxy() -> FaultProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a loopback port can be bound");
        let target = listener
            .local_addr()
            .expect("a bound socket has an address")
            .to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        FaultProxy::start(target).await
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn passes_counts_and_delays() {
        let proxy = echo_behind_a_proxy().await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
        assert_eq!(ask(&mut stream, b"hello").await.expect("an answer"), b"hello");
        assert_eq!(
            proxy.traffic(),
            Traffic {
                connections: 1,
                bytes_up: 5,
                bytes_down: 5
            }
        );
        let delay = Duration::from_millis(100);
        proxy.delay(delay);
        let start = Instant::now();
        ask(&mut stream, b"slow").await.expect("an answer");
        assert!(start.elapsed() >= delay * 2, "once in each direction");
    }

    #[tokio::test]
    async fn a_stall_holds_back_and_healing_lets_go() {
        let proxy = echo_behind_a_proxy().await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
        ask(&mut stream, b"a").await.expect("an answer");
        proxy.stall();
        let asking = ask(&mut stream, b"b");
        tokio::pin!(asking);
        assert!(
            tokio::time::timeout(Duration::from_millis(100), asking.as_mut())
                .await
                .is_err(),
            "nothing comes through"
        );
        proxy.heal();
        assert_eq!(asking.await.expect("the late answer"), b"b");
    }

    #[tokio::test]
    async fn a_cut_closes_all_and_healing_lets_new_ones_in() {
        let proxy = echo_behind_a_proxy().await;
        let mut stream = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
        ask(&mut stream, b"a").await.expect("an answer");
        proxy.cut();
        assert!(ask(&mut stream, b"b").await.is_err(), "the connection is closed");
        proxy.heal();
        eventually("a new connection to work", Duration::from_secs(5), || async {
            let mut stream = TcpStream::connect(proxy.address()).await?;
            ask(&mut stream, b"c").await
        })
        .await;
    }
}
