//! `lattice host enroll`

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_bus::{Bus, BusConfig, Credentials, Secret};
use lattice_core::{HostId, UnixSeconds, invitation::Invitation};
use nkeys::KeyPair;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    app::App,
    failure::{Exit, Failure},
    files,
    host_setup::{applying, enrolled::Enrolled, invitation_file::Carried, layout::Layout},
    output::{Document, note},
    session::{not_connected, now},
    trust_root::load_or_create_key,
};

/// A machine that has just started may be there before its network.
const NATS_PATIENCE: Duration = Duration::from_secs(15);

/// Joins this machine to a lattice with an invitation: makes its key here, and writes what its host needs to start
#[derive(Args, Debug)]
#[command(
    after_help = "Enrolling again, with another invitation, renews the enrolment: the key stays the same.\n\
                        --nats-url uses another NATS server than the invitation names, such as a leaf on this machine."
)]
pub(super) struct Enroll {
    /// The invitation (`lattice1.…`), a file with it, or `-` for standard input
    invitation: String,
    /// Puts everything into this folder, for a host that is not the system's
    #[arg(long, value_name = "FOLDER", conflicts_with = "root")]
    out: Option<PathBuf>,
    /// The root below which etc/lattice is
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
    /// Certificates that NATS is trusted by (PEM), instead of the system's
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

#[derive(Serialize)]
struct Outcome {
    name: String,
    host: HostId,
    lattice: String,
    config: PathBuf,
    expires_at: UnixSeconds,
}

impl Enroll {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let carried = Carried::read(&self.invitation)?;
        let invitation = &carried.invitation;
        let layout = self.layout()?;
        // Before the invitation is used up: whoever cannot keep a key cannot be a host.
        let (key, is_known) = self.key(&layout)?;
        let user = KeyPair::new_user();
        let servers = match &app.overrides.nats_url {
            Some(urls) => urls.split(',').map(|url| url.trim().to_owned()).collect(),
            None => invitation.servers.clone(),
        };
        let given = app.overrides.creds.as_deref().map(read_creds).transpose()?;
        let creds = given.as_ref().or(carried.creds.as_ref());
        let bus = self
            .connect(invitation, &servers, creds.map(|creds| creds.as_str()))
            .await?;
        let admitted = applying::apply(&bus, invitation, &key, &user.public_key().parse()?, &machine()).await?;
        let is_renewed = layout.token().exists();
        let ca = self.tls_ca.as_deref().map(std::path::absolute).transpose()?;
        let enrolled = Enrolled {
            invitation,
            admitted: &admitted,
            user: &user,
            servers: &servers,
            own_creds: given.as_ref().map(|creds| creds.as_str()),
            tls_ca: ca.as_deref(),
        };
        enrolled.write(&layout)?;
        applying::thank(&bus, invitation, &admitted).await;
        if is_known && !is_renewed {
            note("this machine had a key already, and keeps it");
        }
        note(match is_renewed {
            true => "enrolled anew; the host takes it up when it is started again".to_owned(),
            false => format!("start the host with: {}", layout.how_to_start()),
        });
        let (member, name) = (&admitted.member, admitted.welcome.settings.name.clone());
        let text = format!(
            "host/{name} enrolled as {} in `{}` until {}",
            member.id, invitation.lattice, member.expires_at
        );
        let outcome = Outcome {
            host: HostId::try_from(member.id.clone())?,
            lattice: invitation.lattice.to_string(),
            config: layout.settings(),
            expires_at: member.expires_at,
            name,
        };
        app.print(&Document::single(
            "Enrolment",
            format!("host/{}", outcome.name),
            &outcome,
            text,
        )?)
    }

    fn layout(&self) -> Result<Layout> {
        Ok(match &self.out {
            Some(folder) => {
                let folder = std::path::absolute(folder);
                Layout::Folder(folder.with_context(|| format!("{:?} is no path", self.out))?)
            }
            None => Layout::System {
                root: self.root.clone(),
            },
        })
    }

    /// The key of this machine, and whether it had one.
    fn key(&self, layout: &Layout) -> Result<(KeyPair, bool)> {
        let is_known = layout.seed().exists();
        let key = (|| {
            if let Layout::System { root } = layout {
                // The host reads its settings there as a user of its own.
                files::create_dir(&root.join("etc/lattice"))?;
            }
            files::create_private_dir(&layout.secrets())?;
            load_or_create_key(&layout.seed(), KeyPair::new_server)
        })();
        let key = key.map_err(|error| {
            Failure::new(Exit::Denied, "this machine cannot keep a host's key")
                .because(format!("{error:#}"))
                .help("run it as root, or have everything in a folder of yours with --out")
        })?;
        Ok((key, is_known))
    }

    async fn connect(&self, invitation: &Invitation, servers: &[String], creds: Option<&str>) -> Result<Bus> {
        let mut config = BusConfig::new("lattice host enroll")
            .servers(servers)
            .patience(NATS_PATIENCE);
        config.inbox_prefix = Some(invitation.inbox_prefix());
        config.tls.ca.clone_from(&self.tls_ca);
        config.credentials = creds.map(|creds| Credentials::Text(Secret::from(creds.to_owned())));
        note(format_args!("connecting to {}", servers.join(", ")));
        Bus::connect(config).await.map_err(|error| {
            if invitation.has_expired(now()) {
                return Failure::new(
                    Exit::Denied,
                    format!("the invitation was over at {}", invitation.expires_at),
                )
                .because(format!("this machine's clock says {}; {error}", now()))
                .into();
            }
            not_connected(&error)
        })
    }
}

fn read_creds(path: &Path) -> Result<Zeroizing<String>> {
    let text = files::read_if_there(path)?
        .ok_or_else(|| Failure::not_found(format!("the credentials {} are not there", path.display())))?;
    Ok(Zeroizing::new(text))
}

/// What a person recognises this machine by.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    match name.trim() {
        "" => format!("a machine ({arch}, {os})"),
        name => format!("{name} ({arch}, {os})"),
    }
}
