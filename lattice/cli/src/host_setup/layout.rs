//! Where the files of a host are. Decides; writes nothing.

use std::path::{Path, PathBuf};

/// Where systemd shows the host its copies of what it is entrusted with. Part of systemd's interface.
const CREDENTIALS_AT_RUN_TIME: &str = "/run/credentials/lattice-host.service";

/// How a host's files are arranged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As the package and its systemd unit have it: `/etc/lattice`, below a root folder.
    System {
        /// `/`, or what will be the root of another machine.
        root: PathBuf,
    },
    /// All in one folder, for `lattice-host --config FOLDER/lattice-host.toml`.
    Folder(PathBuf),
}

impl Layout {
    /// The settings that enrolment writes.
    pub(crate) fn settings(&self) -> PathBuf {
        match self {
            Self::System { .. } => self.etc().join("enrolment.toml"),
            Self::Folder(folder) => folder.join("lattice-host.toml"),
        }
    }

    /// The folder of the key, the token and the NATS credentials.
    pub(crate) fn secrets(&self) -> PathBuf {
        match self {
            Self::System { .. } => self.etc().join("credentials"),
            Self::Folder(folder) => folder.join("data"),
        }
    }

    /// The host's key.
    pub(crate) fn seed(&self) -> PathBuf {
        self.secrets().join("host.seed")
    }

    /// The enrolment token. It is written last: with it a host starts.
    pub(crate) fn token(&self) -> PathBuf {
        self.secrets().join("host.jwt")
    }

    /// The NATS credentials.
    pub(crate) fn creds(&self) -> PathBuf {
        match self {
            Self::System { .. } => self.secrets().join("nats.creds"),
            Self::Folder(folder) => folder.join("nats.creds"),
        }
    }

    /// The trust bundle, which anybody may read.
    pub(crate) fn bundle(&self) -> PathBuf {
        match self {
            Self::System { .. } => self.etc().join("trust.jwt"),
            Self::Folder(folder) => folder.join("data/trust.jwt"),
        }
    }

    /// What the settings call the NATS credentials.
    pub(crate) fn creds_setting(&self) -> PathBuf {
        match self {
            Self::System { .. } => Path::new(CREDENTIALS_AT_RUN_TIME).join("nats.creds"),
            Self::Folder(_) => self.creds(),
        }
    }

    /// What the settings call the data folder, where the unit does not say it.
    pub(crate) fn data_setting(&self) -> Option<PathBuf> {
        match self {
            Self::System { .. } => None,
            Self::Folder(folder) => Some(folder.join("data")),
        }
    }

    /// What to type to have the host run.
    pub(crate) fn how_to_start(&self) -> String {
        match self {
            Self::System { .. } => "systemctl enable --now lattice-host".to_owned(),
            Self::Folder(_) => format!("lattice-host --config {}", self.settings().display()),
        }
    }

    fn etc(&self) -> PathBuf {
        match self {
            Self::System { root } => root.join("etc/lattice"),
            Self::Folder(folder) => folder.clone(),
        }
    }
}
