//! How many, and where: the scaler traits.

use lattice_core::application::{Placement, Scale, Share};

use super::form::{ComponentForm, ScalerForm, SpreadForm};
use crate::read::{At, Reader, labels};

/// A scaler of a component.
pub(super) struct Scaler {
    pub(super) is_daemon: bool,
    pub(super) form: At<ScalerForm>,
}

/// Where an actor runs. wadm counts the instances of a component over its whole spread, as we count replicas.
pub(super) fn actor(component: &ComponentForm, scaler: Option<&Scaler>, reader: &mut Reader) -> Placement {
    let Some(scaler) = scaler else {
        // wadm starts no component without a scaler, and neither do we.
        if let Some(name) = &component.name.0 {
            let message = format!("component `{}` has no scaler, and so does not run", name.value.0);
            reader.warn_with(name.span, message, "give it a `spreadscaler` with `instances`");
        }
        return Placement::replicas(0);
    };
    let count = scaler.form.value.instances.get().copied().unwrap_or_default();
    Placement {
        scale: if scaler.is_daemon {
            Scale::PerHost(count)
        } else {
            Scale::Replicas(count)
        },
        spread: shares(scaler, reader),
        ..Placement::default()
    }
}

/// Where a provider runs: at most once on a host.
pub(super) fn provider(scaler: Option<&Scaler>, reader: &mut Reader) -> Placement {
    let Some(scaler) = scaler else {
        return Placement::replicas(1);
    };
    let instances = scaler.form.value.instances.0.as_ref();
    let count = instances.map_or(1, |at| at.value);
    if let Some(many) = instances.filter(|at| scaler.is_daemon && at.value > 1) {
        reader.warn_with(many.span, "a provider runs at most once on a host", "write 1");
    }
    Placement {
        scale: if scaler.is_daemon {
            Scale::PerHost(count.min(1))
        } else {
            Scale::Replicas(count)
        },
        spread: shares(scaler, reader),
        ..Placement::default()
    }
}

fn shares(scaler: &Scaler, reader: &mut Reader) -> Vec<Share> {
    let spread = scaler.form.value.spread.as_ref();
    let shares = spread
        .into_iter()
        .flat_map(|at| &at.value)
        .map(|at| share(&at.value, reader));
    let shares: Vec<Share> = shares.collect();
    let weighs_nothing = !shares.is_empty() && shares.iter().all(|share| share.weight == 0);
    if let Some(spread) = spread.filter(|_| weighs_nothing && !scaler.is_daemon) {
        reader.error(
            spread.span,
            "no part of this spread weighs anything, and so nothing would run",
        );
    }
    shares
}

fn share(form: &SpreadForm, reader: &mut Reader) -> Share {
    Share {
        name: form.name.as_ref().map(|at| at.value.0.clone()),
        labels: labels(form.requirements.as_ref(), reader),
        weight: form.weight.as_ref().map_or(Share::DEFAULT_WEIGHT, |at| at.value),
    }
}
