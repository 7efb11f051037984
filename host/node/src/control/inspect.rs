//! What a component imports and exports, and what satisfies each import.

use std::sync::Arc;

use lattice_control::{
    ActorShape, ControlError, FunctionShape, ImportClass, InspectTarget, InterfaceShape, ProgressSink,
};
use lattice_core::{ActorName, FunctionSet, VersionedInterface};
use lattice_engine::{ActorOptions, Compiled, Import, ImportProblem, InterfaceClass, InterfaceUse, StartError};
use lattice_mesh::LinkView;

use crate::grants::Source;
use crate::linked::ActorLinks;
use crate::shared::Shared;

/// Looks at a running actor, or at a component in the artifact store.
pub(super) async fn inspect(
    shared: &Arc<Shared>,
    target: &InspectTarget,
    progress: &ProgressSink,
) -> Result<ActorShape, ControlError> {
    match target {
        InspectTarget::Actor(name) => {
            let hosted = shared.actor(name)?;
            let source = shared.source_of(name, hosted.compiled());
            let view = shared.member.links().current();
            Ok(shape(shared, hosted.compiled(), &source, Some(&view)))
        }
        InspectTarget::Artifact(digest) => {
            // Anybody may ask to have a component looked at; what the lattice does not have is not fetched for that.
            let (compiled, _) = shared.load(digest, "", progress).await?;
            let nobody = shared.source_of(&nobody(), &compiled);
            Ok(shape(shared, &compiled, &nobody, None))
        }
    }
}

/// An actor that has no links, to look at a component that has no actor.
fn nobody() -> ActorName {
    "inspected".parse().expect("a constant name is well-formed")
}

fn shape(shared: &Arc<Shared>, compiled: &Arc<Compiled>, source: &Source, links: Option<&LinkView>) -> ActorShape {
    let shape = compiled.shape();
    let problems = incurable(shared, compiled, source);
    let imports = shape.imports.iter().map(|import| {
        let problem = problems
            .iter()
            .find(|problem| problem.import == Import::Interface(import.interface.clone()));
        let links: Vec<_> = match (import.class, links) {
            (InterfaceClass::Wasi, _) | (_, None) => Vec::new(),
            (_, Some(view)) => source
                .links_for(view, &import.interface)
                .map(|link| link.id.clone())
                .collect(),
        };
        InterfaceShape {
            class: Some(problem.map_or_else(|| class(import.class), |_| ImportClass::Unsupported)),
            links,
            problem: problem.map(ToString::to_string),
            ..interface(import)
        }
    });
    ActorShape {
        digest: compiled.digest(),
        imports: imports.collect(),
        exports: shape.exports.iter().map(interface).collect(),
    }
}

/// What no link could cure: asks the engine to start it as if everything were linked.
fn incurable(shared: &Arc<Shared>, compiled: &Arc<Compiled>, source: &Source) -> Vec<ImportProblem> {
    let everything = |_: &VersionedInterface| Some(FunctionSet::All);
    let linked = Arc::new(ActorLinks::new(Arc::clone(shared), source.clone()));
    match shared
        .engine
        .actor(Arc::clone(compiled), ActorOptions::new(nobody()), &everything, linked)
    {
        Err(StartError::Imports { problems, .. }) => problems,
        Ok(_) | Err(_) => Vec::new(),
    }
}

fn interface(interface: &InterfaceUse) -> InterfaceShape {
    let functions = interface.functions.iter();
    InterfaceShape {
        interface: interface.interface.clone(),
        functions: functions
            .map(|f| FunctionShape {
                name: f.name.clone(),
                signature: signature(&f.text),
            })
            .collect(),
        class: None,
        links: Vec::new(),
        problem: None,
    }
}

/// `func(key: string)` of `get: func(key: string)`.
fn signature(declaration: &str) -> String {
    declaration
        .split_once(": ")
        .map_or(declaration, |(_, signature)| signature)
        .to_owned()
}

fn class(class: InterfaceClass) -> ImportClass {
    match class {
        InterfaceClass::Wasi => ImportClass::Host,
        InterfaceClass::Capability => ImportClass::Capability,
        InterfaceClass::Bridge => ImportClass::Actor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_follows_the_name() {
        assert_eq!(signature("get: func(key: string) -> u32"), "func(key: string) -> u32");
        assert_eq!(signature("[method]bucket.get: func()"), "func()");
        assert_eq!(signature("odd"), "odd");
    }
}
