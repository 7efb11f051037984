//! The checks of `lattice doctor`, from near to far: each next one needs the ones before.

mod here;
mod lattice;

use lattice_control::Check;

use crate::{app::App, session::Session};

/// Examines everything that can be reached.
pub(crate) async fn examine(app: &App) -> Vec<Check> {
    let mut checks = here::examine(app);
    let context = match app.context() {
        Ok(context) => context,
        Err(error) => {
            checks.push(failed("context", &error));
            return checks;
        }
    };
    checks.push(Check::ok("context", format!("lattice `{}`", context.lattice)));
    match Session::connect(context).await {
        Ok(session) => lattice::examine(&session, &mut checks).await,
        Err(error) => checks.push(failed("NATS", &error)),
    }
    checks
}

/// An error as a check that failed.
fn failed(name: &str, error: &anyhow::Error) -> Check {
    let failure = crate::failure::describe(error);
    let why = failure
        .why
        .unwrap_or_else(|| "nothing behind it can be examined".to_owned());
    Check::failed(
        name,
        failure.what,
        why,
        failure.help.unwrap_or_else(|| "see `lattice -v doctor`".to_owned()),
    )
}
