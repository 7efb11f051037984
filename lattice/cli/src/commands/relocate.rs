//! `lattice move`

use std::{sync::Mutex, time::Duration};

use anyhow::Result;
use clap::Args;
use lattice_control::{ActorStart, Component, InventoryReply, KeyedMove, MemberSummary, Relocate};
use lattice_core::{AppName, KeyedActor, Labels, MemberId, application::Cause, presence::MemberKind};

use crate::{
    app::App,
    applications::{self, Awaited, Follower, Managed, managed},
    args::duration,
    failure::{Exit, Failure},
    images::{ImageArgs, Images, Name, SignArgs, check_policy},
    keyed::{self, ActorArg},
    output::Narrator,
    resolve,
    session::Session,
    views,
};

/// Moves an actor from one host to another while it serves: no request fails, and state goes along
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  lattice move hello --from cloud --to edge
  lattice move cart/alice --to pi            one actor with state, alive
  lattice move cart/alice --to zone=edge     to any host with that label
  lattice move cart --from cloud --to pi --image cart-2.wasm
                                             all of them, to go on in another component")]
pub(crate) struct Move {
    /// Which actor; of those with state one: `cart/alice`
    actor: ActorArg,
    /// Away from this host; needed unless one actor with state is meant
    #[arg(long, value_name = "HOST")]
    from: Option<String>,
    /// To this host, or to one with this label
    #[arg(long, value_name = "HOST|LABEL=VALUE")]
    to: String,
    /// Goes on in this component there, as does every actor of that name on that host: a path, file://, or an image of a registry. An actor with state is asked
    /// first, and one that cannot read its state stays where it was, in the component that it had
    #[arg(long, value_name = "COMPONENT")]
    image: Option<String>,
    /// The longest time that one actor with state may stand still; a move that would take longer is given up
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    max_pause: Duration,
    /// How long invocations in flight may take to finish where it was
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    drain: Duration,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    sign: SignArgs,
}

impl Move {
    pub(crate) async fn run(self, app: &App) -> Result<()> {
        let session = Session::connect_verifying(app.context()?).await?;
        let inventories = session.client.inventories().await?;
        let hosts: Vec<_> = inventories
            .iter()
            .map(|inventory| inventory.summary.clone())
            .filter(|member| member.kind == MemberKind::Host)
            .collect();
        if let Some(actor) = self.actor.keyed() {
            return self.move_keyed(app, &session, &actor, &inventories).await;
        }
        let name = &self.actor.name;
        let from = self.from.as_deref().ok_or_else(|| {
            Failure::usage(format!("`{name}` may run on several hosts: away from which?")).help(format!(
                "name it with `--from HOST`; `lattice get actors` shows where `{name}` runs"
            ))
        })?;
        if let Some(managed) = managed(&session, name, &inventories).await? {
            self.refuse_image(&managed.application.name)?;
            let from = resolve::member(&hosts, from)?;
            let to = resolve::member(&hosts, &self.to)?;
            return self.declare(app, &session, managed, from, to).await;
        }
        let relocate = Relocate {
            actor: name.clone(),
            from: resolve::member(&hosts, from)?.clone(),
            to: resolve::member(&hosts, &self.to)?.clone(),
            component: self.component(&session).await?,
            drain: self.drain,
            within: app.timeout,
        };
        let narrator = Mutex::new(Narrator::new());
        let relocated = session
            .client
            .relocate(&relocate, &|who, progress| Narrator::tell(&narrator, who, &progress))
            .await?;
        drop(narrator);
        app.print(&views::relocated(&self.actor.name, &relocated)?)
    }

    /// Moves one actor with its state, from wherever it lives.
    async fn move_keyed(
        &self,
        app: &App,
        session: &Session,
        actor: &KeyedActor,
        inventories: &[InventoryReply],
    ) -> Result<()> {
        let serving = keyed::serving(inventories, &actor.name);
        let found = keyed::find(session, actor, &serving).await?;
        if !found.known {
            return Err(keyed::never_lived(actor).into());
        }
        let owner = found.owner.as_ref().ok_or_else(|| {
            Failure::not_found(format!("`{actor}` is at rest, and on no host"))
                .help(format!("its next call wakes it: `lattice call {actor} …`"))
        })?;
        let from = keyed::owner(inventories, &found).ok_or_else(|| {
            Failure::not_found(format!("`{actor}` belongs to {owner}, which does not answer"))
                .help(format!("the next call wakes it elsewhere: `lattice call {actor} …`"))
        })?;
        self.check_from(actor, from, inventories)?;
        let to = self.target(actor, &serving, owner)?;
        if to.member == from.member {
            return Err(Failure::usage(format!("`{actor}` is to move from {} to itself", from.name)).into());
        }
        if self.image.is_some() {
            self.renew(app, session, inventories, from, to).await?;
        }
        let order = KeyedMove {
            name: actor.name.clone(),
            key: Some(actor.key.clone()),
            to: to.member.clone(),
            pause_max_ms: u64::try_from(self.max_pause.as_millis()).unwrap_or(u64::MAX),
        };
        let narrator = Mutex::new(Narrator::new());
        let tell = |progress| Narrator::tell(&narrator, &from.name, &progress);
        let within = app.timeout + self.max_pause;
        let moved = session.client.send(from, &order, within, tell).await?;
        drop(narrator);
        app.print(&views::keyed_moved(actor, &from.name, &to.name, &moved)?)
    }

    /// Stores the component that `--image` names.
    async fn component(&self, session: &Session) -> Result<Option<Component>> {
        let Some(image) = &self.image else { return Ok(None) };
        let images = Images::open(&self.images)?;
        let mut fetched = images.get(&Name::read(image)?, Some(session)).await?;
        if let Some(signer) = self.sign.signer(&session.context)? {
            signer.add_to(&mut fetched)?;
        }
        fetched.store(session).await?;
        check_policy(session, &images, &format!("actor `{}`", self.actor.name), &fetched).await?;
        Ok(Some(Component {
            digest: fetched.digest,
            image: fetched.image,
        }))
    }

    /// Has the actors of that name on the target go on in the component that `--image` names.
    async fn renew(
        &self,
        app: &App,
        session: &Session,
        inventories: &[InventoryReply],
        from: &MemberSummary,
        to: &MemberSummary,
    ) -> Result<()> {
        if let Some(managed) = managed(session, &self.actor.name, inventories).await? {
            self.refuse_image(&managed.application.name)?;
        }
        let Some(component) = self.component(session).await? else {
            return Ok(());
        };
        let runs = |host: &MemberSummary| keyed::status(inventories, host, &self.actor.name);
        let here = runs(from).ok_or_else(|| {
            let name = &self.actor.name;
            Failure::not_found(format!("{} does not run `{name}` any more", from.name))
        })?;
        let replicas = runs(to).map_or(1, |there| there.replicas);
        let start = ActorStart::new(component.instead_of(&here.spec), replicas);
        let narrator = Mutex::new(Narrator::new());
        let tell = |progress| Narrator::tell(&narrator, &to.name, &progress);
        session.client.send(to, &start, app.timeout, tell).await?;
        Ok(())
    }

    /// What an application runs is in its manifest alone.
    fn refuse_image(&self, application: &AppName) -> Result<()> {
        if self.image.is_none() {
            return Ok(());
        }
        let name = &self.actor.name;
        Err(Failure::usage(format!(
            "`{name}` belongs to the application `{application}`, which says its image"
        ))
        .help("write the new image into its manifest and `lattice apply` that: it goes on in it wherever it runs")
        .into())
    }

    /// Refuses to move an actor away from where it is not.
    fn check_from(&self, actor: &KeyedActor, lives: &MemberSummary, inventories: &[InventoryReply]) -> Result<()> {
        let Some(from) = &self.from else {
            return Ok(());
        };
        let members: Vec<MemberSummary> = inventories.iter().map(|place| place.summary.clone()).collect();
        if resolve::member(&members, from)?.member == lives.member {
            return Ok(());
        }
        let failure = Failure::new(
            Exit::Conflict,
            format!("`{actor}` is not on {from} but on {}", lives.name),
        );
        Err(failure.help("leave `--from` out to move it from wherever it is").into())
    }

    /// The host that `--to` names, or the one with that label on which the actor would be woken.
    fn target<'a>(
        &self,
        actor: &KeyedActor,
        serving: &[&'a MemberSummary],
        owner: &MemberId,
    ) -> Result<&'a MemberSummary> {
        let nobody = |why: String| {
            let name = &actor.name;
            Failure::not_found(why).help(format!(
                "an actor moves to hosts that run its kind: `lattice get actors` shows where `{name}` runs"
            ))
        };
        if let Ok(labels) = self.to.parse::<Labels>()
            && self.to.contains('=')
        {
            let mut there = serving.to_vec();
            there.retain(|host| host.labels.matches(&labels) && host.member != *owner);
            return keyed::home(actor, &there)
                .ok_or_else(|| nobody(format!("no other host with {labels} runs `{}`", actor.name)).into());
        }
        let members: Vec<MemberSummary> = serving.iter().map(|host| (*host).clone()).collect();
        let chosen = resolve::member(&members, &self.to)
            .map_err(|_| nobody(format!("`{}` does not run on a host called `{}`", actor.name, self.to)))?;
        let same = |host: &&&'a MemberSummary| host.member == chosen.member;
        Ok(serving.iter().find(same).expect("it was found among them"))
    }

    /// Writes the move down where the controller reads it, and waits until it is so.
    async fn declare(
        &self,
        app: &App,
        session: &Session,
        managed: Managed,
        from: &MemberSummary,
        to: &MemberSummary,
    ) -> Result<()> {
        let Managed { at, mut application } = managed;
        let name = application.name.clone();
        let (Some(from_id), Some(to_id)) = (from.member.as_host(), to.member.as_host()) else {
            return Err(Failure::usage("actors move between hosts").into());
        };
        if from_id == to_id {
            return Err(
                Failure::usage(format!("`{}` is to move from {} to itself", self.actor.name, from.name)).into(),
            );
        }
        let actor = application
            .actor_mut(&self.actor.name)
            .expect("it was found by this actor");
        if !to.labels.matches(&actor.spec.placement) {
            return Err(
                Failure::failed(format!("{} may not run `{}`", to.name, self.actor.name))
                    .because(format!("it asks for hosts with {}", actor.spec.placement))
                    .into(),
            );
        }
        let moved = &mut actor.placement.moved;
        // Whatever was moved to where it now leaves goes along; moving it back undoes the move.
        moved
            .values_mut()
            .filter(|there| **there == from_id)
            .for_each(|there| *there = to_id.clone());
        moved.retain(|here, there| here != there);
        moved.remove(&to_id);
        moved.insert(from_id, to_id);
        let cause = Cause::Moved {
            actor: self.actor.name.clone(),
        };
        let revised = applications::revise(session, application, cause, &at).await?;
        let mut narrator = Narrator::new();
        let number = revised.revision.number;
        Follower::new(session)
            .wait(&name, number, Awaited::Ready, app.timeout, &mut narrator)
            .await?;
        drop(narrator);
        let told = format!("ready, {} moved from {} to {}", self.actor.name, from.name, to.name);
        app.print(&views::app_revised(&revised, &told)?)
    }
}
