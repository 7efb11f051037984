//! Misbehaves and waits on WASI 0.3: `/sleep?MS` waits without holding up the other requests of its instance, `/loop` never ends,
//! `/panic` traps. Every answer is `SERVED IN-FLIGHT MOST`: how many requests this instance has served, how many it is
//! serving now, and the most it ever served at a time.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::http::types::{ErrorCode, Request, Response};
use wasip3::http_compat::http_into_wasi_response;

static SERVED: AtomicU32 = AtomicU32::new(0);
static IN_FLIGHT: AtomicU32 = AtomicU32::new(0);
static MOST: AtomicU32 = AtomicU32::new(0);

struct Waiter;

wasip3::http::service::export!(Waiter);

impl wasip3::exports::http::handler::Guest for Waiter {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
        let in_flight = IN_FLIGHT.fetch_add(1, Ordering::Relaxed) + 1;
        let most = MOST.fetch_max(in_flight, Ordering::Relaxed).max(in_flight);
        let path = request.get_path_with_query().unwrap_or_default();
        match path.split_once('?').unwrap_or((&path, "")) {
            ("/sleep", milliseconds) => wait_for(milliseconds.parse().unwrap_or(0) * 1_000_000).await,
            ("/loop", _) => loop {
                black_box(());
            },
            ("/panic", _) => panic!("asked to panic"),
            _ => {}
        }
        IN_FLIGHT.fetch_sub(1, Ordering::Relaxed);
        http_into_wasi_response(http::Response::new(format!("{served} {in_flight} {most}\n")))
    }
}
