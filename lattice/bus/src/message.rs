//! Subjects and messages.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::Headers;

/// A NATS subject as text, cheap to clone. Built from ids in `lattice_core::subject`; checked when used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(async_nats::Subject);

impl Subject {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_inner(self) -> async_nats::Subject {
        self.0
    }
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Subject {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Subject {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<String> for Subject {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&Subject> for Subject {
    fn from(subject: &Subject) -> Self {
        subject.clone()
    }
}

impl From<async_nats::Subject> for Subject {
    fn from(subject: async_nats::Subject) -> Self {
        Self(subject)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<str> for Subject {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Subject {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// A message as it came in.
#[derive(Clone, Debug)]
pub struct Message {
    /// What it was sent to.
    pub subject: Subject,
    /// Where the sender waits for an answer.
    pub reply: Option<Subject>,
    /// The headers, empty when there were none.
    pub headers: Headers,
    /// The body, shared with the receive buffer: cloning and slicing copy nothing.
    pub payload: Bytes,
    status: Option<u16>,
}

impl Message {
    /// Returns the status a server put in place of a body, such as 503 for "nobody listens".
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }
}

impl From<async_nats::Message> for Message {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: Subject(message.subject),
            reply: message.reply.map(Subject),
            headers: Headers::from(message.headers),
            payload: message.payload,
            status: message.status.map(|status| status.as_u16()),
        }
    }
}
