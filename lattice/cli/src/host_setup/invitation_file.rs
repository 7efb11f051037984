//! An invitation as it is carried to a machine: the text, and below it the NATS credentials to apply with where NATS asks for some.

use std::io::BufRead;

use anyhow::{Context as _, Result};
use lattice_core::invitation::{Invitation, PREFIX};
use zeroize::Zeroizing;

use crate::{failure::Failure, files};

/// How the credentials of NATS end.
const CREDS_END: &str = "END USER NKEY SEED";
/// What the first line says when credentials follow, so that a reader of a pipe knows when it has all.
const WITH_CREDS: &str = " creds";
/// More than any invitation has.
const LINES_MAX: usize = 100;

/// What a machine was given.
pub(crate) struct Carried {
    /// The invitation.
    pub(crate) invitation: Invitation,
    /// The text of a `.creds` file.
    pub(crate) creds: Option<Zeroizing<String>>,
}

impl Carried {
    /// Reads what was typed: the text itself, the name of a file, or `-` for standard input.
    pub(crate) fn read(typed: &str) -> Result<Self> {
        if typed.starts_with(PREFIX) {
            return Self::parse(&mut typed.as_bytes());
        }
        if typed == "-" {
            return Self::parse(&mut std::io::stdin().lock());
        }
        let text = files::read_if_there(std::path::Path::new(typed))?.map(Zeroizing::new);
        let text = text.ok_or_else(|| {
            Failure::not_found("there is no such invitation")
                .because(format!("`{typed}` neither begins with `{PREFIX}` nor is it a file"))
                .help("`lattice host invite --name NAME`, where the issuer's key is, makes one")
        })?;
        Self::parse(&mut text.as_bytes()).with_context(|| format!("{typed} holds no invitation"))
    }

    /// Reads no further than the invitation goes: whoever writes it may go on writing.
    fn parse(reader: &mut impl BufRead) -> Result<Self> {
        let mut first = Zeroizing::new(String::new());
        reader.read_line(&mut first)?;
        let line = first.trim();
        let (text, with_creds) = match line.strip_suffix(WITH_CREDS) {
            Some(text) => (text, true),
            None => (line, false),
        };
        let invitation: Invitation = text
            .parse()
            .map_err(|error| Failure::usage("the invitation cannot be read").because(error))?;
        if !with_creds {
            return Ok(Self {
                invitation,
                creds: None,
            });
        }
        let mut creds = Zeroizing::new(String::new());
        for _ in 0..LINES_MAX {
            let start = creds.len();
            if reader.read_line(&mut creds)? == 0 {
                break;
            }
            if creds[start..].contains(CREDS_END) {
                return Ok(Self {
                    invitation,
                    creds: Some(creds),
                });
            }
        }
        Err(Failure::usage("the invitation ends within its NATS credentials")
            .help("copy the whole file")
            .into())
    }
}

/// The text of an invitation's file.
pub(crate) fn text(invitation: &Invitation, creds: Option<&str>) -> Zeroizing<String> {
    let word = invitation.to_text();
    Zeroizing::new(match creds {
        Some(creds) => format!("{}{WITH_CREDS}\n{creds}", *word),
        None => format!("{}\n", *word),
    })
}

#[cfg(test)]
mod tests {
    use lattice_core::{UnixSeconds, invitation::SECRET_BYTES, token::nats};
    use nkeys::KeyPair;

    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            lattice: "field".parse().expect("a name"),
            servers: vec!["nats://a:4222".to_owned()],
            operators: vec![KeyPair::new_operator().public_key().parse().expect("a key")],
            expires_at: UnixSeconds::new(1_800_000_000),
            secret: [3; SECRET_BYTES].into(),
        }
    }

    #[test]
    fn is_read_as_it_was_written_and_no_further() {
        let invitation = invitation();
        let creds = nats::creds_text("a.b.c", "SUSEED");
        let mut pipe = format!("{}what comes later\n", *text(&invitation, Some(&creds)));
        let carried = Carried::parse(&mut pipe.as_bytes()).expect("reads");
        assert_eq!(carried.invitation, invitation);
        let read = nats::parse_creds(&carried.creds.expect("has some")).expect("credentials");
        assert_eq!((read.token.as_str(), read.seed.as_str()), ("a.b.c", "SUSEED"));

        pipe.truncate(pipe.find("SUSEED").expect("is there"));
        assert!(Carried::parse(&mut pipe.as_bytes()).is_err(), "half of it");
        let alone = Carried::read(&invitation.to_text()).expect("reads");
        assert!(alone.creds.is_none());
        assert!(Carried::read("no-such-file").is_err());
    }
}
