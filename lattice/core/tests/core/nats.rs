//! Tokens for nats-server itself.

use data_encoding::BASE64URL_NOPAD;
use lattice_core::token::SignError;
use lattice_core::token::nats::{
    AccountLimits, Permissions, ServerTrust, account_token, operator_token, system_account_token, user_token,
};
use lattice_core::{AccountId, UserId};
use nkeys::{KeyPair, KeyPairType};
use serde_json::Value;

use crate::support::{DAY, NOW, key, lattice, operator, provider};

fn claims_of(token: &str, key: &KeyPair) -> Value {
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).expect("base64url");
    key.verify(signed.as_bytes(), &signature).expect("signed by the key");
    let (_, payload) = signed.split_once('.').expect("three parts");
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).expect("base64url")).expect("JSON")
}

fn account() -> KeyPair {
    key(KeyPairType::Account, 6)
}

fn account_id() -> AccountId {
    account().public_key().parse().expect("an account")
}

fn user_id() -> UserId {
    key(KeyPairType::User, 7).public_key().parse().expect("a user")
}

#[test]
fn an_operator_names_itself_and_its_system_account() {
    let token = operator_token(&operator(), "dev", &account_id(), NOW).expect("signs");
    let claims = claims_of(&token, &operator());
    assert_eq!(claims["iss"], claims["sub"]);
    assert_eq!(claims["nats"]["type"], "operator");
    assert_eq!(claims["nats"]["version"], 2);
    assert_eq!(claims["nats"]["system_account"], account_id().as_str());
    assert_eq!(claims["jti"].as_str().expect("an id").len(), 52);
}

#[test]
fn an_account_has_jetstream_without_limits_and_the_system_account_has_none() {
    let token = account_token(&operator(), &account_id(), "dev", AccountLimits::UNLIMITED, NOW).expect("signs");
    let limits = &claims_of(&token, &operator())["nats"]["limits"];
    for name in [
        "subs",
        "conn",
        "leaf",
        "mem_storage",
        "disk_storage",
        "streams",
        "consumer",
    ] {
        assert_eq!(limits[name], -1, "{name}");
    }
    let system = system_account_token(&operator(), &account_id(), NOW).expect("signs");
    assert_eq!(
        claims_of(&system, &operator())["nats"]["limits"]["disk_storage"],
        Value::Null
    );
}

#[test]
fn a_members_user_reaches_its_own_mail_and_no_bucket_to_write() {
    let member = provider().public_key().parse().expect("a member");
    let permissions = Permissions::member(&lattice(), &member).with_jetstream(&lattice());
    let until = Some(NOW.after(DAY));
    let token = user_token(&account(), &user_id(), "redis", &permissions, NOW, until).expect("signs");
    let claims = claims_of(&token, &account());
    assert_eq!(claims["exp"], NOW.after(DAY).get());
    let has = |side: &str, list: &str, subject: &str| {
        let listed = claims["nats"][side][list].as_array().expect("a list");
        listed.iter().any(|entry| entry == subject)
    };
    assert!(has("sub", "allow", &format!("lat.default.box.{member}.>")));
    assert!(has("sub", "allow", &format!("_INBOX.{member}.>")));
    // What a stateful actor's former state leaves behind, and nothing else.
    let purged = "$JS.API.STREAM.PURGE.OBJ_lat_default_states";
    for never in ["STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE"] {
        let allowed = claims["nats"]["pub"]["allow"].as_array().expect("a list");
        let mut others = allowed.iter().map(|entry| entry.as_str().expect("text"));
        assert!(others.all(|entry| entry == purged || !entry.contains(never)), "{never}");
    }
    assert!(!has("sub", "allow", "_INBOX.>") && !has("sub", "allow", ">"));
    for denied in [
        "$KV.lat_default_links.>",
        "$KV.lat_default_trust.>",
        "$KV.lat_default_config.>",
    ] {
        assert!(has("pub", "deny", denied), "{denied}");
    }
}

#[test]
fn a_members_token_fits_the_one_line_that_a_stock_server_reads() {
    let member = provider().public_key().parse().expect("a member");
    for permissions in [
        Permissions::member(&lattice(), &member),
        Permissions::member(&lattice(), &member).with_jetstream(&lattice()),
    ] {
        let token = user_token(&account(), &user_id(), "redis", &permissions, NOW, Some(NOW)).expect("signs");
        // The rest of the line is the signature of the nonce and the names of client and language.
        assert!(token.len() < 4096 - 600, "{}", token.len());
    }
}

#[test]
fn behind_a_domain_the_api_has_another_prefix() {
    let member = provider().public_key().parse().expect("a member");
    let permissions = Permissions::member(&lattice(), &member)
        .with_jetstream(&lattice())
        .in_domain("edge");
    let shown = serde_json::to_string(&permissions).expect("serializes");
    assert!(
        !shown.contains("$JS.API.") && shown.contains("$JS.edge.API.STREAM.INFO.*"),
        "{shown}"
    );
    assert!(shown.contains("$JS.edge.API.$KV.lat_default_links.>"), "{shown}");
}

#[test]
fn only_the_right_kind_of_key_signs() {
    let by_account = operator_token(&account(), "dev", &account_id(), NOW);
    assert!(matches!(by_account, Err(SignError::WrongKey { .. })));
    let by_operator = user_token(&operator(), &user_id(), "u", &Permissions::all(), NOW, None);
    assert!(matches!(by_operator, Err(SignError::WrongKey { .. })));
}

#[test]
fn a_server_is_told_the_operator_and_the_accounts() {
    let config = ServerTrust {
        operator_token: "OP".into(),
        system_account: account_id(),
        accounts: vec![(account_id(), "ACC".into())],
    };
    let id = account_id();
    let expect = format!(
        "operator: OP\nsystem_account: {id}\nmax_control_line: 32KB\nresolver: MEMORY\nresolver_preload: {{\n  {id}: ACC\n}}\n"
    );
    assert_eq!(config.config(), expect);
}
