//! Misbehaves on demand, to show that a host keeps its limits.
//!
//! `/loop` never ends · `/busy?MS` computes that long · `/sleep?MS` waits that long · `/memory?MIB` allocates and touches so
//! much (without a number: until something stops it) · `/panic` traps · `/stack` recurses without end · `/exit?CODE` ends the
//! instance · `/count` tells how many requests this instance has served · anything else answers at once.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wstd::http::{Body, Error, Request, Response};

static SERVED: AtomicU32 = AtomicU32::new(0);

#[wstd::http_server]
async fn main(request: Request<Body>) -> Result<Response<Body>, Error> {
    let served = SERVED.fetch_add(1, Ordering::Relaxed) + 1;
    let argument = request.uri().query().and_then(|query| query.parse::<u64>().ok());
    let text = match request.uri().path() {
        "/loop" => loop {
            black_box(());
        },
        "/busy" => busy(Duration::from_millis(argument.unwrap_or(0))),
        "/sleep" => {
            wstd::task::sleep(Duration::from_millis(argument.unwrap_or(0)).into()).await;
            "slept".into()
        }
        "/memory" => eat(argument.unwrap_or(u64::MAX)),
        "/panic" => panic!("asked to panic"),
        "/stack" => dig(0).to_string(),
        "/exit" => std::process::exit(argument.unwrap_or(1) as i32),
        "/count" => served.to_string(),
        _ => "fine".into(),
    };
    Ok(Response::new(format!("{text}\n").into()))
}

fn busy(length: Duration) -> String {
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < length {
        // Between two looks at the clock, which is a call out of the guest, there is only computing.
        for _ in 0..10_000 {
            rounds = black_box(rounds + 1);
        }
    }
    format!("computed for {rounds} rounds")
}

/// Keeps what it allocates, and writes to it, so that nothing can be optimised away or stay untouched.
fn eat(mib: u64) -> String {
    let mut kept = Vec::new();
    for _ in 0..mib {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
    format!("holding {} MiB", kept.len())
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn dig(depth: u64) -> u64 {
    black_box(dig(black_box(depth + 1))) + 1
}
