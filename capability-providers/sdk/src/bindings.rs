//! Which links a provider has to give up, and which to take up: a pure decision, the same in a host and alone on the lattice.

use std::collections::BTreeMap;

use lattice_core::LinkId;

/// A link as the provider has it, or failed to take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The generation that was taken, or tried.
    pub generation: u64,
    /// Why the provider does not serve it, if it does not.
    pub problem: Option<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give up a link.
    Unlink(LinkId),
    /// Take up a link, or its newer generation.
    Link(LinkId),
}

/// Compares the links that name the provider (`wanted`, with their generations) with those it `has`.
///
/// What is given up comes first, so that a route one link frees can be taken by another in the same pass. A link that
/// the provider refused is tried again on every pass: what stood in its way may just have gone.
pub fn plan(wanted: &BTreeMap<LinkId, u64>, has: &BTreeMap<LinkId, Bound>) -> Vec<Step> {
    let gone = has
        .keys()
        .filter(|link| !wanted.contains_key(*link))
        .cloned()
        .map(Step::Unlink);
    let taken = wanted
        .iter()
        .filter(|(link, generation)| match has.get(*link) {
            None => true,
            Some(bound) => bound.generation != **generation || bound.problem.is_some(),
        })
        .map(|(link, _)| Step::Link(link.clone()));
    gone.chain(taken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(label: &str) -> LinkId {
        format!("lnk:test/provider/http/wasi:http/incoming-handler/{label}")
            .parse()
            .expect("a link id")
    }

    fn bound(generation: u64, problem: Option<&str>) -> Bound {
        Bound {
            generation,
            problem: problem.map(str::to_owned),
        }
    }

    #[test]
    fn unlinks_first_then_new_changed_and_refused_links() {
        let wanted = BTreeMap::from([
            (link("new"), 1),
            (link("same"), 3),
            (link("changed"), 5),
            (link("refused"), 2),
        ]);
        let has = BTreeMap::from([
            (link("same"), bound(3, None)),
            (link("changed"), bound(4, None)),
            (link("refused"), bound(2, Some("route conflict"))),
            (link("gone"), bound(9, None)),
        ]);
        let expect = [
            Step::Unlink(link("gone")),
            Step::Link(link("changed")),
            Step::Link(link("new")),
            Step::Link(link("refused")),
        ];
        assert_eq!(plan(&wanted, &has), expect);
    }

    #[test]
    fn nothing_to_do_when_all_is_as_wanted() {
        let wanted = BTreeMap::from([(link("a"), 1)]);
        let has = BTreeMap::from([(link("a"), bound(1, None))]);
        assert_eq!(plan(&wanted, &has), []);
    }
}
