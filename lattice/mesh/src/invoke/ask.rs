//! Asking another host something.

use lattice_core::presence::MemberKind;
use lattice_core::{Fault, MemberId};

use super::Invoker;
use super::attempt::{Attempt, Source};
use crate::wire::Aim;
use crate::{HostAsk, IncomingAsk, Reply, new_invocation_id};

impl Invoker {
    /// Asks one host, which may be this one.
    pub(crate) async fn ask(&self, ask: HostAsk, to: &MemberId) -> Result<Reply, Fault> {
        let known = self.known(to)?;
        // What a host says to hosts is not for the ears of others.
        if known.token.kind != MemberKind::Host {
            return Err(Fault::denied(format!("{to} is no host, and only hosts are asked")));
        }
        let HostAsk {
            verb,
            deadline,
            trace,
            head,
            body,
        } = ask;
        if *to == self.me.address.member {
            let own = IncomingAsk {
                origin: to.clone(),
                verb,
                deadline,
                trace,
                head,
                body,
            };
            return self.mailbox.receive_own_ask(own).await;
        }
        let attempt = Attempt {
            id: new_invocation_id(),
            aim: Aim::Host(verb),
            deadline,
            trace: trace.as_ref().map(|span| span.context().clone()),
            head,
            body: Source::new(body),
        };
        let done = self.try_at(&attempt, &known.address()).await?;
        if done.kept
            && let Some(span) = trace
        {
            span.keep();
        }
        Ok(done.reply)
    }
}
