//! Why a profile runs: a value, so that whoever asks can decide by it, and the words for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Profile;

/// Why a profile runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// Somebody asked for it.
    #[serde(rename_all = "kebab-case")]
    Asked,
    /// What was asked for does not work.
    #[serde(rename_all = "kebab-case")]
    InsteadOf {
        /// What was asked for.
        asked: Profile,
    },
    /// Nobody generates code for this processor.
    #[serde(rename_all = "kebab-case")]
    NoBackEnd {
        /// The processor.
        arch: String,
    },
    /// The kernel does not let this process turn what it wrote into code.
    MayNotExecute,
    /// This host compiles nothing, and what is compiled elsewhere for small machines runs on all of them.
    NoCompiler,
    /// The machine has little memory.
    #[serde(rename_all = "kebab-case")]
    LittleMemory {
        /// How much.
        bytes: u64,
    },
    /// The machine has little address space for one process.
    #[serde(rename_all = "kebab-case")]
    LittleAddressSpace {
        /// How much.
        bytes: u64,
        /// What sets the limit.
        limit: AddressLimit,
    },
    /// There is room for a pool of instances.
    #[serde(rename_all = "kebab-case")]
    Room {
        /// The machine's memory.
        memory_bytes: u64,
        /// Instances in the pool.
        instances: u32,
    },
    /// There is room for a small pool only.
    #[serde(rename_all = "kebab-case")]
    SmallRoom {
        /// The address space.
        bytes: u64,
        /// What sets the limit.
        limit: AddressLimit,
        /// Instances in the pool.
        instances: u32,
    },
    /// Everything better was tried and failed.
    LastResort,
}

/// What limits the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressLimit {
    /// A limit on the process: `ulimit -v`, `LimitAS=`.
    Process,
    /// The kernel or the processor, as with the 39 bits of many ARM kernels.
    Kernel,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::InsteadOf { asked } => write!(f, "{asked} was asked for and does not work"),
            Self::NoBackEnd { arch } => write!(f, "there is no compiler for {arch}"),
            Self::MayNotExecute => f.write_str("this process may not make memory executable"),
            Self::NoCompiler => f.write_str("this host compiles nothing and runs what was compiled for small machines"),
            Self::LittleMemory { bytes } => write!(f, "{} MiB of memory are little", bytes >> 20),
            Self::LittleAddressSpace { bytes, limit } => {
                write!(f, "the address space is limited to {} MiB {limit}", bytes >> 20)
            }
            Self::Room {
                memory_bytes,
                instances,
            } => write!(
                f,
                "{} MiB of memory and room for {instances} instances",
                memory_bytes >> 20
            ),
            Self::SmallRoom {
                bytes,
                limit,
                instances,
            } => write!(
                f,
                "the address space is limited to {} GiB {limit}, which has room for {instances} instances",
                bytes >> 30
            ),
            Self::LastResort => f.write_str("nothing else works"),
        }
    }
}

impl fmt::Display for AddressLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "by a limit on this process",
            Self::Kernel => "by the kernel",
        })
    }
}
