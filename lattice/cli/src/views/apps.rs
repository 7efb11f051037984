//! Applications: which there are, how far each is, what became of them.

use anyhow::Result;
use lattice_control::{
    AppAt, Revised,
    reconcile::{AppPhase, AppProgress},
};
use lattice_core::{AppName, UnixSeconds, application::Cause, application::VerifiedRevision};
use serde::Serialize;

use super::hosts::word;
use crate::output::{Column, Document, Table};

const LIST: &[Column] = &[
    Column::always("NAME"),
    Column::always("PHASE"),
    Column::always("READY"),
    Column::always("REVISION"),
    Column::always("VERSION"),
    Column::always("UPDATED"),
    Column::wide("PROBLEM"),
];

const HISTORY: &[Column] = &[
    Column::always("REVISION"),
    Column::always("WHEN"),
    Column::always("WHY"),
    Column::always("VERSION"),
    Column::wide("SIGNED BY"),
];

/// An application in a list.
#[derive(Serialize)]
struct Item<'a> {
    name: &'a AppName,
    phase: String,
    revision: Option<u64>,
    version: Option<&'a str>,
    updated_at: UnixSeconds,
    ready: u32,
    wanted: u32,
    problems: Vec<String>,
}

/// Lists applications.
pub(crate) fn apps(stored: &[AppAt], progress: &[AppProgress], deleted: bool) -> Result<Document> {
    let mut table = Table::new(LIST);
    let mut items = Vec::new();
    for at in stored {
        let seen = progress.iter().find(|progress| progress.app == at.name);
        let item = item(at, seen);
        if !deleted
            && at
                .revision
                .as_ref()
                .is_ok_and(|verified| verified.revision.is_deletion())
            && item.phase != "deleting"
        {
            continue;
        }
        table.row([
            item.name.to_string(),
            item.phase.clone(),
            format!("{}/{}", item.ready, item.wanted),
            item.revision.map_or_else(String::new, |number| number.to_string()),
            item.version.unwrap_or_default().to_owned(),
            item.updated_at.to_string(),
            item.problems.first().cloned().unwrap_or_default(),
        ]);
        items.push(item);
    }
    let names = items.iter().map(|item| format!("app/{}", item.name)).collect();
    Document::list(
        "ApplicationList",
        &items,
        table,
        names,
        "no applications: `lattice apply -f FILE` makes one",
    )
}

fn item<'a>(at: &'a AppAt, seen: Option<&AppProgress>) -> Item<'a> {
    let verified = at.revision.as_ref();
    let number = verified.ok().map(|verified| verified.revision.number);
    let current = seen.filter(|seen| Some(seen.revision) == number);
    let phase = match (verified, current) {
        (Err(_), _) => "refused".to_owned(),
        (Ok(_), Some(seen)) => word(&seen.phase),
        (Ok(verified), None) if verified.revision.is_deletion() => word(&AppPhase::Deleted),
        (Ok(_), None) => "unknown".to_owned(),
    };
    let mut problems: Vec<String> = current.map(|seen| seen.problems.clone()).unwrap_or_default();
    problems.extend(verified.err().map(ToString::to_string));
    let actors = || current.into_iter().flat_map(|seen| &seen.actors);
    Item {
        name: &at.name,
        phase,
        revision: number,
        version: verified
            .ok()
            .and_then(|verified| verified.revision.application.version.as_deref()),
        updated_at: verified.map_or_else(|_| UnixSeconds::from(at.stored_at), |verified| verified.issued_at),
        ready: actors().map(|actor| actor.ready).sum(),
        wanted: actors().map(|actor| actor.wanted).sum(),
        problems,
    }
}

/// Shows one application in full.
pub(crate) fn app_status(verified: &VerifiedRevision, progress: Option<&AppProgress>) -> Result<Document> {
    #[derive(Serialize)]
    struct Status<'a> {
        name: &'a AppName,
        revision: u64,
        cause: &'a Cause,
        updated_at: UnixSeconds,
        progress: Option<&'a AppProgress>,
    }
    let revision = &verified.revision;
    let current = progress.filter(|progress| progress.revision == revision.number);
    let mut text = format!(
        "application  {}\nrevision     {}, {}, {}\n",
        revision.application.name,
        revision.number,
        why(&revision.cause),
        verified.issued_at
    );
    match current {
        None => text.push_str("phase        unknown: no controller has looked at it\n"),
        Some(progress) => text.push_str(&told(progress)),
    }
    let status = Status {
        name: &revision.application.name,
        revision: revision.number,
        cause: &revision.cause,
        updated_at: verified.issued_at,
        progress: current,
    };
    Document::single("ApplicationStatus", format!("app/{}", status.name), &status, text)
}

fn told(progress: &AppProgress) -> String {
    let mut text = format!("phase        {}\n", word(&progress.phase));
    let (linked, links) = progress.links;
    text.push_str(&format!("links        {linked} of {links} in force\n"));
    for actor in &progress.actors {
        let hosts: Vec<String> = actor
            .hosts
            .iter()
            .map(|(host, count)| format!("{host} {count}"))
            .collect();
        let old = actor.serving.saturating_sub(actor.ready);
        let old = if old > 0 {
            format!(", {old} more serve as before")
        } else {
            String::new()
        };
        text.push_str(&format!(
            "actor        {}: {} of {} ready{old} ({})\n",
            actor.name,
            actor.ready,
            actor.wanted,
            if hosts.is_empty() {
                "nowhere".to_owned()
            } else {
                hosts.join(", ")
            }
        ));
    }
    for provider in &progress.providers {
        text.push_str(&format!(
            "provider     {}: {} of {} ready ({})\n",
            provider.name,
            provider.ready,
            provider.wanted,
            if provider.hosts.is_empty() {
                "nowhere".to_owned()
            } else {
                provider.hosts.join(", ")
            }
        ));
    }
    for problem in &progress.problems {
        text.push_str(&format!("problem      {problem}\n"));
    }
    text
}

/// Lists the revisions of an application, the latest first.
pub(crate) fn app_history(past: &[AppAt]) -> Result<Document> {
    #[derive(Serialize)]
    struct Item<'a> {
        revision: Option<u64>,
        at: UnixSeconds,
        cause: Option<&'a Cause>,
        version: Option<&'a str>,
        issuer: Option<&'a lattice_core::IssuerId>,
        refused: Option<String>,
    }
    let mut table = Table::new(HISTORY);
    let mut items = Vec::new();
    for at in past.iter().rev() {
        let verified = at.revision.as_ref();
        let item = Item {
            revision: verified.ok().map(|verified| verified.revision.number),
            at: verified.map_or_else(|_| UnixSeconds::from(at.stored_at), |verified| verified.issued_at),
            cause: verified.ok().map(|verified| &verified.revision.cause),
            version: verified
                .ok()
                .and_then(|verified| verified.revision.application.version.as_deref()),
            issuer: verified.ok().map(|verified| &verified.issuer),
            refused: verified.err().map(ToString::to_string),
        };
        table.row([
            item.revision.map_or_else(String::new, |number| number.to_string()),
            item.at.to_string(),
            match (item.cause, &item.refused) {
                (Some(cause), _) => why(cause),
                (None, Some(refused)) => format!("not believed: {refused}"),
                (None, None) => String::new(),
            },
            item.version.unwrap_or_default().to_owned(),
            item.issuer.map_or_else(String::new, ToString::to_string),
        ]);
        items.push(item);
    }
    let names = items
        .iter()
        .filter_map(|item| Some(format!("revision/{}", item.revision?)))
        .collect();
    Document::list("RevisionList", &items, table, names, "no revisions")
}

/// What came of a change.
#[derive(Serialize)]
struct Outcome<'a> {
    name: &'a AppName,
    revision: u64,
    changed: bool,
    outcome: &'a str,
}

impl<'a> Outcome<'a> {
    fn of(revised: &'a Revised, what: &'a str) -> Self {
        Self {
            name: &revised.revision.application.name,
            revision: revised.revision.number,
            changed: revised.changed,
            outcome: if revised.changed { what } else { "unchanged" },
        }
    }

    fn text(&self) -> String {
        format!("app/{} {} (revision {})", self.name, self.outcome, self.revision)
    }
}

/// Says what came of a change.
pub(crate) fn app_revised(revised: &Revised, what: &str) -> Result<Document> {
    let outcome = Outcome::of(revised, what);
    Document::single(
        "ApplicationOutcome",
        format!("app/{}", outcome.name),
        &outcome,
        outcome.text(),
    )
}

/// Says what came of several changes.
pub(crate) fn apps_revised(revised: &[Revised], what: &str) -> Result<Document> {
    let outcomes: Vec<Outcome<'_>> = revised.iter().map(|revised| Outcome::of(revised, what)).collect();
    let names = outcomes.iter().map(|outcome| format!("app/{}", outcome.name)).collect();
    let text = outcomes.iter().map(|outcome| outcome.text() + "\n").collect();
    Document::plain_list("ApplicationOutcomeList", &outcomes, names, text)
}

/// Why a revision was written, as people say it.
fn why(cause: &Cause) -> String {
    match cause {
        Cause::Applied => "applied".to_owned(),
        Cause::Scaled { actor } => format!("{actor} scaled by hand"),
        Cause::Moved { actor } => format!("{actor} moved by hand"),
        Cause::RolledBack { to } => format!("rolled back to revision {to}"),
        Cause::Failed { revision, to, reason } => {
            format!("back to revision {to}, as {revision} did not become ready: {reason}")
        }
        Cause::Deleted => "deleted".to_owned(),
    }
}
