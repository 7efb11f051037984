//! How an actor's state is kept.

use lattice_core::stateful::{Durability, Stateful};

use super::form::{DurabilityForm, StateForm};
use super::placement::positive;
use crate::read::{At, Reader};

/// What a form says of an actor's state.
pub(super) fn state(form: &At<StateForm>, reader: &mut Reader) -> Stateful {
    let StateForm {
        idle_after,
        max_size,
        max_active,
        ..
    } = &form.value;
    let default = Stateful::default();
    Stateful {
        durability: durability(form, reader),
        idle_after_ms: idle_after
            .as_ref()
            .map_or(default.idle_after_ms, |at| at.value.millis()),
        state_bytes_max: max_size.as_ref().map_or(default.state_bytes_max, |at| at.value.0),
        active_max: positive(max_active.as_ref(), "the number of actors in memory", reader)
            .unwrap_or(default.active_max),
    }
}

/// The durability and the interval that belongs to one of them only.
fn durability(form: &At<StateForm>, reader: &mut Reader) -> Durability {
    let said = form.value.durability.as_ref();
    match (said.map(|at| at.value), &form.value.checkpoint) {
        (Some(DurabilityForm::Checkpoint), Some(every)) => return Durability::Checkpoint(every.value.millis()),
        (Some(DurabilityForm::Checkpoint), None) => {
            let span = said.map_or(form.span, |at| at.span);
            reader.error_with(
                span,
                "nothing says how often state is stored",
                "write `checkpoint: 5s` beside it",
            );
        }
        (_, Some(every)) => reader.error_with(
            every.span,
            "`checkpoint` is for the durability `checkpoint`",
            "write `durability: checkpoint` beside it, or leave it out: `commit` stores state with every answer",
        ),
        (Some(DurabilityForm::Volatile), None) => return Durability::Volatile,
        (Some(DurabilityForm::Commit) | None, None) => {}
    }
    Durability::Commit
}
