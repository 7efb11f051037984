//! The life of `lattice dev`: build, run, watch, and again; in the end nothing is left.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Result;
use lattice_core::{AppName, Application};
use tokio::sync::watch;

use super::{
    build::build,
    concern::Concern,
    declare::{component_files, declare},
    ending,
    host_log::HostLog,
    interrupts::Interrupts,
    news::News,
    plan::{AtEnd, DevPlan, Origin},
    release::{Release, release},
    source::{Source, SourceWatch},
    summary::summary,
};
use crate::{
    app::App,
    applications::check_free,
    failure::{self, Failure},
    manifests::Declared,
    output::{note, warn},
    session::Session,
};

/// How many changed files are named.
const NAMED_MAX: usize = 3;

/// Builds and runs until Ctrl-C.
///
/// # Errors
/// When nothing could be made to run in the first place. What fails later is told, and what ran goes on.
pub(crate) async fn run(app: &App, plan: DevPlan) -> Result<()> {
    let mut interrupts = Interrupts::listen()?;
    let session = tokio::select! {
        session = connect(app) => session?,
        () = interrupts.recv() => return Ok(()),
    };
    let mut work = Work::new(app, &session, &plan);
    let outcome = tokio::select! {
        outcome = work.go_on() => outcome,
        () = interrupts.recv() => Ok(()),
    };
    let Some(name) = work.to_delete.take() else {
        if let Some(name) = &work.name {
            note(format_args!("`{name}` goes on; `lattice app delete {name}` ends it"));
        }
        return outcome;
    };
    // Events about the end are news too, so `work` lives on.
    note(format_args!("ending `{name}`; Ctrl-C again leaves it"));
    let ended = tokio::select! {
        ended = ending::end(&session, &name) => ended,
        () = interrupts.recv() => Err(left_behind(&name).into()),
    };
    match (outcome, ended) {
        (Ok(()), Ok(())) => {
            note("ended");
            Ok(())
        }
        (Ok(()), Err(error)) => Err(error),
        (Err(error), ended) => {
            if let Err(left) = ended {
                warn(format_args!("{left:#}: `lattice app delete {name}`"));
            }
            Err(error)
        }
    }
}

async fn connect(app: &App) -> Result<Session> {
    let session = Session::connect_verifying(app.context()?).await?;
    if session.hosts().await?.is_empty() {
        let lattice = session.client.lattice();
        return Err(
            Failure::not_found(format!("no host of the lattice `{lattice}` answers"))
                .help("start one with `lattice up`")
                .into(),
        );
    }
    Ok(session)
}

fn left_behind(name: &AppName) -> Failure {
    Failure::interrupted()
        .because(format!("`{name}` may be left"))
        .help(format!(
            "`lattice app status {name}` shows it, `lattice app delete {name}` ends it"
        ))
}

/// What goes on between the beginning and the end.
struct Work<'a> {
    app: &'a App,
    session: &'a Session,
    plan: &'a DevPlan,
    concern: watch::Sender<Concern>,
    /// The application of this run. Its name does not change.
    name: Option<AppName>,
    /// What must be deleted in the end.
    to_delete: Option<AppName>,
    /// What serves, as far as is known.
    serves: Option<Application>,
    /// Tell what goes on until they are dropped.
    news: Option<News>,
    host_log: Option<HostLog>,
}

impl<'a> Work<'a> {
    fn new(app: &'a App, session: &'a Session, plan: &'a DevPlan) -> Self {
        Self {
            app,
            session,
            plan,
            concern: watch::Sender::new(Concern::default()),
            name: None,
            to_delete: None,
            serves: None,
            news: None,
            host_log: None,
        }
    }

    /// Runs it once, then again after every change. Ends only by a failure, or by being dropped.
    async fn go_on(&mut self) -> Result<()> {
        let mut source = SourceWatch::start(self.source()).await?;
        let (declared, _) = self.build(&mut source).await?;
        self.begin(&declared.application).await?;
        let release = self.release(declared).await?;
        self.app.print(&summary(&release, &source.watched())?)?;
        note("watching; Ctrl-C ends it");
        loop {
            let changed = source.changed().await?;
            note(format_args!("{} changed", named(&source, &changed)));
            if let Err(error) = self.again(&mut source).await {
                failure::report(&error);
                note("what ran before goes on; waiting for the next change");
            }
        }
    }

    fn source(&self) -> Source {
        let (manifest, component) = match &self.plan.origin {
            Origin::Manifest(file) => (Some(file.clone()), self.plan.recipe.component.clone()),
            Origin::Derived { component, .. } => (None, Some(component.clone())),
        };
        Source {
            folder: self.plan.folder.clone(),
            manifest,
            ignored: self.plan.ignored.clone(),
            components: BTreeSet::from_iter(component),
            builds: self.plan.recipe.build.is_some(),
        }
    }

    /// Makes the component, if we are who makes it, and reads what shall run.
    async fn build(&self, source: &mut SourceWatch) -> Result<(Declared, Duration)> {
        let mut took = Duration::ZERO;
        if let Some(recipe) = &self.plan.recipe.build {
            let built = build(recipe, &self.plan.folder).await;
            source.after_build(built.is_ok()).await?;
            took = built?;
        }
        let declared = declare(&self.plan.origin).await?;
        source
            .set_components(component_files(&declared, &self.plan.origin))
            .await?;
        Ok((declared, took))
    }

    /// Looks whether the application can run here, and what becomes of it in the end.
    async fn begin(&mut self, application: &Application) -> Result<()> {
        let name = &application.name;
        check_free(self.session, application).await?;
        let before = self.session.client.app(name).await?;
        let was_there = before.is_some_and(|at| {
            let verified = at.revision.as_ref();
            verified.is_ok_and(|verified| !verified.revision.is_deletion())
        });
        let is_ours = matches!(self.plan.origin, Origin::Derived { .. });
        match (was_there, is_ours) {
            (true, true) => note(format_args!(
                "`{name}` is there already, from another `lattice dev`: it is replaced"
            )),
            (true, false) => note(format_args!(
                "`{name}` is there already: it is changed, and not deleted in the end"
            )),
            (false, _) => {}
        }
        if self.plan.at_end == AtEnd::Delete && (is_ours || !was_there) {
            self.to_delete = Some(name.clone());
        }
        self.name = Some(name.clone());
        self.concern
            .send_replace(Concern::of(application, self.session.client.lattice()));
        self.news = Some(News::start(self.session, self.concern.subscribe()).await?);
        self.host_log = HostLog::start(self.app, self.session, self.concern.subscribe());
        Ok(())
    }

    /// Builds anew, and puts what comes of it in the place of what runs if it is another.
    async fn again(&mut self, source: &mut SourceWatch) -> Result<()> {
        let started = Instant::now();
        let (declared, took) = self.build(source).await?;
        let application = &declared.application;
        if let Some(name) = self.name.as_ref().filter(|name| **name != application.name) {
            return Err(Failure::failed(format!(
                "the manifest declares `{}` now, and `{name}` runs",
                application.name
            ))
            .help("end this `lattice dev` and start another")
            .into());
        }
        let built = match self.plan.recipe.build {
            Some(_) => format!("built in {}", seconds(took)),
            None => format!("read in {}", seconds(started.elapsed())),
        };
        if self.serves.as_ref() == Some(application) {
            note(format_args!(
                "{built}; the outcome is the same, nothing to swap{}",
                digests(application)
            ));
            return Ok(());
        }
        self.concern
            .send_replace(Concern::of(application, self.session.client.lattice()));
        let release = self.release(declared).await?;
        note(format_args!(
            "{built}, swapped in {}: revision {}{}",
            seconds(release.took),
            release.number,
            digests(&release.application)
        ));
        Ok(())
    }

    async fn release(&mut self, declared: Declared) -> Result<Release> {
        // Until it has come through, nobody knows what serves.
        self.serves = None;
        let release = release(self.session, declared, self.app.timeout).await?;
        self.serves = Some(release.application.clone());
        Ok(release)
    }
}

/// Changed files, the first of them by name.
fn named(source: &SourceWatch, changed: &[PathBuf]) -> String {
    let shown = changed.iter().take(NAMED_MAX).map(|file| source.shown(file));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match changed.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Which components these are: ` (hello is sha256:ab12…)`.
fn digests(application: &Application) -> String {
    let actors = application.actors.iter().map(|actor| &actor.spec);
    let shown: Vec<String> = actors
        .map(|spec| format!("{} is {}", spec.name, spec.digest.short()))
        .collect();
    if shown.is_empty() {
        return String::new();
    }
    format!(" ({})", shown.join(", "))
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}
