//! `lattice key policy`

use anyhow::Result;
use clap::{Args, ValueEnum};
use lattice_core::trust::ImagePolicy;
use serde::Serialize;

use crate::{app::App, bundle, failure::Failure, output::Document, session::Session};

/// Shows what the lattice demands of components, or changes it in a new trust bundle
#[derive(Args, Debug)]
pub(super) struct Policy {
    /// From now on demands this of every component that is started; what runs goes on
    #[arg(long, value_enum, value_name = "POLICY")]
    images: Option<ImagesArg>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ImagesArg {
    /// Whoever may order an actor may choose what it runs.
    Any,
    /// Somebody with the role `image` has to have signed it.
    Signed,
}

impl From<ImagesArg> for ImagePolicy {
    fn from(images: ImagesArg) -> Self {
        match images {
            ImagesArg::Any => Self::Any,
            ImagesArg::Signed => Self::Signed,
        }
    }
}

#[derive(Serialize)]
struct PolicyView {
    images: ImagePolicy,
    serial: u64,
}

impl Policy {
    pub(super) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect(app.context()?).await?;
        let view = match self.images.map(ImagePolicy::from) {
            Some(images) => {
                let change = bundle::change(&session, |bundle| {
                    bundle.images = images;
                    Ok(())
                });
                PolicyView {
                    images,
                    serial: change.await?,
                }
            }
            None => {
                let trust = session.trust().await?;
                let trust = trust.ok_or_else(|| Failure::failed("the context names no operator to believe"))?;
                PolicyView {
                    images: trust.image_policy(),
                    serial: trust.serial().unwrap_or_default(),
                }
            }
        };
        let demands = match view.images {
            ImagePolicy::Any => "any component may run",
            ImagePolicy::Signed => "only components may run that somebody with the role `image` signed",
        };
        let text = format!("{demands}, as of trust bundle {}", view.serial);
        app.print(&Document::single(
            "TrustBundle",
            "policy/images".to_owned(),
            &view,
            text,
        )?)
    }
}
