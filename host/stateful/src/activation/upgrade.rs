//! Going on in another component, where it lives.

use std::sync::Arc;
use std::time::Instant;

use lattice_core::stateful::{Cause, StopReason};
use tracing::info;

use super::{Activation, End, HOUSEKEEPING, instance};
use crate::ports::SharedKind;

impl Activation {
    /// Wakes the actor in another component, with all it knows. If that fails or the actor refuses, it goes on in its own.
    pub(super) async fn upgrade(&mut self, kind: SharedKind) -> Result<(), End> {
        if kind.component() == self.kind.component() {
            // Another configuration, perhaps, or the same again: it counts from the next waking on.
            return Ok(());
        }
        self.settle().await?;
        if let Err(fault) = self.write_down().await {
            self.warn("an actor cannot be saved and stays in its former component", &fault);
            return self.check_alive("it cannot be saved");
        }
        let mut record = self.now.clone();
        record.component = Some(self.kind.component());
        match instance(&kind, &self.actor, &record, &self.state, Cause::Upgraded).await {
            Ok(woken) => {
                let former = std::mem::replace(&mut self.instance, woken);
                info!(actor = %self.actor, component = %kind.component().short(), "went on in another component");
                self.kind = Arc::clone(&kind);
                // Whoever wakes it next has to know which component wrote what is stored.
                self.unsaved = true;
                self.owes = true;
                former.rest(StopReason::Upgrading, Instant::now() + HOUSEKEEPING).await;
            }
            Err(error) => self.warn("an actor stays in its former component", &error),
        }
        Ok(())
    }
}
