//! How guests are run on this machine: chosen by what the machine bears, told to whoever asks.

mod machine;
mod plan;
mod settings;
mod why;

use std::fmt;
use std::str::FromStr;

use lattice_core::aot::{CodeArch, CodeShape, CodeTarget};
use serde::{Deserialize, Serialize};

pub use self::machine::Machine;
use self::plan::Plan;
pub(crate) use self::settings::Flavor;
#[cfg(feature = "compiler")]
pub(crate) use self::settings::for_target;
pub use self::why::{AddressLimit, Why};

/// One of the ways to run guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Instances come from a pool of reserved address space, memories are copied on write. Fastest; wants 64 bits of room.
    Server,
    /// Instances are allocated on demand, with small reservations and one compilation at a time.
    Edge64,
    /// An interpreter: for machines without a compiler back end, or where memory cannot be made executable. Ten times slower.
    Pulley,
}

/// The profile that a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileChoice {
    /// The best one that works here.
    #[default]
    Auto,
    /// This one, or a smaller one if it does not work here.
    Only(Profile),
}

/// Who compiles components for this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compilation {
    /// It does so itself.
    Here,
    /// Others do, with `lattice aot`: it runs only what is signed.
    Elsewhere,
}

impl Default for Compilation {
    /// Here, if this program has a compiler at all.
    fn default() -> Self {
        match cfg!(feature = "compiler") {
            true => Self::Here,
            false => Self::Elsewhere,
        }
    }
}

/// Which profile runs, and why. `lattice doctor` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProfileReport {
    /// What runs.
    pub profile: Profile,
    /// Why this one.
    pub why: Why,
    /// Who compiles components.
    pub compilation: Compilation,
    /// The code that runs here.
    pub target: CodeTarget,
    /// Instances that fit into the pool, with [`Profile::Server`].
    pub instances_max: Option<u32>,
    /// What was tried before and did not work, best first.
    pub failed: Vec<FailedProfile>,
    /// What the choice is based on.
    pub machine: Machine,
}

/// A profile that does not work here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailedProfile {
    /// Which.
    pub profile: Profile,
    /// What happened.
    pub problem: String,
}

/// The engine of the chosen profile. Kept with its plan, so that a second one of another flavor can be made like it.
pub(crate) struct Chosen {
    plan: Plan,
    pub(crate) engine: wasmtime::Engine,
    pub(crate) report: ProfileReport,
}

/// Tries the plans for this machine, best first.
pub(crate) fn choose(choice: ProfileChoice, compilation: Compilation) -> Result<Chosen, Vec<FailedProfile>> {
    let machine = Machine::probe();
    // Nobody can have it compile what this program has no compiler for.
    let compilation = match cfg!(feature = "compiler") {
        true => compilation,
        false => Compilation::Elsewhere,
    };
    let mut failed = Vec::new();
    for plan in plan::plans(&machine, choice, compilation) {
        match settings::engine(&plan, Flavor::Sequential, compilation) {
            Ok(engine) => {
                let report = ProfileReport {
                    profile: plan.profile,
                    why: plan.why.clone(),
                    compilation,
                    target: plan.profile.target(),
                    instances_max: plan.pool_slots(),
                    failed,
                    machine,
                };
                return Ok(Chosen { plan, engine, report });
            }
            Err(error) => failed.push(FailedProfile {
                profile: plan.profile,
                problem: format!("{error:#}"),
            }),
        }
    }
    Err(failed)
}

impl Chosen {
    /// Makes another engine, of that flavor.
    pub(crate) fn another(&self, flavor: Flavor) -> wasmtime::Result<wasmtime::Engine> {
        settings::engine(&self.plan, flavor, self.report.compilation)
    }

    /// Whether instances of the first engine come from a pool.
    #[cfg(feature = "compiler")]
    pub(crate) fn has_pool(&self) -> bool {
        self.plan.pool_slots().is_some()
    }

    /// How many components may be compiled at a time.
    pub(crate) fn compiles_max(&self) -> usize {
        match self.plan.profile {
            Profile::Server => (self.report.machine.cpus / 2).max(1),
            Profile::Edge64 | Profile::Pulley => 1,
        }
    }
}

impl Profile {
    /// The code that runs with this profile on this machine.
    fn target(self) -> CodeTarget {
        let shape = match self {
            Self::Server => CodeShape::Server,
            Self::Edge64 | Self::Pulley => CodeShape::Edge64,
        };
        match (self, CodeArch::here()) {
            (Self::Server | Self::Edge64, Some(arch)) => CodeTarget::new(arch, shape),
            // Where nobody generates code, no plan has another profile.
            (Self::Pulley, _) | (_, None) => CodeTarget::new(CodeArch::interpreter(), shape),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Server => "server",
            Self::Edge64 => "edge64",
            Self::Pulley => "pulley",
        })
    }
}

impl fmt::Display for ProfileChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Only(profile) => profile.fmt(f),
        }
    }
}

impl fmt::Display for Compilation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Here => "here",
            Self::Elsewhere => "elsewhere",
        })
    }
}

impl FromStr for ProfileChoice {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "server" => Ok(Self::Only(Profile::Server)),
            "edge64" => Ok(Self::Only(Profile::Edge64)),
            "pulley" => Ok(Self::Only(Profile::Pulley)),
            other => Err(UnknownProfile(other.to_owned())),
        }
    }
}

/// A text that names no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no engine profile; there are auto, server, edge64 and pulley")]
pub struct UnknownProfile(String);

impl fmt::Display for ProfileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.profile, self.why)?;
        if self.compilation == Compilation::Elsewhere && self.why != Why::NoCompiler {
            f.write_str("; this host compiles nothing")?;
        }
        self.failed
            .iter()
            .try_for_each(|failed| write!(f, "; {} did not work: {}", failed.profile, failed.problem))
    }
}
