//! Ports.

use std::net::TcpListener;

/// Returns a loopback port that was free a moment ago. Prefer letting the program choose (port 0 or -1): somebody may be quicker.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port can be bound");
    listener.local_addr().expect("a bound socket has an address").port()
}
