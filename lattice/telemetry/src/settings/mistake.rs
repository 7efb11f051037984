//! What is wrong with the environment.

use std::fmt;

/// A variable with a value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistake {
    /// The variable.
    pub variable: String,
    /// What it says; `None` when that may be a secret.
    pub value: Option<String>,
    /// What it may say.
    pub allowed: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(
                f,
                "{}=`{}` is not allowed: it must be {}",
                self.variable,
                value.escape_debug(),
                self.allowed
            ),
            None => write!(
                f,
                "the value of {} is not allowed: it must be {}",
                self.variable, self.allowed
            ),
        }
    }
}

/// All mistakes that were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// One or more.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{mistake}")?;
        }
        Ok(())
    }
}
