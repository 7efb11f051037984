//! Where components come from.

use std::path::{Component, Path, PathBuf};

use crate::read::Reader;
use crate::source::{Options, Span};

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    /// A file of the machine that reads the manifest.
    File(PathBuf),
    /// A reference of a registry.
    Reference(String),
}

impl Image {
    /// Reads what stands as an actor's image at `span`.
    pub(crate) fn read(text: &str, span: Span, options: &Options, reader: &mut Reader) -> Option<Self> {
        if let Some(file) = options.aliases.resolve(text) {
            return Some(Self::File(file));
        }
        let path = text.strip_prefix("file://");
        if let Some(path) = path.or_else(|| is_wasm_file(text).then_some(text)) {
            if path.is_empty() {
                reader.error(span, "this names no file");
                return None;
            }
            return Some(Self::File(resolve_path(&reader.text().folder, path)));
        }
        if let Err(flaw) = check_reference(text, options.allow_latest) {
            reader.error_with(span, flaw.message, flaw.help);
            return None;
        }
        Some(Self::Reference(text.to_owned()))
    }
}

/// A path as it is from `folder`, without the dots that change nothing.
pub(crate) fn resolve_path(folder: &Path, path: &str) -> PathBuf {
    let path: PathBuf = Path::new(path)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    folder.join(path)
}

fn is_wasm_file(text: &str) -> bool {
    Path::new(text)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"))
        && !text.contains("://")
}

/// The name, tag and digest of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// The last part of its path: `http-server` of `ghcr.io/wasmcloud/http-server:1.0`.
    pub(crate) name: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let last = rest.rsplit('/').next().unwrap_or(rest);
        let (name, tag) = match last.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (last, None),
        };
        Self { name, tag, digest }
    }
}

struct Flaw {
    message: String,
    help: &'static str,
}

fn check_reference(text: &str, allow_latest: bool) -> Result<(), Flaw> {
    const FORM: &str = "write a file (file://web.wasm) or an image (registry.example/shop/web:1.2.0)";
    const PINNED: &str = "name a version or a digest (…@sha256:…), or allow images that change";
    let Reference { name, tag, digest } = Reference::parse(text);
    let is_word = |text: &str| {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        !text.is_empty() && text.len() <= 128 && text.bytes().all(fine)
    };
    let is_digest = |text: &str| {
        text.split_once(':')
            .is_some_and(|(kind, hex)| is_word(kind) && is_word(hex))
    };
    let is_path = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains("://") && !text.contains("//");
    if !is_path || !is_word(name) || !tag.is_none_or(is_word) || !digest.is_none_or(is_digest) {
        return Err(Flaw {
            message: format!("`{text}` is no image"),
            help: FORM,
        });
    }
    let message = match (tag, digest) {
        _ if allow_latest => return Ok(()),
        (_, Some(_)) => return Ok(()),
        (Some("latest"), None) => format!("`{text}` is another component tomorrow: what runs would depend on the day"),
        (Some(_), None) => return Ok(()),
        (None, None) => format!("`{text}` names no version: what runs would depend on the day"),
    };
    Err(Flaw { message, help: PINNED })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let check = |text: &str, name: &str, tag: Option<&str>, digest: Option<&str>| {
            assert_eq!(Reference::parse(text), Reference { name, tag, digest }, "{text}");
        };
        check("ghcr.io/a/http-server:0.27.0", "http-server", Some("0.27.0"), None);
        check("localhost:5000/web", "web", None, None);
        check("localhost:5000/web:1@sha256:ab", "web", Some("1"), Some("sha256:ab"));
        check("web", "web", None, None);
    }

    #[test]
    fn images_that_change_need_leave() {
        let check = |text: &str, expect: bool, lenient: bool| {
            assert_eq!(check_reference(text, false).is_ok(), expect, "{text}");
            assert_eq!(check_reference(text, true).is_ok(), lenient, "{text}");
        };
        check("ghcr.io/a/web:1.0", true, true);
        check("ghcr.io/a/web@sha256:abcd", true, true);
        check("ghcr.io/a/web:latest@sha256:abcd", true, true);
        check("ghcr.io/a/web:latest", false, true);
        check("ghcr.io/a/web", false, true);
        check("localhost:5000/web", false, true);
        check("http://x/web:1", false, false);
        check("web one:1", false, false);
        check("", false, false);
        check("a/b:", false, false);
    }
}
