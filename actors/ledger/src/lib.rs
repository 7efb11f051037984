//! A list that only grows: one for each key. A checker appends tokens from many sides, then reads what stands there.
//!
//! Every token is a cell of its own, so that a turn stores the one it appends and not the list; nothing is kept in memory.
//!
//! | HTTP, under any prefix | by other actors | does | answers |
//! |---|---|---|---|
//! | `POST /append`, the token as body | `append` | appends the token | its index: `0`, `1`, … |
//! | `GET /read` | `read` | | all tokens, one on each line |
//! | `GET /count` | | | how many there are |

use lattice_actor::{
    Activation, Fault, HandleHttp, HandlePeers, Identity, Method, Request, Response, StatefulActor, cells,
};
use serde::{Deserialize, Serialize};

const TOKEN_BYTES_MAX: usize = 1024;

/// How many tokens there are. Entries are named by digits, so it stands behind them all.
const LEN: &str = "len";

#[derive(Serialize, Deserialize)]
struct Ledger;

impl StatefulActor for Ledger {
    fn wake(_: &Activation) -> Self {
        Self
    }
}

impl HandleHttp for Ledger {
    fn http(&mut self, request: Request) -> Response {
        let outcome = match (&request.method, &request.segments()[..]) {
            (Method::Post, [.., "append"]) => append(&request.body).map(|index| index.to_string()),
            (Method::Get, [.., "read"]) => read(),
            (Method::Get, [.., "count"]) => len().map(|len| len.to_string()),
            _ => return Response::error(404, "ask for POST /append, GET /read or GET /count"),
        };
        match outcome {
            Ok(text) => Response::text(200, text),
            Err(Fault::Rejected(reason)) => Response::error(400, reason),
            Err(Fault::Incompatible(reason) | Fault::Transient(reason)) => Response::error(500, reason),
        }
    }
}

impl HandlePeers for Ledger {
    fn receive(&mut self, _: Option<Identity>, operation: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
        match operation {
            "append" => append(body).map(|index| index.to_string().into_bytes()),
            "read" => read().map(String::into_bytes),
            _ => Err(Fault::Rejected(format!(
                "no operation is called `{operation}`: ask for append or read"
            ))),
        }
    }
}

lattice_actor::export!(Ledger in cells: http, peers);

/// Appends a token and tells its index.
fn append(token: &[u8]) -> Result<u32, Fault> {
    let is_token = str::from_utf8(token).is_ok_and(|token| !token.is_empty() && !token.contains(char::is_control));
    if !is_token || token.len() > TOKEN_BYTES_MAX {
        return Err(Fault::Rejected(format!(
            "a token is one line of 1 to {TOKEN_BYTES_MAX} bytes of text"
        )));
    }
    let index = len()?;
    let len = index
        .checked_add(1)
        .ok_or_else(|| Fault::Rejected("the ledger is full".into()))?;
    cells::set(&format!("{index:010}"), token);
    cells::set(LEN, len.to_string().as_bytes());
    Ok(index)
}

/// All tokens, in the order in which they were appended.
fn read() -> Result<String, Fault> {
    let mut text = String::new();
    for (_, token) in cells::scan("", len()?) {
        text.push_str(&String::from_utf8_lossy(&token));
        text.push('\n');
    }
    Ok(text)
}

fn len() -> Result<u32, Fault> {
    let Some(bytes) = cells::get(LEN) else { return Ok(0) };
    str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fault::Incompatible(format!("the cell `{LEN}` holds no number")))
}
