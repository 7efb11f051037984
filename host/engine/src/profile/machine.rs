//! What the machine has.

use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

/// The facts that the choice of a profile rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// The processor's architecture, in Rust's words.
    pub arch: String,
    /// Whether there is a compiler back end for it.
    pub has_compiler: bool,
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
}

impl Machine {
    /// Looks at this machine.
    pub fn probe() -> Self {
        Self {
            arch: std::env::consts::ARCH.to_owned(),
            has_compiler: cfg!(any(
                target_arch = "x86_64",
                target_arch = "aarch64",
                target_arch = "riscv64",
                target_arch = "s390x"
            )),
            may_execute_memory: executable::probe(),
            pointer_bits: usize::BITS,
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(),
            address_space_bytes: getrlimit(Resource::As).current,
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

#[expect(
    unsafe_code,
    reason = "whether the kernel allows it can only be found out by mapping a page"
)]
mod executable {
    use std::ptr;

    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

    /// Maps one page, makes it executable as a compiler would, and unmaps it. Nothing is written to it or run from it.
    pub(super) fn probe() -> bool {
        let len = rustix::param::page_size();
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no memory of ours.
        let Ok(page) = (unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }) else {
            // Out of address space already: that is for the plans to find out.
            return true;
        };
        // SAFETY: the page is ours, whole, and nobody refers to it.
        let allowed = unsafe { mprotect(page, len, MprotectFlags::READ | MprotectFlags::EXEC) }.is_ok();
        // SAFETY: as above; it is not used afterwards.
        let unmapped = unsafe { munmap(page, len) };
        debug_assert!(unmapped.is_ok(), "a page that was mapped can be unmapped");
        allowed
    }
}
