//! What an actor on this host may use: decided from this host's own verified links. Pure.

use std::sync::Arc;

use lattice_core::{ActiveLink, Digest, Fault, FunctionSet, InterfaceId, Labels, LinkLabel, Party, VersionedInterface};
use lattice_engine::InterfaceClass;
use lattice_mesh::LinkView;

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The actor.
    pub(crate) party: Party,
    /// The component that runs under its name.
    pub(crate) digest: Digest,
    /// What the component imports.
    pub(crate) imports: Vec<VersionedInterface>,
    /// The labels of this host, as they count.
    pub(crate) host: Labels,
}

impl Source {
    /// The functions of `interface` that its links open, of all labels together; `None` when none covers it.
    pub(crate) fn granted(&self, view: &LinkView, interface: &VersionedInterface) -> Option<FunctionSet> {
        let covering = view
            .of_source(&self.party)
            .iter()
            .filter(|link| link.covers(interface) && self.permitted(link).is_ok());
        covering.map(|link| link.functions.clone()).reduce(union)
    }

    /// The link for one import, under any label: for showing.
    pub(crate) fn links_for<'v>(
        &self,
        view: &'v LinkView,
        interface: &VersionedInterface,
    ) -> impl Iterator<Item = &'v Arc<ActiveLink>> {
        view.of_source(&self.party)
            .iter()
            .filter(|link| link.covers(interface) && self.permitted(link).is_ok())
    }

    /// The link under which a call may go out now. The one for the very interface goes before one for its package.
    ///
    /// Runs on every call: a walk over the few links of one actor, no allocation unless it is refused.
    pub(crate) fn resolve<'v>(
        &self,
        view: &'v LinkView,
        interface: &InterfaceId,
        function: &str,
        label: &LinkLabel,
    ) -> Result<&'v Arc<ActiveLink>, Fault> {
        let found = view
            .of_source(&self.party)
            .iter()
            .filter(|link| link.label == *label && self.fits(link, interface))
            .max_by_key(|link| link.interface.as_str().len());
        let Some(link) = found else {
            return Err(self.refuse(view, interface, label));
        };
        self.permitted(link)?;
        if !link.allows(function) {
            let allowed = &link.functions;
            return Err(Fault::denied(format!(
                "link `{}` does not allow `{function}`, only {allowed}",
                link.id
            )));
        }
        Ok(link)
    }

    /// Whether there is a link for `interface` under `label` now.
    pub(crate) fn has_link(&self, view: &LinkView, interface: &InterfaceId, label: &LinkLabel) -> bool {
        let links = view.of_source(&self.party);
        links
            .iter()
            .any(|link| link.label == *label && self.fits(link, interface) && self.permitted(link).is_ok())
    }

    /// Whether a link grants an interface in a version that the component imports it in.
    fn fits(&self, link: &ActiveLink, interface: &InterfaceId) -> bool {
        link.interface.covers(interface)
            && (link.versions.is_empty()
                || self
                    .imports
                    .iter()
                    .any(|import| import.id == *interface && link.covers(import)))
    }

    /// Whether this component, on this host, may use a link of its name.
    fn permitted(&self, link: &ActiveLink) -> Result<(), Fault> {
        if !link.permits_component(&self.digest) {
            let digest = self.digest.short();
            return Err(Fault::denied(format!(
                "link `{}` does not permit component {digest} as its source",
                link.id
            )));
        }
        if !link.permits_host(&self.host) {
            return Err(Fault::denied(format!(
                "link `{}` does not permit this host: it wants {}",
                link.id, link.hosts
            )));
        }
        Ok(())
    }

    fn refuse(&self, view: &LinkView, interface: &InterfaceId, label: &LinkLabel) -> Fault {
        let party = &self.party;
        let others: Vec<&str> = view
            .of_source(party)
            .iter()
            .filter(|link| self.fits(link, interface))
            .map(|link| link.label.as_str())
            .collect();
        let hint = if others.is_empty() {
            String::new()
        } else {
            format!("; there are: {}", others.join(", "))
        };
        Fault::denied(format!(
            "{party} has no link for {interface} under label `{label}`{hint}"
        ))
    }
}

fn union(a: FunctionSet, b: FunctionSet) -> FunctionSet {
    match (a, b) {
        (FunctionSet::Only(mut a), FunctionSet::Only(b)) => {
            for function in b {
                if !a.contains(&function) {
                    a.push(function);
                }
            }
            FunctionSet::Only(a)
        }
        _ => FunctionSet::All,
    }
}

/// The command that would link an import.
pub(crate) fn link_command(party: &Party, interface: &str, class: InterfaceClass) -> String {
    let target = match class {
        InterfaceClass::Bridge => "actor/<name>",
        InterfaceClass::Capability | InterfaceClass::Wasi => "provider/<name>",
    };
    format!("lattice link put {party} {interface} {target}")
}
