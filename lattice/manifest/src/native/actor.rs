//! Actors.

use lattice_core::application::{DesiredActor, Failure, Placement, Probe, UpdateStrategy};
use lattice_core::{ActorKind, ActorSpec, Limits, OnPartition, Reuse};

use super::Declared;
use super::form::{
    ActorForm, ActorPlacementForm, DaemonForm, LimitsForm, OnFailure, OnPartitionForm, ReuseForm, UpdateForm,
};
use super::placement::{config, positive, scale, shares};
use super::state::state;
use crate::draft::Draft;
use crate::image::Image;
use crate::manifest::ActorPlace;
use crate::nearest::nearest;
use crate::read::{At, Reader, labels};
use crate::source::Options;

/// Adds an actor to the draft, with what is right of it.
pub(super) fn add(form: &ActorForm, declared: &Declared, options: &Options, draft: &mut Draft, reader: &mut Reader) {
    let per_host = form.daemon.as_ref().and_then(|daemon| per_host(daemon, reader));
    let placement_form = form.placement.as_ref().map(|at| &at.value);
    let placement = Placement {
        scale: scale(
            form.replicas.as_ref(),
            per_host.map(|count| (count.value, count.span)),
            reader,
        ),
        ..placement_form.map_or_else(Placement::default, |form| placement(form, declared, reader))
    };
    let required = labels(placement_form.and_then(|form| form.require.as_ref()), reader);
    let limits = form
        .limits
        .as_ref()
        .map_or_else(Limits::default, |at| limits(&at.value, reader));
    let reuse = form.reuse.as_ref().map_or_else(Reuse::default, |at| reuse(at, reader));
    let kind = form
        .state
        .as_ref()
        .map_or_else(ActorKind::default, |at| ActorKind::Stateful(state(at, reader)));
    let update = form
        .update
        .as_ref()
        .map_or_else(UpdateStrategy::default, |at| update(&at.value, reader));
    let image = form.image.0.as_ref().and_then(|at| {
        let value = Image::read(&at.value, at.span, options, reader)?;
        Some(At { value, span: at.span })
    });
    let Some(name) = &form.name.0 else {
        return;
    };
    let typed = form.image.get().cloned().unwrap_or_default();
    let secrets = form.secrets.iter().flat_map(|at| &at.value.0);
    let policy = form.on_partition.as_ref();
    let spec = ActorSpec {
        on_partition: policy.map(|at| on_partition(at.value)),
        config: config(form.config.as_ref()),
        limits,
        reuse,
        kind,
        placement: required,
        secrets: secrets
            .map(|(key, secret)| (key.value.clone(), secret.value.clone()))
            .collect(),
        ..ActorSpec::new(name.value.clone(), Draft::no_digest(), typed)
    };
    if let Some(at) = policy.filter(|at| at.value == OnPartitionForm::Stay)
        && spec.kind.stateful().is_some()
        && spec.bound_to().is_none()
    {
        reader.error_with(
            at.span,
            "the state of an actor that stays is at its site, and it is bound to none",
            "bind it: `placement: {require: {site: NAME}}`",
        );
    }
    let actor = DesiredActor {
        spec,
        placement,
        update,
    };
    let place = ActorPlace {
        state: form.state.as_ref().map(|at| at.span),
        ..ActorPlace::new(name.span)
    };
    draft.add_actor(place, actor, image, reader);
}

fn on_partition(form: OnPartitionForm) -> OnPartition {
    match form {
        OnPartitionForm::Stay => OnPartition::Stay,
        OnPartitionForm::Failover => OnPartition::Failover,
    }
}

/// How many run on each host, if they do.
fn per_host(daemon: &At<DaemonForm>, reader: &mut Reader) -> Option<At<u32>> {
    let value = match &daemon.value {
        DaemonForm::Flag(false) => return None,
        DaemonForm::Flag(true) => 1,
        DaemonForm::PerHost(form) => positive(form.per_host.0.as_ref(), "the number on each host", reader)?,
    };
    Some(At {
        value,
        span: daemon.span,
    })
}

fn placement(form: &ActorPlacementForm, declared: &Declared, reader: &mut Reader) -> Placement {
    let apart = form.anti_affinity.as_ref().map(|at| &at.value);
    let apart_from = apart.and_then(|apart| apart.apart_from.as_ref());
    for other in apart_from.into_iter().flat_map(|at| &at.value) {
        if declared.actors.contains(&other.value) {
            continue;
        }
        // It may be an actor of another application, unless it is nearly one of this.
        if let Some(near) = nearest(other.value.as_str(), declared.actors.iter().map(AsRef::as_ref)) {
            let message = format!("no actor `{}` is declared here", other.value);
            reader.warn_with(other.span, message, format!("did you mean `{near}`?"));
        }
    }
    Placement {
        spread: shares(form.spread.as_ref(), reader),
        per_host_max: apart.and_then(|apart| apart.per_host.as_ref()).map(|at| at.value),
        apart_from: apart_from
            .into_iter()
            .flat_map(|at| &at.value)
            .map(|at| at.value.clone())
            .collect(),
        ..Placement::default()
    }
}

fn limits(form: &LimitsForm, reader: &mut Reader) -> Limits {
    let default = Limits::default();
    Limits {
        memory_bytes: form.memory.as_ref().map_or(default.memory_bytes, |at| at.value.0),
        deadline_ms: form
            .deadline
            .as_ref()
            .map_or(default.deadline_ms, |at| at.value.millis()),
        concurrency: positive(form.concurrency.as_ref(), "concurrency", reader).unwrap_or(default.concurrency),
        queue: form.queue.as_ref().map(|at| at.value).or(default.queue),
        body_bytes_max: form.body.as_ref().map_or(default.body_bytes_max, |at| at.value.0),
    }
}

fn reuse(form: &At<ReuseForm>, reader: &mut Reader) -> Reuse {
    const WHAT: &str = "the number of invocations";
    match &form.value {
        ReuseForm::Fresh => Reuse::Fresh,
        ReuseForm::Invocations(count) => {
            let count = At {
                value: *count,
                span: form.span,
            };
            positive(Some(&count), WHAT, reader).map_or(Reuse::Fresh, Reuse::Invocations)
        }
        ReuseForm::Numbers(form) => {
            let max_invocations = positive(form.invocations.0.as_ref(), WHAT, reader).unwrap_or(1);
            match positive(form.in_flight.as_ref(), WHAT, reader) {
                None => Reuse::Invocations(max_invocations),
                Some(max_in_flight) => Reuse::Concurrent {
                    max_in_flight,
                    max_invocations,
                },
            }
        }
    }
}

fn update(form: &UpdateForm, reader: &mut Reader) -> UpdateStrategy {
    let default = UpdateStrategy::default();
    let probe = form.probe.as_ref().and_then(|at| at.value.http.0.as_ref());
    if let Some(path) = probe.filter(|path| !path.value.starts_with('/')) {
        reader.error(path.span, "a path begins with `/`");
    }
    UpdateStrategy {
        max_unavailable: form
            .max_unavailable
            .as_ref()
            .map_or(default.max_unavailable, |at| at.value),
        ready_within_ms: form
            .ready_within
            .as_ref()
            .map_or(default.ready_within_ms, |at| at.value.millis()),
        drain_ms: form.drain.as_ref().map_or(default.drain_ms, |at| at.value.millis()),
        probe: probe.map(|path| Probe::Http(path.value.clone())),
        on_failure: match form.on_failure.as_ref().map(|at| at.value) {
            None | Some(OnFailure::RollBack) => Failure::RollBack,
            Some(OnFailure::Halt) => Failure::Halt,
        },
    }
}
