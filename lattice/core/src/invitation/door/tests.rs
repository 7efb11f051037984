use std::time::Duration;

use nkeys::KeyPair;

use super::super::text::tests::invitation;
use super::super::{Application, NotWelcome, Settings, Welcome};
use super::*;
use crate::token::{Draft, HostGrant, Validity, sign};
use crate::trust::{Issuer, TrustBundle};

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);

/// A lattice with somebody who may enrol hosts.
struct Lattice {
    operator: KeyPair,
    issuer: KeyPair,
}

/// A machine that was invited, or says so.
struct Machine {
    key: KeyPair,
    user: UserId,
}

impl Lattice {
    fn new() -> Self {
        Self {
            operator: KeyPair::new_operator(),
            issuer: KeyPair::new_account(),
        }
    }

    fn invitation(&self) -> Invitation {
        invitation(&self.operator)
    }

    fn welcome(&self, host: &str) -> Answer {
        let lattice = self.invitation().lattice;
        let validity = Validity::lasting(NOW, Duration::from_secs(3600));
        let bundle = TrustBundle {
            serial: 1,
            issuers: vec![Issuer::unlimited(self.issuer.public_key().parse().expect("a key"))],
            ..TrustBundle::default()
        };
        let draft = Draft {
            subject: host.to_owned(),
            lattice: lattice.clone(),
            validity,
            body: HostGrant::default(),
        };
        Answer::Welcome(Box::new(Welcome {
            token: sign(&self.issuer, &draft).expect("signs"),
            bundle: bundle.sign(&self.operator, &lattice, validity).expect("signs"),
            nats_user: None,
            settings: Settings {
                name: "pi".to_owned(),
                labels: "site=field".parse().expect("labels"),
                jetstream_domain: None,
            },
        }))
    }
}

impl Machine {
    fn new() -> Self {
        Self {
            key: KeyPair::new_server(),
            user: KeyPair::new_user().public_key().parse().expect("a user"),
        }
    }

    fn applies(&self, invitation: &Invitation, nonce: u8) -> Application {
        Application::new(invitation, &self.key, self.user.clone(), "pi\u{1b}[2J", [nonce; 16]).expect("applies")
    }
}

#[track_caller]
fn asks(door: &mut Door, bytes: &[u8]) -> Applicant {
    match door.hear(bytes, NOW) {
        Heard::Asks(applicant) => applicant,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn replies(door: &mut Door, bytes: &[u8], now: UnixSeconds) -> Vec<u8> {
    match door.hear(bytes, now) {
        Heard::Reply(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_machine_comes_in_once_and_hears_the_answer_again_if_it_did_not() {
    let (lattice, machine) = (Lattice::new(), Machine::new());
    let invitation = lattice.invitation();
    let mut door = Door::new(invitation.clone());
    let application = machine.applies(&invitation, 1);
    let applicant = asks(&mut door, &application.seal(&invitation).expect("fits"));
    assert_eq!(applicant.machine, "pi[2J", "nothing that moves a cursor");
    let lost = door
        .answer(&applicant, lattice.welcome(&machine.key.public_key()))
        .expect("fits");

    // The answer got lost; meanwhile the invitation's time is over.
    let late = invitation.expires_at.after(Duration::from_secs(5));
    let again = machine.applies(&invitation, 2);
    let answer = replies(&mut door, &again.seal(&invitation).expect("fits"), late);
    assert_eq!(
        again.read_answer(&invitation, &lost, NOW).expect_err("answers another"),
        NotWelcome::NotTheirs
    );
    let admitted = again.read_answer(&invitation, &answer, NOW).expect("comes in");
    assert_eq!(admitted.welcome.settings.name, "pi");
    assert!(matches!(door.hear(admitted.thanks(), late), Heard::Thanks));

    // Somebody else has copied the text.
    let other = Machine::new().applies(&invitation, 3);
    let answer = replies(&mut door, &other.seal(&invitation).expect("fits"), NOW);
    let refused = other.read_answer(&invitation, &answer, NOW).expect_err("is too late");
    assert!(
        matches!(&refused, NotWelcome::Refused(why) if why.contains(&machine.key.public_key())),
        "{refused}"
    );
}

#[test]
fn nobody_comes_in_after_its_end() {
    let (lattice, machine) = (Lattice::new(), Machine::new());
    let invitation = lattice.invitation();
    let mut door = Door::new(invitation.clone());
    let application = machine.applies(&invitation, 1);
    let late = invitation.expires_at.after(Duration::from_secs(1));
    let answer = replies(&mut door, &application.seal(&invitation).expect("fits"), late);
    let refused = application
        .read_answer(&invitation, &answer, NOW)
        .expect_err("is too late");
    assert!(
        matches!(&refused, NotWelcome::Refused(why) if why.contains("over")),
        "{refused}"
    );
}

#[test]
fn whoever_only_listens_in_can_neither_ask_nor_answer() {
    let (lattice, machine, thief) = (Lattice::new(), Machine::new(), Machine::new());
    let invitation = lattice.invitation();
    // All but the secret can be known.
    let guessed = Invitation {
        secret: [0; super::super::SECRET_BYTES].into(),
        ..invitation.clone()
    };
    let mut door = Door::new(invitation.clone());
    let forged = thief.applies(&guessed, 1).seal(&guessed).expect("fits");
    assert!(matches!(door.hear(&forged, NOW), Heard::Nothing));

    let application = machine.applies(&invitation, 1);
    let sent = application.seal(&invitation).expect("fits");
    // What the machine sent, sent back to it.
    assert_eq!(
        application
            .read_answer(&invitation, &sent, NOW)
            .expect_err("is no answer"),
        NotWelcome::NotTheirs
    );
    // An answer by somebody who has a lattice of his own.
    let mine = Lattice::new();
    let applicant = asks(&mut door, &sent);
    let forged = mine
        .welcome(&machine.key.public_key())
        .seal(&guessed, &applicant)
        .expect("fits");
    assert_eq!(
        application
            .read_answer(&invitation, &forged, NOW)
            .expect_err("is forged"),
        NotWelcome::NotTheirs
    );
}

#[test]
fn even_whoever_has_the_secret_cannot_lead_a_machine_into_another_lattice() {
    let (lattice, machine) = (Lattice::new(), Machine::new());
    let invitation = lattice.invitation();
    let application = machine.applies(&invitation, 1);
    let mut door = Door::new(invitation.clone());
    let applicant = asks(&mut door, &application.seal(&invitation).expect("fits"));

    let theirs = Lattice::new().welcome(&machine.key.public_key());
    let bytes = theirs.seal(&invitation, &applicant).expect("fits");
    assert!(matches!(
        application.read_answer(&invitation, &bytes, NOW),
        Err(NotWelcome::Bundle(_))
    ));

    let for_another = lattice.welcome(&KeyPair::new_server().public_key());
    let bytes = for_another.seal(&invitation, &applicant).expect("fits");
    assert!(matches!(
        application.read_answer(&invitation, &bytes, NOW),
        Err(NotWelcome::OtherHost(_))
    ));

    let Answer::Welcome(mut mixed) = lattice.welcome(&machine.key.public_key()) else {
        panic!("a welcome")
    };
    let Answer::Welcome(other) = Lattice::new().welcome(&machine.key.public_key()) else {
        panic!("a welcome")
    };
    mixed.token = other.token;
    let bytes = Answer::Welcome(mixed).seal(&invitation, &applicant).expect("fits");
    assert!(matches!(
        application.read_answer(&invitation, &bytes, NOW),
        Err(NotWelcome::Token(_))
    ));
}

#[test]
fn an_application_for_a_key_that_one_does_not_have_is_not_heard() {
    let (lattice, machine) = (Lattice::new(), Machine::new());
    let invitation = lattice.invitation();
    let elsewhere = Invitation {
        lattice: "other".parse().expect("a name"),
        ..invitation.clone()
    };
    // Signed for another lattice: the same as signed by nobody.
    let moved = machine.applies(&elsewhere, 1).seal(&invitation).expect("fits");
    assert!(matches!(Door::new(invitation).hear(&moved, NOW), Heard::Nothing));
}

#[test]
fn a_refusal_closes_the_door_too() {
    let (lattice, machine) = (Lattice::new(), Machine::new());
    let invitation = lattice.invitation();
    let mut door = Door::new(invitation.clone());
    let application = machine.applies(&invitation, 1);
    let applicant = asks(&mut door, &application.seal(&invitation).expect("fits"));
    let bytes = door
        .answer(&applicant, Answer::Refused("not this one".to_owned()))
        .expect("fits");
    let refused = application
        .read_answer(&invitation, &bytes, NOW)
        .expect_err("is refused");
    assert_eq!(refused, NotWelcome::Refused("not this one".to_owned()));
    let other = Machine::new().applies(&invitation, 2).seal(&invitation).expect("fits");
    assert!(matches!(door.hear(&other, NOW), Heard::Reply(_)));
}
