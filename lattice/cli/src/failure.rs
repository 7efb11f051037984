//! How a command fails: an exit code, what, why, and what to do.

use std::fmt;

use lattice_control::{ControlError, ErrorKind};

/// The exit codes, a stable interface. 2 (usage) is clap's own; 130 is Ctrl-C.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Denied = 4,
    Timeout = 5,
    Conflict = 6,
    /// There is a difference, which was asked after: no failure, and not told as one.
    Differs = 7,
    Interrupted = 130,
}

/// A failure that a person can act on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    pub(crate) why: Option<String>,
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            why: None,
            help: None,
        }
    }

    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, what)
    }

    /// A difference that was asked after.
    pub(crate) fn differs() -> Self {
        Self::new(Exit::Differs, "there is a difference")
    }

    /// Ctrl-C, told without alarming anybody.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted")
    }

    /// Says why.
    pub(crate) fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self {
            exit: exit_of(error.kind),
            what: error.message,
            why: None,
            help: error.help,
        }
    }
}

/// The exit code for a kind of failure.
pub(crate) fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::NotFound => Exit::NotFound,
        ErrorKind::Denied => Exit::Denied,
        ErrorKind::Timeout => Exit::Timeout,
        ErrorKind::Conflict => Exit::Conflict,
        ErrorKind::Invalid
        | ErrorKind::Unreachable
        | ErrorKind::Overloaded
        | ErrorKind::Guest
        | ErrorKind::Unsupported
        | ErrorKind::Internal => Exit::Failed,
    }
}

/// A failure as it is told: what, why, help, whatever error it was underneath.
pub(crate) fn describe(error: &anyhow::Error) -> Failure {
    // The context added last is what failed, all below it is why; exit code and help come from the failure inside.
    let inner = error.chain().find_map(|cause| {
        let failure = cause.downcast_ref::<Failure>().cloned();
        failure.or_else(|| cause.downcast_ref::<ControlError>().cloned().map(Failure::from))
    });
    let mut lines: Vec<String> = error.chain().map(ToString::to_string).collect();
    let what = lines.remove(0);
    lines.extend(inner.as_ref().and_then(|failure| failure.why.clone()));
    lines.dedup();
    let why = (!lines.is_empty()).then(|| lines.join(": "));
    let (exit, help) = inner.map_or((Exit::Failed, None), |failure| (failure.exit, failure.help));
    Failure { exit, what, why, help }
}

/// Prints a failure on stderr.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let failure = describe(error);
    if failure.exit == Exit::Differs {
        return failure.exit;
    }
    let (red, cyan) = (
        anstyle::AnsiColor::Red.on_default().bold(),
        anstyle::AnsiColor::Cyan.on_default().bold(),
    );
    anstream::eprintln!("{red}error:{red:#} {}", failure.what);
    if let Some(why) = &failure.why {
        anstream::eprintln!("  why: {why}");
    }
    if let Some(help) = &failure.help {
        anstream::eprintln!("{cyan} help:{cyan:#} {help}");
    }
    failure.exit
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_outermost_context_is_what_and_the_rest_is_why() {
        let error = ControlError::not_found("no actor `hallo` here").with_help("`lattice get actors` lists them");
        let error = Err::<(), _>(error)
            .context("cannot scale `hallo`")
            .expect_err("it is one");
        let failure = describe(&error);
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(failure.what, "cannot scale `hallo`");
        assert_eq!(failure.why.as_deref(), Some("no actor `hallo` here"));
        assert_eq!(failure.help.as_deref(), Some("`lattice get actors` lists them"));
    }

    #[test]
    fn an_unnamed_error_exits_with_one() {
        let failure = describe(&anyhow::anyhow!("boom"));
        assert_eq!(
            (failure.exit, failure.what.as_str(), failure.why),
            (Exit::Failed, "boom", None)
        );
    }
}
