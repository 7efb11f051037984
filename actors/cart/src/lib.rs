//! A shopping cart: one for each customer, who is its key. The stateful actor to copy.
//!
//! It looks at the end of the path only, so it can be mounted under any prefix, such as `/cart/{key}`:
//!
//! | request | does | answers |
//! |---|---|---|
//! | `GET /`, or any other path | | `{"items":[{"quantity":2,"sku":"tea"}],"total":2}` |
//! | `POST /items` with `{"sku":"tea","quantity":2}` | puts two more in | the cart |
//! | `DELETE /items/tea` | takes them all out | the cart |
//! | `POST /checkout` | empties it | `{"items":2,"order":"alice-1"}` |
//! | `POST /add`, `POST /add?by=5` | counts, for load tests | `{"actor":"cart/alice","count":5}` |
//! | `GET /count` | | the same |
//!
//! There is no locking and no database in it: requests for one cart come one at a time, and what one changed is stored before it is
//! answered.

use std::collections::BTreeMap;

use lattice_actor::{Activation, HandleHttp, Method, Request, Response, StatefulActor, me};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// More kinds of things than this are no shopping any more.
const SKUS_MAX: usize = 500;
/// The most of one thing in a cart.
const QUANTITY_MAX: u32 = 1_000;
const SKU_BYTES_MAX: usize = 64;

#[derive(Default, Serialize, Deserialize)]
struct Cart {
    items: BTreeMap<String, u32>,
    orders: u64,
    count: u64,
}

/// What `POST /items` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    sku: String,
    quantity: u32,
}

impl StatefulActor for Cart {
    fn wake(_: &Activation) -> Self {
        Self::default()
    }
}

impl HandleHttp for Cart {
    fn http(&mut self, request: Request) -> Response {
        let outcome = match (&request.method, &request.segments()[..]) {
            (Method::Post, [.., "items"]) => self.put(&request),
            (Method::Delete, [.., "items", sku]) => self.take_out(sku),
            (Method::Post, [.., "checkout"]) => self.check_out(),
            (Method::Post, [.., "add"]) => self.add(request.query("by").as_deref()),
            (Method::Get, [.., "count"]) => Ok(self.counted()),
            (Method::Get, _) => Ok(self.shown()),
            _ => Err(Response::error(
                404,
                "ask for /items, /items/SKU, /checkout, /add or /count",
            )),
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }
}

lattice_actor::export!(Cart: http);

impl Cart {
    fn put(&mut self, request: &Request) -> Result<Response, Response> {
        let item: Item = request
            .json()
            .map_err(|error| bad(format!("send {{\"sku\":…,\"quantity\":…}}: {error}")))?;
        check_sku(&item.sku)?;
        if !self.items.contains_key(&item.sku) && self.items.len() >= SKUS_MAX {
            return Err(bad(format!(
                "the cart is full: it has {SKUS_MAX} different things in it"
            )));
        }
        let before = self.items.get(&item.sku).copied().unwrap_or(0);
        let quantity = before.saturating_add(item.quantity);
        if item.quantity == 0 || quantity > QUANTITY_MAX {
            return Err(bad(format!("the quantity of a thing is 1 to {QUANTITY_MAX}")));
        }
        self.items.insert(item.sku, quantity);
        Ok(self.shown())
    }

    fn take_out(&mut self, sku: &str) -> Result<Response, Response> {
        match self.items.remove(sku) {
            Some(_) => Ok(self.shown()),
            None => Err(Response::error(404, format!("no `{sku}` is in the cart"))),
        }
    }

    fn check_out(&mut self) -> Result<Response, Response> {
        if self.items.is_empty() {
            return Err(Response::error(409, "the cart is empty: put something in first"));
        }
        let items = self.total();
        self.items.clear();
        self.orders += 1;
        Ok(Response::json(
            200,
            &json!({ "order": format!("{}-{}", me().key, self.orders), "items": items }),
        ))
    }

    fn add(&mut self, by: Option<&str>) -> Result<Response, Response> {
        let by: u64 = by
            .unwrap_or("1")
            .parse()
            .map_err(|_| bad("`by` is a number, such as ?by=5"))?;
        self.count = self
            .count
            .checked_add(by)
            .ok_or_else(|| bad("the count would be too large"))?;
        Ok(self.counted())
    }

    fn shown(&self) -> Response {
        let items: Vec<_> = self
            .items
            .iter()
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        Response::json(200, &json!({ "items": items, "total": self.total() }))
    }

    fn counted(&self) -> Response {
        let me = me();
        Response::json(
            200,
            &json!({ "count": self.count, "actor": format!("{}/{}", me.kind, me.key) }),
        )
    }

    fn total(&self) -> u64 {
        self.items.values().map(|quantity| u64::from(*quantity)).sum()
    }
}

/// What can stand in a path as it is.
fn check_sku(sku: &str) -> Result<(), Response> {
    let fits = (1..=SKU_BYTES_MAX).contains(&sku.len());
    if fits
        && sku
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    {
        Ok(())
    } else {
        Err(bad(format!(
            "a sku is 1 to {SKU_BYTES_MAX} letters, digits, `-`, `_` and `.`"
        )))
    }
}

fn bad(reason: impl Into<String>) -> Response {
    Response::error(400, reason)
}
