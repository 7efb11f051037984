//! From what was typed to an actor's spec: limits, reuse, component file.

use std::{path::PathBuf, str::FromStr};

use anyhow::{Context as _, Result};
use lattice_control::ARTIFACT_BYTES_MAX;
use lattice_core::{
    Limits, Reuse,
    text::{parse_bytes, parse_duration},
};

use crate::failure::Failure;

/// Invocations in the life of an instance that serves several at a time, when nobody says.
const CONCURRENT_INVOCATIONS: u32 = 10_000;

/// A component that was read.
#[derive(Debug)]
pub(crate) struct Component {
    /// Where it came from, as it is shown.
    pub(crate) image: String,
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Reads a component from a path or a `file://` URL, and makes sure that it is one.
pub(crate) fn read_component(image: &str) -> Result<Component> {
    let path = image_path(image)?;
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow::Error::from(Failure::not_found(format!("there is no file {}", path.display())))
        }
        _ => anyhow::Error::from(error).context(format!("cannot read {}", path.display())),
    };
    let about = std::fs::metadata(&path).map_err(unreadable)?;
    if !about.is_file() || about.len() > ARTIFACT_BYTES_MAX {
        return Err(Failure::failed(format!("{} is no component", path.display()))
            .because(format!("it is no file of at most {} MiB", ARTIFACT_BYTES_MAX >> 20))
            .into());
    }
    let bytes = std::fs::read(&path).map_err(unreadable)?;
    check_component(&path.display().to_string(), &bytes)?;
    let full = std::fs::canonicalize(&path).unwrap_or(path);
    Ok(Component {
        image: format!("file://{}", full.display()),
        bytes,
    })
}

fn image_path(image: &str) -> Result<PathBuf> {
    match image.split_once("://") {
        None => Ok(PathBuf::from(image)),
        Some(("file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => Err(Failure::usage(format!("`{image}` cannot be fetched"))
            .because(format!("`{scheme}://` is not known here"))
            .help("give the path of a file, or file:///…")
            .into()),
    }
}

/// The first bytes tell a component from the other things that end in `.wasm`.
fn check_component(name: &str, bytes: &[u8]) -> Result<()> {
    const MAGIC: &[u8] = b"\0asm";
    let refuse = |why: &str, help: &str| {
        Err(Failure::failed(format!("{name} is not a component"))
            .because(why)
            .help(help)
            .into())
    };
    match (bytes.get(..4), bytes.get(4..8)) {
        (Some(MAGIC), Some([_, _, 1, 0])) => Ok(()),
        (Some(MAGIC), Some([1, 0, 0, 0])) => refuse(
            "it is a core module",
            "make a component of it: `wasm-tools component new`, or build for the target wasm32-wasip2",
        ),
        (Some(MAGIC), _) => refuse("it is WebAssembly of a kind that is not known here", "is it damaged?"),
        _ => refuse(
            "it is not WebAssembly at all",
            "give the `.wasm` file that your build made",
        ),
    }
}

/// Limits as they are typed: `memory=64MiB`, `deadline=5s`, `concurrency=8`, `queue=16`, `body=1MiB`.
pub(crate) fn limits(pairs: &[(String, String)]) -> Result<Limits> {
    let mut limits = Limits::default();
    for (key, value) in pairs {
        let bytes = || parse_bytes(value).with_context(|| format!("the limit `{key}` is wrong"));
        let count = || {
            value
                .parse::<u32>()
                .with_context(|| format!("the limit `{key}={value}` is not a whole number"))
        };
        match key.as_str() {
            "memory" => limits.memory_bytes = bytes()?,
            "body" => limits.body_bytes_max = bytes()?,
            "concurrency" => limits.concurrency = count()?,
            "queue" => limits.queue = Some(count()?),
            "deadline" => {
                let deadline = parse_duration(value).with_context(|| format!("the limit `{key}` is wrong"))?;
                limits.deadline_ms = u64::try_from(deadline.as_millis())?;
            }
            _ => {
                return Err(Failure::usage(format!("there is no limit `{key}`"))
                    .help("there are memory, body, deadline, concurrency and queue: --limit memory=64MiB")
                    .into());
            }
        }
    }
    if limits.concurrency == 0 || limits.deadline_ms == 0 {
        return Err(Failure::usage("an actor with no concurrency or no time cannot serve anything").into());
    }
    Ok(limits)
}

/// Reuse as it is typed: `fresh`, `200`, `concurrent:32` or `concurrent:32:1000`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ReuseArg(pub(crate) Reuse);

impl FromStr for ReuseArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}`: write `fresh`, a number of invocations, or `concurrent:AT_A_TIME[:IN_ALL]`");
        let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count > 0).ok_or_else(wrong);
        if text == "fresh" {
            return Ok(Self(Reuse::Fresh));
        }
        let Some(counts) = text.strip_prefix("concurrent:") else {
            return Ok(Self(Reuse::Invocations(count(text)?)));
        };
        let (at_a_time, in_all) = match counts.split_once(':') {
            Some((at_a_time, in_all)) => (count(at_a_time)?, count(in_all)?),
            None => (count(counts)?, CONCURRENT_INVOCATIONS),
        };
        Ok(Self(Reuse::Concurrent {
            max_in_flight: at_a_time,
            max_invocations: in_all,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_limits() {
        let pairs = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<Vec<_>>()
        };
        let read = limits(&pairs(&[("memory", "64MiB"), ("deadline", "5s"), ("queue", "0")])).expect("good limits");
        assert_eq!(
            (read.memory_bytes, read.deadline_ms, read.queue),
            (64 << 20, 5000, Some(0))
        );
        assert!(limits(&pairs(&[("memroy", "64MiB")])).is_err());
        assert!(limits(&pairs(&[("concurrency", "0")])).is_err());
        assert!(limits(&pairs(&[("concurrency", "-1")])).is_err());
    }

    #[test]
    fn reads_reuse() {
        let read = |text: &str| text.parse::<ReuseArg>().map(|reuse| reuse.0);
        assert_eq!(read("fresh"), Ok(Reuse::Fresh));
        assert_eq!(read("200"), Ok(Reuse::Invocations(200)));
        assert_eq!(
            read("concurrent:8:90"),
            Ok(Reuse::Concurrent {
                max_in_flight: 8,
                max_invocations: 90
            })
        );
        assert!(read("0").is_err() && read("concurrent").is_err() && read("sometimes").is_err());
    }

    #[test]
    fn tells_components_from_modules_and_from_anything_else() {
        assert!(check_component("x", b"\0asm\x0d\0\x01\0").is_ok());
        let why = |bytes: &[u8]| {
            let error = check_component("x", bytes).expect_err("no component");
            error.downcast::<Failure>().expect("a failure").why.expect("a reason")
        };
        assert_eq!(why(b"\0asm\x01\0\0\0"), "it is a core module");
        assert_eq!(why(b"#!/bin/sh"), "it is not WebAssembly at all");
        assert_eq!(why(b""), "it is not WebAssembly at all");
    }

    #[test]
    fn other_schemes_are_named() {
        let error = image_path("oci://x/y").expect_err("not yet");
        assert!(
            error
                .downcast::<Failure>()
                .expect("a failure")
                .why
                .expect("a reason")
                .contains("oci://")
        );
        assert_eq!(image_path("file:///a/b").expect("a path"), PathBuf::from("/a/b"));
    }
}
