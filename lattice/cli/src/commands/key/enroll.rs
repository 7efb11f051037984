//! `lattice key enroll`

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_bus::LOCAL_SERVER;
use lattice_core::{
    EntityName, HostId, MemberId, SITE_LABEL, SiteName,
    token::{self, Draft, HostGrant, Validity},
};
use nkeys::KeyPair;
use serde::Serialize;

use super::super::up::to_labels;
use crate::{
    app::App,
    args::{duration, pair},
    enrolment::{self, Enrolment},
    files::{self, Privacy},
    output::{Document, note},
    permissions,
    session::{now, read_seed},
    trust_root::load_or_create_key,
    up::HUB_DOMAIN,
};

/// Enrols a host: makes a folder with all it needs to join, for `lattice-host --config FOLDER/lattice-host.toml`
#[derive(Args, Debug)]
pub(super) struct Enroll {
    /// What to call the host
    name: EntityName,
    /// The host's own key (N…), as it printed it; without it a key is made here, and its seed is in the folder
    #[arg(long, value_name = "KEY")]
    key: Option<HostId>,
    /// A label the host may carry; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// The site it is at, as `lattice site add` called it; it carries the label `site=NAME`
    #[arg(long, value_name = "NAME")]
    site: Option<SiteName>,
    /// Where the leaf of its site listens
    #[arg(long, value_name = "URL", requires = "site", default_value = LOCAL_SERVER)]
    leaf_url: String,
    /// How long the enrolment lasts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30d")]
    expires: Duration,
    /// Subjects that messaging providers on the host may use; may be repeated
    #[arg(long = "messaging-subject", value_name = "SUBJECT", default_value = ">")]
    messaging: Vec<String>,
    /// The seed of the controller's key: the host may then lead, which is to place, heal and update what applications declare
    #[arg(long, value_name = "FILE")]
    controller: Option<PathBuf>,
    /// The folder to make [default: the name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Enrolled {
    name: EntityName,
    host: HostId,
    folder: PathBuf,
    config: PathBuf,
}

impl Enroll {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let mut context = app.context()?;
        let enrolment = Enrolment::open(&context)?;
        let folder = self.out.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let folder = std::path::absolute(&folder).with_context(|| format!("{} is no path", folder.display()))?;
        let data = folder.join("data");
        files::create_private_dir(&data)?;
        let host = match self.key {
            Some(host) => host,
            None => load_or_create_key(&data.join("host.seed"), KeyPair::new_server)?
                .public_key()
                .parse()?,
        };
        let member = MemberId::from(&host);
        let mut labels = to_labels(self.labels)?;
        if let Some(site) = &self.site {
            labels.insert(SITE_LABEL, site.as_str())?;
            context.nats.url = Some(self.leaf_url);
            context
                .nats
                .jetstream_domain
                .get_or_insert_with(|| HUB_DOMAIN.to_owned());
        }
        let until = now().after(self.expires);
        let allowed = match &self.controller {
            Some(_) => permissions::leading_host(&context.lattice, &member, &self.messaging),
            None => permissions::host(&context.lattice, &member, &self.messaging),
        };
        let allowed = match (&context.nats.jetstream_domain, &self.site) {
            (Some(hub), Some(site)) => allowed.in_domain(hub).at_site(&context.lattice, site),
            (Some(hub), None) => allowed.in_domain(hub),
            (None, _) => allowed,
        };
        let user = enrolment.write_nats_user(
            &folder.join("nats.creds"),
            &format!("host {}", self.name),
            allowed,
            until,
        )?;
        let body = HostGrant {
            labels: labels.clone(),
            user,
            ..HostGrant::default()
        };
        let validity = Validity::lasting(now(), self.expires);
        let draft = Draft {
            subject: host.to_string(),
            lattice: context.lattice.clone(),
            validity,
            body,
        };
        let token = token::sign(&enrolment.issuer, &draft)?;
        files::write_atomically(&data.join("host.jwt"), token.as_bytes(), Privacy::Secret)?;

        let mut settings = enrolment::connection_settings(&context, user_file(&folder, &enrolment));
        if let Some(site) = &self.site {
            settings.push(("site", site.as_str().into()));
        }
        settings.push(("name", self.name.as_str().into()));
        settings.push(("data-dir", data.to_string_lossy().as_ref().into()));
        if let Some(seed) = &self.controller {
            let copy = folder.join("controller.seed");
            read_seed(seed)?;
            let seed = zeroize::Zeroizing::new(files::read_if_there(seed)?.unwrap_or_default());
            files::write_atomically(&copy, seed.as_bytes(), Privacy::Secret)?;
            settings.push(("controller-seed", copy.to_string_lossy().as_ref().into()));
        }
        let mut text = enrolment::to_toml(&settings);
        if !labels.is_empty() {
            text.push_str(&format!("\n{}", enrolment::labels_to_toml(&labels)));
        }
        let config = folder.join("lattice-host.toml");
        files::write_atomically(&config, text.as_bytes(), Privacy::Plain)?;
        note(format_args!(
            "start it with: lattice-host --config {}",
            config.display()
        ));
        let text = format!("host/{} enrolled as {host} until {until}", self.name);
        let name = format!("host/{}", self.name);
        app.print(&Document::single(
            "Enrolment",
            name,
            &Enrolled {
                name: self.name,
                host,
                folder,
                config,
            },
            text,
        )?)
    }
}

/// The credentials the host uses: its own when we can make NATS users here, else those of whoever runs NATS.
fn user_file(folder: &std::path::Path, enrolment: &Enrolment) -> Option<PathBuf> {
    enrolment.nats_account.is_some().then(|| folder.join("nats.creds"))
}
