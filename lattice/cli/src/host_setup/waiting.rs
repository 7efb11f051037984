//! Waiting for the machine that was invited, where the issuer's key is.

use std::{
    io::{BufRead, Write},
    pin::pin,
    time::Duration,
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use lattice_bus::{Bus, Headers, Message, Subscription};
use lattice_core::{
    HostId, UnixSeconds,
    invitation::{Answer, Applicant, Door, Heard},
    subject,
};

use super::admission::Admission;
use crate::{
    enrolment::Enrolment,
    failure::{Exit, Failure},
    output::{note, warn},
    session::now,
};

/// Those who do not have the secret can fill this and nothing else.
const QUEUE: usize = 64;
/// How long a machine that was let in may take to write its files and say so.
const THANKS_PATIENCE: Duration = Duration::from_secs(30);
/// How long the server may take to know that we listen.
const SERVER_PATIENCE: Duration = Duration::from_secs(10);

/// Whether a person is asked before a machine is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Whoever has the invitation comes in.
    Given,
    /// A person looks at the key first.
    Asked,
}

/// A door that somebody waits behind.
pub(crate) struct Waiting<'a> {
    bus: &'a Bus,
    messages: Subscription,
    door: Door,
}

/// Somebody who asks, and where the answer goes.
struct Caller {
    applicant: Applicant,
    reply: lattice_bus::Subject,
}

impl<'a> Waiting<'a> {
    /// Listens. When this returns, a machine that has the invitation is heard.
    pub(crate) async fn start(bus: &'a Bus, door: Door) -> Result<Self> {
        let messages = bus
            .subscribe(subject::enrolment(door.invitation()), None, QUEUE)
            .await?;
        bus.round_trip(SERVER_PATIENCE).await.context("NATS does not answer")?;
        Ok(Self { bus, messages, door })
    }

    /// Lets one machine in, and returns which when it has all it needs.
    pub(crate) async fn admit_one(
        mut self,
        admission: &Admission,
        enrolment: &Enrolment,
        consent: Consent,
    ) -> Result<HostId> {
        let caller = self.first_caller().await?;
        let (caller, answer) = match consent {
            Consent::Given => {
                tell(admission, &caller.applicant);
                let answer = admission.admit(enrolment, &caller.applicant, now())?;
                (caller, answer)
            }
            Consent::Asked => match self.ask_person(admission, caller).await? {
                (caller, true) => {
                    let answer = admission.admit(enrolment, &caller.applicant, now())?;
                    (caller, answer)
                }
                (caller, false) => (
                    caller,
                    Answer::Refused("whoever made the invitation said no".to_owned()),
                ),
            },
        };
        let refused = matches!(answer, Answer::Refused(_));
        let bytes = self.door.answer(&caller.applicant, answer)?;
        self.send(&caller.reply, bytes).await?;
        if refused {
            self.bus.flush().await?;
            return Err(Failure::new(Exit::Denied, format!("{} was not let in", caller.applicant.host)).into());
        }
        if tokio::time::timeout(THANKS_PATIENCE, self.thanks()).await.is_err() {
            warn(
                "the machine did not say that it has everything; if it is not enrolled, invite it again: its key stays the same",
            );
        }
        Ok(caller.applicant.host)
    }

    /// The first who has the secret.
    async fn first_caller(&mut self) -> Result<Caller> {
        let end = self.door.invitation().expires_at;
        let mut over = pin!(tokio::time::sleep(until(end)));
        loop {
            let message = tokio::select! {
                message = self.messages.recv() => message.context("the connection to NATS was closed")?,
                () = &mut over => {
                    return Err(Failure::new(Exit::Timeout, "nobody came")
                        .because(format!("the invitation was over at {end}"))
                        .help("make another one, with --expires for a longer time")
                        .into());
                }
            };
            if let Some(caller) = self.hear(message).await? {
                return Ok(caller);
            }
        }
    }

    /// Has a person decide. Meanwhile the machine asks again every so often, and the last place it asked from is where it listens.
    async fn ask_person(&mut self, admission: &Admission, mut caller: Caller) -> Result<(Caller, bool)> {
        tell(admission, &caller.applicant);
        let mut decision = pin!(tokio::task::spawn_blocking(|| confirm("let it in?")));
        let end = self.door.invitation().expires_at;
        let mut over = pin!(tokio::time::sleep(until(end)));
        loop {
            tokio::select! {
                decided = &mut decision => return Ok((caller, decided.context("the question was not asked")??)),
                () = &mut over => {
                    note("");
                    return Err(Failure::new(Exit::Timeout, "nobody decided in time")
                        .because(format!("the invitation was over at {end}"))
                        .into());
                }
                message = self.messages.recv() => {
                    let message = message.context("the connection to NATS was closed")?;
                    match self.hear(message).await? {
                        Some(again) if again.applicant.host == caller.applicant.host => caller = again,
                        Some(other) => {
                            note("");
                            warn(format_args!(
                                "{} ({}) has the same invitation: say no unless you know why",
                                other.applicant.host, other.applicant.machine
                            ));
                        }
                        None => {}
                    }
                }
            }
        }
    }

    /// Answers whoever missed the answer, until the machine says that it has everything.
    async fn thanks(&mut self) {
        while let Some(message) = self.messages.recv().await {
            match (self.door.hear(&message.payload, now()), message.reply) {
                (Heard::Thanks, reply) => {
                    if let Some(reply) = reply {
                        // It has all it needs; that we know is a courtesy.
                        let _ = self.send(&reply, Vec::new()).await;
                        let _ = self.bus.flush().await;
                    }
                    return;
                }
                (Heard::Reply(bytes), Some(reply)) => {
                    // It asks again if this does not arrive.
                    let _ = self.send(&reply, bytes).await;
                }
                _ => {}
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<Option<Caller>> {
        let Some(reply) = message.reply else { return Ok(None) };
        match self.door.hear(&message.payload, now()) {
            Heard::Asks(applicant) => Ok(Some(Caller { applicant, reply })),
            Heard::Reply(bytes) => {
                self.send(&reply, bytes).await?;
                Ok(None)
            }
            Heard::Thanks | Heard::Nothing => Ok(None),
        }
    }

    async fn send(&self, to: &lattice_bus::Subject, bytes: Vec<u8>) -> Result<()> {
        Ok(self.bus.publish(to, Headers::new(), Bytes::from(bytes)).await?)
    }
}

fn tell(admission: &Admission, applicant: &Applicant) {
    note(format_args!(
        "{} asks to join `{}` as `{}`\n  its key  {}",
        if applicant.machine.is_empty() {
            "a machine"
        } else {
            &applicant.machine
        },
        admission.lattice,
        admission.name,
        applicant.host,
    ));
}

/// Asks a person on the terminal.
fn confirm(question: &str) -> Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn until(end: UnixSeconds) -> Duration {
    Duration::from_secs(end.get().saturating_sub(now().get()).saturating_add(1))
}
