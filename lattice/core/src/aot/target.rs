//! What machine code is made for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The machine that code is made for, and how an engine there keeps the memory of guests, which is compiled into every access.
///
/// Written `aarch64-edge64`, `x86_64-server`; the interpreter's code fits each of its profiles and is written `pulley64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeTarget {
    arch: CodeArch,
    shape: CodeShape,
}

/// A processor, or the interpreter that stands in for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeArch {
    /// 64-bit ARM: Raspberry Pi since the third.
    Aarch64,
    /// The interpreter on a 32-bit machine.
    Pulley32,
    /// The interpreter on a 64-bit machine.
    Pulley64,
    /// 64-bit RISC-V.
    Riscv64,
    /// IBM Z.
    S390x,
    /// 64-bit PC.
    X86_64,
}

/// How an engine keeps the memory of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeShape {
    /// 4 GiB of address space for each memory, as in the profile `server`.
    Server,
    /// As little as each memory needs, as in the profiles `edge64` and `pulley`.
    Edge64,
}

/// A text that names no machine code is made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nothing that code is made for; there are aarch64-unknown-linux-gnu, riscv64gc-unknown-linux-gnu, s390x-unknown-linux-gnu, x86_64-unknown-linux-gnu, pulley64 and pulley32"
)]
pub struct UnknownTarget(String);

impl CodeTarget {
    /// Code for this processor and this way to keep memory. The interpreter has only the small one.
    #[must_use]
    pub fn new(arch: CodeArch, shape: CodeShape) -> Self {
        match arch {
            CodeArch::Pulley32 | CodeArch::Pulley64 => Self {
                arch,
                shape: CodeShape::Edge64,
            },
            _ => Self { arch, shape },
        }
    }

    /// The processor.
    #[must_use]
    pub fn arch(self) -> CodeArch {
        self.arch
    }

    /// How memory is kept.
    #[must_use]
    pub fn shape(self) -> CodeShape {
        self.shape
    }

    /// The options of `lattice aot` that make such code.
    #[must_use]
    pub fn options(self) -> String {
        let target = format!("--target {}", self.arch.triple());
        match self.arch {
            CodeArch::Pulley32 | CodeArch::Pulley64 => target,
            _ => format!("{target} --profile {}", self.shape),
        }
    }
}

impl CodeArch {
    /// What this program itself runs on, if code is made for that.
    #[must_use]
    pub fn here() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self::Aarch64),
            "riscv64" => Some(Self::Riscv64),
            "s390x" => Some(Self::S390x),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }

    /// The interpreter on this machine.
    #[must_use]
    pub fn interpreter() -> Self {
        match usize::BITS {
            64 => Self::Pulley64,
            _ => Self::Pulley32,
        }
    }

    /// The name compilers know it by.
    #[must_use]
    pub fn triple(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Pulley32 => "pulley32",
            Self::Pulley64 => "pulley64",
            Self::Riscv64 => "riscv64gc-unknown-linux-gnu",
            Self::S390x => "s390x-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// Our own name for it.
    fn word(self) -> &'static str {
        match self {
            Self::Aarch64 => "aarch64",
            Self::Pulley32 => "pulley32",
            Self::Pulley64 => "pulley64",
            Self::Riscv64 => "riscv64",
            Self::S390x => "s390x",
            Self::X86_64 => "x86_64",
        }
    }
}

impl FromStr for CodeArch {
    type Err = UnknownTarget;

    /// Reads a triple of Linux, with whichever C library: code calls none. Or the processor alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownTarget(text.chars().take(80).collect());
        let (arch, rest) = match text.split_once('-') {
            Some((arch, rest)) => (arch, Some(rest)),
            None => (text, None),
        };
        if rest.is_some_and(|rest| !rest.split('-').any(|part| part == "linux")) {
            return Err(unknown());
        }
        match arch {
            "aarch64" => Ok(Self::Aarch64),
            "pulley32" => Ok(Self::Pulley32),
            "pulley64" => Ok(Self::Pulley64),
            "riscv64" | "riscv64gc" => Ok(Self::Riscv64),
            "s390x" => Ok(Self::S390x),
            "x86_64" => Ok(Self::X86_64),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for CodeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Server => "server",
            Self::Edge64 => "edge64",
        })
    }
}

impl fmt::Display for CodeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.arch {
            CodeArch::Pulley32 | CodeArch::Pulley64 => f.pad(self.arch.word()),
            arch => f.pad(&format!("{}-{}", arch.word(), self.shape)),
        }
    }
}

impl FromStr for CodeTarget {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (arch, shape) = match text.split_once('-') {
            Some((arch, "server")) => (arch, CodeShape::Server),
            Some((arch, "edge64")) => (arch, CodeShape::Edge64),
            Some(_) => (text, CodeShape::Edge64),
            None => (text, CodeShape::Edge64),
        };
        let target = Self::new(arch.parse()?, shape);
        // One text for one thing, since it is part of names.
        if target.to_string() == text {
            Ok(target)
        } else {
            Err(UnknownTarget(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for CodeTarget {
    type Error = UnknownTarget;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CodeTarget> for String {
    fn from(target: CodeTarget) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written_and_not_otherwise() {
        for text in [
            "aarch64-edge64",
            "x86_64-server",
            "riscv64-edge64",
            "pulley32",
            "pulley64",
        ] {
            let target: CodeTarget = text.parse().expect(text);
            assert_eq!(target.to_string(), text);
        }
        for text in [
            "",
            "aarch64",
            "pulley64-server",
            "arm-edge64",
            "x86_64-big",
            "../x86_64-server",
        ] {
            assert!(text.parse::<CodeTarget>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_triple_is_one_of_linux() {
        assert_eq!("aarch64-unknown-linux-musl".parse(), Ok(CodeArch::Aarch64));
        assert_eq!("x86_64-linux-gnu".parse(), Ok(CodeArch::X86_64));
        assert!("x86_64-pc-windows-msvc".parse::<CodeArch>().is_err());
        assert!("armv7-unknown-linux-gnueabihf".parse::<CodeArch>().is_err());
        for arch in [CodeArch::Riscv64, CodeArch::S390x, CodeArch::Pulley32] {
            assert_eq!(arch.triple().parse(), Ok(arch));
        }
    }
}
