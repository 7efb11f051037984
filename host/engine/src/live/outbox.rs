//! What a turn wants sent and reminded of. It leaves once the turn is stored, so it is kept here, within bounds. Decides only.

use bytes::Bytes;
use lattice_core::stateful::{PeerSend, ReminderChange};

/// Messages of one turn, and changes to reminders of one turn.
const COUNT_MAX: usize = 1000;
/// One body or payload.
const BODY_BYTES_MAX: usize = 1 << 20;
/// All bodies and payloads of one turn: they are stored together with it.
const TOTAL_BYTES_MAX: usize = 16 << 20;
/// The name of an operation or a reminder.
const NAME_BYTES_MAX: usize = 1024;

#[derive(Default)]
pub(crate) struct Outbox {
    sends: Vec<PeerSend>,
    reminders: Vec<ReminderChange>,
    bytes: usize,
}

/// More than a turn may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Overrun {
    #[error("a turn may send {COUNT_MAX} messages, the guest wanted more")]
    Sends,
    #[error("a turn may change {COUNT_MAX} reminders, the guest wanted more")]
    Reminders,
    #[error("a message or a reminder may carry {BODY_BYTES_MAX} bytes, the guest wanted {0}")]
    Body(usize),
    #[error("the messages and reminders of a turn may carry {TOTAL_BYTES_MAX} bytes together, the guest wanted more")]
    Total,
    #[error("the name of an operation or a reminder may have {NAME_BYTES_MAX} bytes, the guest wanted {0}")]
    Name(usize),
}

impl Outbox {
    pub(crate) fn send(&mut self, send: PeerSend) -> Result<(), Overrun> {
        if self.sends.len() >= COUNT_MAX {
            return Err(Overrun::Sends);
        }
        self.admit(&send.operation, &send.body)?;
        self.sends.push(send);
        Ok(())
    }

    pub(crate) fn change(&mut self, change: ReminderChange) -> Result<(), Overrun> {
        if self.reminders.len() >= COUNT_MAX {
            return Err(Overrun::Reminders);
        }
        match &change {
            ReminderChange::Set { name, payload, .. } => self.admit(name, payload)?,
            ReminderChange::Cancel { name } => self.admit(name, &Bytes::new())?,
        }
        self.reminders.push(change);
        Ok(())
    }

    /// Empties it.
    pub(crate) fn take(&mut self) -> (Vec<PeerSend>, Vec<ReminderChange>) {
        let Self { sends, reminders, .. } = std::mem::take(self);
        (sends, reminders)
    }

    fn admit(&mut self, name: &str, body: &Bytes) -> Result<(), Overrun> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Overrun::Name(name.len()));
        }
        if body.len() > BODY_BYTES_MAX {
            return Err(Overrun::Body(body.len()));
        }
        let bytes = self.bytes + body.len();
        if bytes > TOTAL_BYTES_MAX {
            return Err(Overrun::Total);
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(bytes: usize) -> PeerSend {
        PeerSend {
            to: "cart/alice".parse().expect("an actor"),
            operation: "add".to_owned(),
            body: vec![0; bytes].into(),
        }
    }

    fn cancel() -> ReminderChange {
        ReminderChange::Cancel {
            name: "soon".to_owned(),
        }
    }

    #[test]
    fn what_fits_is_kept_in_order_and_given_away_once() {
        let mut outbox = Outbox::default();
        for bytes in [3, 1, 2] {
            outbox.send(send(bytes)).expect("fits");
        }
        outbox.change(cancel()).expect("fits");
        let (sends, reminders) = outbox.take();
        assert_eq!(sends, [send(3), send(1), send(2)]);
        assert_eq!(reminders, [cancel()]);
        assert_eq!(outbox.take(), (vec![], vec![]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut outbox = Outbox::default();
        assert_eq!(
            outbox.send(send(BODY_BYTES_MAX + 1)),
            Err(Overrun::Body(BODY_BYTES_MAX + 1))
        );
        for _ in 0..TOTAL_BYTES_MAX / BODY_BYTES_MAX {
            outbox.send(send(BODY_BYTES_MAX)).expect("fits");
        }
        assert_eq!(outbox.send(send(1)), Err(Overrun::Total));
        for _ in 0..COUNT_MAX {
            outbox.change(cancel()).expect("fits");
        }
        assert_eq!(outbox.change(cancel()), Err(Overrun::Reminders));
        outbox.take();
        for _ in 0..COUNT_MAX {
            outbox.send(send(0)).expect("fits");
        }
        assert_eq!(outbox.send(send(0)), Err(Overrun::Sends));
    }
}
