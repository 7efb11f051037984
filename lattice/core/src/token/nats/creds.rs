//! Credentials files: a user's token and the seed of its key in one text.

use zeroize::Zeroizing;

/// The text of a `.creds` file, as `nsc` writes it. It contains the seed: write it with mode 0600.
pub fn creds_text(user_token: &str, seed: &str) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "-----BEGIN NATS USER JWT-----\n\
         {user_token}\n\
         ------END NATS USER JWT------\n\
         \n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\
         NKEYs are sensitive and should be treated as secrets.\n\
         \n\
         -----BEGIN USER NKEY SEED-----\n\
         {seed}\n\
         ------END USER NKEY SEED------\n\
         \n\
         *************************************************************\n"
    ))
}

/// What a `.creds` file contains.
pub struct Credentials {
    /// The user's token.
    pub token: String,
    /// The seed of the user's key.
    pub seed: Zeroizing<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token)
            .field("seed", &"[redacted]")
            .finish()
    }
}

/// A text that is not a `.creds` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The first section is missing.
    #[error("there is no NATS USER JWT section in the credentials")]
    NoToken,
    /// The second section is missing.
    #[error("there is no USER NKEY SEED section in the credentials")]
    NoSeed,
}

/// Reads a `.creds` text.
pub fn parse_creds(text: &str) -> Result<Credentials, CredentialsError> {
    let token = section(text, "NATS USER JWT").ok_or(CredentialsError::NoToken)?;
    let seed = section(text, "USER NKEY SEED").ok_or(CredentialsError::NoSeed)?;
    Ok(Credentials {
        token: token.to_owned(),
        seed: Zeroizing::new(seed.to_owned()),
    })
}

/// The line between `-----BEGIN <name>-----` and the next line of hyphens.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let is_begin =
        |line: &&str| line.trim_matches(['-', ' ', '\r']) == format!("BEGIN {name}") && line.starts_with("---");
    let mut lines = text.lines().skip_while(|line| !is_begin(line)).skip(1);
    lines
        .find(|line| !line.trim().is_empty())
        .map(str::trim)
        .filter(|line| !line.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = creds_text("a.b.c", "SUSEED");
        let credentials = parse_creds(&text).expect("a credentials text");
        assert_eq!(
            (credentials.token.as_str(), credentials.seed.as_str()),
            ("a.b.c", "SUSEED")
        );
        assert!(!format!("{credentials:?}").contains("SUSEED"));
    }

    #[test]
    fn says_which_section_is_missing() {
        assert_eq!(parse_creds("").expect_err("empty"), CredentialsError::NoToken);
        let half = "-----BEGIN NATS USER JWT-----\r\na.b.c\r\n------END NATS USER JWT------\r\n";
        assert_eq!(parse_creds(half).expect_err("half"), CredentialsError::NoSeed);
        let hollow = "-----BEGIN NATS USER JWT-----\n------END NATS USER JWT------\n";
        assert_eq!(parse_creds(hollow).expect_err("hollow"), CredentialsError::NoToken);
    }
}
