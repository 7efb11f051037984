//! `wasi:logging`, with the version it has and the name without one that older components import.

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

use self::generated::wasi::logging::logging::Level;
use crate::ctx::Ctx;
use crate::linked::LogLevel;

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/wasi-logging-0.1.0-draft",
        world: "imports",
    });
}

const NAMES: [&str; 2] = ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

pub(super) fn add(linker: &mut Linker<Ctx>) -> Result<()> {
    for name in NAMES {
        linker.instance(name)?.func_wrap(
            "log",
            |ctx: StoreContextMut<'_, Ctx>, (level, context, message): (Level, String, String)| {
                ctx.data().call.log(level.into(), &context, &message);
                Ok(())
            },
        )?;
    }
    Ok(())
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
            Level::Critical => Self::Critical,
        }
    }
}
