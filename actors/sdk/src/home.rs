//! Where the one actor of an instance lives between its turns.

use std::cell::RefCell;

use crate::image::{self, Saved};
use crate::{Activation, Fault, Image, StatefulActor};

/// An actor type with a place for its one instance. [`export!`](crate::export) gives it one.
#[doc(hidden)]
pub trait Housed: StatefulActor {
    /// Lends out the place.
    fn with_home<R>(visit: impl FnOnce(&Home<Self>) -> R) -> R;
}

/// The place of an instance's actor; empty until it wakes.
#[doc(hidden)]
pub struct Home<A>(RefCell<Option<Life<A>>>);

struct Life<A> {
    actor: A,
    saved: Saved,
    /// Whether a turn had its hands on the actor since it was last saved.
    touched: bool,
}

impl<A: StatefulActor> Home<A> {
    /// Nobody is at home yet.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Wakes the actor.
    pub(crate) fn wake(&self, ctx: &Activation, restored: Option<Image>) -> Result<(), Fault> {
        let (actor, saved) = match restored {
            Some(image) => image::restore(image)?,
            None => (A::wake(ctx), Saved::default()),
        };
        *self.0.try_borrow_mut().map_err(|_| busy())? = Some(Life {
            actor,
            saved,
            touched: false,
        });
        Ok(())
    }

    /// Lets a turn at the actor.
    pub(crate) fn turn<R>(&self, turn: impl FnOnce(&mut A) -> R) -> Result<R, Fault> {
        let mut home = self.0.try_borrow_mut().map_err(|_| busy())?;
        let life = home.as_mut().ok_or_else(asleep)?;
        life.touched = true;
        Ok(turn(&mut life.actor))
    }

    /// Writes the actor down; none if nothing has changed since the last time.
    pub(crate) fn save(&self) -> Result<Option<Image>, Fault> {
        let mut home = self.0.try_borrow_mut().map_err(|_| busy())?;
        let life = home.as_mut().ok_or_else(asleep)?;
        // Most saves after a turn of somebody else's need not even look.
        if !life.touched && life.saved.is_some() {
            return Ok(None);
        }
        let image = life.saved.save(&life.actor)?;
        life.touched = false;
        Ok(image)
    }
}

/// A host gives an actor one message at a time, so this is not met; it would be a panic otherwise.
fn busy() -> Fault {
    Fault::Transient("the actor is in the middle of another turn".into())
}

fn asleep() -> Fault {
    Fault::Transient("the actor is not awake yet".into())
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Cause, Identity};

    #[derive(Serialize, Deserialize)]
    struct Count(u32);

    impl StatefulActor for Count {
        fn wake(_: &Activation) -> Self {
            Self(0)
        }
    }

    fn activation() -> Activation {
        Activation {
            actor: Identity {
                kind: "count".into(),
                key: "a".into(),
            },
            epoch: 1,
            cause: Cause::Created,
            from_version: None,
        }
    }

    #[test]
    fn a_turn_before_waking_is_refused() {
        let home = Home::<Count>::empty();
        assert!(matches!(home.turn(|_| ()), Err(Fault::Transient(_))));
        assert!(matches!(home.save(), Err(Fault::Transient(_))));
    }

    #[test]
    fn a_turn_within_a_turn_is_refused() {
        let home = Home::<Count>::empty();
        home.wake(&activation(), None).expect("wakes");
        let inner = home.turn(|_| home.turn(|_| ())).expect("outer");
        assert!(matches!(inner, Err(Fault::Transient(_))));
    }

    #[test]
    fn a_new_actor_is_saved_once_and_then_after_changes_only() {
        let home = Home::<Count>::empty();
        home.wake(&activation(), None).expect("wakes");
        assert!(home.save().expect("saves").is_some());
        assert_eq!(home.save().expect("saves"), None);
        home.turn(|count| count.0).expect("reads");
        assert_eq!(home.save().expect("saves"), None);
        home.turn(|count| count.0 = 7).expect("writes");
        let image = home.save().expect("saves").expect("changed");

        let elsewhere = Home::<Count>::empty();
        elsewhere.wake(&activation(), Some(image)).expect("restores");
        assert_eq!(elsewhere.save().expect("saves"), None);
        assert_eq!(elsewhere.turn(|count| count.0).expect("reads"), 7);
    }

    #[test]
    fn an_image_it_cannot_read_leaves_it_asleep() {
        let home = Home::<Count>::empty();
        let image = Image {
            media_type: "application/json".into(),
            schema: 9,
            data: Vec::new(),
        };
        assert!(matches!(
            home.wake(&activation(), Some(image)),
            Err(Fault::Incompatible(_))
        ));
        assert!(home.turn(|_| ()).is_err());
    }
}
