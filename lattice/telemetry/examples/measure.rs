//! Measures what counting a call costs.
use std::time::Instant;

use lattice_core::{Fault, InterfaceId, Party};
use lattice_telemetry::{Instruments, KeyValue, Telemetry, TraceSettings};

fn main() {
    let settings = TraceSettings::from_lookup(|_| None).expect("settings");
    let telemetry = Telemetry::start(&settings, vec![KeyValue::new("service.name", "x")]).expect("starts");
    let (on, off) = (telemetry.instruments(true), Instruments::off());
    let interface: InterfaceId = "wasi:http/incoming-handler".parse().expect("one");
    let targets: Vec<Party> = (0..100).map(|n| format!("actor/a{n}").parse().expect("one")).collect();
    for (name, instruments, threads) in [("off", &off, 1), ("on", &on, 1), ("on", &on, 2)] {
        const N: usize = 2_000_000;
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    for n in 0..N {
                        instruments.call(&targets[n % 100], &interface).end(&Ok::<_, Fault>(()));
                    }
                });
            }
        });
        println!("{name} {threads} threads: {} ns per call", began.elapsed().as_nanos() / N as u128);
    }
    let began = Instant::now();
    let text = telemetry.prometheus_text();
    println!("text of {} bytes in {:?}", text.len(), began.elapsed());
}
