//! One round: load, a move, a fault at some moment, healing, the last reads, the verdict.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use lattice_control::{KeyedMove, MemberSummary};
use lattice_core::KeyedActor;
use lattice_stateful::Phase;
use tokio::task::JoinSet;

use crate::books::Books;
use crate::fault::{Fault, Roles};
use crate::field::Field;
use crate::host::Host;
use crate::load::{Client, Desk, Keys, Load, Retries};
use crate::random::Random;
use crate::web::Web;

/// Load before anything happens, and after all is well again.
const CALM: Duration = Duration::from_millis(500);
/// The longest pause of a move.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a move may take to say what came of it.
const MOVE_WITHIN: Duration = Duration::from_secs(40);
/// Money on its way has to arrive within this after all is well.
const ARRIVES_WITHIN: Duration = Duration::from_secs(40);
/// The fault comes this long after moves were begun, at most: they take about as long.
const ANYTIME: Duration = Duration::from_millis(30);

/// When the fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// Then a move is tried.
    BeforeAMove,
    /// As a phase of it begins.
    At(Phase),
    /// At some time while moves run.
    Anytime,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) number: usize,
    pub(crate) fault: Fault,
    pub(crate) moment: Moment,
    pub(crate) seed: u64,
    pub(crate) retries: Retries,
    /// Whether clients are done before the fault is; else a seed decides.
    pub(crate) quiet: bool,
    /// How long clients wait for one try.
    pub(crate) patience: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// When the fault came.
    pub(crate) moment: Moment,
    pub(crate) violations: Vec<String>,
    pub(crate) silence: Duration,
    pub(crate) moves: usize,
    pub(crate) lost_moves: Vec<String>,
    pub(crate) answered: usize,
    pub(crate) unknown: usize,
    pub(crate) kept: Option<PathBuf>,
}

/// Plays a round. Histories of bad ones go to a folder in `out`.
pub(crate) async fn play(field: &mut Field, plan: Plan, out: &Path) -> Result<Outcome> {
    let mut random = Random::new(plan.seed);
    let keys = Keys::of_round(plan.number);
    let books = Arc::new(Books::default());
    let desk = Desk {
        web: Web::new(plan.patience),
        fronts: Arc::new(field.urls()),
        books: books.clone(),
        retries: plan.retries,
        losing: field.losing.clone(),
    };
    let load = Load::start(&desk, &keys, random.next()).await;
    tokio::time::sleep(CALM).await;

    let actors: Vec<KeyedActor> = keys.actors().map(|actor| actor.parse()).collect::<Result<_, _>>()?;
    let source = field.owner(&actors[0]).await?;
    let roles = Roles {
        source,
        target: 1 - source,
        front: usize::from(random.below(2) == 1),
        leader: field.leader(&actors[0]).await,
    };
    let mut moving = Vec::new();
    for actor in actors {
        if field.owner(&actor).await? == source {
            moving.push(actor);
        }
    }
    let from = field.summary(field.workers[source].id()).await?;
    match plan.moment {
        Moment::BeforeAMove => plan.fault.strike(field, roles),
        Moment::At(phase) => field.holds.arm(phase)?,
        Moment::Anytime => {}
    }
    let moves = Moves::begin(field, &moving, &from, roles.target);
    let moment = match plan.moment {
        Moment::At(_) if !field.holds.reached().await => Moment::Anytime,
        Moment::Anytime => {
            tokio::time::sleep(random.moment(ANYTIME)).await;
            plan.moment
        }
        moment => moment,
    };
    if moment != Moment::BeforeAMove {
        plan.fault.strike(field, roles);
    }
    field.holds.release();
    tokio::time::sleep(plan.fault.lasts()).await;
    let quiet = plan.quiet || random.below(2) == 1;
    let mut load = Some(load);
    if let Some(load) = load.take_if(|_| quiet) {
        // What comes back late then has the last word, if nothing stops it: no later write covers it up.
        load.stop().await;
    }
    Fault::heal(field).await?;
    let (moves, lost_moves) = moves.end().await;
    field.whole().await?;
    tokio::time::sleep(CALM).await;
    if let Some(load) = load {
        load.stop().await;
    }
    // What counts is what is stored, not what a host remembers.
    field.workers.iter_mut().for_each(Host::kill);
    Fault::heal(field).await?;
    field.whole().await?;

    let mut violations = Vec::new();
    violations.extend(last_reads(field, &desk, &keys, plan.seed).await?);
    violations.extend(books.judge());
    let kept = if violations.is_empty() {
        None
    } else {
        let folder = out.join(format!("round-{}", plan.number));
        books.keep(&folder)?;
        std::fs::write(folder.join("said.txt"), violations.join("\n\n"))?;
        for host in field.workers.iter().chain(&field.fronts) {
            std::fs::copy(host.log(), folder.join(format!("{}.log", host.name)))?;
        }
        Some(folder)
    };
    let (answered, unknown) = books.counts();
    Ok(Outcome {
        moment,
        violations,
        silence: books.longest_silence(),
        moves,
        lost_moves,
        answered,
        unknown,
        kept,
    })
}

/// Reads everything once more, when nobody changes it any more. Says what did not come to rest.
async fn last_reads(field: &Field, desk: &Desk, keys: &Keys, seed: u64) -> Result<Vec<String>> {
    let mut stuck = Vec::new();
    let started = Instant::now();
    for account in &keys.accounts {
        let actor: KeyedActor = format!("bank/{account}").parse()?;
        while field.find(&actor).await?.letters > 0 {
            if started.elapsed() > ARRIVES_WITHIN {
                stuck.push(format!("bank: money that `{actor}` sent does not arrive"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let mut client = Client::new(desk, 1_000, seed);
    for key in &keys.carts {
        client.count(key).await;
    }
    for key in &keys.ledgers {
        client.read(key).await;
    }
    for key in &keys.accounts {
        client.balance(key).await;
    }
    Ok(stuck)
}

/// Moves under way.
struct Moves(JoinSet<Result<(), String>>);

impl Moves {
    /// Moves actors from one host to another, all at once.
    fn begin(field: &Field, actors: &[KeyedActor], from: &MemberSummary, target: usize) -> Self {
        let mut moves = JoinSet::new();
        for actor in actors {
            let order = KeyedMove {
                name: actor.name.clone(),
                key: Some(actor.key.clone()),
                to: field.workers[target].id().clone(),
                pause_max_ms: u64::try_from(PAUSE_MAX.as_millis()).unwrap_or(u64::MAX),
            };
            let (client, from) = (field.lattice.client().clone(), from.clone());
            moves.spawn(async move {
                let moved = client.send(&from, &order, MOVE_WITHIN, |_| ()).await;
                moved.map(drop).map_err(|error| error.to_string())
            });
        }
        Self(moves)
    }

    /// How many there were, and why some came to nothing.
    async fn end(mut self) -> (usize, Vec<String>) {
        let (mut count, mut lost) = (0, Vec::new());
        while let Some(moved) = self.0.join_next().await {
            count += 1;
            match moved {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => lost.push(reason),
                Err(error) => lost.push(error.to_string()),
            }
        }
        (count, lost)
    }
}

impl Moment {
    /// All of them, in order.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let within = Phase::ALL.map(Self::At);
        [Self::BeforeAMove].into_iter().chain(within).chain([Self::Anytime])
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeAMove => "before",
            Self::At(phase) => phase.name(),
            Self::Anytime => "anytime",
        })
    }
}
