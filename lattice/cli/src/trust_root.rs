//! A development trust root: the keys that `lattice up` makes on its first run, and what it signs with them.
//!
//! It is the same scheme as in production, with all keys in one folder. There is no mode without it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use lattice_core::{
    AccountId, HostId, Labels, LatticeId, OperatorId, TrustBundle, UnixSeconds, UserId,
    scope::Glob,
    token::{
        self, Draft, HostGrant, Unverified, Validity,
        nats::{self, AccountLimits, Permissions, ServerTrust},
    },
    trust::{Issuer, Role},
};
use nkeys::{KeyPair, KeyPairType};

use crate::{
    files::{self, Privacy},
    session::read_seed,
};

/// How long a development bundle lasts, and what it admits.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// A bundle that ends sooner is signed again at the next start.
const RENEW_BEFORE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The keys of a development lattice.
pub(crate) struct TrustRoot {
    folder: PathBuf,
    lattice: LatticeId,
    operator: KeyPair,
    issuer: KeyPair,
    nats_operator: KeyPair,
    nats_account: KeyPair,
    nats_system: KeyPair,
    bundle: String,
}

/// Whether the keys had to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Made,
    Found,
}

impl TrustRoot {
    /// Reads the keys in a folder, making those that are missing.
    pub(crate) fn load_or_create(folder: &Path, lattice: &LatticeId, now: UnixSeconds) -> Result<(Self, Origin)> {
        Self::with_issuers(folder, lattice, &[], now)
    }

    /// The same, with a key more that does nothing but enrol hosts: it may lie where hosts start, which the issuer's should not.
    pub(crate) fn with_enroller(folder: &Path, lattice: &LatticeId, now: UnixSeconds) -> Result<(Self, Origin)> {
        files::create_private_dir(folder)?;
        let enroller = load_or_create_key(&folder.join("enroller.seed"), KeyPair::new_account)?;
        let enroller = Issuer {
            roles: [Role::Host].into(),
            ..Issuer::unlimited(enroller.public_key().parse()?)
        };
        Self::with_issuers(folder, lattice, &[enroller], now)
    }

    fn with_issuers(folder: &Path, lattice: &LatticeId, more: &[Issuer], now: UnixSeconds) -> Result<(Self, Origin)> {
        files::create_private_dir(folder)?;
        let origin = if folder.join("operator.seed").exists() {
            Origin::Found
        } else {
            Origin::Made
        };
        let key = |name: &str, kind: fn() -> KeyPair| load_or_create_key(&folder.join(name), kind);
        let operator = key("operator.seed", KeyPair::new_operator)?;
        let issuer = key("issuer.seed", KeyPair::new_account)?;
        let user = key("user.seed", KeyPair::new_account)?;
        let controller = key("controller.seed", KeyPair::new_account)?;
        let mut issuers = first_issuers(&issuer, &user, &controller)?;
        issuers.extend_from_slice(more);
        let bundle = load_or_sign_bundle(&folder.join("bundle.jwt"), lattice, &operator, issuers, now)?;
        let root = Self {
            folder: folder.to_owned(),
            lattice: lattice.clone(),
            nats_operator: key("nats-operator.seed", KeyPair::new_operator)?,
            nats_account: key("nats-account.seed", KeyPair::new_account)?,
            nats_system: key("nats-system.seed", KeyPair::new_account)?,
            operator,
            issuer,
            bundle,
        };
        Ok((root, origin))
    }

    /// Whom members have to trust.
    pub(crate) fn operator(&self) -> Result<OperatorId> {
        Ok(self.operator.public_key().parse()?)
    }

    /// The trust bundle.
    pub(crate) fn bundle(&self) -> &str {
        &self.bundle
    }

    /// The file of a key, such as `issuer`.
    pub(crate) fn seed_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.seed"))
    }

    /// The bundle's file.
    pub(crate) fn bundle_file(&self) -> PathBuf {
        self.folder.join("bundle.jwt")
    }

    /// Signs a host's token.
    pub(crate) fn enrol_host(&self, host: &HostId, labels: Labels, user: UserId, now: UnixSeconds) -> Result<String> {
        let body = HostGrant {
            labels,
            user: Some(user),
            ..HostGrant::default()
        };
        let validity = Validity::lasting(now, LIFETIME);
        let draft = Draft {
            subject: host.to_string(),
            lattice: self.lattice.clone(),
            validity,
            body,
        };
        Ok(token::sign(&self.issuer, &draft)?)
    }

    /// Makes the credentials file of a NATS user, and returns the user.
    pub(crate) fn write_credentials(
        &self,
        path: &Path,
        name: &str,
        permissions: impl FnOnce(&UserId) -> Permissions,
        now: UnixSeconds,
    ) -> Result<UserId> {
        write_credentials(&self.nats_account, path, name, permissions, now, None)
    }

    /// What the NATS server is told, so that it knows this lattice's account.
    pub(crate) fn server_trust(&self, now: UnixSeconds) -> Result<ServerTrust> {
        let account: AccountId = self.nats_account.public_key().parse()?;
        let system: AccountId = self.nats_system.public_key().parse()?;
        let name = format!("lattice-{}", self.lattice);
        Ok(ServerTrust {
            operator_token: nats::operator_token(&self.nats_operator, &name, &system, now)?,
            accounts: vec![
                (
                    account.clone(),
                    nats::account_token(&self.nats_operator, &account, &name, AccountLimits::UNLIMITED, now)?,
                ),
                (
                    system.clone(),
                    nats::system_account_token(&self.nats_operator, &system, now)?,
                ),
            ],
            system_account: system,
        })
    }
}

/// Makes a NATS user with its credentials file. A user that has one already keeps its key.
pub(crate) fn write_credentials(
    account: &KeyPair,
    path: &Path,
    name: &str,
    permissions: impl FnOnce(&UserId) -> Permissions,
    now: UnixSeconds,
    expires_at: Option<UnixSeconds>,
) -> Result<UserId> {
    let known = files::read_if_there(path)?.and_then(|text| nats::parse_creds(&text).ok());
    let user = match known.and_then(|known| KeyPair::from_seed(&known.seed).ok()) {
        Some(user) if user.key_pair_type() == KeyPairType::User => user,
        _ => KeyPair::new_user(),
    };
    let id: UserId = user.public_key().parse()?;
    let token = nats::user_token(account, &id, name, &permissions(&id), now, expires_at)?;
    let seed = zeroize::Zeroizing::new(user.seed().context("a user's key that cannot sign")?);
    files::write_atomically(path, nats::creds_text(&token, &seed).as_bytes(), Privacy::Secret)?;
    Ok(id)
}

/// The NATS user of a credentials file.
pub(crate) fn user_of(path: &Path) -> Result<UserId> {
    let shown = path.display();
    let text = files::read_if_there(path)?.with_context(|| format!("{shown} is not there"))?;
    let creds = nats::parse_creds(&text).with_context(|| format!("{shown} holds no NATS credentials"))?;
    // Its text is a secret: an error must not repeat it.
    let user = KeyPair::from_seed(&creds.seed).map_err(|_| anyhow::anyhow!("{shown} holds no nkey seed"))?;
    Ok(user.public_key().parse()?)
}

/// Reads a key, or makes it and keeps it for its owner only.
pub(crate) fn load_or_create_key(path: &Path, make: fn() -> KeyPair) -> Result<KeyPair> {
    if path.exists() {
        return read_seed(path);
    }
    let key = make();
    let seed = zeroize::Zeroizing::new(key.seed().context("a new key without a seed")?);
    let line = zeroize::Zeroizing::new(format!("{}\n", *seed));
    files::write_atomically(path, line.as_bytes(), Privacy::Secret)?;
    Ok(key)
}

/// The bundle on disk while it is ours and lasts, else a new one with a higher serial.
fn load_or_sign_bundle(
    path: &Path,
    lattice: &LatticeId,
    operator: &KeyPair,
    issuers: Vec<Issuer>,
    now: UnixSeconds,
) -> Result<String> {
    // Also one that has expired meanwhile: its serial was seen, and what it decided (issuers, revocations) stays decided.
    let known = files::read_if_there(path)?
        .and_then(|text| Unverified::parse(text.trim()).ok()?.verify::<TrustBundle>().ok())
        .filter(|known| known.claims().issuer.as_str() == operator.public_key() && known.claims().lattice == *lattice);
    let bundle = match known {
        Some(known) => {
            let lasts = known.claims().expires_at > now.after(RENEW_BEFORE);
            let mut bundle = known.claims().body.clone();
            let added: Vec<Issuer> = issuers
                .into_iter()
                .filter(|issuer| bundle.issuers.iter().all(|known| known.key != issuer.key))
                .collect();
            if lasts && added.is_empty() {
                return Ok(known.token().to_string());
            }
            bundle.issuers.extend(added);
            bundle.serial += 1;
            bundle
        }
        None => TrustBundle {
            serial: 1,
            issuers,
            ..TrustBundle::default()
        },
    };
    let token = bundle.sign(operator, lattice, Validity::lasting(now, LIFETIME))?;
    files::write_atomically(path, format!("{token}\n").as_bytes(), Privacy::Plain)?;
    Ok(token)
}

/// What a host's controller may order. It calls nothing and ends nobody.
const CONTROLLER_VERBS: [&str; 3] = ["actor-*", "provider-*", "app-put"];

/// One issuer for everything that is granted, another for what people order, a third for what the controller orders.
fn first_issuers(issuer: &KeyPair, user: &KeyPair, controller: &KeyPair) -> Result<Vec<Issuer>> {
    let with = |key: &KeyPair, roles: &[Role]| -> Result<Issuer> {
        Ok(Issuer {
            roles: roles.iter().copied().collect(),
            ..Issuer::unlimited(key.public_key().parse()?)
        })
    };
    let grants = with(issuer, &[Role::Link, Role::Host, Role::Image, Role::Aot])?;
    let orders = with(user, &[Role::Control])?;
    let mut controls = with(controller, &[Role::Control])?;
    let verbs: Result<Vec<Glob>, _> = CONTROLLER_VERBS.iter().map(|verb| verb.parse()).collect();
    controls.scope.verbs = Some(verbs?);
    Ok(vec![grants, orders, controls])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use lattice_core::Trust;

    use super::*;

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let (lattice, now) = ("default".parse().unwrap(), UnixSeconds::new(1_800_000_000));
        let (first, origin) = TrustRoot::load_or_create(dir.path(), &lattice, now).unwrap();
        assert_eq!(origin, Origin::Made);
        let (second, origin) = TrustRoot::load_or_create(dir.path(), &lattice, now).unwrap();
        assert_eq!(origin, Origin::Found);
        assert_eq!(first.operator().unwrap(), second.operator().unwrap());
        assert_eq!(first.bundle(), second.bundle());
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "seed") {
                assert_eq!(
                    entry.metadata().unwrap().permissions().mode() & 0o777,
                    0o600,
                    "{:?}",
                    entry.path()
                );
            }
        }
    }

    #[test]
    fn the_enroller_enrols_and_does_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (lattice, now) = ("default".parse().unwrap(), UnixSeconds::new(1_800_000_000));
        let (root, _) = TrustRoot::with_enroller(dir.path(), &lattice, now).unwrap();
        let enroller = read_seed(&root.seed_file("enroller")).unwrap().public_key();
        let mut trust = Trust::new(lattice.clone(), [root.operator().unwrap()]);
        trust.admit(root.bundle(), now).unwrap();
        let issuers = &trust.bundle().unwrap().issuers;
        let entry = issuers.iter().find(|issuer| issuer.key.as_str() == enroller).unwrap();
        assert_eq!(entry.roles, [Role::Host].into());
        let (again, origin) = TrustRoot::with_enroller(dir.path(), &lattice, now).unwrap();
        assert_eq!((origin, again.bundle()), (Origin::Found, root.bundle()));
    }

    #[test]
    fn a_bundle_near_its_end_is_signed_again_with_a_higher_serial() {
        let dir = tempfile::tempdir().unwrap();
        let (lattice, now) = ("default".parse().unwrap(), UnixSeconds::new(1_800_000_000));
        let (first, _) = TrustRoot::load_or_create(dir.path(), &lattice, now).unwrap();
        let later = now.after(LIFETIME).before(Duration::from_secs(3600));
        let (second, _) = TrustRoot::load_or_create(dir.path(), &lattice, later).unwrap();
        assert_ne!(first.bundle(), second.bundle());
        let mut trust = Trust::new(lattice, [first.operator().unwrap()]);
        trust.admit(first.bundle(), later).unwrap();
        trust.admit(second.bundle(), later).unwrap();
        assert_eq!(trust.serial(), Some(2));

        let much_later = later.after(LIFETIME * 3);
        let (third, _) = TrustRoot::load_or_create(dir.path(), trust.lattice(), much_later).unwrap();
        trust.admit(third.bundle(), much_later).unwrap();
        assert_eq!(trust.serial(), Some(3), "an expired bundle is followed, not forgotten");
    }
}
