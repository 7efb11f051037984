//! The file that machine code travels in.
//!
//! ```text
//! "LATTAOT" 1 | length of the statement, 4 bytes, little end first | statement | code
//! ```
//!
//! The statement is a signed token; or, before it is signed, the JSON of what the token will say.

use crate::token::{AotClaims, TOKEN_BYTES_MAX, Unverified};

/// What every artifact begins with; the last byte is the version of the form.
const MAGIC: &[u8; 8] = b"LATTAOT\x01";

/// An artifact taken apart. Nothing in it is proven.
#[derive(Clone, Debug)]
pub struct Artifact<'a> {
    /// What is said of the code.
    pub statement: Statement,
    /// The code.
    pub code: &'a [u8],
}

/// What is said of code.
#[derive(Clone, Debug)]
pub enum Statement {
    /// By nobody: as it comes from the compiler. No host takes it.
    Unsigned(AotClaims),
    /// By whoever signed the token, if that holds.
    Signed(Unverified),
}

/// Bytes that are no artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// They are something else.
    #[error("it is no code that `lattice aot` has made")]
    NotAnArtifact,
    /// They have another form.
    #[error("it has version {0} of the form, this program reads version 1; compile it again with `lattice aot`")]
    UnsupportedVersion(u8),
    /// They end too early.
    #[error("it is cut off")]
    CutOff,
    /// What they say of the code cannot be read.
    #[error("what it says of its code cannot be read: {0}")]
    Statement(String),
}

/// Whether bytes begin as an artifact does.
#[must_use]
pub fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC[..7])
}

impl<'a> Artifact<'a> {
    /// Takes an artifact apart.
    ///
    /// # Errors
    ///
    /// [`ArtifactError`], whatever the bytes are.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        if !is_artifact(bytes) {
            return Err(ArtifactError::NotAnArtifact);
        }
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).ok_or(ArtifactError::CutOff)?;
        if magic != MAGIC {
            return Err(ArtifactError::UnsupportedVersion(magic[7]));
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(ArtifactError::CutOff)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > TOKEN_BYTES_MAX {
            return Err(ArtifactError::Statement(format!(
                "it has {length} bytes, {TOKEN_BYTES_MAX} are allowed"
            )));
        }
        let (statement, code) = rest.split_at_checked(length).ok_or(ArtifactError::CutOff)?;
        Ok(Self {
            statement: Statement::parse(statement)?,
            code,
        })
    }

    /// The bytes of an artifact with this statement.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let statement = self.statement.write();
        let length = u32::try_from(statement.len()).expect("a statement is not longer than a token may be");
        [MAGIC, &length.to_le_bytes()[..], &statement, self.code].concat()
    }
}

impl Statement {
    /// Reads a statement: JSON begins with a brace, a token never does.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Statement`] when it is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, ArtifactError> {
        if bytes.first() == Some(&b'{') {
            let claims = serde_json::from_slice(bytes).map_err(|error| ArtifactError::Statement(error.to_string()))?;
            return Ok(Self::Unsigned(claims));
        }
        Unverified::parse_bytes(bytes)
            .map(Self::Signed)
            .map_err(|error| ArtifactError::Statement(error.to_string()))
    }

    /// What is said, proven or not: for looking at it.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Statement`] when it is a token of another kind.
    pub fn claims(&self) -> Result<AotClaims, ArtifactError> {
        match self {
            Self::Unsigned(claims) => Ok(claims.clone()),
            Self::Signed(token) => {
                let claims = token.claims::<AotClaims>();
                let claims = claims.map_err(|error| ArtifactError::Statement(error.to_string()))?;
                Ok(claims.body)
            }
        }
    }

    fn write(&self) -> Vec<u8> {
        match self {
            Self::Unsigned(claims) => serde_json::to_vec(claims).expect("plain claims are always JSON"),
            Self::Signed(token) => token.token().as_bytes().to_vec(),
        }
    }
}
