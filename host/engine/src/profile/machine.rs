//! What the machine has.

use lattice_core::aot::CodeArch;
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::why::AddressLimit;

/// The facts that the choice of a profile rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// The processor's architecture, in Rust's words.
    pub arch: String,
    /// Whether a compiler generates code for it, here or elsewhere.
    pub has_back_end: bool,
    /// Whether memory that was written may be made executable.
    pub may_execute_memory: bool,
    /// 64 or 32.
    pub pointer_bits: u32,
    /// Processors this process may use.
    pub cpus: usize,
    /// Memory this process may use: the machine's, or its control group's if that is less.
    pub memory_bytes: u64,
    /// The limit on this process's address space, if it has one.
    pub address_space_bytes: Option<u64>,
    /// The most address space that could be reserved in one piece when that was tried, up to [`Machine::PLENTY`].
    pub reservable_bytes: u64,
}

impl Machine {
    /// More address space than any profile makes use of.
    pub const PLENTY: u64 = 16 << 40;

    /// How much address space there is for guests, and what limits it. `None` when there is plenty.
    #[must_use]
    pub fn room(&self) -> Option<(u64, AddressLimit)> {
        match self.address_space_bytes {
            Some(bytes) if bytes < Self::PLENTY => Some((bytes, AddressLimit::Process)),
            _ if self.reservable_bytes < Self::PLENTY => Some((self.reservable_bytes, AddressLimit::Kernel)),
            _ => None,
        }
    }

    /// Looks at this machine.
    pub fn probe() -> Self {
        Self {
            arch: std::env::consts::ARCH.to_owned(),
            has_back_end: CodeArch::here().is_some(),
            may_execute_memory: pages::may_execute(),
            pointer_bits: usize::BITS,
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(),
            address_space_bytes: getrlimit(Resource::As).current,
            reservable_bytes: reservable_bytes(),
        }
    }
}

/// Unknown is little: the small profile runs everywhere.
fn memory_bytes() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else {
        return 0;
    };
    system.refresh_memory();
    let group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    system.total_memory().min(group)
}

/// Tries to reserve address space as guests would need it, ever less of it. A kernel with 39 bits of address space says so in no other way.
fn reservable_bytes() -> u64 {
    const LEAST: u64 = 16 << 20;
    let mut fits = Machine::PLENTY;
    while fits > LEAST && !pages::may_reserve(fits) {
        fits /= 2;
    }
    if fits == Machine::PLENTY {
        return fits;
    }
    // What fits lies between this and twice this: three more steps narrow it down to an eighth.
    let mut step = fits / 2;
    for _ in 0..3 {
        if pages::may_reserve(fits + step) {
            fits += step;
        }
        step /= 2;
    }
    fits
}

#[expect(
    unsafe_code,
    reason = "what the kernel allows can only be found out by mapping pages"
)]
mod pages {
    use std::ffi::c_void;
    use std::ptr;

    use rustix::io::Result;
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

    /// Maps one page, makes it executable as a compiler would, and unmaps it. Nothing is written to it or run from it.
    pub(super) fn may_execute() -> bool {
        let len = rustix::param::page_size();
        let Ok(page) = map(len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) else {
            // Out of address space already: that is for the plans to find out.
            return true;
        };
        // SAFETY: the page is ours, whole, and nobody refers to it.
        let allowed = unsafe { mprotect(page, len, MprotectFlags::READ | MprotectFlags::EXEC) }.is_ok();
        unmap(page, len);
        allowed
    }

    /// Reserves that much address space, without memory behind it, and gives it back.
    pub(super) fn may_reserve(bytes: u64) -> bool {
        let Ok(len) = usize::try_from(bytes) else {
            return false;
        };
        let reserved = map(len, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
        reserved.map(|start| unmap(start, len)).is_ok()
    }

    fn map(len: usize, protection: ProtFlags, flags: MapFlags) -> Result<*mut c_void> {
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no memory of ours.
        unsafe { mmap_anonymous(ptr::null_mut(), len, protection, flags) }
    }

    fn unmap(start: *mut c_void, len: usize) {
        // SAFETY: the mapping is ours, whole, and is not used afterwards.
        let unmapped = unsafe { munmap(start, len) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_reserved_here_is_found_out() {
        let machine = Machine::probe();
        assert!(machine.reservable_bytes >= 1 << 30, "{machine:?}");
        assert!(machine.may_execute_memory, "{machine:?}");
    }

    #[test]
    fn the_limit_of_the_process_is_told_before_that_of_the_kernel() {
        let machine = |limit, reservable_bytes| Machine {
            address_space_bytes: limit,
            reservable_bytes,
            ..Machine::probe()
        };
        assert_eq!(machine(None, Machine::PLENTY).room(), None);
        assert_eq!(machine(Some(u64::MAX), Machine::PLENTY).room(), None);
        let by_process = Some((3 << 30, AddressLimit::Process));
        assert_eq!(machine(Some(3 << 30), 2 << 30).room(), by_process);
        let by_kernel = Some((320 << 30, AddressLimit::Kernel));
        assert_eq!(machine(None, 320 << 30).room(), by_kernel);
    }
}
