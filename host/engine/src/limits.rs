//! What one instance may use of the machine.

use lattice_core::Limits;
use wasmtime::ResourceLimiter;

/// Table slots of all tables of an instance together: 8 MiB.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;
/// Core instances, tables and memories in one component. Composed components have dozens.
const PARTS_MAX: usize = 1000;

/// Counts the memory of one store and refuses growth beyond the limit.
pub(crate) struct MemoryLimit {
    max: usize,
    used: usize,
    /// What `used` was before the growth that is being decided.
    before: usize,
    table_elements: usize,
    refused: Option<usize>,
}

impl MemoryLimit {
    pub(crate) fn new(limits: &Limits) -> Self {
        let max = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        Self {
            max,
            used: 0,
            before: 0,
            table_elements: 0,
            refused: None,
        }
    }

    /// Bytes of linear memory now.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The size that was asked for when growth was refused, if it ever was.
    pub(crate) fn refused(&self) -> Option<usize> {
        self.refused
    }

    /// Forgets what was refused: that was another call.
    pub(crate) fn begin(&mut self) {
        self.refused = None;
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        if wanted > self.max {
            self.refused = Some(wanted);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.before = self.used;
        self.used = wanted;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "a guest's memory could not grow");
        self.used = self.before;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        if wanted > TABLE_ELEMENTS_MAX {
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(memory_bytes: u64) -> MemoryLimit {
        MemoryLimit::new(&Limits {
            memory_bytes,
            ..Limits::default()
        })
    }

    #[test]
    fn counts_all_memories_of_an_instance_together() {
        let mut limit = limit(100);
        assert!(limit.memory_growing(0, 60, None).expect("decides"));
        assert!(!limit.memory_growing(0, 60, None).expect("decides"));
        assert_eq!((limit.used(), limit.refused()), (60, Some(120)));
        assert!(limit.memory_growing(60, 100, None).expect("decides"));
    }

    #[test]
    fn growth_that_fails_elsewhere_is_not_counted() {
        let mut limit = limit(100);
        assert!(limit.memory_growing(0, 60, None).expect("decides"));
        limit
            .memory_grow_failed(wasmtime::format_err!("the system has none"))
            .expect("notes");
        assert_eq!((limit.used(), limit.refused()), (0, None));
    }
}
