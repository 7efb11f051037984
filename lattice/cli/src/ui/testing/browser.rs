//! The page as people see it, in a real browser. Skipped where there is none.
//!
//! `LATTICE_UI_PICTURES=/tmp cargo test -p lattice-cli ui::testing` keeps pictures to look at.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    Rig, Scene, changed,
    chromium::{Chromium, Look},
    happened, scene,
};
use crate::ui::told::Change;

const DESK: Look = Look {
    width: 1280,
    height: 800,
    scheme: "light",
};
const NIGHT: Look = Look { scheme: "dark", ..DESK };
const PHONE: Look = Look {
    width: 390,
    height: 844,
    scheme: "light",
};

/// One browser at a time: they are measured.
static TURN: Mutex<()> = Mutex::const_new(());

async fn browse(rig: &Rig) -> Option<(MutexGuard<'static, ()>, Chromium)> {
    let turn = TURN.lock().await;
    let mut browser = Chromium::start().await?;
    browser.look(DESK).await;
    browser.open(&format!("http://{}/", rig.address)).await;
    browser.until("document.querySelector('.tile')").await;
    Some((turn, browser))
}

/// The host on whose card a tile or a chip is.
fn place(party: &str, key: Option<&str>) -> String {
    let tiles = format!("[...document.querySelectorAll('#hosts .tile[data-party=\"{party}\"]')]");
    match key {
        None => format!("{tiles}.map((tile) => tile.closest('article').querySelector('h3').textContent).join()"),
        Some(key) => format!(
            "{tiles}.filter((tile) => [...tile.querySelectorAll('.chip')].some((chip) => chip.textContent === '{key}'))
                .map((tile) => tile.closest('article').querySelector('h3').textContent).join()"
        ),
    }
}

/// Stops what flies half-way, for a picture.
const HALF_WAY: &str = "document.getAnimations().filter((it) => it.effect.target.matches('.flying'))
    .map((it) => { it.pause(); it.currentTime = 290; return it; }).length";
const GO_ON: &str = "document.getAnimations().forEach((it) => it.play())";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_runs_where() {
    let mut rig = Rig::start(Scene::shop().0).await;
    rig.news
        .tell(happened(1, "host-started", "host/cloud", "serves, version 0.1.0"));
    rig.news.tell(happened(
        2,
        "actor-failed",
        "actor/checkout",
        "3 times trap: <b>unreachable</b>",
    ));
    rig.news.tell(happened(3, "app-phase", "app/shop", "revision 4 ready"));
    rig.news.tell(happened(
        4,
        "keyed-moved",
        "actor/cart/erin",
        "to edge, paused 13ms, 2KiB",
    ));
    rig.traced(scene::traces());
    let Some((_turn, mut browser)) = browse(&rig).await else {
        return;
    };
    browser
        .until("document.querySelectorAll('#trace-rows a.trace').length === 4")
        .await;

    let count = |what: &str| format!("document.querySelectorAll('{what}').length");
    assert_eq!(browser.eval(&count("article.host")).await, 4);
    assert_eq!(browser.eval(&count(".tile.actor")).await, 7);
    assert_eq!(browser.eval(&count(".tile.provider")).await, 5);
    assert_eq!(browser.eval(&count("#event-rows li")).await, 4);
    // Not `innerText`, which leaves out what the browser has not painted yet.
    let cart = r#"document.querySelector('.tile[data-party="actor/cart"]').textContent"#;
    let cart = browser.eval(cart).await;
    let cart = cart.as_str().expect("text");
    for word in ["cart", "×1", "31", "p99 3.1 ms", "alice", "dave"] {
        assert!(cart.contains(word), "{word}: {cart}");
    }
    let rooms = r#"document.querySelector('.tile[data-party="actor/thermostat"] .chips').childElementCount"#;
    assert_eq!(browser.eval(rooms).await, 51, "fifty, and how many more");
    let verdicts = browser
        .eval("[...document.querySelectorAll('.verdict')].map((it) => it.textContent).join()")
        .await;
    assert_eq!(
        verdicts,
        "verified,verified,verified,verified,in part,ends soon,not served,refused"
    );
    assert!(browser.eval(&count("#arcs path")).await.as_u64() >= Some(8));
    let jaeger = browser.eval("document.querySelector('#trace-rows a.trace').href").await;
    assert_eq!(jaeger, format!("http://jaeger.test:16686/trace/{}", "4b".repeat(16)));
    browser.picture("light").await;

    // What others named is text and nothing else.
    assert_eq!(browser.eval(&count("img")).await, 1);
    assert_eq!(browser.eval(&count("#event-rows b")).await, 0);
    let shown = browser.eval("document.querySelector('#trace-rows').textContent").await;
    assert!(
        shown
            .as_str()
            .is_some_and(|text| text.contains("<img src=/none onerror=alert(1)>"))
    );

    browser
        .eval("document.querySelector('.tile[data-party=\"actor/cart\"]').click()")
        .await;
    browser
        .until("document.querySelector('#detail').innerText.includes('provider/kv-redis')")
        .await;
    assert_eq!(browser.eval(&count("#link-rows tr")).await, 2, "its links");
    browser.picture("selected").await;
    browser.eval("document.querySelector('#detail .close').click()").await;
    browser.until("document.querySelector('#detail').hidden").await;

    type_into(&mut browser, "filter", "resize").await;
    browser
        .until("document.querySelectorAll('article:not([hidden])').length === 1")
        .await;
    assert_eq!(
        browser.eval(&count("li:not([hidden]) > .tile")).await.as_u64(),
        Some(12 - 11 + hidden_elsewhere(&mut browser).await)
    );
    type_into(&mut browser, "filter", "").await;
    type_into(&mut browser, "events-filter", "trap").await;
    browser
        .until("document.querySelectorAll('#event-rows li:not([hidden])').length === 1")
        .await;
    type_into(&mut browser, "events-filter", "").await;

    browser
        .until("document.querySelectorAll('article:not([hidden])').length === 4")
        .await;
    let walk = "(() => { const first = document.querySelector('.tile[tabindex=\"0\"]'); first.focus();
        first.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
        return document.activeElement.dataset.party; })()";
    assert_eq!(
        browser.eval(walk).await,
        "provider/kv-redis",
        "arrows lead from tile to tile"
    );
    browser.eval("document.activeElement.blur()").await;

    browser.look(NIGHT).await;
    browser.picture("dark").await;
    browser.look(PHONE).await;
    browser.until("document.documentElement.scrollWidth <= 390").await;
    browser.picture("phone").await;
    browser.eval("document.querySelector('#links').scrollIntoView()").await;
    browser.picture("phone-links").await;
    browser.look(DESK).await;
    assert_eq!(browser.complaints, Vec::<String>::new());

    rig.stop();
    browser
        .until("document.querySelector('#banner').innerText.includes('connection')")
        .await;
    browser.picture("lost").await;
    rig.serve().await;
    browser
        .until("document.querySelector('#connection').dataset.state === 'live'")
        .await;
    assert_eq!(browser.eval("document.querySelector('#banner').hidden").await, true);
    let mut scene = Scene::shop();
    scene.0.silent = vec!["garage".to_owned()];
    rig.show(&scene.0);
    rig.news.set_trouble(Some("NATS is away".to_owned()));
    browser
        .until("document.querySelector('#banner').innerText.includes('NATS is away')")
        .await;
    browser
        .until("document.querySelector('#banner').innerText.includes('garage')")
        .await;
    assert_eq!(browser.eval(&count("#event-rows li")).await, 4, "none is there twice");
}

/// Tiles on cards that are hidden as a whole need not be hidden one by one.
async fn hidden_elsewhere(browser: &mut Chromium) -> u64 {
    let elsewhere = browser
        .eval("document.querySelectorAll('article[hidden] li:not([hidden]) > .tile').length")
        .await;
    elsewhere.as_u64().expect("a number")
}

async fn type_into(browser: &mut Chromium, id: &str, text: &str) {
    let typing = format!(
        "(() => {{ const it = document.getElementById('{id}'); it.value = '{text}'; it.dispatchEvent(new Event('input')); }})()"
    );
    browser.eval(&typing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_elsewhere_within_a_second() {
    const SECOND: Duration = Duration::from_secs(1);
    let mut scene = Scene::shop();
    let rig = Rig::start(scene.0.clone()).await;
    let Some((_turn, mut browser)) = browse(&rig).await else {
        return;
    };
    let (cart, resize) = (place("actor/cart", Some("alice")), place("actor/resize", None));
    assert_eq!(browser.eval(&cart).await, "cloud");
    assert_eq!(browser.eval(&resize).await, "edge");

    // An event is enough; the look that comes next says the same.
    let change = Change::KeyMoved {
        actor: "cart/alice".parse().expect("an actor"),
        from: scene.host("cloud"),
        to: scene.host("edge"),
    };
    let begun = Instant::now();
    rig.news.tell(changed(
        1,
        "keyed-moved",
        "actor/cart/alice",
        "to edge, paused 13ms, 2KiB",
        change,
    ));
    browser.until(&format!("{cart} === 'edge'")).await;
    let by_event = begun.elapsed();
    // A look from before it does not take it back.
    scene.pass();
    rig.show(&scene.0);
    browser.until("document.querySelector('#event-rows li')").await;
    assert_eq!(browser.eval(&cart).await, "edge");
    scene.move_key("cart", "alice", "cloud", "edge");
    scene.pass();
    rig.show(&scene.0);

    // So is a look.
    scene.move_actor("resize", "edge", "garage");
    scene.move_key("cart", "bob", "cloud", "edge");
    let begun = Instant::now();
    rig.show(&scene.0);
    browser.until(&format!("{resize} === 'garage'")).await;
    let by_look = begun.elapsed();
    browser.until("document.querySelectorAll('.flying').length >= 2").await;
    browser.eval(HALF_WAY).await;
    browser.picture("move").await;
    browser.eval(GO_ON).await;
    browser
        .until("document.querySelectorAll('.flying, .awaited').length === 0")
        .await;
    assert_eq!(browser.eval(&cart).await, "edge");
    assert!(by_event < SECOND && by_look < SECOND, "{by_event:?} {by_look:?}");
    eprintln!("moved by an event within {by_event:?}, by a look within {by_look:?}");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_actors_stay_fast() {
    const LOOKS: usize = 15;
    const ROUNDS: usize = 4;
    const LIMIT_MS: f64 = 50.0;
    let mut scene = Scene::large(10, 100);
    let rig = Rig::start(scene.0.clone()).await;
    let Some((_turn, mut browser)) = browse(&rig).await else {
        return;
    };
    assert_eq!(
        browser.eval("document.querySelectorAll('.tile.actor').length").await,
        1000
    );
    assert_eq!(
        browser
            .eval("document.querySelector('#hosts').hasAttribute('data-compact')")
            .await,
        true
    );
    let chips = browser.eval("document.querySelectorAll('.chip').length").await;
    assert_eq!(chips, 0, "there is no room for them");
    browser
        .eval("window.took = []; addEventListener('lattice-applied', (event) => took.push(event.detail.ms))")
        .await;
    // Other tests may keep the machine busy for a while: the best of a few rounds is what the page takes.
    let mut median = f64::INFINITY;
    for _ in 0..ROUNDS {
        browser.eval("took.length = 0").await;
        for look in 1..=LOOKS {
            scene.pass();
            rig.show(&scene.0);
            browser.until(&format!("took.length >= {look}")).await;
        }
        let mut took: Vec<f64> = numbers(&browser.eval("took").await);
        took.sort_by(f64::total_cmp);
        median = median.min(took[took.len() / 2]);
        if median < LIMIT_MS {
            break;
        }
    }
    eprintln!("a look at 1000 actors is applied within {median:.1} ms (median)");
    assert!(median < LIMIT_MS, "{median} ms");

    // A mouse over one of them draws its links, and no others.
    browser
        .eval("document.querySelectorAll('.tile.actor')[4].dispatchEvent(new PointerEvent('pointerover', { bubbles: true }))")
        .await;
    browser
        .until("document.querySelectorAll('#arcs path').length > 0")
        .await;
    assert!(
        browser
            .eval("document.querySelectorAll('#arcs path').length")
            .await
            .as_u64()
            < Some(20)
    );
    browser.picture("1000").await;

    let scrolling = "new Promise((done) => { const frames = []; let last = performance.now();
        const step = (now) => { frames.push(now - last); last = now; scrollBy(0, 60);
            frames.length < 40 ? requestAnimationFrame(step) : done(frames); };
        requestAnimationFrame(step); })";
    let mut frames = numbers(&browser.eval(scrolling).await);
    frames.sort_by(f64::total_cmp);
    eprintln!(
        "scrolling: {:.1} ms a frame (median), {:.1} ms at worst",
        frames[20], frames[39]
    );
    assert!(browser.eval("scrollY").await.as_f64() > Some(1000.0));
    assert!(frames[20] < 100.0, "{frames:?}");
    browser
        .eval("scrollTo(0, document.querySelector('article:last-child').offsetTop)")
        .await;
    browser.picture("1000-end").await;
    type_into(&mut browser, "filter", "ledger-00").await;
    browser
        .until("document.querySelectorAll('article:not([hidden])').length < 10")
        .await;
    assert_eq!(browser.complaints, Vec::<String>::new());
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list");
    values.iter().filter_map(Value::as_f64).collect()
}
