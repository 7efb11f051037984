//! How busy this machine and process are, for heartbeats and the inventory.

use std::time::{Duration, Instant};

use lattice_core::presence::Load;
use parking_lot::Mutex;
use sysinfo::{CpuRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

/// Looking costs system calls; heartbeats may come faster than this.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// Watches the machine.
pub(crate) struct Machine {
    seen: Mutex<Seen>,
}

struct Seen {
    /// `None` where the system does not tell.
    system: Option<System>,
    at: Instant,
    cpu_permille: u16,
    memory_bytes: u64,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let system =
            System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing().with_usage())).ok();
        let mut seen = Seen {
            system,
            at: Instant::now(),
            cpu_permille: 0,
            memory_bytes: 0,
        };
        seen.refresh();
        Self { seen: Mutex::new(seen) }
    }

    /// The load that heartbeats tell.
    pub(crate) fn load(&self, in_flight: usize) -> Load {
        let mut seen = self.seen.lock();
        if seen.at.elapsed() >= REFRESH_EVERY {
            seen.refresh();
        }
        Load {
            cpu_permille: seen.cpu_permille,
            memory_bytes: seen.memory_bytes,
            in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
        }
    }
}

impl Seen {
    fn refresh(&mut self) {
        self.at = Instant::now();
        let Some(system) = &mut self.system else { return };
        system.refresh_cpu_usage();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0..=1000 first"
        )]
        let permille = (system.global_cpu_usage() * 10.0).clamp(0.0, 1000.0) as u16;
        self.cpu_permille = permille;
        let me = Pid::from_u32(std::process::id());
        let memory = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[me]), true, memory);
        self.memory_bytes = system.process(me).map_or(0, sysinfo::Process::memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory() {
        let load = Machine::new().load(7);
        assert!(load.memory_bytes > 0);
        assert_eq!(load.in_flight, 7);
        assert!(load.cpu_permille <= 1000);
    }
}
