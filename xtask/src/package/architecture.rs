//! The machines that packages are for.

use anyhow::{Result, bail};
use std::fmt;

/// A kind of machine, by Debian's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// What this machine is.
    pub(crate) fn native() -> Result<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Ok(Self::Amd64),
            "aarch64" => Ok(Self::Arm64),
            other => bail!("there are no packages for {other}: name one with --arch amd64 or --arch arm64"),
        }
    }

    /// Whether this machine is one.
    pub(crate) fn is_native(self) -> bool {
        Self::native().is_ok_and(|native| native == self)
    }

    /// Rust's name for it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// GNU's name for it, which begins the names of its compilers.
    pub(crate) fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// What Python calls machines whose programs need no later C library than Debian 12's.
    pub(crate) fn wheel_platforms(self) -> &'static [&'static str] {
        match self {
            Self::Amd64 => &["manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"],
            Self::Arm64 => &[
                "manylinux2014_aarch64",
                "manylinux_2_28_aarch64",
                "manylinux_2_34_aarch64",
            ],
        }
    }

    /// The emulator of such a machine.
    pub(crate) fn emulator(self) -> &'static str {
        match self {
            Self::Amd64 => "qemu-x86_64-static",
            Self::Arm64 => "qemu-aarch64-static",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}
