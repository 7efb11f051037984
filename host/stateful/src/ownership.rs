//! Whose an actor is. Decides only.

use lattice_core::stateful::Cause;

use crate::record::{Owner, Record};

/// What a host that was asked for an actor does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is ours already.
    Ours,
    /// It is nobody's, or was of a session that is over: write it as ours.
    Take(Cause),
    /// It is another host's.
    Elsewhere(Owner),
}

/// Decides whose an actor is. `is_over` says which sessions are known to be over.
pub(crate) fn claim(record: Option<&Record>, me: &Owner, is_over: impl Fn(&Owner) -> bool) -> Claim {
    let Some(record) = record else {
        return Claim::Take(Cause::Created);
    };
    match &record.owner {
        Some(owner) if owner == me => Claim::Ours,
        // A session of ours that is not this one is over: there is only one at a time.
        Some(owner) if owner.member == me.member || is_over(owner) => Claim::Take(Cause::Recovered),
        Some(owner) => Claim::Elsewhere(owner.clone()),
        None if record.version == 0 => Claim::Take(Cause::Created),
        None => Claim::Take(Cause::Reactivated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(session: u64) -> Owner {
        let member = nkeys::KeyPair::new_server().public_key().parse().expect("a key");
        Owner { member, session }
    }

    #[test]
    fn an_actor_is_taken_only_from_who_is_out() {
        let (me, other) = (owner(1), owner(2));
        let alive = |_: &Owner| false;
        let check = |record: &Record, over: &dyn Fn(&Owner) -> bool, expect: Claim| {
            assert_eq!(claim(Some(record), &me, over), expect);
        };
        assert_eq!(claim(None, &me, alive), Claim::Take(Cause::Created));
        let mut record = Record::new();
        check(&record, &alive, Claim::Take(Cause::Created));
        record.version = 3;
        check(&record, &alive, Claim::Take(Cause::Reactivated));
        record.owner = Some(me.clone());
        check(&record, &alive, Claim::Ours);
        record.owner = Some(Owner {
            session: 9,
            ..me.clone()
        });
        check(&record, &alive, Claim::Take(Cause::Recovered));
        record.owner = Some(other.clone());
        check(&record, &alive, Claim::Elsewhere(other.clone()));
        check(&record, &|owner| *owner == other, Claim::Take(Cause::Recovered));
    }
}
