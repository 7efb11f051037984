//! Why an actor is not started, with the commands that would help. Pure.

use std::collections::BTreeMap;

use lattice_control::{ControlError, ErrorKind};
use lattice_core::aot::CodeTarget;
use lattice_core::token::ImageRefusal;
use lattice_core::{Digest, Party};
use lattice_engine::{ImportProblemKind, InterfaceClass, LoadError, StartError};
use lattice_oci::OciErrorKind;

use super::code::CodeProblem;
use crate::artifacts::{CodeError, FetchError, NotSigned};
use crate::chain::chain;
use crate::grants::link_command;

/// Tells a refused start.
pub(super) fn from_start(party: &Party, error: &StartError) -> ControlError {
    let StartError::Imports { problems, .. } = error else {
        return ControlError::invalid(error.to_string());
    };
    let not_granted = |kind: &_| {
        matches!(
            kind,
            ImportProblemKind::Unlinked(_) | ImportProblemKind::FunctionNotGranted { .. }
        )
    };
    let kind = match problems.iter().any(|problem| not_granted(&problem.kind)) {
        true => ErrorKind::Denied,
        false => ErrorKind::Invalid,
    };
    let refused = ControlError::new(kind, error.to_string());
    let missing = problems.iter().filter_map(|problem| problem.missing_link());
    let mut packages: BTreeMap<(String, bool), Vec<_>> = BTreeMap::new();
    for (interface, class) in missing {
        let package = format!("{}:{}", interface.id.namespace(), interface.id.package());
        packages
            .entry((package, class == InterfaceClass::Bridge))
            .or_default()
            .push((interface, class));
    }
    let mut commands: Vec<String> = packages
        .into_iter()
        .filter_map(|((package, _), imports)| match imports.as_slice() {
            [(interface, class)] => Some(link_command(party, interface.id.as_str(), *class)),
            // Several interfaces of one package come from one place nearly always.
            [(_, class), ..] => Some(link_command(party, &package, *class)),
            [] => None,
        })
        .collect();
    if problems
        .iter()
        .any(|problem| matches!(problem.kind, ImportProblemKind::FunctionNotGranted { .. }))
    {
        commands.push(format!("lattice get links -o wide   # which functions {party} may use"));
    }
    match commands.is_empty() {
        true => refused,
        false => refused.with_help(commands.join("\n")),
    }
}

/// Tells a component that does not load.
pub(crate) fn from_load(error: &LoadError) -> ControlError {
    let kind = match error {
        LoadError::Crashed | LoadError::Concurrency(_) | LoadError::Residence(_) => ErrorKind::Internal,
        _ => ErrorKind::Invalid,
    };
    ControlError::new(kind, chain(error))
}

/// Tells a component that was not compiled for this host, which does not compile.
pub(super) fn from_code(digest: &Digest, target: CodeTarget, problem: &CodeProblem) -> ControlError {
    let message = format!(
        "this host compiles nothing, and component {} cannot run: {}",
        digest.short(),
        chain(problem)
    );
    let kind = match problem {
        CodeProblem::Code(CodeError::NotFound(_)) => ErrorKind::NotFound,
        CodeProblem::Code(CodeError::Unsigned(_) | CodeError::Refused { .. }) => ErrorKind::Denied,
        CodeProblem::Code(CodeError::Fetch(error)) => return from_fetch(error),
        CodeProblem::Code(CodeError::Unreadable { .. }) | CodeProblem::Load(_) => ErrorKind::Invalid,
    };
    ControlError::new(kind, message).with_help(format!("lattice aot {digest} {} --store", target.options()))
}

/// Tells a component that cannot be had.
pub(crate) fn from_fetch(error: &FetchError) -> ControlError {
    let help = "start it from its file, which stores it: `lattice start actor NAME FILE`";
    match error {
        FetchError::NotFound(_) => ControlError::not_found(chain(error)).with_help(help),
        FetchError::WrongDigest { .. } => ControlError::denied(chain(error))
            .with_help("somebody tampered with the artifact store; store the component again"),
        FetchError::Registry { error: cause, .. } => {
            let kind = match cause.kind() {
                OciErrorKind::NotFound => ErrorKind::NotFound,
                OciErrorKind::Denied => ErrorKind::Denied,
                OciErrorKind::Unusable => ErrorKind::Invalid,
                OciErrorKind::Unreachable => ErrorKind::Unreachable,
            };
            ControlError::new(kind, chain(error)).with_help(cause.help())
        }
        FetchError::TooLarge { .. } => ControlError::invalid(chain(error)),
        FetchError::Store(_) => ControlError::new(ErrorKind::Unreachable, chain(error))
            .with_help("`lattice doctor` looks at NATS and JetStream"),
        FetchError::Disk(_) => ControlError::internal(chain(error)).with_help("is the host's disk full or read-only?"),
    }
}

/// Tells a component that nobody signed who may.
pub(crate) fn from_signature(error: &NotSigned) -> ControlError {
    let mut help = match error.refusal {
        ImageRefusal::Unsigned | ImageRefusal::OtherComponent { .. } => {
            "sign it: `lattice push --sign`, or `lattice start actor … --sign`, with the key of an issuer with the role `image`"
        }
        _ => "sign it with a key that the lattice trusts for images: `lattice key show` lists them",
    }
    .to_owned();
    for who in &error.unasked {
        help = format!("{help}; {who}");
    }
    ControlError::denied(error.to_string()).with_help(help)
}
