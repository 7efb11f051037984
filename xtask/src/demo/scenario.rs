//! What the demonstration does, step by step.

use super::Stage;
use super::field::{self, Field};
use super::load::{self, Load, Request, Tally};
use super::lonely::Lonely;
use super::report::{Report, Section};
use super::shop::{self, Shop};
use super::watch::{Shown, Watch};
use crate::lattice::Lattice;
use crate::program::free_port;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How many requests each of the quiet steps sends.
const REQUESTS: usize = 200;
/// How many threads send requests during the loud ones.
const WORKERS: usize = 4;
/// How long load runs before and after something happens under it.
const LOAD: Duration = Duration::from_secs(1);
/// How often a cart moves.
const MOVES: usize = 20;
/// How long the counter counts.
const COUNTING: Duration = Duration::from_secs(2);
/// How many requests a killed host may take along: one of each thread is in flight, and one more may be sent before NATS has noticed.
const LOST_MAX: usize = 2 * WORKERS;
/// How long it may take until what a host ran is ready elsewhere.
const HEALED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks at how far that is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// Pages by which requests reach every actor.
const PAGES: [&str; 3] = ["hello", "count/visits", "ada"];

/// Plays all steps on a lattice that keeps its files in `home`, while others watch.
pub(super) fn play(mut stage: Stage, home: &Path, watch: &mut Watch, keep: bool) -> Result<Report> {
    let address = format!("127.0.0.1:{}", free_port()?);
    // The manifests ask for it.
    stage.environment.push(("SHOP_ADDRESS", address.clone().into()));
    stage.environment.extend(stage.telemetry.iter().cloned());
    let mut lattice = Lattice::new(&stage.programs, &stage.environment, home);
    let mut report = Report::default();

    say("starting nats-server and three hosts: cloud, edge, pi");
    let up = lattice.up(&[
        "--observe",
        "--name",
        "cloud",
        "--label",
        "zone=cloud",
        "--host",
        "edge:zone=edge,power=mains",
        "--host",
        "pi:zone=edge,power=mains",
    ])?;
    let shop = Shop {
        lattice: &lattice,
        manifests: &stage.manifests,
        site: format!("http://{address}"),
    };
    say("enrolling a fourth, field, and starting it outside of them");
    let field = Field::start(&lattice, &stage, home)?;
    let mut shown = shown(&up)?;
    shown.push(field.shown());
    watch.meet(&shop, &shown)?;

    deploy(&shop)?;
    watch.see_deployed(&shop)?;
    report.add(hello(&shop)?);
    report.add(counter(&shop)?);
    report.add(ping_pong(&shop)?);
    follow(&shop, &stage, watch)?;
    report.add(cart(&shop, watch)?);
    report.add(update(&shop)?);
    let (killed, healed) = kill(&shop, field)?;
    report.add(killed);
    report.add(healed);
    watch.picture("field-killed")?;
    report.add(drain(&shop)?);
    report.add(scale(&shop)?);
    report.add(relocate(&shop)?);
    report.add(mistake(&shop)?);
    report.add(roll_back(&shop)?);
    report.add(outage(&shop, &up)?);
    if watch.is_on() {
        say("looking back at all that");
        watch.look_back(&[field::NAME])?;
    }

    if keep {
        say_what_to_try(&shop.site, home, &stage);
        watch.leave_running();
        lattice.leave_running();
    } else {
        delete(&shop)?;
        say("taking everything down");
        lattice.down()?;
    }
    Ok(report)
}

/// Where the hosts of `lattice up` show their metrics.
fn shown(up: &serde_json::Value) -> Result<Vec<Shown>> {
    let hosts = up["hosts"].as_array().context("`lattice up` printed no hosts")?;
    let shown = hosts.iter().map(|host| {
        let (name, address) = (host["name"].as_str(), host["metrics"].as_str());
        let (name, address) = name
            .zip(address)
            .with_context(|| format!("`lattice up` printed {host}"))?;
        Ok(Shown {
            host: name.to_owned(),
            address: address.to_owned(),
        })
    });
    shown.collect()
}

/// Everything the shop is, from one manifest.
fn deploy(shop: &Shop<'_>) -> Result<()> {
    say("lattice apply: actors, providers, routes and links from one manifest");
    let started = Instant::now();
    shop.apply(shop::FIRST.manifest)?;
    tell(&format!("ready after {}", seconds(started.elapsed())));
    for actor in ["hello", "counter", "cart", "ping", "pong"] {
        tell(&format!("{actor:<8} on {}", shop.placement(actor)?));
    }
    Ok(())
}

fn hello(shop: &Shop<'_>) -> Result<Section> {
    say("hello: HTTP into an actor on other hosts");
    shop.check_version(shop::FIRST)?;
    Ok(Section::new("hello", Tally::of(&shop.get("hello"), REQUESTS)))
}

fn counter(shop: &Shop<'_>) -> Result<Section> {
    say("counter: an actor that counts in a JetStream bucket, over a key-value provider");
    let before = shop.count()?;
    let counting = Load::start(&[Request::Post(format!("{}/count/visits", shop.site))], 1);
    std::thread::sleep(COUNTING);
    let tally = counting.finish()?;
    let answered = tally.sent - tally.failed;
    let counted = shop.count()? - before;
    ensure!(
        counted == answered as u64,
        "{answered} requests were answered and {counted} were counted"
    );
    Ok(Section::new("counter", tally).outcome(format!("{counted} answered and counted")))
}

fn ping_pong(shop: &Shop<'_>) -> Result<Section> {
    say("ping → pong: one actor calls another, on another host");
    let text = load::fetch(&format!("{}/ada", shop.site))?;
    ensure!(text.contains("well played, ada"), "ping answered {text:?}");
    Ok(Section::new("ping → pong", Tally::of(&shop.get("ada"), REQUESTS)))
}

/// What single calls look like to those who watch; one of them fails.
fn follow(shop: &Shop<'_>, stage: &Stage, watch: &Watch) -> Result<()> {
    if !watch.is_on() {
        return Ok(());
    }
    say("following single calls, one to nobody among them");
    watch.follow_request(shop)?;
    let lonely = Lonely::start(shop.lattice, &stage.components)?;
    watch.follow_failure(shop, &lonely)?;
    watch.check_pages()?;
    lonely.stop()
}

/// An actor with state goes from host to host while customers put things into it.
fn cart(shop: &Shop<'_>, watch: &mut Watch) -> Result<Section> {
    say(&format!(
        "cart/ada: an actor with state moves from host to host {MOVES} times while it serves"
    ));
    let adding = [Request::Post(format!("{}/add", shop.cart("ada")))];
    load::post(&format!("{}/add?by=0", shop.cart("ada")))?;
    let before = shop.cart_count("ada")?;
    let load = Load::start(&adding, WORKERS);
    std::thread::sleep(LOAD);
    let started = Instant::now();
    let mut pauses = (0..MOVES)
        .map(|_| Ok(shop.move_cart("ada")?.pause))
        .collect::<Result<Vec<Duration>>>()?;
    let took = started.elapsed();
    watch.follow_move(shop, "ada")?;
    std::thread::sleep(LOAD);
    let tally = load.finish()?;
    let (answered, counted) = ((tally.sent - tally.failed) as u64, shop.cart_count("ada")? - before);
    ensure!(
        counted == answered,
        "{answered} requests were answered and {counted} were counted"
    );
    pauses.sort();
    let (p50, p99) = (pauses[pauses.len() / 2], pauses[(pauses.len() * 99).div_ceil(100) - 1]);
    let millis = |pause: Duration| format!("{:.1} ms", pause.as_secs_f64() * 1000.0);
    tell(&format!(
        "{answered} answered, {counted} counted: none lost, none doubled"
    ));
    let outcome = format!("{MOVES} moves, pause p50 {}, p99 {}", millis(p50), millis(p99));
    Ok(Section::new("move cart/ada", tally).took(took).outcome(outcome))
}

fn update(shop: &Shop<'_>) -> Result<Section> {
    say("a rolling update: lattice apply of a manifest with another hello, under load");
    let (section, took) = under_load(shop, "update hello", &["hello"], || shop.apply(shop::SECOND.manifest))?;
    shop.check_version(shop::SECOND)?;
    tell(&format!("ready after {}, and hello answers as 1.1.0", seconds(took)));
    Ok(section.outcome("1.0.0  →  1.1.0".to_owned()))
}

/// The kill with the requests until all is well again, and the requests after that.
fn kill(shop: &Shop<'_>, field: Field) -> Result<(Section, Section)> {
    let on_field: u32 = ["hello", "counter"]
        .map(|actor| replicas_on(shop, actor, field::NAME))
        .into_iter()
        .sum::<Result<u32>>()?;
    ensure!(on_field > 0, "field runs nothing, so killing it would show nothing");
    say(&format!("kill -9 of field, which runs {on_field} replicas, under load"));
    let before = shop.placement("hello")?;
    let load = Load::start(&[shop.get("hello"), shop.get("count/visits")], WORKERS);
    std::thread::sleep(LOAD);
    field.kill()?;
    let took = wait_until_healed(shop)?;
    let tally = load.finish()?;
    let after = shop.placement("hello")?;
    tell(&format!(
        "healed after {}; {} of {} requests were lost meanwhile",
        seconds(took),
        tally.failed,
        tally.sent
    ));
    ensure!(
        tally.failed <= LOST_MAX,
        "{} requests failed when a host was killed, and at most {LOST_MAX} can have been on their way to it: {}",
        tally.failed,
        tally.first_failure.as_deref().unwrap_or_default()
    );
    let killed = Section::new("kill field", tally)
        .with_a_kill()
        .took(took)
        .outcome(format!("hello {before}  →  {after}"));
    let load = Load::start(&PAGES.map(|page| shop.get(page)), WORKERS);
    std::thread::sleep(LOAD);
    Ok((killed, Section::new("healed", load.finish()?)))
}

/// Returns how long it took until all replicas are ready on hosts that are there.
fn wait_until_healed(shop: &Shop<'_>) -> Result<Duration> {
    let killed = Instant::now();
    while !shop.progress()?.is_ready_without(field::NAME) {
        if killed.elapsed() > HEALED_WITHIN {
            let status = shop.lattice.run(&["app", "status", shop::NAME])?;
            bail!(
                "not healed {} after a host was killed:\n{status}",
                seconds(killed.elapsed())
            );
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(killed.elapsed())
}

fn drain(shop: &Shop<'_>) -> Result<Section> {
    let progress = shop.progress()?;
    let host = progress.provider("kv").context("the key-value provider runs nowhere")?;
    say(&format!(
        "lattice drain {host}: its actors and its provider go elsewhere, under load"
    ));
    let (section, took) = under_load(shop, &format!("drain {host}"), &PAGES, || {
        shop.lattice.run(&["drain", host])?;
        Ok(())
    })?;
    shop.lattice.run(&["wait", "app/shop"])?;
    let (left, listed) = (shop.progress()?, shop.lattice.json(&["get", "hosts", host])?);
    let listed = &listed["items"][0];
    ensure!(
        left.is_ready_without(host) && listed["actors"] == 0 && listed["providers"] == 0,
        "{host} is drained, and has still {listed}"
    );
    tell(&format!("empty after {}", seconds(took)));
    shop.lattice.run(&["uncordon", host])?;
    shop.lattice.run(&["wait", "app/shop"])?;
    Ok(section)
}

fn scale(shop: &Shop<'_>) -> Result<Section> {
    say("lattice scale hello 6, under load");
    let before = shop.placement("hello")?;
    let (section, _) = under_load(shop, "scale hello to 6", &["hello"], || {
        shop.lattice.run(&["scale", "hello", "6"])?;
        Ok(())
    })?;
    let after = shop.placement("hello")?;
    let progress = shop.progress()?;
    let replicas: u32 = progress.hosts("hello").iter().map(|(_, count)| count).sum();
    ensure!(replicas == 6, "scaled to 6, hello runs on {after}");
    Ok(section.outcome(format!("{before}  →  {after}")))
}

fn relocate(shop: &Shop<'_>) -> Result<Section> {
    let before = shop.progress()?;
    let (from, _) = before.hosts("pong").first().context("pong runs nowhere")?;
    let to = if from == "edge" { "pi" } else { "edge" };
    say(&format!(
        "lattice move pong --from {from} --to {to}, while ping calls it"
    ));
    let (section, _) = under_load(shop, "move pong", &["ada"], || {
        shop.lattice.run(&["move", "pong", "--from", from, "--to", to])?;
        Ok(())
    })?;
    let after = shop.placement("pong")?;
    ensure!(after == format!("{to} 1"), "moved to {to}, pong runs on {after}");
    Ok(section.outcome(format!("{from}  →  {to}")))
}

/// An update that cannot become ready.
fn mistake(shop: &Shop<'_>) -> Result<Section> {
    say("a mistake: a manifest whose hello is the wrong component, under load");
    let mut told = None;
    let (section, _) = under_load(shop, "bad update", &PAGES, || {
        let refused = shop.apply(shop::MISTAKE);
        told = refused.err().map(|error| error.to_string());
        Ok(())
    })?;
    let told = told.context("an update that answers its probe with 404 was applied")?;
    ensure!(
        told.contains("did not become ready") && told.contains("is back in force"),
        "an update failed otherwise than it should: {told}"
    );
    let why = told
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("error:"))
        .take_while(|line| !line.trim_start().starts_with("help:"));
    why.for_each(|line| tell(line.trim_end()));
    shop.lattice.run(&["wait", "app/shop"])?;
    shop.check_version(shop::SECOND)?;
    let links = shop.lattice.run(&["get", "links"])?;
    ensure!(
        !links.lines().any(|line| line.starts_with("actor/hello")),
        "the link of an update that was taken back is still there:\n{links}"
    );
    Ok(section.outcome("taken back".to_owned()))
}

fn roll_back(shop: &Shop<'_>) -> Result<Section> {
    say("lattice app rollback shop --to 1, under load");
    let (section, _) = under_load(shop, "roll back to 1", &PAGES, || {
        shop.lattice.run(&["app", "rollback", shop::NAME, "--to", "1"])?;
        Ok(())
    })?;
    shop.check_version(shop::FIRST)?;
    say("lattice app history shop");
    let history = shop.lattice.run(&["app", "history", shop::NAME])?;
    for why in ["rolled back to revision 1", "did not become ready", "scaled by hand"] {
        ensure!(history.contains(why), "the history does not say {why:?}:\n{history}");
    }
    history.lines().for_each(|line| tell(line.trim_end()));
    Ok(section.outcome("1.1.0  →  1.0.0".to_owned()))
}

/// Nothing is lost with what carries all of it: `lattice up` starts it again, and hosts find it.
fn outage(shop: &Shop<'_>, up: &serde_json::Value) -> Result<Section> {
    say("kill -9 of nats-server, which carries every call and keeps all state");
    let process = up["nats"]["process"]["pid"].as_u64();
    let process = process.with_context(|| format!("`lattice up` printed no nats-server: {up}"))?;
    let before = (shop.count()?, shop.cart_count("ada")?);
    let started = Instant::now();
    crate::shell::stdout_of(Command::new("sh").args(["-c", &format!("kill -9 {process}")]))?;
    wait_until_answered(shop)?;
    let took = started.elapsed();
    shop.lattice.run(&["wait", "app/shop"])?;
    let after = (shop.count()?, shop.cart_count("ada")?);
    ensure!(
        before == after,
        "counters were at {before:?} before nats-server was killed, and are at {after:?}"
    );
    tell(&format!(
        "all pages answer again after {}, and nothing is forgotten",
        seconds(took)
    ));
    let section = Section::new("kill nats-server", Tally::of(&shop.get("hello"), REQUESTS));
    Ok(section.took(took))
}

/// Returns when all pages are answered.
fn wait_until_answered(shop: &Shop<'_>) -> Result<()> {
    let started = Instant::now();
    for page in PAGES {
        while let Err(error) = load::fetch(&format!("{}/{page}", shop.site)) {
            if started.elapsed() > HEALED_WITHIN {
                return Err(error.context("not answered after nats-server was killed"));
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
    Ok(())
}

fn delete(shop: &Shop<'_>) -> Result<()> {
    say("lattice app delete shop");
    let started = Instant::now();
    shop.lattice.run(&["app", "delete", shop::NAME])?;
    let took = started.elapsed();
    for kind in ["actors", "providers", "links"] {
        let left = shop.names(kind)?;
        ensure!(left.is_empty(), "the shop is deleted, and left {}", left.join(", "));
    }
    tell(&format!("no actor, provider or link is left after {}", seconds(took)));
    Ok(())
}

/// Does something while requests go to these pages, and says how long it took.
fn under_load(
    shop: &Shop<'_>,
    name: &str,
    pages: &[&str],
    act: impl FnOnce() -> Result<()>,
) -> Result<(Section, Duration)> {
    let pages: Vec<Request> = pages.iter().map(|page| shop.get(page)).collect();
    let load = Load::start(&pages, WORKERS);
    std::thread::sleep(LOAD);
    let started = Instant::now();
    let outcome = act();
    let took = started.elapsed();
    std::thread::sleep(LOAD);
    let tally = load.finish()?;
    outcome?;
    Ok((Section::new(name, tally).took(took), took))
}

/// How many replicas of an actor a host has.
fn replicas_on(shop: &Shop<'_>, actor: &str, host: &str) -> Result<u32> {
    let progress = shop.progress()?;
    let there = progress.hosts(actor).iter().find(|(name, _)| name == host);
    Ok(there.map_or(0, |(_, count)| *count))
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn say(what: &str) {
    println!("• {what}");
}

/// Tells what came of something.
pub(super) fn tell(what: &str) {
    println!("    {what}");
}

fn say_what_to_try(site: &str, home: &Path, stage: &Stage) {
    let (home, programs, manifests) = (home.display(), stage.programs.display(), stage.manifests.display());
    let address = site.trim_start_matches("http://");
    println!(
        "\nStill up. In another terminal:\n\n  export LATTICE_HOME={home} PATH={programs}:$PATH SHOP_ADDRESS={address}\n  \
         curl {site}/hello\n  curl -X POST {site}/count/visits\n  curl {site}/ada\n  lattice get hosts\n  \
         lattice app status shop\n  lattice diff -f {manifests}/{next} --env\n  lattice apply -f {manifests}/{next} --env --wait\n  \
         lattice move cart/ada --to zone=edge\n  lattice drain pi\n  lattice uncordon pi\n  lattice get links -o wide\n  lattice app delete shop\n  lattice down\n",
        next = shop::SECOND.manifest
    );
}
