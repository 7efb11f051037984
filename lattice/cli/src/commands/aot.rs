//! `lattice aot`

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Args, ValueEnum};
use lattice_core::{
    Digest,
    aot::{Artifact, CodeArch, CodeShape, CodeTarget, Statement},
    text::format_bytes,
    token::AotClaims,
};
use serde::Serialize;

use crate::{
    aot::{self, Material, Signer},
    app::App,
    args::duration,
    failure::Failure,
    files::{self, Privacy},
    output::{Document, Narrator},
    resolve,
    session::Session,
};

/// Compiles a component for hosts that do not compile, and signs the code
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice aot hello.wasm --for pi --store                            for the host `pi`, which finds it when it starts the actor
  lattice aot hello.wasm --target aarch64-unknown-linux-gnu --store  for every 64-bit ARM host without a compiler
  lattice aot hello.wasm --target pulley32 --out hello.cwasm --sign  into a file
  lattice aot hello.cwasm --store                                    what was made and signed before")]
pub(crate) struct Aot {
    /// A component's file, the digest of one that the lattice has (sha256:…), or code that was made before
    what: String,
    /// The machine: aarch64-unknown-linux-gnu, x86_64-unknown-linux-gnu, pulley64, pulley32, …
    #[arg(long, conflicts_with = "for_host")]
    target: Option<CodeArch>,
    /// The engine profile of the hosts that shall run it
    #[arg(long, value_enum, default_value_t = Profile::Edge64, conflicts_with = "for_host")]
    profile: Profile,
    /// For this host, whatever machine it is
    #[arg(long = "for", id = "for_host", value_name = "HOST")]
    for_host: Option<String>,
    /// Writes the code to this file
    #[arg(long, value_name = "FILE", required_unless_present = "store")]
    out: Option<PathBuf>,
    /// Signs it with the context's issuer, which needs the role `aot`
    #[arg(long)]
    sign: bool,
    /// Stores it in the lattice, where hosts look for it; signs it if it is not
    #[arg(long)]
    store: bool,
    /// How long the signature lasts
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "365d")]
    expires: Duration,
}

/// An engine profile, as far as code depends on it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    /// Hosts that run the profile `server`
    Server,
    /// Hosts that run `edge64`: all that have no compiler, unless told otherwise
    Edge64,
}

#[derive(Serialize)]
struct Made<'a> {
    #[serde(flatten)]
    claims: &'a AotClaims,
    bytes: usize,
    signed: bool,
    stored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

impl Aot {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let mut narrator = Narrator::new();
        let material = aot::read(&self.what)?;
        let session = match self.store || self.for_host.is_some() || matches!(material, Material::Stored(_)) {
            true => Some(Session::connect_verifying(app.context()?).await?),
            false => None,
        };
        let bytes = match material {
            Material::Artifact(artifact) => artifact,
            Material::Component(component) => self.compile(&component, session.as_ref(), &mut narrator).await?,
            Material::Stored(digest) => {
                let component = stored(session.as_ref(), &digest).await?;
                self.compile(&component, session.as_ref(), &mut narrator).await?
            }
        };
        let mut artifact = Artifact::parse(&bytes)?;
        if self.sign || (self.store && matches!(artifact.statement, Statement::Unsigned(_))) {
            narrator.step("signing");
            artifact.statement = Signer::of(&app.context()?)?.sign(&artifact, self.expires)?;
        }
        let signed = artifact.write();
        let claims = artifact.statement.claims()?;
        if let Some(session) = session.as_ref().filter(|_| self.store) {
            narrator.step("storing");
            let claims = aot::check(&artifact, session.trust().await?.as_ref())?;
            session.client.store_code(&claims, signed.clone().into()).await?;
        }
        if let Some(file) = &self.out {
            files::write_atomically(file, &signed, Privacy::Plain)?;
        }
        drop(narrator);
        let made = Made {
            bytes: artifact.code.len(),
            signed: matches!(artifact.statement, Statement::Signed(_)),
            stored: self.store,
            file: self.out.clone(),
            claims: &claims,
        };
        app.print(&made.document()?)
    }

    async fn compile(&self, component: &[u8], session: Option<&Session>, narrator: &mut Narrator) -> Result<Vec<u8>> {
        let target = self.target(session).await?;
        narrator.step(format!("compiling for {target}"));
        aot::compile(component, target).await
    }

    /// The machine that was typed, or that the host is which was typed.
    async fn target(&self, session: Option<&Session>) -> Result<CodeTarget> {
        if let (Some(name), Some(session)) = (&self.for_host, session) {
            return of_host(session, name).await;
        }
        let shape = match self.profile {
            Profile::Server => CodeShape::Server,
            Profile::Edge64 => CodeShape::Edge64,
        };
        let arch = self.target.ok_or_else(|| {
            Failure::usage("it is not said for which machine")
                .help("name a host with `--for`, or a machine with `--target`, such as aarch64-unknown-linux-gnu")
        })?;
        Ok(CodeTarget::new(arch, shape))
    }
}

async fn stored(session: Option<&Session>, digest: &Digest) -> Result<Vec<u8>> {
    let session = session.expect("whoever asks for what is stored has connected");
    Ok(session.client.artifact(digest).await?.to_vec())
}

/// The code that a host runs, by its own word.
async fn of_host(session: &Session, name: &str) -> Result<CodeTarget> {
    let inventories = session.client.inventories().await?;
    let members: Vec<_> = inventories.iter().map(|inventory| inventory.summary.clone()).collect();
    let member = &resolve::member(&members, name)?.member;
    let inventory = inventories.iter().find(|inventory| inventory.summary.member == *member);
    let target = inventory.and_then(|inventory| inventory.facts.get("engine.code")?.parse().ok());
    target.ok_or_else(|| {
        Failure::failed(format!("`{name}` does not say what code it runs"))
            .because("it is no host, or of another version")
            .help("say it with `--target`")
            .into()
    })
}

impl Made<'_> {
    fn document(&self) -> Result<Document> {
        let component = self.claims.component.short();
        let signed = if self.signed { "signed" } else { "not signed" };
        let mut text = format!(
            "code of component {component} for {} ({}): {}, {signed}",
            self.claims.target,
            self.claims.engine,
            format_bytes(self.bytes as u64),
        );
        if let Some(file) = &self.file {
            text.push_str(&format!(", in {}", file.display()));
        }
        if self.stored {
            text.push_str(", stored in the lattice");
        }
        Document::single("Code", format!("code/{component}/{}", self.claims.target), self, text)
    }
}
