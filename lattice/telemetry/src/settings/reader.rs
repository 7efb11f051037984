//! Reads variables and gathers what is wrong with them.

use std::time::Duration;

use super::mistake::{Mistake, SettingsError};

pub(super) struct Reader<F> {
    lookup: F,
    mistakes: Vec<Mistake>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn new(lookup: F) -> Self {
        Self {
            lookup,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn finish<T>(self, read: T) -> Result<T, SettingsError> {
        if self.mistakes.is_empty() {
            Ok(read)
        } else {
            Err(SettingsError {
                mistakes: self.mistakes,
            })
        }
    }

    pub(super) fn mistake(&mut self, variable: &str, value: &str, allowed: &str) {
        self.note(variable, Some(value), allowed);
    }

    pub(super) fn secret_mistake(&mut self, variable: &str, allowed: &str) {
        self.note(variable, None, allowed);
    }

    fn note(&mut self, variable: &str, value: Option<&str>, allowed: &str) {
        let mistake = Mistake {
            variable: variable.to_owned(),
            value: value.map(str::to_owned),
            allowed: allowed.to_owned(),
        };
        // Variables that hold for all signals are read once for each.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    pub(super) fn text(&self, variable: &str) -> Option<String> {
        let value = (self.lookup)(variable)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    pub(super) fn parse<T>(
        &mut self,
        variable: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(variable)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.mistake(variable, &value, allowed);
        }
        parsed
    }

    pub(super) fn flag(&mut self, variable: &str) -> bool {
        let read = self.parse(variable, "true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }
        });
        read.unwrap_or(false)
    }

    pub(super) fn count(&mut self, variable: &str) -> Option<usize> {
        self.parse(variable, "a whole number, at least 1", |text| {
            text.parse().ok().filter(|count| *count > 0)
        })
    }

    pub(super) fn millis(&mut self, variable: &str) -> Option<Duration> {
        self.parse(variable, "milliseconds, a whole number, at least 1", |text| {
            let millis = text.parse().ok().filter(|millis| *millis > 0)?;
            Some(Duration::from_millis(millis))
        })
    }

    /// `a,b` of which each is one of these.
    pub(super) fn check_list(&mut self, variable: &str, known: &[&str], allowed: &str) -> Option<Vec<String>> {
        self.parse(variable, allowed, |text| {
            let items: Vec<String> = text.split(',').map(|item| item.trim().to_owned()).collect();
            items.iter().all(|item| known.contains(&item.as_str())).then_some(items)
        })
    }

    /// `key=value,key=value`, values percent-encoded.
    pub(super) fn pairs(&mut self, variable: &str) -> Vec<(String, String)> {
        let Some(text) = self.text(variable) else {
            return Vec::new();
        };
        let pairs = text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let (key, value) = (key.trim(), unescape(value.trim())?);
            (!key.is_empty()).then(|| (key.to_owned(), value))
        });
        let read: Option<Vec<_>> = pairs.collect();
        read.unwrap_or_else(|| {
            let allowed = "key=value pairs with commas between them, other characters as %XX";
            self.secret_mistake(variable, allowed);
            Vec::new()
        })
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
