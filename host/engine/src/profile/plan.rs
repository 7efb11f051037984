//! Which profiles are worth trying on a machine, best first. Decides only.

use super::why::{AddressLimit, Why};
use super::{Compilation, Machine, Profile, ProfileChoice};

/// Instances in a full-size pool.
const POOL_SLOTS: u32 = 1000;
/// Instances in the pool that fits into half of the largest piece of 39 bits of address space, which is what many ARM kernels give.
const POOL_SLOTS_SMALL: u32 = 36;
/// Address space that one instance of the pool takes: a 4 GiB memory with its guard, its stack and its tables.
const SLOT_BYTES: u64 = (4 << 30) + (64 << 20);
/// Below this a pool's kept-warm memory is better spent on guests.
const POOL_MEMORY_MIN: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) profile: Profile,
    pub(super) shape: Shape,
    pub(super) why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Pool { slots: u32 },
    OnDemand,
}

impl Plan {
    pub(super) fn pool_slots(&self) -> Option<u32> {
        match self.shape {
            Shape::Pool { slots } => Some(slots),
            Shape::OnDemand => None,
        }
    }

    fn on_demand(profile: Profile, why: Why) -> Self {
        Self {
            profile,
            shape: Shape::OnDemand,
            why,
        }
    }
}

pub(super) fn plans(machine: &Machine, choice: ProfileChoice, compilation: Compilation) -> Vec<Plan> {
    match choice {
        ProfileChoice::Auto => automatic(machine, compilation),
        ProfileChoice::Only(asked) => {
            let order = [Profile::Server, Profile::Edge64, Profile::Pulley];
            let from = order.iter().position(|profile| *profile == asked).unwrap_or_default();
            let why = |profile| match profile == asked {
                true => Why::Asked,
                false => Why::InsteadOf { asked },
            };
            let runs = |profile: &&Profile| **profile == Profile::Pulley || runs_code(machine).is_ok();
            order[from..]
                .iter()
                .filter(runs)
                .flat_map(|profile| shapes(*profile).map(move |shape| (*profile, shape)))
                .map(|(profile, shape)| Plan {
                    profile,
                    shape,
                    why: why(profile),
                })
                .collect()
        }
    }
}

/// Whether the machine's own code can be run here, whoever compiles it.
fn runs_code(machine: &Machine) -> Result<(), Why> {
    if !machine.has_back_end || machine.pointer_bits < 64 {
        let arch = machine.arch.clone();
        return Err(Why::NoBackEnd { arch });
    }
    if !machine.may_execute_memory {
        return Err(Why::MayNotExecute);
    }
    Ok(())
}

fn automatic(machine: &Machine, compilation: Compilation) -> Vec<Plan> {
    if let Err(why) = runs_code(machine) {
        return vec![Plan::on_demand(Profile::Pulley, why)];
    }
    let last = Plan::on_demand(Profile::Pulley, Why::LastResort);
    let small = |why| vec![Plan::on_demand(Profile::Edge64, why), last.clone()];
    if compilation == Compilation::Elsewhere {
        return small(Why::NoCompiler);
    }
    let memory_bytes = machine.memory_bytes;
    if memory_bytes < POOL_MEMORY_MIN {
        return small(Why::LittleMemory { bytes: memory_bytes });
    }
    let room = machine.room();
    let pools = shapes(Profile::Server).filter_map(|shape| {
        let Shape::Pool { slots: instances } = shape else {
            return None;
        };
        let why = match room {
            // Half of the room is left to everything else.
            Some((bytes, _)) if u64::from(instances) * SLOT_BYTES > bytes.min(machine.reservable_bytes) / 2 => {
                return None;
            }
            Some((bytes, limit)) if instances < POOL_SLOTS => Why::SmallRoom {
                bytes,
                limit,
                instances,
            },
            _ => Why::Room {
                memory_bytes,
                instances,
            },
        };
        Some(Plan {
            profile: Profile::Server,
            shape,
            why,
        })
    });
    let (bytes, limit) = room.unwrap_or((machine.reservable_bytes, AddressLimit::Kernel));
    pools.chain(small(Why::LittleAddressSpace { bytes, limit })).collect()
}

fn shapes(profile: Profile) -> impl Iterator<Item = Shape> {
    let shapes: &[Shape] = match profile {
        Profile::Server => &[
            Shape::Pool { slots: POOL_SLOTS },
            Shape::Pool {
                slots: POOL_SLOTS_SMALL,
            },
        ],
        Profile::Edge64 | Profile::Pulley => &[Shape::OnDemand],
    };
    shapes.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            arch: "x86_64".to_owned(),
            has_back_end: true,
            may_execute_memory: true,
            pointer_bits: 64,
            cpus: 4,
            memory_bytes: 8 << 30,
            address_space_bytes: None,
            reservable_bytes: Machine::PLENTY,
        }
    }

    const FULL: (Profile, Option<u32>) = (Profile::Server, Some(POOL_SLOTS));
    const SMALL: (Profile, Option<u32>) = (Profile::Server, Some(POOL_SLOTS_SMALL));
    const EDGE: (Profile, Option<u32>) = (Profile::Edge64, None);
    const PULLEY: (Profile, Option<u32>) = (Profile::Pulley, None);

    fn check(machine: &Machine, choice: ProfileChoice, expect: &[(Profile, Option<u32>)]) {
        let plans: Vec<_> = plans(machine, choice, Compilation::Here)
            .iter()
            .map(|plan| (plan.profile, plan.pool_slots()))
            .collect();
        assert_eq!(plans, expect);
    }

    #[test]
    fn a_server_falls_back_step_by_step() {
        let all = [FULL, SMALL, EDGE, PULLEY];
        check(&machine(), ProfileChoice::Auto, &all);
        check(&machine(), ProfileChoice::Only(Profile::Server), &all);
        check(&machine(), ProfileChoice::Only(Profile::Edge64), &all[2..]);
    }

    #[test]
    fn small_machines_get_small_profiles() {
        let little_memory = Machine {
            memory_bytes: 512 << 20,
            ..machine()
        };
        check(&little_memory, ProfileChoice::Auto, &[EDGE, PULLEY]);
        let limited = Machine {
            address_space_bytes: Some(3 << 30),
            reservable_bytes: 2 << 30,
            ..machine()
        };
        check(&limited, ProfileChoice::Auto, &[EDGE, PULLEY]);
    }

    #[test]
    fn thirty_nine_bits_have_room_for_a_small_pool() {
        // The largest piece on such an ARM kernel lies below the program, which begins at two thirds.
        let arm = Machine {
            reservable_bytes: 320 << 30,
            ..machine()
        };
        check(&arm, ProfileChoice::Auto, &[SMALL, EDGE, PULLEY]);
        let plans = plans(&arm, ProfileChoice::Auto, Compilation::Here);
        let why = "the address space is limited to 320 GiB by the kernel, which has room for 36 instances";
        assert_eq!(plans[0].why.to_string(), why);
    }

    #[test]
    fn machines_that_cannot_run_compiled_code_interpret() {
        let small = Machine {
            pointer_bits: 32,
            has_back_end: false,
            ..machine()
        };
        let hardened = Machine {
            may_execute_memory: false,
            ..machine()
        };
        for machine in [small, hardened] {
            check(&machine, ProfileChoice::Auto, &[PULLEY]);
            // What was asked for would fail with each actor, not at the start.
            check(&machine, ProfileChoice::Only(Profile::Server), &[PULLEY]);
        }
    }

    #[test]
    fn a_host_without_a_compiler_runs_the_code_that_fits_most_machines() {
        let plans = plans(&machine(), ProfileChoice::Auto, Compilation::Elsewhere);
        assert_eq!((plans[0].profile, &plans[0].why), (Profile::Edge64, &Why::NoCompiler));
    }
}
