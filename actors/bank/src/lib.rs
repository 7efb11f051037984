//! A bank account: one for each key. Shows how one actor pays another so that nothing is lost or made on the way.
//!
//! | request, under any prefix | does | answers |
//! |---|---|---|
//! | `POST /deposit?amount=N` | pays N in | `{"account":"anna","balance":N}` |
//! | `POST /transfer?to=KEY&amount=N` | pays N over to the account KEY; 409 if there is less | the same |
//! | `GET /balance` | | the same |
//!
//! A transfer takes the money off and *sends* the other account the operation `credit` with the amount as body. What a turn sends is stored
//! with what it changed, and is tried until the other took it: both become true or neither does. Until it is taken, the money is on
//! its way, in no balance.

use lattice_actor::{
    Activation, Fault, HandleHttp, HandlePeers, Identity, Method, Request, Response, StatefulActor, me, peers,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The most that is paid at once. So many of these fit into a balance that it never overflows.
const AMOUNT_MAX: u64 = 1_000_000_000_000;
const KEY_BYTES_MAX: usize = 128;

#[derive(Default, Serialize, Deserialize)]
struct Account {
    balance: u64,
}

impl StatefulActor for Account {
    fn wake(_: &Activation) -> Self {
        Self::default()
    }
}

impl HandleHttp for Account {
    fn http(&mut self, request: Request) -> Response {
        let outcome = match (&request.method, &request.segments()[..]) {
            (Method::Post, [.., "deposit"]) => self.deposit(&request),
            (Method::Post, [.., "transfer"]) => self.transfer(&request),
            (Method::Get, [.., "balance"]) => Ok(()),
            _ => Err(Response::error(
                404,
                "ask for POST /deposit, POST /transfer or GET /balance",
            )),
        };
        match outcome {
            Ok(()) => Response::json(200, &json!({ "account": me().key, "balance": self.balance })),
            Err(refusal) => refusal,
        }
    }
}

impl HandlePeers for Account {
    fn receive(&mut self, sender: Option<Identity>, operation: &str, body: &[u8]) -> Result<Vec<u8>, Fault> {
        if operation != "credit" {
            return Err(Fault::Rejected(format!(
                "no operation is called `{operation}`: ask for credit"
            )));
        }
        // Others have taken nothing off anywhere: their credit would be new money.
        if sender.is_none_or(|sender| sender.kind != me().kind) {
            return Err(Fault::Rejected("only another account credits an account".into()));
        }
        let amount = str::from_utf8(body).ok().and_then(parse_amount);
        let amount = amount.ok_or_else(|| Fault::Rejected("the body of a credit is its amount".into()))?;
        self.credit(amount).map_err(Fault::Rejected)?;
        Ok(Vec::new())
    }
}

lattice_actor::export!(Account: http, peers);

impl Account {
    fn deposit(&mut self, request: &Request) -> Result<(), Response> {
        self.credit(amount(request)?)
            .map_err(|reason| Response::error(409, reason))
    }

    fn transfer(&mut self, request: &Request) -> Result<(), Response> {
        let amount = amount(request)?;
        let me = me();
        let key = request.query("to").filter(|key| is_key(key) && *key != me.key);
        let key = key.ok_or_else(|| Response::error(400, "`to` is the key of another account, such as ?to=anna"))?;
        self.balance = self.balance.checked_sub(amount).ok_or_else(|| {
            let reason = format!("the balance is {}, which is less than {amount}", self.balance);
            Response::error(409, reason)
        })?;
        let to = Identity { kind: me.kind, key };
        peers::send(&to, "credit", amount.to_string().as_bytes());
        Ok(())
    }

    fn credit(&mut self, amount: u64) -> Result<(), String> {
        let balance = self.balance.checked_add(amount);
        self.balance = balance.ok_or_else(|| format!("account {} holds no more", me().key))?;
        Ok(())
    }
}

fn amount(request: &Request) -> Result<u64, Response> {
    let amount = request.query("amount").as_deref().and_then(parse_amount);
    amount.ok_or_else(|| Response::error(400, format!("`amount` is 1 to {AMOUNT_MAX}, such as ?amount=5")))
}

fn parse_amount(text: &str) -> Option<u64> {
    text.parse().ok().filter(|amount| (1..=AMOUNT_MAX).contains(amount))
}

/// What the lattice takes for a key. Money sent to anything else would never arrive.
fn is_key(text: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}
