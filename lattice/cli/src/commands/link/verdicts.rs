//! What members made of a link, told truthfully: done only when all of them took it.

use std::time::Duration;

use anyhow::Result;
use lattice_control::{Signed, Verdict, Verdicts};
use lattice_core::{LinkId, UnixSeconds};
use serde::Serialize;

use crate::{
    app::App,
    failure::{Exit, Failure},
    output::{Document, warn},
};

/// How long members have to decide. They hear of a change at once; this covers one that is just reconnecting.
pub(super) const WITHIN: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Outcome<'a> {
    link: &'a LinkId,
    generation: u64,
    expires_at: UnixSeconds,
    verdicts: Vec<MemberVerdict<'a>>,
}

#[derive(Serialize)]
struct MemberVerdict<'a> {
    member: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

/// Prints the outcome, and fails when a member refused the link or cannot serve it.
pub(super) fn report(app: &App, signed: &Signed, verdicts: &Verdicts, done: &str) -> Result<()> {
    let (accepted, all) = (verdicts.accepted(), verdicts.members.len());
    let each = verdicts
        .members
        .iter()
        .map(|(member, verdict)| MemberVerdict { member, verdict })
        .collect();
    let outcome = Outcome {
        link: &signed.id,
        generation: signed.generation,
        expires_at: signed.expires_at,
        verdicts: each,
    };
    let by = match all {
        0 => "nobody is there to hear of it yet".to_owned(),
        1 if accepted == 1 => format!("{done} by {}", verdicts.members[0].0),
        _ => format!("{done} by {accepted} of {all}"),
    };
    let text = format!("{} generation {}: {by}", signed.id, signed.generation);
    app.print(&Document::single(
        "Link",
        format!("link/{}", signed.id),
        &outcome,
        text,
    )?)?;
    judge(signed, verdicts)
}

fn judge(signed: &Signed, verdicts: &Verdicts) -> Result<()> {
    let mut worst: Option<(Exit, String)> = None;
    for (member, verdict) in &verdicts.members {
        let (exit, what) = match verdict {
            Verdict::Accepted => continue,
            Verdict::Refused { code, message } => (Exit::Denied, format!("{member} refused it ({code}): {message}")),
            Verdict::Hampered { problem } => (Exit::Failed, format!("{member} cannot serve it: {problem}")),
            Verdict::Silent => (Exit::Timeout, format!("{member} did not say what it makes of it")),
        };
        warn(&what);
        // A refusal says more than a failure, and that more than silence.
        let rank = |exit: Exit| {
            [Exit::Timeout, Exit::Failed, Exit::Denied]
                .iter()
                .position(|e| *e == exit)
        };
        if worst.as_ref().is_none_or(|(have, _)| rank(exit) > rank(*have)) {
            worst = Some((exit, what));
        }
    }
    match worst {
        None => Ok(()),
        Some((exit, why)) => Err(
            Failure::new(exit, format!("`{}` is not in force everywhere", signed.id))
                .because(why)
                .help("`lattice get links -o wide` shows what every member makes of it")
                .into(),
        ),
    }
}
