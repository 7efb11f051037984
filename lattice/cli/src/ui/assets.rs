//! The files of the page, as they are in the program.

use http::HeaderValue;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    kind: &'static str,
    pub(super) bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:ident,)*) => {
        /// Every file, by the path it is asked for.
        const ALL: &[(&str, Asset)] = &[$((
            concat!("/", $name),
            Asset { kind: $kind, bytes: include_bytes!(concat!("page/", $name)) },
        )),*];
    };
}

assets! {
    "index.html": HTML,
    "icon.svg": SVG,
    "style.css": CSS,
    "scene.css": CSS,
    "side.css": CSS,
    "main.js": SCRIPT,
    "stream.js": SCRIPT,
    "dom.js": SCRIPT,
    "format.js": SCRIPT,
    "amend.js": SCRIPT,
    "scene.js": SCRIPT,
    "tile.js": SCRIPT,
    "flight.js": SCRIPT,
    "arcs.js": SCRIPT,
    "links.js": SCRIPT,
    "events.js": SCRIPT,
    "traces.js": SCRIPT,
    "detail.js": SCRIPT,
}

impl Asset {
    /// The file at a path. `/` is the page itself.
    pub(super) fn at(path: &str) -> Option<Self> {
        let path = if path == "/" { "/index.html" } else { path };
        ALL.iter().find(|(name, _)| *name == path).map(|(_, asset)| *asset)
    }

    pub(super) fn kind(&self) -> HeaderValue {
        HeaderValue::from_static(self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(asset: &Asset) -> &str {
        std::str::from_utf8(asset.bytes).expect("text")
    }

    #[test]
    fn the_page_is_small_and_needs_nothing_from_elsewhere() {
        let bytes: usize = ALL.iter().map(|(_, asset)| asset.bytes.len()).sum();
        assert!(bytes < 64 << 10, "{bytes} bytes");
        for (name, asset) in ALL {
            let addresses = text(asset).matches("//").count() - text(asset).matches("// ").count();
            // The name of a language is no address.
            let known = text(asset).matches("http://www.w3.org/2000/svg").count();
            assert_eq!(addresses, known, "{name} names an address");
        }
    }

    #[test]
    fn names_never_become_markup() {
        for (name, asset) in ALL {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "DOMParser",
            ] {
                assert!(!text(asset).contains(way), "{name}: {way}");
            }
        }
    }

    #[test]
    fn every_file_that_a_file_asks_for_is_there() {
        for (name, asset) in ALL {
            let asked = text(asset).split(['"', '\'']).filter(|word| {
                let is_file = [".js", ".css", ".svg"].iter().any(|end| word.ends_with(end));
                is_file && !word.contains(char::is_whitespace)
            });
            for file in asked {
                let path = format!("/{}", file.trim_start_matches("./").trim_start_matches('/'));
                assert!(Asset::at(&path).is_some(), "{name} asks for {file}");
            }
        }
    }
}
