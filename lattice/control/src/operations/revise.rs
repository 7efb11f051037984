//! Writing an application's next revision: which links are signed anew, which end, what brings the old state back. One write decides.
//!
//! The lattice is asked what it has; what is to be signed follows from that; the outcome is stored if nobody else was quicker.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use lattice_core::{
    AppName, Application, ConfigMap, LinkClaims, LinkId, UnixSeconds, UnlinkClaims,
    application::{Cause, DesiredLink, Fallback, Revision, RevisionError, VerifiedRevision},
    link::LinkApp,
    token::{Unverified, Validity},
};

use crate::{
    client::{CommandSigner, ControlClient},
    error::{ControlError, ErrorKind},
    reconcile::KnownLink,
    state::{AppAt, BEYOND_HONEST, LinkSigner, PutApp},
};

/// The links of an application last this long unless somebody says otherwise: it is to go on while nobody looks.
pub const APP_LINK_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// A token is signed anew when less than this part of its life is left.
const RENEW_BELOW: (u64, u64) = (2, 3);

/// Ids asked about at a time.
const MARKS_AT_A_TIME: usize = 200;

/// Whoever writes revisions: one key for what is wanted, one for what may call what.
#[derive(Clone, Debug)]
pub struct AppSigner {
    /// Signs revisions: an issuer with the role `control`.
    pub revisions: CommandSigner,
    /// Signs links: an issuer with the role `link`.
    pub links: LinkSigner,
    /// How long links last.
    pub lifetime: Duration,
}

/// A revision that was stored.
#[derive(Clone, Debug)]
pub struct Revised {
    /// It.
    pub revision: Revision,
    /// Whether it differs in anything from the one before; else nothing was written.
    pub changed: bool,
}

impl ControlClient {
    /// Writes the next revision of an application, to follow `before`, which the caller has looked at.
    ///
    /// Nothing is written when it asks for what the one before does, unless links are to be renewed.
    ///
    /// # Errors
    /// `Conflict`, naming the other revision, when somebody wrote one meanwhile. When something cannot be signed or stored.
    pub async fn revise(
        &self,
        next: Application,
        cause: Cause,
        before: Option<&AppAt>,
        signer: &AppSigner,
    ) -> Result<Revised, ControlError> {
        let now = UnixSeconds::from(SystemTime::now());
        let name = next.name.clone();
        let current = before
            .and_then(|before| before.revision.as_ref().ok())
            .map(|verified| &verified.revision);
        let marks = self.marks(&next, current).await?;
        for link in &next.links {
            self.put_config(&link.config_map()).await?;
        }
        let sign = Signing {
            client: self,
            signer,
            app: &name,
            now,
        };
        let links = sign.plan(&next, current, &marks, cause == Cause::Deleted)?;
        if let Some(current) = current
            && current.application == next
            && current.links == links.links
            && (current.is_deletion() == (cause == Cause::Deleted))
        {
            return Ok(Revised {
                revision: current.clone(),
                changed: false,
            });
        }
        let number = before.map_or(0, number_of) + 1;
        let revision = Revision {
            number,
            withdrawn: current.map(|current| current.withdrawn_for(&next)).unwrap_or_default(),
            application: next,
            links: links.links,
            unlinks: links.unlinks,
            spent: BTreeMap::new(),
            fallback: links.fallback.map(Box::new),
            cause,
        };
        let revision = Revision {
            spent: spent(&revision, links.signed),
            ..revision
        };
        let stored = signer
            .revisions
            .sign_revision(&revision, self.lattice(), now)
            .map_err(|error| ControlError::invalid(error.to_string()))?;
        // What nobody would believe must not take the place of what everybody does.
        stored
            .verify(&name, self.trust_to_verify()?, now)
            .map_err(|error| match error {
                RevisionError::Refused(refusal) => ControlError::denied(format!(
                    "the lattice would not believe it: {refusal}"
                ))
                .with_help(
                    "use a context whose keys the trust bundle names: `lattice context ls -o wide`, `lattice key show`",
                ),
                other => ControlError::invalid(format!("`{name}` cannot be stored: {other}")),
            })?;
        match self
            .put_app(&name, &stored, before.map_or(0, |before| before.at))
            .await?
        {
            PutApp::Stored { .. } => Ok(Revised {
                revision,
                changed: true,
            }),
            PutApp::Overtaken => Err(self.overtaken(&name).await),
        }
    }

    /// Says who was quicker.
    async fn overtaken(&self, name: &AppName) -> ControlError {
        let other = self
            .app(name)
            .await
            .ok()
            .flatten()
            .and_then(|other| other.revision.ok());
        let told = other.map_or_else(
            || "somebody else wrote it at the same time".to_owned(),
            |other| {
                let VerifiedRevision {
                    revision,
                    issuer,
                    issued_at,
                } = other;
                format!(
                    "revision {} was written at {issued_at}, signed by {issuer}",
                    revision.number
                )
            },
        );
        ControlError::new(
            ErrorKind::Conflict,
            format!("`{name}` was changed meanwhile: {told}; nothing was done"),
        )
        .with_help(format!(
            "look at it with `lattice app get {name}` and `lattice diff`, then apply again"
        ))
    }

    /// The highest generations of every link that the next revision could be about.
    async fn marks(&self, next: &Application, current: Option<&Revision>) -> Result<Marks, ControlError> {
        let mut marks = Marks::default();
        let mut ids: BTreeSet<LinkId> = next.links.iter().map(|link| link.id(self.lattice())).collect();
        for link in current
            .into_iter()
            .flat_map(tokens_of)
            .filter_map(|token| KnownLink::read(token))
        {
            raise(&mut marks.signed, link.id.clone(), link.generation);
            ids.insert(link.id);
        }
        for (id, generation) in current.into_iter().flat_map(|current| &current.spent) {
            raise(&mut marks.signed, id.clone(), *generation);
        }
        if ids.is_empty() {
            return Ok(marks);
        }
        for stored in self.stored_links().await? {
            let text = std::str::from_utf8(&stored.token).ok();
            // Nobody has verified it: a forger's highest of all generations must leave room for the next.
            let read = text
                .and_then(KnownLink::read)
                .filter(|link| link.generation < BEYOND_HONEST);
            if let Some(link) = read.filter(|link| ids.contains(&link.id)) {
                raise(&mut marks.seen, link.id, link.generation);
            }
        }
        let ids: Vec<LinkId> = ids.into_iter().collect();
        for ids in ids.chunks(MARKS_AT_A_TIME) {
            for (id, mark) in self.accepted_marks(ids).await? {
                raise(&mut marks.seen, id, mark);
            }
        }
        Ok(marks)
    }
}

/// The highest generation of each link, as far as is known.
#[derive(Clone, Debug, Default)]
struct Marks {
    /// That anybody signed for this application, in force or not: a way back that was never taken is among them.
    signed: BTreeMap<LinkId, u64>,
    /// That is in the bucket, or that a member accepted.
    seen: BTreeMap<LinkId, u64>,
}

impl Marks {
    /// Whether nobody has anything newer than this.
    fn is_newest(&self, id: &LinkId, generation: u64) -> bool {
        self.seen.get(id).is_none_or(|seen| *seen <= generation)
    }

    /// Takes the next generation of a link.
    fn next(&mut self, id: &LinkId) -> u64 {
        let seen = self.seen.get(id).copied().unwrap_or(0);
        let signed = self.signed.entry(id.clone()).or_default();
        *signed = seen.max(*signed) + 1;
        *signed
    }
}

fn raise(marks: &mut BTreeMap<LinkId, u64>, id: LinkId, generation: u64) {
    let mark = marks.entry(id).or_default();
    *mark = generation.max(*mark);
}

/// Every token that a revision holds, those for going back included.
fn tokens_of(revision: &Revision) -> Vec<&String> {
    let back = revision
        .fallback
        .iter()
        .flat_map(|fallback| fallback.links.iter().chain(&fallback.unlinks));
    revision.links.iter().chain(&revision.unlinks).chain(back).collect()
}

/// What was signed and stands in no token of the revision.
fn spent(revision: &Revision, signed: BTreeMap<LinkId, u64>) -> BTreeMap<LinkId, u64> {
    let mut shown = BTreeMap::new();
    for link in tokens_of(revision)
        .into_iter()
        .filter_map(|token| KnownLink::read(token))
    {
        raise(&mut shown, link.id, link.generation);
    }
    let hidden = |(id, generation): &(LinkId, u64)| shown.get(id).is_none_or(|shown| shown < generation);
    signed.into_iter().filter(hidden).collect()
}

/// The number of what is stored, by its own word if nobody vouches for it: it only makes us count further.
fn number_of(before: &AppAt) -> u64 {
    before
        .revision
        .as_ref()
        .map_or(before.at, |verified| verified.revision.number)
}

/// The tokens of a revision.
struct PlannedLinks {
    /// The highest generation that was ever signed of each.
    signed: BTreeMap<LinkId, u64>,
    links: Vec<String>,
    unlinks: Vec<String>,
    fallback: Option<Fallback>,
}

struct Signing<'a> {
    client: &'a ControlClient,
    signer: &'a AppSigner,
    app: &'a AppName,
    now: UnixSeconds,
}

impl Signing<'_> {
    /// Signs what has changed, ends what is gone, and signs what would undo both.
    fn plan(
        &self,
        next: &Application,
        current: Option<&Revision>,
        marks: &Marks,
        deletes: bool,
    ) -> Result<PlannedLinks, ControlError> {
        let held = current.map(|current| self.held(current)).unwrap_or_default();
        let mut marks = marks.clone();
        let mut links = Vec::new();
        for link in &next.links {
            let id = link.id(self.client.lattice());
            let kept = held
                .get(&id)
                .filter(|held| held.link == link && self.lasts(held.token) && marks.is_newest(&id, held.generation));
            links.push(match kept {
                Some(held) => held.token.clone(),
                None => self.link(link, marks.next(&id))?,
            });
        }
        let wanted: BTreeSet<LinkId> = next.links.iter().map(|link| link.id(self.client.lattice())).collect();
        let gone: BTreeSet<LinkId> = held
            .keys()
            .cloned()
            .chain(
                current
                    .into_iter()
                    .flat_map(|current| current.unlinks.iter())
                    .filter_map(|token| Some(KnownLink::read(token)?.id)),
            )
            .filter(|id| !wanted.contains(id))
            .collect();
        let mut unlinks = Vec::new();
        for id in &gone {
            unlinks.push(self.end(id, marks.next(id))?);
        }
        let fallback = current
            // There is no way back from a deletion: nothing shall lie about that would grant anything again.
            .filter(|current| !current.is_deletion() && !deletes && current.application != *next)
            .map(|current| self.way_back(current, &held, &links, &wanted, &mut marks))
            .transpose()?;
        Ok(PlannedLinks {
            signed: marks.signed,
            links,
            unlinks,
            fallback,
        })
    }

    /// The links that a revision has, with their tokens.
    fn held<'r>(&self, revision: &'r Revision) -> BTreeMap<LinkId, Held<'r>> {
        let pairs = revision.application.links.iter().zip(&revision.links);
        pairs
            .filter_map(|(link, token)| {
                let known = KnownLink::read(token)?;
                let held = Held {
                    link,
                    token,
                    generation: known.generation,
                };
                Some((known.id, held))
            })
            .collect()
    }

    /// What it takes to go back to `current`: its links where they were changed, in a later generation, and the end of those it had not.
    fn way_back(
        &self,
        current: &Revision,
        held: &BTreeMap<LinkId, Held<'_>>,
        links: &[String],
        wanted: &BTreeSet<LinkId>,
        marks: &mut Marks,
    ) -> Result<Fallback, ControlError> {
        let mut back = Vec::new();
        for link in &current.application.links {
            let id = link.id(self.client.lattice());
            let unchanged = held.get(&id).filter(|held| links.contains(held.token));
            back.push(match unchanged {
                Some(held) => held.token.clone(),
                None => self.link(link, marks.next(&id))?,
            });
        }
        // What was about to end ends all the same.
        let ending = current
            .unlinks
            .iter()
            .filter(|token| KnownLink::read(token).is_some_and(|link| !wanted.contains(&link.id)));
        let mut unlinks: Vec<String> = ending.cloned().collect();
        for id in wanted.iter().filter(|id| !held.contains_key(*id)) {
            unlinks.push(self.end(id, marks.next(id))?);
        }
        Ok(Fallback {
            number: current.number,
            application: current.application.clone(),
            links: back,
            unlinks,
        })
    }

    fn link(&self, link: &DesiredLink, generation: u64) -> Result<String, ControlError> {
        let config: ConfigMap = link.config_map();
        let claims = LinkClaims {
            generation,
            config_digest: (!config.0.is_empty()).then(|| config.digest()),
            app: Some(LinkApp {
                name: self.app.clone(),
                revision: None,
                manifest_digest: None,
            }),
            ..link.claims.clone()
        };
        let validity = Validity::lasting(self.now, self.signer.lifetime);
        let signed = claims.sign(self.signer.links.key(), self.client.lattice(), validity);
        signed.map_err(|error| cannot_sign(&claims.id(self.client.lattice()), &error))
    }

    fn end(&self, id: &LinkId, generation: u64) -> Result<String, ControlError> {
        let validity = Validity::lasting(self.now, self.signer.lifetime * 2);
        let signed = UnlinkClaims { generation }.sign(self.signer.links.key(), id, validity);
        signed.map_err(|error| cannot_sign(id, &error))
    }

    /// Whether a token has most of its life before it.
    fn lasts(&self, token: &str) -> bool {
        let Ok(claims) = Unverified::parse(token).and_then(|token| token.claims::<LinkClaims>()) else {
            return false;
        };
        let by_us = claims.issuer == *self.signer.links.issuer();
        let life = claims.expires_at.since(claims.issued_at).as_secs();
        let left = claims.expires_at.since(self.now).as_secs();
        by_us && left * RENEW_BELOW.1 >= life * RENEW_BELOW.0
    }
}

/// A link of the current revision.
struct Held<'a> {
    link: &'a DesiredLink,
    token: &'a String,
    generation: u64,
}

fn cannot_sign(id: &LinkId, error: &lattice_core::token::SignError) -> ControlError {
    ControlError::internal(format!("`{id}` cannot be signed: {error}"))
}
