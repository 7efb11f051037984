//! Where answers to requests come in: one subscription for all of them.
//!
//! async-nats has the same, but never forgets a request that was given up, so that a peer that does not answer would fill the memory of
//! everybody who asks it. Here the entry goes with the one who waits. And NATS answers a forbidden request with an error line on the
//! connection and nothing else; here that line finds the requests it means.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

use super::denials::{Action, Denial};
use super::{Line, Renewing};
use crate::{Message, RequestError, Subject, SubscribeError};

/// Brings answers to those who wait for them.
#[derive(Debug)]
pub(crate) struct Answers {
    /// `<inbox>.`, to be followed by the number of the request.
    prefix: String,
    line: Arc<Line>,
    _delivery: AbortOnDropHandle<()>,
}

impl Answers {
    /// Starts to listen below `inbox`.
    pub(crate) async fn open(line: &Arc<Line>, inbox: &str) -> Result<Self, SubscribeError> {
        let prefix = format!("{inbox}.");
        let subject = Subject::from(format!("{prefix}*"));
        line.waiting().answers_come_on(subject.clone());
        let incoming = Renewing::open(Arc::clone(line), subject, None).await?;
        let delivery = tokio::spawn(deliver(incoming, prefix.len(), Arc::clone(line)));
        Ok(Self {
            prefix,
            line: Arc::clone(line),
            _delivery: AbortOnDropHandle::new(delivery),
        })
    }

    /// Makes a place for the answer to a request on `subject` to come in.
    pub(crate) fn expect_one(&self, subject: &Subject) -> Expected {
        let (number, answer) = self.line.waiting().enter(subject);
        Expected {
            reply: Subject::from(format!("{}{number:x}", self.prefix)),
            number,
            answer,
            line: Arc::clone(&self.line),
        }
    }
}

/// A place for one answer; given up when dropped.
#[derive(Debug)]
pub(crate) struct Expected {
    reply: Subject,
    number: u64,
    answer: oneshot::Receiver<Answer>,
    line: Arc<Line>,
}

impl Expected {
    /// Where the answer is to be sent.
    pub(crate) fn reply(&self) -> &Subject {
        &self.reply
    }

    /// Waits for the answer, or for the news that there will be none; none when the bus is closed.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.line.waiting().take(self.number);
    }
}

async fn deliver(mut incoming: Renewing, prefix: usize, line: Arc<Line>) {
    while let Some(message) = incoming.next().await {
        let number = message
            .subject
            .get(prefix..)
            .and_then(|text| u64::from_str_radix(text, 16).ok());
        if let Some(waiter) = number.and_then(|number| line.waiting().take(number)) {
            waiter.tell(Ok(message));
        }
    }
    line.waiting().clear();
}

type Answer = Result<Message, RequestError>;

/// Those who wait for answers, by the number of their request.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    waiters: HashMap<u64, Waiter>,
    /// Where answers come in, and whether the server lets us listen there.
    inbox: Option<Subject>,
    inbox_denied: bool,
}

#[derive(Debug)]
struct Waiter {
    subject: Subject,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Says how many wait.
    pub(crate) fn count(&self) -> usize {
        self.entries.lock().waiters.len()
    }

    /// Another connection may have other permissions.
    pub(super) fn reconnected(&self) {
        self.entries.lock().inbox_denied = false;
    }

    /// Tells those whom a denial means that they wait in vain.
    pub(super) fn denied(&self, denial: &Denial) {
        let mut entries = self.entries.lock();
        match denial.action {
            Action::Publish => {
                let meant = entries
                    .waiters
                    .extract_if(|_, waiter| *waiter.subject == *denial.subject);
                for (_, waiter) in meant {
                    let subject = waiter.subject.to_string();
                    waiter.tell(Err(RequestError::Denied { subject }));
                }
            }
            Action::Subscribe => {
                if entries.inbox.as_deref().is_some_and(|inbox| *inbox == denial.subject) {
                    entries.inbox_denied = true;
                    for (_, waiter) in entries.waiters.drain() {
                        waiter.tell(Err(no_inbox(&denial.subject)));
                    }
                }
            }
        }
    }

    fn answers_come_on(&self, inbox: Subject) {
        self.entries.lock().inbox = Some(inbox);
    }

    fn enter(&self, subject: &Subject) -> (u64, oneshot::Receiver<Answer>) {
        let (tx, answer) = oneshot::channel();
        let waiter = Waiter {
            subject: subject.clone(),
            answer: tx,
        };
        let mut entries = self.entries.lock();
        let number = entries.next;
        entries.next += 1;
        if entries.inbox_denied {
            let inbox = entries.inbox.as_deref().unwrap_or_default();
            waiter.tell(Err(no_inbox(inbox)));
        } else {
            entries.waiters.insert(number, waiter);
        }
        (number, answer)
    }

    fn take(&self, number: u64) -> Option<Waiter> {
        self.entries.lock().waiters.remove(&number)
    }

    fn clear(&self) {
        self.entries.lock().waiters.clear();
    }
}

impl Waiter {
    fn tell(self, answer: Answer) {
        // Who gave up in this instant does not want it any more.
        let _ = self.answer.send(answer);
    }
}

fn no_inbox(inbox: &str) -> RequestError {
    RequestError::NoInbox {
        inbox: inbox.to_owned(),
    }
}
