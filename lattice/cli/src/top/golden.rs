//! Screens of usual sizes, compared with files. After an intended change: `UPDATE_GOLDEN=1 cargo test -p lattice-cli`.

use std::sync::Arc;

use lattice_control::{ActorState, ProviderState};
use lattice_core::{
    LatticeId, LinkId,
    presence::{MemberKind, MemberState, Scheduling},
};
use ratatui::{Terminal, backend::TestBackend};

use super::{
    act::{Act, View},
    draw::{Palette, draw, page},
    model::Model,
    plain,
};
use crate::overview::{ActorView, HostView, LinkView, Overview, PartyView, ProviderView, Rate, testing::member};

fn rate(calls: f64, failed: f64) -> Rate {
    let took = |micros| (calls > 0.0).then_some(micros);
    Rate {
        calls,
        failed,
        p50_us: took(512),
        p99_us: took(16_384),
    }
}

fn actor(name: &str, replicas: u32, awake: Option<u64>, traffic: Rate) -> ActorView {
    ActorView {
        name: name.to_owned(),
        digest: "sha256:0".to_owned(),
        state: ActorState::Ready,
        replicas,
        in_flight: 3,
        capacity: 128,
        awake,
        keys: Vec::new(),
        traffic,
    }
}

fn host(seed: u8, name: &str, cpu: f64, actors: Vec<ActorView>) -> HostView {
    HostView {
        id: member(seed),
        name: name.to_owned(),
        kind: MemberKind::Host,
        state: MemberState::Ready,
        scheduling: Scheduling::Open,
        labels: "zone=eu".to_owned(),
        version: "0.1.0".to_owned(),
        started_at: 1,
        memory_bytes: 82_000_000,
        cpu,
        actors,
        providers: Vec::new(),
        traffic: rate(40.0 * f64::from(seed), 0.0),
    }
}

fn link(source: &str, target: &str, traffic: Rate) -> LinkView {
    let lattice: LatticeId = "default".parse().expect("a lattice id");
    let (source, target) = (source.parse().expect("a party"), target.parse().expect("a party"));
    let (interface, label) = ("wasi:http/incoming-handler", "default");
    LinkView {
        id: LinkId::new(
            &lattice,
            &source,
            &interface.parse().expect("a pattern"),
            &label.parse().expect("a label"),
        ),
        generation: 1,
        source,
        target,
        interface: interface.to_owned(),
        label: label.to_owned(),
        issuer: "A".to_owned(),
        expires_at: 2,
        verified_by: ["cloud", "edge", "pi"].map(str::to_owned).into(),
        refused_by: Vec::new(),
        problem: None,
        traffic,
    }
}

/// A small lattice with a bit of everything.
pub(super) fn overview() -> Overview {
    let mut cloud = host(1, "cloud", 0.021, vec![actor("hello", 4, None, rate(30.0, 0.0))]);
    cloud.providers = vec![ProviderView {
        name: "http".to_owned(),
        state: ProviderState::Ready,
        detail: None,
        endpoints: vec!["http://127.0.0.1:8080".to_owned()],
        traffic: Rate::default(),
    }];
    let mut draining = actor("counter-with-a-name-as-long-as-names-get", 1, None, Rate::default());
    draining.state = ActorState::Draining;
    let mut edge = host(
        2,
        "edge",
        0.0,
        vec![
            actor("hello", 1, None, rate(10.0, 0.0)),
            actor("cart", 1, Some(1200), rate(80.0, 0.4)),
            draining,
        ],
    );
    edge.scheduling = Scheduling::Cordoned;
    let mut pi = host(
        3,
        "pi",
        0.97,
        (0..9)
            .map(|nth| actor(&format!("sensor-{nth}"), 1, None, Rate::default()))
            .collect(),
    );
    pi.traffic = Rate::default();
    let mut hampered = link("actor/hello", "provider/kv", Rate::default());
    hampered.problem = Some("cloud: no such bucket".to_owned());
    let mut partial = link("actor/cart", "provider/kv", Rate::default());
    partial.verified_by.truncate(2);
    Overview {
        lattice: "default".to_owned(),
        at_ms: 1_800_000_000_000,
        hosts: vec![cloud, edge, pi],
        links: vec![
            partial,
            hampered,
            link("provider/http", "actor/cart", rate(80.0, 0.4)),
            link("provider/http", "actor/hello", rate(40.0, 0.0)),
        ],
        silent: Vec::new(),
        traffic: rate(120.0, 0.4),
        parties: [("actor/cart", rate(80.0, 0.4)), ("actor/hello", rate(40.0, 0.0))]
            .map(|(party, traffic)| PartyView {
                party: party.parse().expect("a party"),
                traffic,
            })
            .into(),
        trouble: None,
    }
}

fn screen(width: u16, height: u16, overview: Overview, acts: &[Act]) -> String {
    let mut model = Model::new(Arc::new(overview));
    model.fits(page(height));
    for act in acts {
        model.act(*act);
    }
    model.fits(page(height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
    terminal
        .draw(|frame| draw(frame, &model, Palette::Colours))
        .expect("memory");
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(width.into());
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned() + "\n"
    };
    lines.map(line).collect()
}

fn check(name: &str, text: &str) {
    let path = format!("{}/src/top/golden/{name}.screen", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden files can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text, expected,
        "{path} differs; if that is intended, run with UPDATE_GOLDEN=1"
    );
}

#[test]
fn every_table_is_drawn_in_usual_sizes() {
    for (width, height) in [(80, 24), (120, 40)] {
        for view in View::ALL {
            let text = screen(width, height, overview(), &[Act::Show(view)]);
            check(&format!("{}-{width}x{height}", view.name()), &text);
        }
    }
}

#[test]
fn what_keys_change_is_seen() {
    check("help", &screen(80, 24, overview(), &[Act::Help]));
    let typed = "sensor".chars().map(Act::Type);
    let typing: Vec<Act> = [Act::Show(View::Actors), Act::Filter]
        .into_iter()
        .chain(typed)
        .collect();
    check("typing", &screen(80, 12, overview(), &typing));
    let kept = [&typing[..], &[Act::Keep, Act::Pause, Act::Sort, Act::Last]].concat();
    check("filtered-and-paused", &screen(80, 9, overview(), &kept));
}

#[test]
fn what_is_wrong_is_said() {
    let silent = Overview {
        silent: vec!["pi".to_owned(), "far\u{1b}[2Jaway".to_owned()],
        ..overview()
    };
    check("silent", &screen(80, 10, silent, &[]));
    let trouble = Overview {
        trouble: Some("the connection to NATS is lost".to_owned()),
        ..overview()
    };
    check("trouble", &screen(80, 10, trouble, &[]));
    check("empty", &screen(80, 10, Overview::default(), &[]));
}

#[test]
fn no_size_is_too_small() {
    for (width, height) in [(1, 1), (2, 3), (10, 2), (20, 5)] {
        for view in View::ALL {
            screen(width, height, overview(), &[Act::Show(view)]);
        }
        screen(width, height, overview(), &[Act::Help]);
    }
}

#[test]
fn a_pipe_gets_all_tables() {
    check("plain", &plain(&overview()));
}
