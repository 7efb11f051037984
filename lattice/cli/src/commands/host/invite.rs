//! `lattice host invite`

use std::{io::IsTerminal as _, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::{
    EntityName, HostId, UnixSeconds,
    invitation::{Door, Invitation, SECRET_BYTES},
    token::nats::{self, Permissions},
};
use nkeys::KeyPair;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::up::to_labels;
use crate::{
    app::App,
    args::{duration, pair},
    context::ContextFile,
    enrolment::Enrolment,
    failure::{Exit, Failure},
    files::{self, Privacy},
    host_setup::{
        admission::Admission,
        chance::random,
        invitation_file,
        waiting::{Consent, Waiting},
    },
    output::{Document, note, warn, write_stdout},
    session::{Session, now},
};

/// Invites one machine to become a host: prints what to type there, waits for it, and enrols it
#[derive(Args, Debug)]
#[command(
    after_help = "The machine makes its own key; only its public part comes here. An invitation works once.\n\
                  Over ssh in one go: lattice host invite --name pi --yes --out - | ssh pi sudo lattice host enroll -"
)]
pub(super) struct Invite {
    /// What to call the host
    #[arg(long)]
    name: EntityName,
    /// A label the host may carry; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// How long the invitation counts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "15m")]
    expires: Duration,
    /// How long the enrolment lasts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    lasts: Duration,
    /// Where the machine reaches NATS, when that is another address than ours; may be repeated
    #[arg(long = "via", value_name = "URL")]
    via: Vec<String>,
    /// Subjects that messaging providers on the host may use; may be repeated
    #[arg(long = "messaging-subject", value_name = "SUBJECT", default_value = ">")]
    messaging: Vec<String>,
    /// Lets in whoever has the invitation, without asking you
    #[arg(short, long)]
    yes: bool,
    /// The file to write the invitation to, `-` for standard output [default: NAME.invite where NATS asks for credentials]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Invited {
    name: EntityName,
    lattice: String,
    expires_at: UnixSeconds,
    invitation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Enrolled {
    name: EntityName,
    host: HostId,
    expires_at: UnixSeconds,
}

impl Invite {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        if !self.yes && !std::io::stdin().is_terminal() {
            return Err(Failure::usage("nobody is here to say that the machine may come in")
                .because("standard input is no terminal")
                .help("run it on a terminal, or say --yes: whoever has the invitation then comes in")
                .into());
        }
        let context = app.context()?;
        let enrolment = Enrolment::open(&context)?;
        let session = Session::connect(context).await?;
        let context = &session.context;
        let trust = session.trust().await?;
        let bundle = trust.as_ref().and_then(|trust| trust.token());
        let bundle = bundle.ok_or_else(|| {
            Failure::new(Exit::Denied, "this context has no trust bundle to give to a host")
                .help("use a context with `trustedOperators`: `lattice context ls`")
        })?;
        let invitation = self.invitation(context)?;
        let admission = Admission {
            name: self.name.clone(),
            labels: to_labels(self.labels.clone())?,
            lasts: self.lasts,
            messaging: self.messaging.clone(),
            lattice: context.lattice.clone(),
            bundle: bundle.to_string(),
            jetstream_domain: context.nats.jetstream_domain.clone(),
        };
        let creds = enrolment
            .nats_account
            .as_ref()
            .map(|account| creds(account, &invitation, &self.name))
            .transpose()?;
        // Whoever has the invitation is heard from the moment it is told.
        let waiting = Waiting::start(session.client.bus(), Door::new(invitation.clone())).await?;
        self.tell(app, &invitation, creds.as_ref().map(|creds| creds.as_str()))?;
        let consent = if self.yes { Consent::Given } else { Consent::Asked };
        let host = waiting.admit_one(&admission, &enrolment, consent).await?;
        let expires_at = now().after(self.lasts);
        let text = format!("host/{} enrolled as {host} until {expires_at}", self.name);
        let enrolled = Enrolled {
            name: self.name.clone(),
            host,
            expires_at,
        };
        app.print(&Document::single(
            "Enrolment",
            format!("host/{}", self.name),
            &enrolled,
            text,
        )?)
    }

    fn invitation(&self, context: &ContextFile) -> Result<Invitation> {
        let servers: Vec<String> = match (self.via.as_slice(), &context.nats.url) {
            ([], Some(urls)) => urls.split(',').map(|url| url.trim().to_owned()).collect(),
            ([], None) => vec![lattice_bus::LOCAL_SERVER.to_owned()],
            (via, _) => via.to_vec(),
        };
        if let Some(local) = servers.iter().find(|url| is_local(url)) {
            warn(format_args!(
                "{local} is this machine, wherever it is read: give the address that the other one reaches with --via"
            ));
        }
        let secret = random::<SECRET_BYTES>()?;
        Ok(Invitation {
            lattice: context.lattice.clone(),
            servers,
            operators: context.trusted_operators.clone(),
            expires_at: now().after(self.expires),
            secret: secret.into(),
        })
    }

    /// Says what to do on the machine.
    fn tell(&self, app: &App, invitation: &Invitation, creds: Option<&str>) -> Result<()> {
        let carried = invitation_file::text(invitation, creds);
        let default = || creds.map(|_| PathBuf::from(format!("{}.invite", self.name)));
        let file = match self.out.clone().or_else(default) {
            Some(dash) if dash.as_os_str() == "-" => {
                note(format_args!(
                    "waiting for {} until {}",
                    self.name, invitation.expires_at
                ));
                return write_stdout(&carried);
            }
            Some(file) => {
                files::write_atomically(&file, carried.as_bytes(), Privacy::Secret)?;
                Some(file)
            }
            None => None,
        };
        let word = invitation.to_text();
        let text = match &file {
            Some(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                note(format_args!(
                    "copy {} to the machine, and there, as root, type",
                    file.display()
                ));
                format!("lattice host enroll {name}")
            }
            None => {
                note("on the machine, as root, type");
                format!("lattice host enroll {}", *word)
            }
        };
        let invited = Invited {
            name: self.name.clone(),
            lattice: invitation.lattice.to_string(),
            expires_at: invitation.expires_at,
            invitation: word.to_string(),
            file,
        };
        app.print(&Document::single(
            "Invitation",
            format!("invitation/{}", self.name),
            &invited,
            text,
        )?)?;
        note(format_args!(
            "waiting for {} until {}",
            self.name, invitation.expires_at
        ));
        Ok(())
    }
}

/// Credentials with which a machine can apply, and do nothing else, until the invitation is over.
fn creds(account: &KeyPair, invitation: &Invitation, name: &EntityName) -> Result<Zeroizing<String>> {
    let user = KeyPair::new_user();
    let token = nats::user_token(
        account,
        &user.public_key().parse()?,
        &format!("invitation {name}"),
        &Permissions::invited(invitation),
        now(),
        Some(invitation.expires_at),
    )?;
    let seed = Zeroizing::new(user.seed().context("a new key without a seed")?);
    Ok(nats::creds_text(&token, &seed))
}

fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|local| host.starts_with(local))
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn addresses_that_mean_the_machine_itself_are_known() {
        for local in [
            "nats://127.0.0.1:4222",
            "localhost",
            "tls://u:p@localhost:4222",
            "nats://[::1]:4222",
        ] {
            assert!(is_local(local), "{local}");
        }
        assert!(!is_local("nats://10.0.0.1:4222") && !is_local("tls://nats.example.com"));
    }
}
