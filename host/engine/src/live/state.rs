//! What the host keeps for one live instance, and the phase of its life it is in.

use lattice_core::KeyedActor;
use lattice_core::stateful::Effects;

use super::cells::CellMap;
use super::outbox::Outbox;
use super::{Turn, Waking};
use crate::fault::Raised;

/// The stateful actor that an instance is.
pub(crate) struct LiveState {
    pub(crate) actor: KeyedActor,
    pub(crate) epoch: u64,
    /// Who sent the message that is served.
    pub(crate) sender: Option<KeyedActor>,
    pub(crate) cells: CellMap,
    pub(crate) outbox: Outbox,
    phase: Phase,
    /// Whether the guest tried to reach out where it may not, and was told something else than a trap.
    strayed: bool,
}

/// What an instance does now. It may reach out during turns only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waking,
    Turn,
    Saving,
    Resting,
}

impl Phase {
    fn what(self) -> &'static str {
        match self {
            Self::Waking => "is woken",
            Self::Turn => "serves a turn",
            Self::Saving => "is saved",
            Self::Resting => "is put to rest",
        }
    }
}

impl LiveState {
    pub(crate) fn new(waking: &mut Waking) -> Self {
        Self {
            actor: waking.actor.clone(),
            epoch: waking.epoch,
            sender: None,
            cells: CellMap::new(std::mem::take(&mut waking.cells), waking.state_bytes_max),
            outbox: Outbox::default(),
            phase: Phase::Waking,
            strayed: false,
        }
    }

    pub(crate) fn begin(&mut self, phase: Phase, turn: Option<&Turn>) {
        self.phase = phase;
        self.sender = turn.and_then(|turn| turn.sender.clone());
    }

    /// Ends a turn of which everything is to become true.
    pub(crate) fn keep(&mut self) -> Effects {
        let (sends, reminders) = self.outbox.take();
        Effects {
            cells: self.cells.keep(),
            sends,
            reminders,
        }
    }

    /// Ends a turn that shall not have been.
    pub(crate) fn take_back(&mut self) {
        self.cells.take_back();
        self.outbox.take();
    }

    /// Lets the guest reach out now, or ends it.
    pub(crate) fn may_reach_out(&self) -> Result<(), Raised> {
        match self.phase {
            Phase::Turn => Ok(()),
            phase => Err(self.out_of_turn(phase)),
        }
    }

    /// Lets the guest write its cells now, or ends it: what it writes while it is saved would be in no image of it.
    pub(crate) fn may_write(&self) -> Result<(), Raised> {
        match self.phase {
            Phase::Saving => Err(Raised::misuse(format!(
                "`{}` must not write state cells while it is saved",
                self.actor
            ))),
            Phase::Waking | Phase::Turn | Phase::Resting => Ok(()),
        }
    }

    /// As [`may_reach_out`](Self::may_reach_out), for where the guest cannot be ended on the spot: it is once it returns.
    pub(crate) fn may_reach_out_later(&mut self) -> Result<(), Raised> {
        let allowed = self.may_reach_out();
        self.strayed |= allowed.is_err();
        allowed
    }

    /// What the guest has to be ended for, now that it returned.
    pub(crate) fn check(&self) -> Result<(), Raised> {
        if self.strayed {
            Err(self.out_of_turn(self.phase))
        } else {
            Ok(())
        }
    }

    fn out_of_turn(&self, phase: Phase) -> Raised {
        Raised::misuse(format!(
            "`{}` must not call or send anything while it {}",
            self.actor,
            phase.what()
        ))
    }
}
