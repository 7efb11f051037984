//! Writing links: sign with the next generation, store by compare-and-swap.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use lattice_bus::{Bucket, Entry};
use lattice_core::{
    ConfigMap, Digest, IssuerId, LinkClaims, LinkId, UnixSeconds, UnlinkClaims,
    token::{Unverified, Validity},
};

use super::{config_bucket, links_bucket, unreachable};
use crate::{
    client::{ControlClient, SignerError},
    error::{ControlError, ErrorKind},
    verbs::Links,
};

/// No link is changed this often. A forger might claim the highest generation of all, to leave no room for the next.
pub(crate) const BEYOND_HONEST: u64 = 1 << 40;

/// Attempts to be the one who writes next. Two people at one link is common, five in the same second is not.
const ATTEMPTS: usize = 5;

/// A link about to be signed. The generation is decided when it is.
#[derive(Clone, Debug)]
pub struct LinkDraft {
    /// Everything but generation and config digest.
    pub claims: LinkClaims,
    /// Its config. Empty means none.
    pub config: ConfigMap,
    /// How long it lasts.
    pub lifetime: Duration,
}

/// A link token that was stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// Which link.
    pub id: LinkId,
    /// In which generation.
    pub generation: u64,
    /// When it ends.
    pub expires_at: UnixSeconds,
    /// The token.
    pub token: String,
}

impl Signed {
    /// The digest by which members name a token that they refuse.
    pub fn digest(&self) -> Digest {
        Digest::of(self.token.as_bytes())
    }
}

/// What lies under one key of the links bucket. Nothing in it is verified.
#[derive(Clone, Debug)]
pub struct StoredLink {
    /// The key.
    pub key: String,
    /// The bytes.
    pub token: bytes::Bytes,
    /// When it was stored, by the server's clock.
    pub stored_at: SystemTime,
}

/// A key that signs links: an issuer with the role `link`. Cheap to clone.
#[derive(Clone)]
pub struct LinkSigner {
    key: Arc<nkeys::KeyPair>,
    issuer: IssuerId,
}

impl LinkSigner {
    /// Takes an issuer's key.
    ///
    /// # Errors
    /// When it is another kind of key, or only a public one.
    pub fn new(key: nkeys::KeyPair) -> Result<Self, SignerError> {
        let issuer = crate::client::issuer_of(&key)?;
        Ok(Self {
            key: Arc::new(key),
            issuer,
        })
    }

    /// Who signs.
    pub fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    pub(crate) fn key(&self) -> &nkeys::KeyPair {
        &self.key
    }
}

impl fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSigner")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl ControlClient {
    /// Signs a link in its next generation and stores it. Whether members accept it is another question:
    /// [`ControlClient::confirm_link`].
    ///
    /// # Errors
    /// When it cannot be signed, the state cannot be reached, or others keep changing the same link.
    pub async fn put_link(&self, draft: &LinkDraft, signer: &LinkSigner) -> Result<Signed, ControlError> {
        let mut claims = draft.claims.clone();
        claims.config_digest = self.put_config(&draft.config).await?;
        let id = claims.id(self.lattice());
        self.store_next(&id, |generation, now, _| {
            claims.generation = generation;
            let validity = Validity::lasting(now, draft.lifetime);
            Ok((claims.sign(&signer.key, self.lattice(), validity)?, validity.expires_at))
        })
        .await
    }

    /// Signs the end of a link and stores it in the link's place. `lifetime` is how long it lasts at least; it lasts as long as
    /// what it ends in any case.
    ///
    /// # Errors
    /// As [`ControlClient::put_link`].
    pub async fn delete_link(
        &self,
        id: &LinkId,
        lifetime: Duration,
        signer: &LinkSigner,
    ) -> Result<Signed, ControlError> {
        self.store_next(id, |generation, now, ends| {
            let mut validity = Validity::lasting(now, lifetime);
            validity.expires_at = validity.expires_at.max(ends);
            Ok((
                UnlinkClaims { generation }.sign(&signer.key, id, validity)?,
                validity.expires_at,
            ))
        })
        .await
    }

    /// Reads everything in the links bucket, unverified.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn stored_links(&self) -> Result<Vec<StoredLink>, ControlError> {
        let bucket = self.links().await?;
        let entries = bucket.entries().await.map_err(|error| unreachable(&error))?;
        let stored = |entry: Entry| StoredLink {
            key: entry.key,
            token: entry.value,
            stored_at: entry.created,
        };
        Ok(entries.into_iter().map(stored).collect())
    }

    /// Stores a token under its link's key as it is, whoever signed it.
    ///
    /// # Errors
    /// When the state cannot be reached.
    pub async fn store_link_token(&self, id: &LinkId, token: &str) -> Result<(), ControlError> {
        let stored = self.links().await?.put(&id.link_key(), token.to_owned().into()).await;
        stored.map(drop).map_err(|error| unreachable(&error))
    }

    /// Stores a token under its link's key, unless there is one of this generation or a later one.
    ///
    /// # Errors
    /// When the state cannot be reached, or others keep changing the link.
    pub async fn advance_link(&self, id: &LinkId, generation: u64, token: &str) -> Result<(), ControlError> {
        let bucket = self.links().await?;
        let key = id.link_key();
        for _ in 0..ATTEMPTS {
            let last = bucket.last(&key).await.map_err(|error| unreachable(&error))?;
            let live = last.as_ref().filter(|entry| entry.is_live());
            let there = live.and_then(|entry| read_generation(&entry.value, id));
            if there.is_some_and(|(there, _)| there >= generation)
                && live.is_some_and(|entry| entry.value != token.as_bytes())
            {
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    "something newer is in its place: `lattice get links -o wide` shows what",
                ));
            }
            let revision = last.as_ref().map_or(0, |entry| entry.revision);
            match bucket.update(&key, token.to_owned().into(), revision).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {}
                Err(error) => {
                    return Err(ControlError::new(
                        ErrorKind::Unreachable,
                        format!("`{id}` was not stored: {error}"),
                    ));
                }
            }
        }
        Err(ControlError::new(
            ErrorKind::Conflict,
            format!("others keep changing `{id}`"),
        ))
    }

    async fn links(&self) -> Result<Bucket, ControlError> {
        self.bus()
            .bucket(links_bucket(self.lattice()))
            .await
            .map_err(|error| unreachable(&error))
    }

    /// Stores a config under its digest, which makes storing it twice harmless.
    pub(crate) async fn put_config(&self, config: &ConfigMap) -> Result<Option<Digest>, ControlError> {
        if config.0.is_empty() {
            return Ok(None);
        }
        let (digest, body) = (config.digest(), config.encode());
        if body.len() > lattice_core::config::CONFIG_BYTES_MAX {
            return Err(ControlError::invalid(format!(
                "the link's config has {} bytes, which is too long",
                body.len()
            )));
        }
        let bucket = self
            .bus()
            .bucket(config_bucket(self.lattice()))
            .await
            .map_err(|error| unreachable(&error))?;
        bucket
            .put(&digest.hex(), body.into())
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(Some(digest))
    }

    /// Has `sign` make the next token of a link, and stores it if nobody else did meanwhile.
    ///
    /// The next generation follows the highest that is in the bucket *or that any member has accepted*: whoever deleted or
    /// replaced what is in the bucket cannot make us sign a generation that members have seen already.
    async fn store_next(
        &self,
        id: &LinkId,
        mut sign: impl FnMut(u64, UnixSeconds, UnixSeconds) -> Result<(String, UnixSeconds), lattice_core::token::SignError>,
    ) -> Result<Signed, ControlError> {
        let bucket = self.links().await?;
        let key = id.link_key();
        let accepted = self.highest_accepted(id).await?;
        for _ in 0..ATTEMPTS {
            let last = bucket.last(&key).await.map_err(|error| unreachable(&error))?;
            let stored = last.as_ref().and_then(|entry| read_generation(&entry.value, id));
            let (generation, ends) = stored.unwrap_or_default();
            let next = generation.max(accepted).checked_add(1).ok_or_else(|| {
                ControlError::invalid(format!(
                    "`{id}` has run out of generations: delete its key from the bucket"
                ))
            })?;
            let now = UnixSeconds::from(SystemTime::now());
            let (token, expires_at) = sign(next, now, ends)
                .map_err(|error| ControlError::internal(format!("`{id}` cannot be signed: {error}")))?;
            let revision = last.map_or(0, |entry| entry.revision);
            match bucket.update(&key, token.clone().into(), revision).await {
                Ok(_) => {
                    return Ok(Signed {
                        id: id.clone(),
                        generation: next,
                        expires_at,
                        token,
                    });
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => {
                    return Err(
                        ControlError::new(ErrorKind::Unreachable, format!("`{id}` was not stored: {error}"))
                            .with_help("`lattice doctor` looks at NATS and JetStream"),
                    );
                }
            }
        }
        Err(ControlError::new(ErrorKind::Conflict, format!("others keep changing `{id}`")).with_help("try again"))
    }

    /// The highest generation that any member has accepted of each of these links that any knows.
    pub(crate) async fn accepted_marks(&self, ids: &[LinkId]) -> Result<Vec<(LinkId, u64)>, ControlError> {
        let members = self.members().await?;
        let question = Links {
            marks_of: ids.to_vec(),
            ..Links::default()
        };
        let replies = self.read_each(&members, &question).await;
        let marks = replies
            .into_iter()
            .filter_map(|(_, reply)| Some(reply.ok()?.marks))
            .flatten();
        Ok(marks.filter(|(_, mark)| *mark < BEYOND_HONEST).collect())
    }

    async fn highest_accepted(&self, id: &LinkId) -> Result<u64, ControlError> {
        let members = self.members().await?;
        let question = Links {
            link: Some(id.clone()),
            ..Links::default()
        };
        let replies = self.read_each(&members, &question).await;
        let marks = replies.into_iter().filter_map(|(_, reply)| {
            let reply = reply.ok()?;
            let active = reply.active.iter().map(|link| link.generation).max();
            reply.high_water.max(active)
        });
        Ok(marks.filter(|mark| *mark < BEYOND_HONEST).max().unwrap_or(0))
    }
}

/// Generation and end of a stored token, if it is about this link. Not verified: it only makes us count further.
fn read_generation(token: &[u8], id: &LinkId) -> Option<(u64, UnixSeconds)> {
    let token = Unverified::parse_bytes(token).ok()?;
    if token.head().subject != id.as_str() {
        return None;
    }
    let link = token.claims::<LinkClaims>().map(|claims| claims.body.generation);
    let generation = link
        .or_else(|_| token.claims::<UnlinkClaims>().map(|claims| claims.body.generation))
        .ok()?;
    (generation < BEYOND_HONEST).then_some((generation, token.head().expires_at))
}
