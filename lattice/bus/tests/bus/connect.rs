//! Who gets in, and what one is told otherwise.

use std::time::{Duration, Instant};

use lattice_bus::{BucketConfig, Bus, BusConfig, ConnectError, Credentials, NatsContexts, Secret};
use lattice_testkit::{NatsServer, Scratch, eventually, free_port};
use nkeys::KeyPair;

use crate::operator::Operator;
use crate::{LIMIT, config, connect};

async fn refused(config: BusConfig) -> ConnectError {
    Bus::connect(config)
        .await
        .expect_err("this configuration must not connect")
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_what_to_do() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let err = refused(config(&url)).await;
    assert!(matches!(err, ConnectError::Unreachable { .. }), "{err:?}");
    assert_eq!(err.to_string(), format!("cannot reach a NATS server at {url}"));
    let source = std::error::Error::source(&err).expect("a reason").to_string();
    assert!(source.contains("refused"), "{source}");
    assert!(err.help().contains("lattice up"));
}

#[tokio::test]
async fn patience_waits_for_a_server_that_starts_later() {
    let port = free_port();
    let patient = config(&format!("nats://127.0.0.1:{port}")).patience(LIMIT);
    let connecting = tokio::spawn(Bus::connect(patient));
    let _nats = NatsServer::builder().port(port).start().await;
    let bus = connecting.await.expect("no panic").expect("the server came");
    assert!(bus.is_connected());
}

#[tokio::test]
async fn patience_ends() {
    let start = Instant::now();
    let config = config(&format!("nats://127.0.0.1:{}", free_port())).patience(Duration::from_millis(300));
    refused(config).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn users_and_passwords_in_the_configuration_or_the_address() {
    let nats = NatsServer::builder()
        .config(r#"authorization { user: ann, password: s3cret }"#)
        .start()
        .await;
    let right = Credentials::UserPassword {
        user: "ann".into(),
        password: Secret::from("s3cret"),
    };
    Bus::connect(config(&nats.url()).credentials(right))
        .await
        .expect("the right password");
    connect(&format!("nats://ann:s3cret@{}", nats.address())).await;

    let wrong = Credentials::UserPassword {
        user: "ann".into(),
        password: Secret::from("wrong"),
    };
    let err = refused(config(&nats.url()).credentials(wrong)).await;
    assert!(matches!(err, ConnectError::Refused { .. }), "{err:?}");
    assert!(err.to_string().ends_with("refuses this user and password"), "{err}");
    let err = refused(config(&nats.url()).patience(LIMIT)).await;
    assert!(
        err.to_string().ends_with("refuses an anonymous client"),
        "a refusal does not wait: {err}"
    );
    assert!(err.help().contains("wants credentials"));
}

#[tokio::test]
async fn tokens() {
    let nats = NatsServer::builder()
        .config("authorization { token: t0ken }")
        .start()
        .await;
    Bus::connect(config(&nats.url()).credentials(Credentials::Token(Secret::from("t0ken"))))
        .await
        .expect("the token");
    connect(&format!("nats://t0ken@{}", nats.address())).await;
}

#[tokio::test]
async fn nkeys_as_text_and_as_a_file() {
    let key = KeyPair::new_user();
    let nats = NatsServer::builder()
        .config(&format!(
            "authorization {{ users: [{{ nkey: {} }}] }}",
            key.public_key()
        ))
        .start()
        .await;
    let seed = key.seed().expect("a fresh key has its seed");
    Bus::connect(config(&nats.url()).credentials(Credentials::Seed(Secret::from(seed.as_str()))))
        .await
        .expect("the key");

    let scratch = Scratch::new("seed");
    let path = scratch.write("user.nk", &seed);
    Bus::connect(config(&nats.url()).credentials(Credentials::SeedFile(path.clone())))
        .await
        .expect("the key");

    scratch.write("user.nk", "nothing");
    let err = refused(config(&nats.url()).credentials(Credentials::SeedFile(path))).await;
    assert!(matches!(err, ConnectError::Credentials(_)), "{err:?}");
}

#[tokio::test]
async fn a_missing_credentials_file_is_named_before_anybody_is_asked() {
    let err = refused(config("nats://127.0.0.1:1").credentials(Credentials::File("/no/such.creds".into()))).await;
    let source = std::error::Error::source(&err).expect("a reason").to_string();
    assert_eq!(source, "cannot read the credentials file /no/such.creds");
}

#[tokio::test]
async fn the_selected_nats_context_connects() {
    let nats = NatsServer::builder()
        .config(r#"authorization { user: ann, password: s3cret }"#)
        .start()
        .await;
    let home = Scratch::new("home");
    let context = format!(
        r#"{{"url":"{}","user":"ann","password":"s3cret","creds":""}}"#,
        nats.url()
    );
    home.write(".config/nats/context/dev.json", context);
    home.write(".config/nats/context.txt", "dev");
    let contexts = NatsContexts::of_user(home.path(), None);
    let name = contexts.selected().expect("readable").expect("one is selected");
    let bus = Bus::connect(contexts.load(&name).expect("a good context").into_config("test"))
        .await
        .expect("connected");
    assert!(bus.server_info().is_at_least(2, 11), "{:?}", bus.server_info());
    assert!(bus.server_info().jetstream);
}

#[tokio::test]
async fn several_servers_of_which_one_is_up() {
    let nats = NatsServer::start().await;
    let servers = format!("nats://127.0.0.1:{}, {}", free_port(), nats.url());
    connect(&servers).await;
}

#[tokio::test]
async fn credentials_as_a_file_and_as_text() {
    let operator = Operator::new();
    let nats = operator.configure(NatsServer::builder()).start().await;
    let scratch = Scratch::new("creds");
    let path = scratch.write("user.creds", operator.credentials(None));
    for credentials in [
        Credentials::File(path),
        Credentials::Text(Secret::from(operator.credentials(None))),
    ] {
        let bus = Bus::connect(config(&nats.url()).credentials(credentials))
            .await
            .expect("connected");
        bus.bucket(BucketConfig::new("b"))
            .await
            .expect("the account has JetStream");
    }
    let stranger = Credentials::Text(Secret::from(Operator::new().credentials(None)));
    let err = refused(config(&nats.url()).credentials(stranger)).await;
    assert!(err.to_string().ends_with("refuses these credentials"), "{err}");
}

#[tokio::test]
async fn renewed_credentials_are_used_at_the_next_reconnect() {
    let operator = Operator::new();
    let nats = operator.configure(NatsServer::builder()).start().await;
    let scratch = Scratch::new("creds");
    let path = scratch.write("user.creds", operator.credentials(Some(Duration::from_secs(2))));
    let bus = Bus::connect(config(&nats.url()).credentials(Credentials::File(path)))
        .await
        .expect("connected");
    scratch.write("user.creds", operator.credentials(None));
    // The server hangs up when the first credentials expire.
    eventually("another session", LIMIT, || async {
        match bus.connected().await {
            Some(session) if session > 1 => Ok(()),
            other => Err(format!("session {other:?}")),
        }
    })
    .await;
    bus.round_trip(LIMIT).await.expect("let in again");
}

#[tokio::test]
async fn an_inbox_prefix_that_is_none_is_refused() {
    let nats = NatsServer::start().await;
    let mut config = config(&nats.url());
    config.inbox_prefix = Some("two words".into());
    let err = refused(config).await;
    assert!(matches!(err, ConnectError::BadInboxPrefix(_)), "{err:?}");
}
