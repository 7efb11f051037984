//! Clients that call actors all the time and write down what they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use lattice_checker::bank::{BankAnswer, BankOp};
use lattice_checker::counter::CounterOp;
use lattice_checker::ledger::{LedgerAnswer, LedgerOp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::random::Random;
use crate::web::{Ask, Web};

/// How long a client tries to have an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two calls of a client, so that a small machine has time for the rest.
const BREATH: Duration = Duration::from_millis(10);
/// Where answers get lost, one in so many does.
const LOST_ONE_IN: u64 = 4;
/// Clients of each actor.
const CLIENTS: u32 = 2;
/// What every account begins with, and what a transfer takes.
const FIRST_DEPOSIT: u64 = 1_000;
const TRANSFER: u64 = 3;

/// What a client does when it has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Retries {
    /// Makes the same call again, at the other front: its `Idempotency-Key` says that it is the same.
    Same,
    /// Never learns what came of it.
    None,
}

/// The actors of one round.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) carts: Vec<String>,
    pub(crate) ledgers: Vec<String>,
    pub(crate) accounts: Vec<String>,
}

impl Keys {
    /// Nobody has used these before.
    pub(crate) fn of_round(round: usize) -> Self {
        let named = |what: &str, count: usize| (0..count).map(|n| format!("r{round}-{what}{n}")).collect();
        Self {
            carts: named("c", 2),
            ledgers: named("l", 1),
            accounts: named("b", 3),
        }
    }

    /// Each as `cart/KEY`.
    pub(crate) fn actors(&self) -> impl Iterator<Item = String> {
        let named =
            |name: &'static str, keys: &[String]| keys.iter().map(|key| format!("{name}/{key}")).collect::<Vec<_>>();
        let all = [
            named("cart", &self.carts),
            named("ledger", &self.ledgers),
            named("bank", &self.accounts),
        ];
        all.into_iter().flatten()
    }
}

/// Clients under way.
pub(crate) struct Load {
    stop: CancellationToken,
    clients: JoinSet<()>,
}

/// What all clients of a round share.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) web: Web,
    pub(crate) fronts: Arc<Vec<String>>,
    pub(crate) books: Arc<Books>,
    pub(crate) retries: Retries,
    /// Whether answers get lost between front and client.
    pub(crate) losing: Arc<AtomicBool>,
}

/// One client.
pub(crate) struct Client {
    desk: Desk,
    number: u32,
    calls: u64,
    random: Random,
}

/// What a client was told.
enum Told {
    Ok(Bytes),
    Refused,
    Nothing,
}

impl Load {
    /// Brings money to the accounts, then lets clients begin. Returns when every actor has answered.
    pub(crate) async fn start(desk: &Desk, keys: &Keys, seed: u64) -> Self {
        let mut first = Client::new(desk, 0, seed);
        for account in &keys.accounts {
            first.deposit(account).await;
        }
        for cart in &keys.carts {
            first.add(cart).await;
        }
        for ledger in &keys.ledgers {
            first.append(ledger).await;
        }
        let (stop, mut clients, mut number) = (CancellationToken::new(), JoinSet::new(), 0);
        let mut client = || {
            number += 1;
            (Client::new(desk, number, seed ^ u64::from(number)), stop.clone())
        };
        for _ in 0..CLIENTS {
            for cart in &keys.carts {
                let ((mut client, stop), cart) = (client(), cart.clone());
                clients.spawn(async move {
                    while !stop.is_cancelled() {
                        match client.random.below(4) {
                            0 => client.count(&cart).await,
                            _ => client.add(&cart).await,
                        }
                        tokio::time::sleep(BREATH).await;
                    }
                });
            }
            for ledger in &keys.ledgers {
                let ((mut client, stop), ledger) = (client(), ledger.clone());
                clients.spawn(async move {
                    while !stop.is_cancelled() {
                        match client.random.below(8) {
                            0 => client.read(&ledger).await,
                            _ => client.append(&ledger).await,
                        }
                        tokio::time::sleep(BREATH).await;
                    }
                });
            }
            let ((mut client, stop), accounts) = (client(), keys.accounts.clone());
            clients.spawn(async move {
                let count = accounts.len();
                while !stop.is_cancelled() {
                    let from = usize::try_from(client.random.below(count as u64)).expect("less than a usize");
                    client.transfer(&accounts[from], &accounts[(from + 1) % count]).await;
                    tokio::time::sleep(BREATH).await;
                }
            });
        }
        Self { stop, clients }
    }

    /// Lets every client finish what it is at.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        while self.clients.join_next().await.is_some() {}
    }
}

impl Client {
    pub(crate) fn new(desk: &Desk, number: u32, seed: u64) -> Self {
        Self {
            desk: desk.clone(),
            number,
            calls: 0,
            random: Random::new(seed),
        }
    }

    async fn add(&mut self, key: &str) {
        let by = 1 + u64::from(self.number);
        let op = self.desk.books.carts.begin(self.number, key, CounterOp::Add(by));
        let told = self.call(&Method::POST, &format!("cart/{key}/add?by={by}"), "").await;
        self.counted(op, &told);
    }

    /// Reads a cart.
    pub(crate) async fn count(&mut self, key: &str) {
        let op = self.desk.books.carts.begin(self.number, key, CounterOp::Get);
        let told = self.call(&Method::GET, &format!("cart/{key}/count"), "").await;
        self.counted(op, &told);
    }

    fn counted(&self, op: lattice_checker::OpId, told: &Told) {
        let books = &self.desk.books.carts;
        match told {
            Told::Ok(body) => match number(body, "count") {
                Some(count) => books.ok(op, count),
                None => books.unknown(op),
            },
            Told::Refused => books.failed(op),
            Told::Nothing => books.unknown(op),
        }
    }

    async fn append(&mut self, key: &str) {
        let token = format!("{}-{}", self.number, self.calls);
        let op = self
            .desk
            .books
            .ledgers
            .begin(self.number, key, LedgerOp::Append(token.clone()));
        let told = self.call(&Method::POST, &format!("ledger/{key}/append"), &token).await;
        let books = &self.desk.books.ledgers;
        match told {
            Told::Ok(body) => match String::from_utf8_lossy(&body).trim().parse() {
                Ok(index) => books.ok(op, LedgerAnswer::At(index)),
                Err(_) => books.unknown(op),
            },
            Told::Refused => books.failed(op),
            Told::Nothing => books.unknown(op),
        }
    }

    /// Reads a ledger.
    pub(crate) async fn read(&mut self, key: &str) {
        let op = self.desk.books.ledgers.begin(self.number, key, LedgerOp::Read);
        let told = self.call(&Method::GET, &format!("ledger/{key}/read"), "").await;
        let books = &self.desk.books.ledgers;
        match told {
            Told::Ok(body) => {
                let list = String::from_utf8_lossy(&body).lines().map(str::to_owned).collect();
                books.ok(op, LedgerAnswer::List(list));
            }
            Told::Refused => books.failed(op),
            Told::Nothing => books.unknown(op),
        }
    }

    async fn deposit(&mut self, key: &str) {
        let path = format!("bank/{key}/deposit?amount={FIRST_DEPOSIT}");
        self.pay(key, BankOp::Deposit(FIRST_DEPOSIT), &path).await;
    }

    async fn transfer(&mut self, key: &str, to: &str) {
        let path = format!("bank/{key}/transfer?to={to}&amount={TRANSFER}");
        let op = BankOp::Transfer {
            to: to.to_owned(),
            amount: TRANSFER,
        };
        self.pay(key, op, &path).await;
    }

    async fn pay(&mut self, key: &str, what: BankOp, path: &str) {
        let op = self.desk.books.accounts.begin(self.number, key, what);
        let told = self.call(&Method::POST, path, "").await;
        let books = &self.desk.books.accounts;
        match told {
            Told::Ok(_) => books.ok(op, BankAnswer::Done),
            Told::Refused => books.failed(op),
            Told::Nothing => books.unknown(op),
        }
    }

    /// Reads an account.
    pub(crate) async fn balance(&mut self, key: &str) {
        let op = self.desk.books.accounts.begin(self.number, key, BankOp::Balance);
        let told = self.call(&Method::GET, &format!("bank/{key}/balance"), "").await;
        let books = &self.desk.books.accounts;
        match told {
            Told::Ok(body) => match number(&body, "balance").and_then(|balance| i64::try_from(balance).ok()) {
                Some(balance) => books.ok(op, BankAnswer::Balance(balance)),
                None => books.unknown(op),
            },
            Told::Refused => books.failed(op),
            Told::Nothing => books.unknown(op),
        }
    }

    /// Whether this answer gets lost.
    fn loses(&mut self) -> bool {
        self.desk.losing.load(Ordering::Relaxed) && self.random.below(LOST_ONE_IN) == 0
    }

    /// Makes one call, as often as it takes and this client may.
    async fn call(&mut self, method: &Method, path: &str, body: &str) -> Told {
        self.calls += 1;
        let idempotency_key = format!("{}-{}", self.number, self.calls);
        let started = Instant::now();
        // Half of the clients come in at each front.
        let mut front = self.number as usize;
        // Reads change nothing: to read again is another read, and always allowed.
        let once = self.desk.retries == Retries::None && method != Method::GET;
        while started.elapsed() < PATIENCE {
            let url = format!("{}/{path}", self.desk.fronts[front % self.desk.fronts.len()]);
            let ask = Ask {
                method,
                url: &url,
                idempotency_key: &idempotency_key,
                body,
            };
            match self.desk.web.ask(&ask).await {
                Some((StatusCode::OK, _)) if !once && self.loses() => {}
                Some((StatusCode::OK, body)) => return Told::Ok(body),
                // The actor itself says that it has not been done.
                Some((StatusCode::CONFLICT, _)) => return Told::Refused,
                _ if once => return Told::Nothing,
                _ => {}
            }
            front += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Told::Nothing
    }
}

fn number(body: &[u8], field: &str) -> Option<u64> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    answer[field].as_u64()
}
