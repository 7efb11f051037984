//! The JSON of the JetStream API, as far as we speak it.

use std::time::SystemTime;

use bytes::Bytes;
use data_encoding::BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::StateError;
use crate::Headers;

/// Reads an answer, which is either an error or what was asked for.
pub(super) fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, StateError> {
    // An error stands near the beginning; answers without one, which may be large, are read once only.
    let beginning = &answer[..answer.len().min(256)];
    if beginning.windows(ERROR_FIELD.len()).any(|window| window == ERROR_FIELD) {
        let failed: ApiError = serde_json::from_slice(answer).map_err(StateError::unexpected)?;
        if let Some(error) = failed.error {
            return Err(StateError::Refused {
                code: error.err_code,
                description: error.description,
            });
        }
    }
    serde_json::from_slice(answer).map_err(StateError::unexpected)
}

const ERROR_FIELD: &[u8] = br#""error""#;

#[derive(Debug, Deserialize)]
struct ApiError {
    error: Option<ErrorBody>,
}

#[derive(Debug, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PublishAck {
    pub(super) seq: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// The settings of a stream. Times are nanoseconds, 0 and -1 mean without limit, as the API has it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StreamConfig {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) retention: &'static str,
    pub(crate) storage: &'static str,
    pub(crate) discard: &'static str,
    pub(crate) num_replicas: usize,
    pub(crate) max_consumers: i64,
    pub(crate) max_msgs: i64,
    pub(crate) max_bytes: i64,
    pub(crate) max_msg_size: i64,
    pub(crate) max_msgs_per_subject: i64,
    pub(crate) max_age: u64,
    pub(crate) duplicate_window: u64,
    pub(crate) allow_rollup_hdrs: bool,
    pub(crate) deny_delete: bool,
    pub(crate) allow_direct: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_msg_ttl: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) subject_delete_marker_ttl: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a stream is and how far it goes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: ActualConfig,
    #[serde(default)]
    pub(crate) created: String,
    pub(crate) state: StreamState,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamState {
    #[serde(default)]
    pub(crate) last_seq: u64,
    #[serde(default)]
    last_ts: String,
}

impl StreamState {
    /// When the last message was stored.
    pub(crate) fn last_time(&self) -> Option<SystemTime> {
        OffsetDateTime::parse(&self.last_ts, &Rfc3339).ok().map(Into::into)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ActualConfig {
    #[serde(default)]
    pub(crate) num_replicas: usize,
    #[serde(default)]
    pub(crate) allow_msg_ttl: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct GetLast<'a> {
    pub(super) last_by_subj: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Purge<'a> {
    pub(super) filter: &'a str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) message: EncodedMessage,
}

#[derive(Debug, Deserialize)]
pub(super) struct EncodedMessage {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: String,
}

/// A message as a stream keeps it.
#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    pub(crate) subject: String,
    pub(crate) sequence: u64,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    pub(crate) time: SystemTime,
}

impl EncodedMessage {
    pub(super) fn decode(self) -> Result<StoredMessage, StateError> {
        let bytes = |text: &str| BASE64.decode(text.as_bytes()).map_err(StateError::unexpected);
        let time = OffsetDateTime::parse(&self.time, &Rfc3339).map_err(StateError::unexpected)?;
        Ok(StoredMessage {
            subject: self.subject,
            sequence: self.seq,
            headers: parse_headers(&bytes(&self.hdrs)?),
            payload: bytes(&self.data)?.into(),
            time: time.into(),
        })
    }
}

/// Reads the `NATS/1.0` block. What does not look like a header is passed over: a stream may hold anybody's messages.
fn parse_headers(block: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for line in String::from_utf8_lossy(block).lines().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            // A name that cannot be a header cannot be one we look for.
            let _ = headers.append(name, value.trim());
        }
    }
    headers
}

#[derive(Debug, Serialize)]
pub(super) struct CreateConsumer<'a> {
    pub(super) stream_name: &'a str,
    pub(super) config: &'a ConsumerConfig<'a>,
}

/// The settings of the one kind of consumer we use: short-lived, in order, pushed to an inbox.
#[derive(Debug, Serialize)]
pub(crate) struct ConsumerConfig<'a> {
    pub(crate) name: &'a str,
    pub(crate) deliver_subject: &'a str,
    pub(crate) deliver_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opt_start_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opt_start_time: Option<String>,
    pub(crate) filter_subject: &'a str,
    pub(crate) ack_policy: &'static str,
    pub(crate) replay_policy: &'static str,
    pub(crate) max_deliver: i64,
    pub(crate) flow_control: bool,
    pub(crate) idle_heartbeat: u64,
    pub(crate) num_replicas: usize,
    pub(crate) mem_storage: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) headers_only: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CreatedConsumer {
    #[serde(default)]
    pub(crate) num_pending: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_message_is_decoded() {
        let encoded: EncodedMessage = serde_json::from_str(&format!(
            r#"{{"subject":"$KV.b.k","seq":7,"time":"2026-11-22T10:00:00.123456789Z","data":"{}","hdrs":"{}"}}"#,
            BASE64.encode(b"value"),
            BASE64.encode(b"NATS/1.0\r\nKV-Operation: DEL\r\n\r\n"),
        ))
        .expect("well-formed");
        let message = encoded.decode().expect("well-formed");
        assert_eq!((message.sequence, message.payload.as_ref()), (7, b"value".as_ref()));
        assert_eq!(message.headers.get("KV-Operation"), Some("DEL"));
    }

    #[test]
    fn an_answer_is_an_error_or_what_was_asked_for() {
        let refused = parse::<PublishAck>(br#"{"error":{"code":400,"err_code":10071,"description":"wrong"},"seq":0}"#);
        assert_eq!(refused.expect_err("an error").code(), Some(10071));
        assert_eq!(
            parse::<PublishAck>(br#"{"stream":"S","seq":9}"#).expect("an ack").seq,
            9
        );
        assert!(matches!(parse::<PublishAck>(b"\xff{"), Err(StateError::Unexpected(_))));
        assert!(matches!(
            parse::<PublishAck>(br#"{"note":"error"}"#),
            Err(StateError::Unexpected(_))
        ));
    }

    #[test]
    fn headers_that_are_none_are_passed_over() {
        for block in [
            &b""[..],
            b"NATS/1.0",
            b"NATS/1.0\r\n:\r\nx\r\n\xff: y\r\n\r\n",
            b"\xff\xfe\r\na:b\rc",
        ] {
            parse_headers(block);
        }
    }
}
