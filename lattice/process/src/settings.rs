//! The file that a program's settings may come from.

use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

/// Reads a settings file: JSON if it is called so, else TOML.
///
/// # Errors
/// It cannot be read, or what it says is wrong; the error names file, line and key.
pub fn read_settings<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read config file {}", path.display()))?;
    let settings = if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::from_str(&text).map_err(anyhow::Error::from)
    } else {
        toml::from_str(&text).map_err(anyhow::Error::from)
    };
    settings.with_context(|| format!("config file {} is wrong", path.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_name_says_the_notation_and_mistakes_name_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            read_settings::<BTreeMap<String, u32>>(&path)
        };
        assert_eq!(
            read("a.toml", "x = 1").expect("TOML"),
            read("a.json", "{\"x\": 1}").expect("JSON")
        );
        let error = format!("{:#}", read("b.toml", "x = one").expect_err("no number"));
        assert!(error.contains("b.toml") && error.contains("line 1"), "{error}");
    }
}
