//! Sites: places behind a link that may be cut, each with a NATS server and a JetStream domain of its own.

use serde::{Deserialize, Serialize};

use crate::actor::ActorSpec;
use crate::id::SiteName;

/// The label by which placement knows the site of a host. Its token has to grant it, as any other.
pub const SITE_LABEL: &str = "site";

/// What becomes of an actor's replicas at a site that nobody outside hears any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnPartition {
    /// They stay: nobody outside takes their place. The records of a stateful actor that is bound to the site lie there.
    Stay,
    /// They are taken for lost: others take their place.
    Failover,
}

impl ActorSpec {
    /// Whether replicas at a site that is out of sight count as being there. Unless said, those of an actor that declares state do not: its
    /// records are in the hub, so that it is of no use to anybody at the site, and is answered for outside.
    pub fn stays(&self) -> bool {
        match self.on_partition {
            Some(policy) => policy == OnPartition::Stay,
            None => self.kind.stateful().is_none(),
        }
    }

    /// The site whose JetStream domain has the records of this actor, should its component have state; none for the hub's. It follows from
    /// the spec alone, so that all hosts look in the same place.
    pub fn home(&self) -> Option<SiteName> {
        (self.on_partition == Some(OnPartition::Stay)).then(|| self.bound_to())?
    }

    /// The site that every host of this actor has to be of, if there is one.
    pub fn bound_to(&self) -> Option<SiteName> {
        self.placement.get(SITE_LABEL)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stateful::Stateful;
    use crate::{ActorKind, Digest};

    fn spec(kind: ActorKind, policy: Option<OnPartition>, labels: &str) -> ActorSpec {
        ActorSpec {
            kind,
            on_partition: policy,
            placement: labels.parse().expect("labels"),
            ..ActorSpec::new("cart".parse().expect("a name"), Digest::of(b""), "")
        }
    }

    #[test]
    fn records_are_at_a_site_only_when_that_is_said_and_the_actor_is_bound_to_one() {
        let stateful = ActorKind::Stateful(Stateful::default());
        let home = |policy, labels| spec(stateful, policy, labels).home().map(|site| site.to_string());
        assert_eq!(home(Some(OnPartition::Stay), "site=leaf1").as_deref(), Some("leaf1"));
        assert_eq!(home(None, "site=leaf1"), None);
        assert_eq!(home(Some(OnPartition::Failover), "site=leaf1"), None);
        assert_eq!(home(Some(OnPartition::Stay), "zone=edge"), None);
    }

    #[test]
    fn unless_said_services_stay_and_state_fails_over() {
        let stateful = ActorKind::Stateful(Stateful::default());
        assert!(spec(ActorKind::Service, None, "").stays());
        assert!(!spec(stateful, None, "").stays());
        assert!(!spec(ActorKind::Service, Some(OnPartition::Failover), "").stays());
        assert!(spec(stateful, Some(OnPartition::Stay), "").stays());
    }
}
