//! Calls to stateful actors, which live in one place at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::{CallAddress, Fault, FaultKind, LinkId, MemberId};
use lattice_mesh::{Body, IncomingCall, KeyedTarget, Member, OutgoingCall, Outstanding, Reply};
use lattice_testkit::FaultProxy;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::world::{Host, LIMIT, Run, World, claims, text};

/// Who owns all the actors there are, and who was asked for one.
#[derive(Default)]
struct Book {
    owner: Option<MemberId>,
    asked: Vec<(MemberId, CallAddress)>,
}

type Shared = Arc<Mutex<Book>>;

/// `ping` on `a` may call `pong`, of which actors live on `b` or `c`.
struct Flock {
    world: World,
    a: Host,
    b: Host,
    c: Host,
    link: LinkId,
    book: Shared,
}

/// What the owner of an actor does with a call.
#[derive(Clone)]
enum Owner {
    /// Answers with its id.
    Answers,
    /// Says that it is there, and never answers.
    NeverAnswers(Arc<Notify>),
    /// Answers after so long.
    Slow(Duration),
}

/// Answers for the actors it owns. For others it names the owner, unless that one could not be reached: then it takes over.
fn serve(host: &Host, book: &Shared, behaviour: Owner) {
    let (me, book) = (host.id().clone(), book.clone());
    host.serve(Run(move |call: IncomingCall| {
        let (me, behaviour) = (me.clone(), behaviour.clone());
        let address = call.address.expect("a call to a stateful actor");
        let owner = {
            let mut book = book.lock();
            book.asked.push((me.clone(), address.clone()));
            if address.owner_unreachable {
                book.owner = Some(me.clone());
            }
            book.owner.get_or_insert(me.clone()).clone()
        };
        async move {
            if owner != me {
                return Err(Fault::not_here("it lives elsewhere", Some(owner)));
            }
            match behaviour {
                Owner::Answers => {}
                Owner::NeverAnswers(started) => {
                    started.notify_one();
                    std::future::pending::<()>().await;
                }
                Owner::Slow(duration) => tokio::time::sleep(duration).await,
            }
            Ok(Reply {
                head: call.head,
                body: me.to_string().into_bytes().into(),
            })
        }
    }));
}

impl Flock {
    async fn start(b: Owner, c: Owner) -> Self {
        let world = World::start().await;
        let bus = world.bus("b").await;
        Self::wire(world, bus, b, c).await
    }

    /// With `b` behind a proxy, so that it can die or freeze. Nobody thinks it lost too soon.
    async fn with_proxy(b: Owner, c: Owner) -> (Self, FaultProxy) {
        let world = World::start().await;
        let proxy = FaultProxy::start(world.nats.address()).await;
        let bus = world.bus_at("b", &proxy.nats_url()).await;
        (Self::wire(world, bus, b, c).await, proxy)
    }

    async fn wire(world: World, bus: lattice_bus::Bus, on_b: Owner, on_c: Owner) -> Self {
        let identity = world.identity();
        let mut config = world.config("a", &identity);
        config.lost_after = Duration::from_secs(60);
        let member = Member::join(config, world.bus("a").await).await.expect("joined");
        let a = Host { member, identity };
        let (b, c) = (world.host_with("b", world.identity(), bus).await, world.host("c").await);
        let book = Shared::default();
        serve(&b, &book, on_b);
        serve(&c, &book, on_c);
        a.runs(&["ping"]).await;
        let link = world.link(&claims("actor/ping", "actor/pong")).await;
        a.knows(&link).await;
        for host in [&b, &c] {
            host.runs(&["pong"]).await;
            host.knows(&link).await;
            a.sees(host, "actor/pong").await;
        }
        Self {
            world,
            a,
            b,
            c,
            link,
            book,
        }
    }

    fn call(&self) -> OutgoingCall {
        self.a.call(&self.link, "actor/ping", "actor/pong", Body::Empty)
    }

    async fn invoke(&self, key: &str) -> Result<(Reply, Outstanding), Fault> {
        self.a.member.invoke_keyed(self.call(), target(key)).await
    }

    fn owned_by(&self, host: &Host) {
        self.book.lock().owner = Some(host.id().clone());
    }

    /// Who was asked since the last time.
    fn asked(&self) -> Vec<(MemberId, CallAddress)> {
        std::mem::take(&mut self.book.lock().asked)
    }

    fn who_was_asked(&self) -> Vec<MemberId> {
        self.asked().into_iter().map(|(member, _)| member).collect()
    }
}

fn target(key: &str) -> KeyedTarget {
    KeyedTarget::new(key.parse().expect("a key"), Uuid::new_v4())
}

async fn answerer(answer: Result<(Reply, Outstanding), Fault>) -> String {
    text(answer.expect("answered").0).await
}

#[tokio::test]
async fn callers_agree_on_where_an_actor_belongs() {
    let flock = Flock::start(Owner::Answers, Owner::Answers).await;
    // A process that runs a provider calls actors as well.
    let kv = flock.world.provider("kv").await;
    let link = flock.world.link(&claims("provider/kv", "actor/pong")).await;
    kv.knows(&link).await;
    for host in [&flock.b, &flock.c] {
        host.knows(&link).await;
        kv.sees(host, "actor/pong").await;
    }
    let mut homes = Vec::new();
    for number in 0..30 {
        let key = format!("{number}");
        flock.book.lock().owner = None;
        let home = answerer(flock.invoke(&key).await).await;
        flock.book.lock().owner = None;
        let call = kv.call(&link, "provider/kv", "actor/pong", Body::Empty);
        let same = answerer(kv.member.invoke_keyed(call, target(&key)).await).await;
        assert_eq!(home, same, "{key}");
        assert_eq!(flock.asked().len(), 2, "nobody else was asked");
        homes.push(home);
    }
    for host in [&flock.b, &flock.c] {
        assert!(homes.iter().any(|home| home == host.id().as_str()), "{homes:?}");
    }
}

#[tokio::test]
async fn an_actor_that_moved_is_followed_and_found_at_once_from_then_on() {
    let flock = Flock::start(Owner::Answers, Owner::Answers).await;
    let (b, c) = (flock.b.id().clone(), flock.c.id().clone());
    flock.owned_by(&flock.b);
    flock.invoke("alice").await.expect("answered");
    flock.asked();
    flock.invoke("alice").await.expect("answered");
    assert_eq!(flock.who_was_asked(), vec![b.clone()]);
    flock.owned_by(&flock.c);
    assert_eq!(answerer(flock.invoke("alice").await).await, c.as_str());
    assert_eq!(flock.who_was_asked(), [b, c.clone()]);
    flock.invoke("alice").await.expect("answered");
    assert_eq!(flock.who_was_asked(), [c]);
}

#[tokio::test]
async fn a_call_is_made_again_under_its_name_when_its_owner_dies() {
    let started = Arc::new(Notify::new());
    let (flock, proxy) = Flock::with_proxy(Owner::NeverAnswers(started.clone()), Owner::Answers).await;
    flock.owned_by(&flock.b);
    let target = target("alice");
    let name = target.call;
    let call = flock.a.member.invoke_keyed(flock.call(), target);
    let cut = async {
        started.notified().await;
        proxy.cut();
    };
    let (answer, ()) = tokio::join!(call, cut);
    assert_eq!(answerer(answer).await, flock.c.id().as_str());
    let asked = flock.asked();
    assert!(asked.iter().all(|(_, address)| address.call == name));
    let (last, address) = asked.last().expect("asked");
    assert_eq!((last, address.owner_unreachable), (flock.c.id(), true));
    let lanes: Vec<_> = asked
        .iter()
        .map(|(_, address)| (address.lane.id, address.lane.seq))
        .collect();
    assert!(lanes.iter().all(|lane| *lane == lanes[0]), "{lanes:?}");
}

#[tokio::test]
async fn a_frozen_owner_does_not_hold_up_the_call() {
    let (flock, proxy) = Flock::with_proxy(Owner::Answers, Owner::Answers).await;
    flock.owned_by(&flock.b);
    flock.invoke("alice").await.expect("answered");
    flock.asked();
    proxy.stall();
    let start = Instant::now();
    assert_eq!(answerer(flock.invoke("alice").await).await, flock.c.id().as_str());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let asked = flock.asked();
    assert!(matches!(&asked[..], [(member, address)] if member == flock.c.id() && address.owner_unreachable));
}

#[tokio::test]
async fn a_slow_owner_is_waited_for_although_another_is_asked() {
    let flock = Flock::start(Owner::Slow(Duration::from_secs(3)), Owner::Answers).await;
    let owner = flock.b.id().clone();
    // Whoever knows that the owner is alive points back, whatever the caller says.
    let pointing = flock.c.id().clone();
    flock.c.member.announce(|presence| presence.actors.clear()).await;
    let d = flock.world.host("d").await;
    let (asked, to) = (Arc::new(Mutex::new(Vec::new())), owner.clone());
    let log = asked.clone();
    d.serve(Run(move |call: IncomingCall| {
        log.lock().extend(call.address.map(|address| address.owner_unreachable));
        let to = to.clone();
        async { Err(Fault::not_here("it is there", Some(to))) }
    }));
    d.knows(&flock.link).await;
    d.runs(&["pong"]).await;
    flock.a.sees(&d, "actor/pong").await;
    lattice_testkit::eventually("c to run nothing", LIMIT, || async {
        let known = flock.a.member.directory().get(&pointing);
        known.filter(|known| known.presence.actors.is_empty())
    })
    .await;
    flock.owned_by(&flock.b);
    assert_eq!(answerer(flock.invoke("alice").await).await, owner.as_str());
    assert!(asked.lock().contains(&true));
    assert_eq!(flock.who_was_asked(), [owner], "once");
}

#[tokio::test]
async fn a_call_that_stays_here_does_not_leave() {
    let flock = Flock::start(Owner::Answers, Owner::Answers).await;
    let (a, book) = (&flock.a, flock.book.clone());
    a.runs(&["ping", "pong"]).await;
    let me = a.member.clone();
    let busy = Arc::new(Mutex::new(Vec::new()));
    let seen = busy.clone();
    a.serve(Run(move |call: IncomingCall| {
        let owner = book.lock().owner.clone().expect("an owner");
        seen.lock()
            .push((call.origin.clone(), call.target.to_string(), me.in_flight()));
        let here = owner == *me.id();
        async move {
            if !here {
                return Err(Fault::not_here("it lives elsewhere", Some(owner)));
            }
            let (head, body) = (call.head, call.body);
            Ok(Reply { head, body })
        }
    }));
    flock.owned_by(a);
    let call = |body: Body| a.call(&flock.link, "actor/ping", "actor/pong", body);
    let chunks = futures::stream::iter((0..64).map(|_| Ok(vec![7; 64 * 1024].into())));
    let (reply, _) = a
        .member
        .invoke_keyed(call(Body::stream(chunks)), target("alice"))
        .await
        .expect("answered");
    assert_eq!(reply.body.collect(8 << 20).await.expect("whole").len(), 4 << 20);
    let expect = (a.id().clone(), "actor/pong".to_owned(), 0);
    assert!(busy.lock().contains(&expect), "{:?}", busy.lock());

    // From here it goes where the actor went, with a body that nobody has touched.
    flock.owned_by(&flock.c);
    let chunks = futures::stream::iter((0..64).map(|_| Ok(vec![7; 64 * 1024].into())));
    let moved = a.member.invoke_keyed(call(Body::stream(chunks)), target("alice")).await;
    assert_eq!(answerer(moved).await, flock.c.id().as_str());

    // And what the link does not grant is denied here as anywhere.
    flock.owned_by(a);
    let mut theft = call(Body::Empty);
    theft.source = "actor/thief".parse().expect("a party");
    let fault = a.member.invoke_keyed(theft, target("bob")).await.expect_err("denied");
    assert_eq!(fault.kind, FaultKind::Denied, "{fault}");
}

#[tokio::test]
async fn an_actor_is_told_which_answers_it_may_forget() {
    let flock = Flock::start(Owner::Answers, Owner::Answers).await;
    flock.owned_by(&flock.b);
    flock.invoke("other").await.expect("answered");
    let (_, first) = flock.invoke("alice").await.expect("answered");
    let (_, second) = flock.invoke("alice").await.expect("answered");
    drop(first);
    let (_, third) = flock.invoke("alice").await.expect("answered");
    drop((second, third));
    flock.invoke("alice").await.expect("answered");
    let owner = flock.b.id();
    let lanes: Vec<_> = flock
        .asked()
        .into_iter()
        .filter(|(member, address)| member == owner && address.key.as_str() == "alice")
        .map(|(_, address)| (address.lane.seq, address.lane.floor))
        .collect();
    assert_eq!(lanes, [(2, 2), (3, 2), (4, 3), (5, 5)]);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_with_its_deadline_and_says_what_was_met() {
    let world = World::start().await;
    let (a, b) = (world.host("a").await, world.host("b").await);
    let asked = Arc::new(Mutex::new(0_u32));
    let count = asked.clone();
    b.serve(Run(move |_| {
        *count.lock() += 1;
        async { Err(Fault::not_here("not yet", None)) }
    }));
    a.runs(&["ping"]).await;
    let link = world.link(&claims("actor/ping", "actor/pong")).await;
    for host in [&a, &b] {
        host.knows(&link).await;
    }
    let to_provider = a.call(&link, "actor/ping", "provider/pong", Body::Empty);
    let fault = a
        .member
        .invoke_keyed(to_provider, target("x"))
        .await
        .expect_err("no actor");
    assert_eq!(fault.kind, FaultKind::BadArguments);
    let call = |millis| {
        let mut call = a.call(&link, "actor/ping", "actor/pong", Body::Empty);
        call.deadline = Instant::now() + Duration::from_millis(millis);
        call
    };
    // What runs nowhere is said at once.
    let start = Instant::now();
    let fault = a
        .member
        .invoke_keyed(call(5000), target("x"))
        .await
        .expect_err("nobody");
    assert_eq!(fault.kind, FaultKind::NoResponders);
    assert!(start.elapsed() < Duration::from_secs(2));
    b.runs(&["pong"]).await;
    a.sees(&b, "actor/pong").await;
    let fault = a
        .member
        .invoke_keyed(call(1000), target("x"))
        .await
        .expect_err("nobody");
    assert_eq!(fault.kind, FaultKind::NotHere, "{fault}");
    let asked = *asked.lock();
    assert!((3..30).contains(&asked), "{asked}");
}
