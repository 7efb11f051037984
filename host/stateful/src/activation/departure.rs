//! What a live actor does for its own move: see [`crate::moves`].

use std::sync::Arc;

use super::{Activation, End, storing};
use crate::moves::MoveError;
use crate::record::{Owner, Record};
use crate::runtime::Shared;
use crate::store::SwapError;

impl Activation {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn open_handles(&self) -> Vec<String> {
        self.instance.open_handles()
    }

    /// Waits for the write on its way. Cancelled, the write stays on its way.
    pub(crate) async fn settle(&mut self) -> Result<(), End> {
        if self.storing.is_some() {
            let outcome = storing::done(&mut self.storing).await;
            self.stored(outcome)?;
        }
        Ok(())
    }

    /// The record as the next owner will find it, with every turn that has run, and how many bytes the state in it has.
    pub(crate) async fn record_for(&mut self, owner: Owner) -> Result<(Record, u64), MoveError> {
        let mut record = self.now.clone();
        let now_ms = Self::now_ms();
        for held in &self.ahead {
            if let Some((call, lane)) = &held.call {
                record.answers.keep(*call, lane, &held.answer, now_ms);
            }
        }
        if self.unsaved {
            let put = self.shared.store.put_state(&self.actor, &self.state).await;
            record.state = put.map_err(|error| MoveError::Store(crate::chain(&error)))?;
            record.version += 1;
            record.component = Some(self.kind.component());
        }
        record.hand_to(owner, self.revision);
        Ok((record, self.state.bytes()))
    }

    /// Writes the record over what is stored.
    pub(crate) async fn commit(&mut self, record: &mut Record) -> Result<u64, SwapError> {
        let revision = self.shared.store.swap(&self.actor, record, self.revision).await?;
        let former = std::mem::replace(&mut self.now.state, record.state.clone());
        self.collect(former);
        Ok(revision)
    }

    /// Every turn that has run is stored now.
    pub(crate) fn release_ahead(&mut self) {
        for held in std::mem::take(&mut self.ahead) {
            held.release();
        }
    }
}
