//! Named configs, put together.

use std::collections::BTreeMap;

use super::form::{ConfigForm, List};
use crate::nearest::{did_you_mean, hint};
use crate::read::{At, Plain, Reader, Table};
use crate::source::Span;

/// The configs of a manifest that say what is in them.
#[derive(Default)]
pub(super) struct Configs<'f>(BTreeMap<&'f str, &'f At<Table<Plain>>>);

impl<'f> Configs<'f> {
    /// Takes up those of a list. The same name with other properties is a mistake: wadm would keep one of them, and not say which.
    pub(super) fn gather(&mut self, list: &'f List<ConfigForm>, reader: &mut Reader) {
        for config in list.iter().flat_map(|at| &at.value) {
            let (Some(name), Some(properties)) = (&config.value.name.0, &config.value.properties) else {
                continue;
            };
            match self.0.get(name.value.0.as_str()) {
                Some(first) if texts(first) != texts(properties) => {
                    let line = reader.text().position(first.span.start).0;
                    let message = format!("config `{}` is there twice, with other properties", name.value.0);
                    reader.error_with(name.span, message, format!("the first is on line {line}"));
                }
                Some(_) => {}
                None => {
                    self.0.insert(&name.value.0, properties);
                }
            }
        }
    }

    /// Puts lists of configs together in their order. Two values for one key are a mistake.
    pub(super) fn merge(&self, lists: &[&List<ConfigForm>], reader: &mut Reader) -> Settings {
        let mut settings: Vec<Setting> = Vec::new();
        for config in lists.iter().flat_map(|list| list.iter()).flat_map(|at| &at.value) {
            let Some(name) = &config.value.name.0 else {
                continue;
            };
            let own = config.value.properties.as_ref();
            let Some(properties) = own.or_else(|| self.0.get(name.value.0.as_str()).copied()) else {
                let message = format!(
                    "config `{}` is not in this manifest, and a lattice keeps none elsewhere",
                    name.value.0
                );
                let near = did_you_mean(&name.value.0, self.0.keys().copied());
                reader.error_with(
                    name.span,
                    message,
                    near.unwrap_or("write its `properties` here".to_owned()),
                );
                continue;
            };
            for (key, value) in &properties.value.0 {
                let setting = Setting {
                    key: key.value.clone(),
                    value: value.value.0.clone(),
                    span: key.span,
                    config: name.value.0.clone(),
                };
                match settings.iter().find(|other| other.key == setting.key) {
                    None => settings.push(setting),
                    Some(other) if other.value == setting.value => {}
                    Some(other) => {
                        let Setting { key, config, .. } = &setting;
                        let message = format!("configs `{}` and `{config}` disagree about `{key}`", other.config);
                        reader.error_with(name.span, message, "leave one of the two out");
                    }
                }
            }
        }
        Settings(settings)
    }
}

fn texts(table: &At<Table<Plain>>) -> BTreeMap<&str, &str> {
    let pairs = table.value.0.iter();
    pairs
        .map(|(key, value)| (key.value.as_str(), value.value.0.as_str()))
        .collect()
}

/// One setting, and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) span: Span,
    config: String,
}

impl Setting {
    /// Tells that it cannot be honoured.
    pub(super) fn refuse(&self, why: &str, reader: &mut Reader) {
        let message = format!("`{}` of config `{}` cannot be honoured: {why}", self.key, self.config);
        reader.error(self.span, message);
    }

    /// Whether it says true; what is neither true nor false is told.
    pub(super) fn is_true(&self, reader: &mut Reader) -> bool {
        match self.value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                reader.error(
                    self.span,
                    format!("`{}` must be true or false, and is `{}`", self.key, self.value),
                );
                false
            }
        }
    }
}

/// Settings that are taken one by one, so that what nobody takes can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings(Vec<Setting>);

impl Settings {
    /// Takes a setting. wasmCloud's providers do not tell upper from lower case in keys.
    pub(super) fn take(&mut self, key: &str) -> Option<Setting> {
        let at = self
            .0
            .iter()
            .position(|setting| setting.key.eq_ignore_ascii_case(key))?;
        Some(self.0.remove(at))
    }

    /// Tells what was not taken. `what` is whose settings they are, `known` which there are.
    pub(super) fn refuse_rest(self, what: &str, known: &[&str], reader: &mut Reader) {
        for setting in self.0 {
            let Setting { key, config, span, .. } = &setting;
            let message = format!("`{key}` of config `{config}` cannot be honoured: {what} has nothing of that kind");
            let help = match known {
                [] => "none are known there".to_owned(),
                known => hint(key, known),
            };
            reader.error_with(*span, message, help);
        }
    }

    /// All of them as they are.
    pub(super) fn into_map(self) -> BTreeMap<String, String> {
        self.0.into_iter().map(|setting| (setting.key, setting.value)).collect()
    }
}
