//! Whether a span of a trace that is not recorded is kept after all, because something went wrong below it.
//!
//! The spans that one process makes for one call from outside are a *segment*: a tree whose root is the span that took the call. An error
//! keeps the segment: from then on every span of it is kept when it ends, and since the ancestors of the error end after it, they are all
//! there. What ended before, and was not kept, is gone. A span may outlive its parent, so one that is kept names the nearest ancestor that
//! is not gone as its parent; and once the root is gone nothing of the segment is kept any more. So there is never an orphan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use lattice_core::SpanId;

/// Not decided.
const OPEN: u8 = 0;
/// On a root: the segment is kept.
const KEPT: u8 = 1;
/// The span ended and was not kept.
const GONE: u8 = 2;

/// A span of a segment, as those below it see it.
#[derive(Debug)]
pub(crate) struct Node {
    parent: Option<Arc<Node>>,
    id: SpanId,
    state: AtomicU8,
}

/// Under whom a kept span is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As the root of its segment: under whatever called from outside.
    Root,
    /// Under this span of the same segment.
    Under(SpanId),
}

impl Node {
    /// Begins a segment.
    pub(crate) fn root(id: SpanId) -> Arc<Self> {
        Self::new(None, id)
    }

    /// Adds a span to the segment of `parent`.
    pub(crate) fn child(parent: &Arc<Self>, id: SpanId) -> Arc<Self> {
        Self::new(Some(parent.clone()), id)
    }

    fn new(parent: Option<Arc<Self>>, id: SpanId) -> Arc<Self> {
        Arc::new(Self {
            parent,
            id,
            state: AtomicU8::new(OPEN),
        })
    }

    fn segment(&self) -> &Self {
        let mut node = self;
        while let Some(parent) = &node.parent {
            node = parent;
        }
        node
    }

    /// Keeps all spans of the segment that have not ended; in vain when its root has.
    pub(crate) fn keep(&self) {
        // One write decides between this and the end of the root.
        let _ = self
            .segment()
            .state
            .compare_exchange(OPEN, KEPT, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Says whether the segment is kept.
    pub(crate) fn kept(&self) -> bool {
        self.segment().state.load(Ordering::SeqCst) == KEPT
    }

    /// Ends the span. Returns its place when it is kept.
    pub(crate) fn end(&self) -> Option<Place> {
        let Some(parent) = &self.parent else {
            let left = self
                .state
                .compare_exchange(OPEN, GONE, Ordering::SeqCst, Ordering::SeqCst);
            return left.is_err().then_some(Place::Root);
        };
        // Said before it is asked whether the segment is kept: a span below that keeps it in this very moment either is heard here, or knows
        // that this one is gone.
        self.state.store(GONE, Ordering::SeqCst);
        if !self.kept() {
            return None;
        }
        self.state.store(OPEN, Ordering::SeqCst);
        let mut above = parent;
        while let Some(next) = &above.parent
            && above.state.load(Ordering::SeqCst) == GONE
        {
            above = next;
        }
        Some(Place::Under(above.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice;

    fn three() -> [Arc<Node>; 3] {
        let root = Node::root(dice::span_id());
        let middle = Node::child(&root, dice::span_id());
        let leaf = Node::child(&middle, dice::span_id());
        [root, middle, leaf]
    }

    #[test]
    fn nothing_is_kept_when_nothing_went_wrong() {
        let [root, middle, leaf] = three();
        assert_eq!([leaf.end(), middle.end(), root.end()], [None; 3]);
    }

    #[test]
    fn what_keeps_one_keeps_its_ancestors() {
        let [root, middle, leaf] = three();
        leaf.keep();
        assert!(root.kept() && middle.kept());
        assert_eq!(leaf.end(), Some(Place::Under(middle.id)));
        assert_eq!(middle.end(), Some(Place::Under(root.id)));
        assert_eq!(root.end(), Some(Place::Root));
    }

    #[test]
    fn a_span_that_outlives_its_parent_moves_up() {
        let [root, middle, leaf] = three();
        assert_eq!(middle.end(), None);
        leaf.keep();
        assert_eq!(leaf.end(), Some(Place::Under(root.id)));
        assert_eq!(root.end(), Some(Place::Root));
    }

    #[test]
    fn after_its_root_nothing_is_kept() {
        let [root, middle, leaf] = three();
        assert_eq!(root.end(), None);
        leaf.keep();
        assert!(!leaf.kept());
        assert_eq!([leaf.end(), middle.end()], [None; 2]);
    }
}
