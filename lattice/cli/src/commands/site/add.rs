//! `lattice site add`

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_core::{
    SiteName,
    token::nats::{Permissions, ServerTrust},
};
use serde::Serialize;

use crate::{
    app::App,
    failure::Failure,
    files::{self, Privacy},
    output::{Document, note},
    session::now,
    trust_root::TrustRoot,
    up::HUB_DOMAIN,
};

/// Makes the folder of a site's nats-server: a leaf of the hub, with a JetStream domain of its own
#[derive(Args, Debug)]
pub(super) struct Add {
    /// What to call the site; its JetStream domain has the same name
    name: SiteName,
    /// Where the hub takes leaf nodes, as `lattice up --leaf-listen` or `leafnodes { listen }` of its nats-server says
    #[arg(long, value_name = "HOST:PORT")]
    hub: String,
    /// Where the leaf listens for the hosts of the site
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:4222")]
    listen: String,
    /// The folder to make [default: the name]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Where that folder will be on the machine at the site [default: where it is made]
    #[arg(long, value_name = "FOLDER")]
    at: Option<PathBuf>,
}

#[derive(Serialize)]
struct Added {
    name: SiteName,
    folder: PathBuf,
    config: PathBuf,
}

impl Add {
    pub(super) fn run(self, app: &App) -> Result<()> {
        let context = app.context()?;
        let trust = app.home.lattice(&context.lattice).trust();
        if !context.made_by_up || !trust.exists() {
            let why = "the keys of its NATS operator are not here";
            return Err(Failure::usage("a leaf can be made only for a lattice of `lattice up`")
                .because(why)
                .help("docs/edge.md has the configuration of a leaf for a NATS that somebody else runs")
                .into());
        }
        if self.name.as_str() == HUB_DOMAIN {
            return Err(Failure::usage(format!("`{HUB_DOMAIN}` is the hub's own JetStream domain")).into());
        }
        let (root, _) = TrustRoot::load_or_create(&trust, &context.lattice, now())?;
        let folder = self.out.unwrap_or_else(|| PathBuf::from(self.name.as_str()));
        let folder = std::path::absolute(&folder).with_context(|| format!("{} is no path", folder.display()))?;
        files::create_private_dir(&folder)?;
        // The servers pass on for each other what the account's users may; each user is held to his permissions by the server he is at.
        let everything = |_: &_| Permissions::all();
        root.write_credentials(
            &folder.join("leaf.creds"),
            &format!("site {}", self.name),
            everything,
            now(),
        )?;
        let leaf = Leaf {
            site: &self.name,
            hub: self.hub.trim_start_matches("nats-leaf://"),
            listen: &self.listen,
            folder: self.at.as_deref().unwrap_or(&folder),
            trust: &root.server_trust(now())?,
        };
        let config = folder.join("nats-server.conf");
        files::write_atomically(&config, leaf.config()?.as_bytes(), Privacy::Secret)?;
        note(format_args!("start it there with: nats-server -c {}", config.display()));
        note(format_args!(
            "enrol its hosts with: lattice key enroll NAME --site {}",
            self.name
        ));
        let text = format!("site/{} made in {}", self.name, folder.display());
        let name = format!("site/{}", self.name);
        let added = Added {
            name: self.name,
            folder,
            config,
        };
        app.print(&Document::single("Site", name, &added, text)?)
    }
}

/// The nats-server of a site.
struct Leaf<'a> {
    site: &'a SiteName,
    hub: &'a str,
    listen: &'a str,
    folder: &'a Path,
    trust: &'a ServerTrust,
}

impl Leaf<'_> {
    fn config(&self) -> Result<String> {
        let Some((account, _)) = self
            .trust
            .accounts
            .iter()
            .find(|(account, _)| *account != self.trust.system_account)
        else {
            return Err(Failure::failed("the lattice has no NATS account").into());
        };
        let quoted = |path: PathBuf| serde_json::Value::from(path.to_string_lossy());
        let (site, hub, listen) = (self.site, self.hub, serde_json::Value::from(self.listen));
        let (store, creds) = (
            quoted(self.folder.join("jetstream")),
            quoted(self.folder.join("leaf.creds")),
        );
        let mut text = format!("server_name: {site}\nlisten: {listen}\n");
        // An acknowledged write must survive the power cut: by default the server syncs only every two minutes.
        write!(
            text,
            "jetstream {{\n  domain: {site}\n  store_dir: {store}\n  sync_interval: always\n}}\n"
        )?;
        // The hub is looked for every second. A link that is silent is given up after three unanswered pings.
        write!(
            text,
            "ping_interval: 5s\nleafnodes {{\n  reconnect: 1s\n  remotes: [\n    {{ url: \"nats-leaf://{hub}\", account: {account}, \
             credentials: {creds} }}\n  ]\n}}\n"
        )?;
        text.push_str(&self.trust.config());
        Ok(text)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_has_a_domain_of_its_own_and_the_account_of_the_lattice() {
        let account = || nkeys::KeyPair::new_account().public_key().parse().unwrap();
        let (system_account, app): (lattice_core::AccountId, lattice_core::AccountId) = (account(), account());
        let trust = ServerTrust {
            operator_token: "op.to.ken".into(),
            accounts: vec![(system_account.clone(), "s.y.s".into()), (app.clone(), "a.b.c".into())],
            system_account,
        };
        let leaf = Leaf {
            site: &"leaf1".parse().unwrap(),
            hub: "hub.example:7422",
            listen: "127.0.0.1:4222",
            folder: Path::new("/var/lib/lattice/site"),
            trust: &trust,
        };
        let text = leaf.config().unwrap();
        assert!(text.contains("  domain: leaf1\n"), "{text}");
        assert!(
            text.contains(&format!(
                "url: \"nats-leaf://hub.example:7422\", account: {app}, credentials: \"/var/lib/lattice/site/leaf.creds\""
            )),
            "{text}"
        );
    }
}
