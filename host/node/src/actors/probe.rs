//! Asking a new instance whether it works, before it takes the place of anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_capability::CallContext;
use lattice_capability::http::empty_body;
use lattice_control::{ControlError, ErrorKind};
use lattice_core::application::Probe;
use lattice_core::{InterfacePattern, LinkId, LinkLabel, Party};

use super::Hosted;
use crate::shared::Shared;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries, and the pause between two: what the actor depends on may be starting beside it.
const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Probes an actor that nobody calls yet.
///
/// # Errors
/// When it does not answer well.
pub(super) async fn probe(shared: &Shared, hosted: &Arc<Hosted>, probe: &Probe) -> Result<(), ControlError> {
    let Probe::Http(path) = probe;
    let mut tries = 1;
    loop {
        match get(shared, hosted, path).await {
            Ok(()) => return Ok(()),
            Err(_) if tries < TRIES => tries += 1,
            Err(why) => {
                let name = &hosted.spec.name;
                let message = format!("actor `{name}` is not ready: GET {path} {why}");
                return Err(ControlError::new(ErrorKind::Guest, message));
            }
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

async fn get(shared: &Shared, hosted: &Arc<Hosted>, path: &str) -> Result<(), String> {
    let request = http::Request::get(format!("http://{}{path}", hosted.spec.name)).body(empty_body());
    let request = request.map_err(|error| format!("cannot be asked: {error}"))?;
    let source = Party::Actor(hosted.spec.name.clone());
    let interface: InterfacePattern = "wasi:http".parse().expect("an interface pattern");
    let context = CallContext {
        deadline: Instant::now() + PATIENCE,
        link: LinkId::new(shared.member.lattice(), &source, &interface, &LinkLabel::default()),
        source,
        invocation: shared.invocations.next(),
        trace: None,
    };
    let entry = hosted.enter().ok_or("finds it gone")?;
    let answer = entry
        .http(request, context)
        .await
        .map_err(|fault| format!("failed: {fault}"))?;
    match answer.status().as_u16() {
        ..400 => Ok(()),
        status => Err(format!("was answered {status}")),
    }
}
