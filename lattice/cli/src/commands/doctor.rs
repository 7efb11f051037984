//! `lattice doctor`

use anyhow::Result;
use clap::Args;
use lattice_control::{Check, CheckStatus};
use serde::Serialize;

use crate::{app::App, doctor, failure::Failure, output::Document};

/// Looks for what is wrong: here, on NATS, in the lattice, on every host; says why it matters and how to put it right
#[derive(Args, Debug)]
pub(crate) struct Doctor {}

#[derive(Serialize)]
struct Report<'a> {
    checks: &'a [Check],
}

impl Doctor {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let checks = doctor::examine(app).await;
        let text = checks.iter().map(describe).collect::<String>();
        let failed = checks
            .iter()
            .filter(|check| check.status == CheckStatus::Failed)
            .count();
        app.print(&Document::single(
            "DoctorReport",
            "doctor".to_owned(),
            &Report { checks: &checks },
            text,
        )?)?;
        match failed {
            0 => Ok(()),
            1 => Err(Failure::failed("one check failed").into()),
            some => Err(Failure::failed(format!("{some} checks failed")).into()),
        }
    }
}

fn describe(check: &Check) -> String {
    let mark = match check.status {
        CheckStatus::Ok => "ok  ",
        CheckStatus::Warning => "warn",
        CheckStatus::Failed => "FAIL",
    };
    let mut text = format!("{mark}  {}: {}\n", check.name, check.what);
    if let Some(why) = &check.why {
        text.push_str(&format!("        why: {why}\n"));
    }
    if let Some(fix) = &check.fix {
        text.push_str(&format!("        fix: {fix}\n"));
    }
    text
}
