//! An application on its way, as a trace: one span from the first step to the last, and below it one for each thing that is done, under
//! which the hosts' parts lie.

use std::collections::BTreeMap;

use lattice_control::reconcile::{Action, AppPhase, AppProgress, Decision, Desired};
use lattice_core::AppName;
use lattice_telemetry::conventions as is;
use lattice_telemetry::{KeyValue, Span, SpanKind, SpanRef, Status, Tracer};

/// The applications that are on their way.
pub(crate) struct Applying {
    tracer: Tracer,
    underway: BTreeMap<AppName, Underway>,
    /// The revisions that were brought to an end in this term.
    done: BTreeMap<AppName, u64>,
}

struct Underway {
    revision: u64,
    span: Span,
    /// How many things are being done.
    at_work: usize,
}

impl Applying {
    pub(crate) fn new(tracer: Tracer) -> Self {
        Self {
            tracer,
            underway: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// Begins the traces of what is about to be done. Rare, and always of interest: kept whatever the sampler says.
    pub(crate) fn begin(&mut self, decision: &Decision, desired: &Desired) {
        for action in &decision.actions {
            let Some(app) = desired.app_of(action) else { continue };
            let Some(revision) = desired.apps.get(app).map(|known| known.revision.number) else {
                continue;
            };
            if let Some(underway) = self.underway.get_mut(app).filter(|one| one.revision == revision) {
                underway.at_work += 1;
                continue;
            }
            // What was done already was undone by something else, such as the loss of a host.
            let name = match self.done.get(app) == Some(&revision) {
                true => "reconcile",
                false => "apply",
            };
            let span = self.tracer.always(name, SpanKind::Internal, None);
            let underway = Underway {
                revision,
                span,
                at_work: 1,
            };
            let before = self.underway.insert(app.clone(), underway);
            if let Some(before) = before {
                before.end(app, Status::error("superseded", "another revision took its place"));
            }
        }
    }

    /// What an action belongs under.
    pub(crate) fn over(&self, action: &Action, desired: &Desired) -> Option<SpanRef> {
        self.underway.get(desired.app_of(action)?)?.span.handle()
    }

    /// Takes note that something was done, or was not.
    pub(crate) fn ended(&mut self, action: &Action, desired: &Desired) {
        let app = desired.app_of(action);
        if let Some(underway) = app.and_then(|app| self.underway.get_mut(app)) {
            underway.at_work = underway.at_work.saturating_sub(1);
        }
    }

    /// Ends the traces of what is done, and of what does not get any further.
    pub(crate) fn end(&mut self, apps: &BTreeMap<AppName, AppProgress>) {
        for (app, progress) in apps {
            if self.underway.get(app).is_some_and(|underway| underway.at_work > 0) {
                continue;
            }
            let status = match progress.phase {
                AppPhase::Ready | AppPhase::Deleted => Status::Ok,
                AppPhase::Stuck => Status::error("stuck", progress.problems.join("; ")),
                AppPhase::Progressing | AppPhase::Deleting | AppPhase::Unknown => continue,
            };
            if status == Status::Ok {
                self.done.insert(app.clone(), progress.revision);
            }
            if let Some(underway) = self.underway.remove(app) {
                underway.end(app, status);
            }
        }
    }
}

impl Underway {
    fn end(self, app: &AppName, status: Status) {
        let revision = i64::try_from(self.revision).unwrap_or(i64::MAX);
        self.span.end(status, || {
            vec![
                KeyValue::new(is::APP, app.to_string()),
                KeyValue::new(is::APP_REVISION, revision),
            ]
        });
    }
}

/// What an action is called in a trace.
pub(crate) fn span_name(action: &Action) -> &'static str {
    match action {
        Action::PutLink { .. } => "apply put-link",
        Action::StartActor { .. } => "apply start-actor",
        Action::ScaleActor { .. } => "apply scale-actor",
        Action::StopActor { .. } => "apply stop-actor",
        Action::StartProvider { .. } => "apply start-provider",
        Action::StopProvider { .. } => "apply stop-provider",
        Action::RollBack { .. } => "apply roll-back",
    }
}

/// What an action is about, in a trace.
pub(crate) fn attributes(action: &Action) -> Vec<KeyValue> {
    use lattice_control::reconcile::Target;

    match action.target() {
        Target::OnHost(host, party) => vec![
            KeyValue::new(is::TARGET_HOST, host.to_string()),
            KeyValue::new(is::SERVER_ADDRESS, party.to_string()),
        ],
        Target::Link(id) => vec![KeyValue::new(is::LINK, id.to_string())],
        Target::App(app) => vec![KeyValue::new(is::APP, app.to_string())],
    }
}
