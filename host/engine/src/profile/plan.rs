//! Which profiles are worth trying on a machine, best first. Decides only.

use super::{Machine, Profile, ProfileChoice};

/// Instances in a full-size pool.
const POOL_SLOTS: u32 = 1000;
/// Instances in the pool that fits into 39 bits of address space, which is what many ARM kernels give.
const POOL_SLOTS_SMALL: u32 = 48;
/// Address space that one instance of the pool takes: a 4 GiB memory with its guard, its stack and its tables.
const SLOT_BYTES: u64 = (4 << 30) + (64 << 20);
/// Below this a pool's kept-warm memory is better spent on guests.
const POOL_MEMORY_MIN: u64 = 1 << 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) profile: Profile,
    pub(super) shape: Shape,
    pub(super) why: String,
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
}

pub(super) fn plans(machine: &Machine, choice: ProfileChoice) -> Vec<Plan> {
    match choice {
        ProfileChoice::Auto => automatic(machine),
        ProfileChoice::Only(asked) => {
            let order = [Profile::Server, Profile::Edge64, Profile::Pulley];
            let from = order.iter().position(|profile| *profile == asked).unwrap_or_default();
            let why = |profile| {
                if profile == asked {
                    "asked for".to_owned()
                } else {
                    format!("{asked} was asked for and does not work")
                }
            };
            order[from..]
                .iter()
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

fn automatic(machine: &Machine) -> Vec<Plan> {
    let pulley = |why: String| Plan {
        profile: Profile::Pulley,
        shape: Shape::OnDemand,
        why,
    };
    if !machine.has_compiler || machine.pointer_bits < 64 {
        return vec![pulley(format!("there is no compiler for {}", machine.arch))];
    }
    if !machine.may_execute_memory {
        return vec![pulley("this process may not make memory executable".to_owned())];
    }
    let edge = |why: String| Plan {
        profile: Profile::Edge64,
        shape: Shape::OnDemand,
        why,
    };
    let last = || pulley("nothing else works".to_owned());
    if machine.memory_bytes < POOL_MEMORY_MIN {
        return vec![
            edge(format!("{} MiB of memory are little", machine.memory_bytes >> 20)),
            last(),
        ];
    }
    let room = machine.address_space_bytes.unwrap_or(u64::MAX);
    let pools = shapes(Profile::Server).filter_map(|shape| match shape {
        // Half of the room is left to everything else.
        Shape::Pool { slots } if u64::from(slots) * SLOT_BYTES <= room / 2 => {
            let why = format!(
                "{} MiB of memory and room for {slots} instances",
                machine.memory_bytes >> 20
            );
            Some(Plan {
                profile: Profile::Server,
                shape,
                why,
            })
        }
        _ => None,
    });
    let why = match machine.address_space_bytes {
        Some(bytes) => format!("the address space is limited to {} MiB", bytes >> 20),
        None => "address space for a pool of instances cannot be reserved".to_owned(),
    };
    pools.chain([edge(why), last()]).collect()
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
            has_compiler: true,
            may_execute_memory: true,
            pointer_bits: 64,
            cpus: 4,
            memory_bytes: 8 << 30,
            address_space_bytes: None,
        }
    }

    fn check(machine: &Machine, choice: ProfileChoice, expect: &[(Profile, Option<u32>)]) {
        let plans: Vec<_> = plans(machine, choice)
            .iter()
            .map(|plan| (plan.profile, plan.pool_slots()))
            .collect();
        assert_eq!(plans, expect);
    }

    #[test]
    fn a_server_falls_back_step_by_step() {
        let all = [
            (Profile::Server, Some(POOL_SLOTS)),
            (Profile::Server, Some(POOL_SLOTS_SMALL)),
            (Profile::Edge64, None),
            (Profile::Pulley, None),
        ];
        check(&machine(), ProfileChoice::Auto, &all);
        check(&machine(), ProfileChoice::Only(Profile::Server), &all);
        check(&machine(), ProfileChoice::Only(Profile::Edge64), &all[2..]);
    }

    #[test]
    fn small_machines_get_small_profiles() {
        let edge = [(Profile::Edge64, None), (Profile::Pulley, None)];
        check(
            &Machine {
                memory_bytes: 512 << 20,
                ..machine()
            },
            ProfileChoice::Auto,
            &edge,
        );
        check(
            &Machine {
                address_space_bytes: Some(3 << 30),
                ..machine()
            },
            ProfileChoice::Auto,
            &edge,
        );
    }

    #[test]
    fn machines_that_cannot_run_compiled_code_interpret() {
        let pulley = [(Profile::Pulley, None)];
        check(
            &Machine {
                pointer_bits: 32,
                has_compiler: false,
                ..machine()
            },
            ProfileChoice::Auto,
            &pulley,
        );
        check(
            &Machine {
                may_execute_memory: false,
                ..machine()
            },
            ProfileChoice::Auto,
            &pulley,
        );
    }
}
