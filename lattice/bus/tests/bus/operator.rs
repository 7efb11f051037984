//! A NATS operator with one account, enough to run a server in operator mode and to issue credentials.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use lattice_testkit::NatsServerBuilder;
use nkeys::KeyPair;
use serde_json::{Value, json};

pub(crate) struct Operator {
    operator: KeyPair,
    account: KeyPair,
    system: KeyPair,
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            account: KeyPair::new_account(),
            system: KeyPair::new_account(),
        }
    }

    /// Lets a server trust this operator and know its account.
    pub(crate) fn configure(&self, server: NatsServerBuilder) -> NatsServerBuilder {
        let operator = self.operator.public_key();
        let account = self.account.public_key();
        let operator_jwt = issue(
            &self.operator,
            &operator,
            None,
            &json!({ "type": "operator", "version": 2 }),
        );
        let unlimited = json!({
            "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1, "payload": -1, "wildcards": true,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let claims = json!({ "type": "account", "version": 2, "limits": unlimited });
        let account_jwt = issue(&self.operator, &account, None, &claims);
        // The system account may not have JetStream, and JetStream does not start without one.
        let system = self.system.public_key();
        let system_jwt = issue(
            &self.operator,
            &system,
            None,
            &json!({ "type": "account", "version": 2 }),
        );
        server.config(&format!(
            "operator: {operator_jwt}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload {{ {account}: {account_jwt}, {system}: {system_jwt} }}"
        ))
    }

    /// Issues the text of a credentials file for a new user, valid for `life`.
    pub(crate) fn credentials(&self, life: Option<Duration>) -> String {
        let user = KeyPair::new_user();
        let claims =
            json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {} });
        let jwt = issue(&self.account, &user.public_key(), life, &claims);
        let seed = user.seed().expect("a fresh key has its seed");
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    }
}

fn issue(issuer: &KeyPair, subject: &str, life: Option<Duration>, nats: &Value) -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs();
    let mut claims = json!({ "iat": now, "iss": issuer.public_key(), "sub": subject, "name": subject, "nats": nats });
    if let Some(life) = life {
        claims["exp"] = json!(now + life.as_secs());
    }
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!(
        "{}.{}",
        encode(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })),
        encode(&claims)
    );
    let signature = issuer.sign(signed.as_bytes()).expect("a key with its seed signs");
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}
