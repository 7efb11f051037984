//! What a process counts and times.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lattice_core::{Fault, FaultKind, InterfaceId, LinkId, Party};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};

use crate::metric::{self, Metric, MetricKind};
use crate::series::{CallSeries, OTHER, PARTIES_MAX};
use crate::traffic::{LinkTraffic, Traffic};

/// From a call within a process to one that ran into its deadline, in seconds.
const BOUNDARIES: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];

/// Counts and times what a process does, or does nothing when nobody reads it. Cheap to clone.
///
/// At most a thousand actors and providers have labels of their own; the rest are counted together as `other`.
#[derive(Clone, Default)]
pub struct Instruments {
    metrics: Option<Arc<Inner>>,
    traffic: Option<Traffic>,
}

struct Inner {
    meter: Meter,
    series: CallSeries,
    calls: Histogram<f64>,
    phases: Histogram<f64>,
    pauses: Histogram<f64>,
    moves: Counter<u64>,
    links: Counter<u64>,
    reconnects: Counter<u64>,
    round_trips: Histogram<f64>,
}

/// A call that is being served. Dropping it without [`end`](Self::end) says that the call was cancelled.
#[must_use = "a call that is dropped at once is counted as cancelled"]
pub struct CallTimer<'a>(Option<Timed<'a>>);

struct Timed<'a> {
    instruments: &'a Instruments,
    link: &'a LinkId,
    target: &'a Party,
    interface: &'a InterfaceId,
    began: Instant,
}

impl Instruments {
    /// Instruments that cost nothing and show nothing.
    pub const fn off() -> Self {
        Self {
            metrics: None,
            traffic: None,
        }
    }

    /// Makes the instruments. Once per process: what two of them count is added up.
    pub fn new(meter: Meter) -> Self {
        let inner = Inner {
            series: CallSeries::new(),
            calls: histogram(&meter, &metric::CALL_DURATION),
            phases: histogram(&meter, &metric::MOVE_PHASE_DURATION),
            pauses: histogram(&meter, &metric::MOVE_PAUSE),
            moves: counter(&meter, &metric::MOVES),
            links: counter(&meter, &metric::LINK_VERIFICATIONS),
            reconnects: counter(&meter, &metric::NATS_RECONNECTS),
            round_trips: histogram(&meter, &metric::NATS_ROUND_TRIP),
            meter,
        };
        Self {
            metrics: Some(Arc::new(inner)),
            traffic: None,
        }
    }

    /// Counts calls by their links, too, from now on.
    #[must_use]
    pub fn with_traffic(self) -> Self {
        Self {
            traffic: Some(Traffic::default()),
            ..self
        }
    }

    /// What came over each link so far.
    pub fn traffic(&self) -> Vec<LinkTraffic> {
        self.traffic.as_ref().map(Traffic::counted).unwrap_or_default()
    }

    /// Says whether there are metrics.
    pub fn is_on(&self) -> bool {
        self.metrics.is_some()
    }

    /// Begins to serve a call that came over a link. Looks at no clock when nothing is counted.
    pub fn call<'a>(&'a self, link: &'a LinkId, target: &'a Party, interface: &'a InterfaceId) -> CallTimer<'a> {
        let counts = self.metrics.is_some() || self.traffic.is_some();
        CallTimer(counts.then(|| Timed {
            instruments: self,
            link,
            target,
            interface,
            began: Instant::now(),
        }))
    }

    /// Notes a step of a move, and how long it took.
    pub fn move_phase(&self, phase: &'static str, took: Duration) {
        if let Some(inner) = &self.metrics {
            let labels = [KeyValue::new(metric::PHASE, phase)];
            inner.phases.record(took.as_secs_f64(), &labels);
        }
    }

    /// Notes a move that was made, and how long the actor began no turn.
    pub fn moved(&self, pause: Duration) {
        if let Some(inner) = &self.metrics {
            inner.moves.add(1, &[KeyValue::new(metric::OUTCOME, "moved")]);
            inner.pauses.record(pause.as_secs_f64(), &[]);
        }
    }

    /// Notes a move that was not made.
    pub fn stayed(&self) {
        if let Some(inner) = &self.metrics {
            inner.moves.add(1, &[KeyValue::new(metric::OUTCOME, "stayed")]);
        }
    }

    /// Notes what came of checking a link: `accepted`, or the code of the refusal.
    pub fn link_verified(&self, verdict: &'static str) {
        if let Some(inner) = &self.metrics {
            inner.links.add(1, &[KeyValue::new(metric::VERDICT, verdict)]);
        }
    }

    /// Notes that the connection to NATS was made anew, so many times.
    pub fn reconnected(&self, times: u64) {
        if let Some(inner) = &self.metrics {
            inner.reconnects.add(times, &[]);
        }
    }

    /// Notes how long it took to NATS and back.
    pub fn round_trip(&self, took: Duration) {
        if let Some(inner) = &self.metrics {
            inner.round_trips.record(took.as_secs_f64(), &[]);
        }
    }

    /// Has `look` say what something is whenever somebody reads, for as long as the process lives. It must not block.
    pub fn watch(&self, metric: &Metric, look: impl Fn(&Seen<'_>) + Send + Sync + 'static) {
        let Some(inner) = &self.metrics else { return };
        // The SDK keeps the callback; the instrument itself is only its name.
        match metric.kind {
            MetricKind::Counter => {
                let builder = inner.meter.f64_observable_counter(metric.name);
                let builder = builder.with_unit(metric.unit.code()).with_description(metric.about);
                let _ = builder.with_callback(move |into| look(&Seen(into))).build();
            }
            MetricKind::Gauge | MetricKind::Histogram => {
                let builder = inner.meter.f64_observable_gauge(metric.name);
                let builder = builder.with_unit(metric.unit.code()).with_description(metric.about);
                let _ = builder.with_callback(move |into| look(&Seen(into))).build();
            }
        }
    }
}

impl CallTimer<'_> {
    /// Notes how the call ended.
    pub fn end<T>(self, outcome: &Result<T, Fault>) {
        self.end_with(outcome.as_ref().err().map(|fault| fault.kind));
    }

    /// Notes that the call ended with this fault, or well.
    pub fn end_with(mut self, fault: Option<FaultKind>) {
        if let Some(timed) = self.0.take() {
            timed.end(fault);
        }
    }
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        if let Some(timed) = self.0.take() {
            timed.end(Some(FaultKind::Cancelled));
        }
    }
}

impl Timed<'_> {
    fn end(self, fault: Option<FaultKind>) {
        let took = self.began.elapsed();
        // Who only says that somebody else is to be asked has served nothing. It will be counted there.
        if let Some(traffic) = &self.instruments.traffic
            && !fault.is_some_and(FaultKind::is_redirect)
        {
            traffic.note(self.link, self.target, took, fault.is_some());
        }
        if let Some(inner) = &self.instruments.metrics {
            let outcomes = inner.series.of(self.target, self.interface);
            inner.calls.record(took.as_secs_f64(), outcomes.labels(fault));
        }
    }
}

/// Takes what somebody sees who looks.
pub struct Seen<'a>(&'a dyn AsyncInstrument<f64>);

impl Seen<'_> {
    /// It is this much.
    pub fn is(&self, value: impl Into<Reading>) {
        self.0.observe(value.into().0, &[]);
    }

    /// Of this kind it is this much.
    pub fn of(&self, label: &'static str, kind: &'static str, value: impl Into<Reading>) {
        self.0.observe(value.into().0, &[KeyValue::new(label, kind)]);
    }

    /// Of each actor it is this much. Those that have no label of their own are added up.
    pub fn of_actors(&self, values: impl IntoIterator<Item = (String, Reading)>) {
        let mut values = values.into_iter();
        for (actor, value) in values.by_ref().take(PARTIES_MAX) {
            self.0.observe(value.0, &[KeyValue::new(metric::ACTOR, actor)]);
        }
        if let Some(rest) = values.map(|(_, value)| value.0).reduce(|sum, value| sum + value) {
            self.0.observe(rest, &[KeyValue::new(metric::ACTOR, OTHER)]);
        }
    }
}

/// A number as it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading(f64);

impl From<u32> for Reading {
    fn from(value: u32) -> Self {
        Self(f64::from(value))
    }
}

impl From<u64> for Reading {
    fn from(value: u64) -> Self {
        Self(value as f64)
    }
}

impl From<usize> for Reading {
    fn from(value: usize) -> Self {
        Self(value as f64)
    }
}

impl From<bool> for Reading {
    fn from(value: bool) -> Self {
        Self(f64::from(u8::from(value)))
    }
}

impl From<Duration> for Reading {
    fn from(value: Duration) -> Self {
        Self(value.as_secs_f64())
    }
}

fn histogram(meter: &Meter, metric: &Metric) -> Histogram<f64> {
    let builder = meter.f64_histogram(metric.name).with_unit(metric.unit.code());
    let builder = builder.with_description(metric.about);
    builder.with_boundaries(BOUNDARIES.to_vec()).build()
}

fn counter(meter: &Meter, metric: &Metric) -> Counter<u64> {
    let builder = meter.u64_counter(metric.name).with_unit(metric.unit.code());
    builder.with_description(metric.about).build()
}

impl fmt::Debug for CallTimer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "CallTimer(on)"
        } else {
            "CallTimer(off)"
        })
    }
}

impl fmt::Debug for Instruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_on() {
            "Instruments(on)"
        } else {
            "Instruments(off)"
        })
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::Resource;

    use super::*;
    use crate::metrics::Metrics;

    fn started() -> (Metrics, Instruments) {
        let metrics = Metrics::start(Resource::builder_empty().build(), None).expect("starts");
        let instruments = Instruments::new(metrics.meter());
        (metrics, instruments)
    }

    fn link() -> LinkId {
        let id = "lnk:test/provider/http/shop:cart/api/default";
        id.parse().expect("an id")
    }

    #[test]
    fn calls_are_counted_by_who_what_and_how() {
        let (metrics, instruments) = started();
        let instruments = instruments.with_traffic();
        let (target, interface) = (
            "actor/cart".parse().expect("a party"),
            "shop:cart/api".parse().expect("one"),
        );
        let done: Result<(), Fault> = Ok(());
        for _ in 0..3 {
            instruments.call(&link(), &target, &interface).end(&done);
        }
        let failed: Result<(), _> = Err(Fault::new(FaultKind::Trap, "unreachable"));
        instruments.call(&link(), &target, &interface).end(&failed);
        drop(instruments.call(&link(), &target, &interface));
        let elsewhere: Result<(), _> = Err(Fault::not_here("moved", None));
        instruments.call(&link(), &target, &interface).end(&elsewhere);
        let traffic = instruments.traffic();
        assert_eq!(traffic.len(), 1, "{traffic:?}");
        assert_eq!((traffic[0].calls, traffic[0].failed), (5, 2), "{traffic:?}");
        let text = metrics.scrape().text();
        let line = |outcome: &str| {
            let labels = [
                format!("outcome=\"{outcome}\""),
                "actor=\"cart\"".into(),
                "interface=\"shop:cart/api\"".into(),
            ];
            let lines = text
                .lines()
                .filter(|line| line.starts_with("lattice_call_duration_seconds_count{"));
            let mut lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
            lines.next().and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
        };
        assert_eq!(line("ok").as_deref(), Some("3"), "{text}");
        assert_eq!(line("trap").as_deref(), Some("1"), "{text}");
        assert_eq!(line("cancelled").as_deref(), Some("1"), "{text}");
        assert!(text.contains("le=\"0.00005\"") && text.contains("le=\"30\""), "{text}");
    }

    #[test]
    fn a_thousand_actors_fit_and_the_rest_are_others() {
        let (metrics, instruments) = started();
        let interface = "shop:cart/api".parse().expect("an interface");
        for number in 0..1100 {
            let target = format!("actor/a{number}").parse().expect("a party");
            for outcome in [None, Some(FaultKind::Trap), Some(FaultKind::Overloaded)] {
                let outcome: Result<(), _> = outcome.map_or(Ok(()), |kind| Err(Fault::new(kind, "x")));
                instruments.call(&link(), &target, &interface).end(&outcome);
            }
        }
        let text = metrics.scrape().text();
        let series = text
            .lines()
            .filter(|line| line.starts_with("lattice_call_duration_seconds_count{"));
        assert_eq!(series.count(), 3 * 1001);
        assert!(!text.contains("otel_metric_overflow"));
    }

    #[test]
    fn every_name_is_what_the_exporter_makes_of_it() {
        let (metrics, instruments) = started();
        instruments.move_phase("seal", Duration::from_millis(1));
        instruments.moved(Duration::from_millis(2));
        instruments.link_verified("accepted");
        instruments.reconnected(1);
        instruments.round_trip(Duration::from_micros(300));
        let (target, interface) = (
            "provider/kv".parse().expect("a party"),
            "shop:cart/api".parse().expect("one"),
        );
        instruments.call(&link(), &target, &interface).end(&Ok::<_, Fault>(()));
        let text = |metrics: &Metrics| metrics.scrape().text();
        let told = text(&metrics);
        let watched = metric::ALL
            .iter()
            .filter(|metric| !told.contains(&format!(" {} ", metric.prometheus_name())));
        for metric in watched {
            instruments.watch(metric, |seen| seen.is(7_u64));
        }
        let told = text(&metrics);
        for metric in metric::ALL {
            let line = format!("# TYPE {} {}\n", metric.prometheus_name(), metric.kind);
            assert!(told.contains(&line), "no {line} in\n{told}");
            assert!(told.contains(&format!("# HELP {} {}\n", metric.prometheus_name(), metric.about)));
        }
    }

    #[test]
    fn those_beyond_the_thousandth_are_added_up() {
        let (metrics, instruments) = started();
        instruments.watch(&metric::ACTOR_REPLICAS, |seen| {
            seen.of_actors((0..1005_u32).map(|number| (format!("a{number}"), 2_u32.into())));
        });
        let text = metrics.scrape().text();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("lattice_actor_replicas{"))
            .collect();
        assert_eq!(lines.len(), 1001);
        assert!(
            lines
                .iter()
                .any(|line| line.contains("actor=\"other\"") && line.ends_with(" 10"))
        );
    }

    #[test]
    fn what_is_off_looks_at_no_clock() {
        let (target, interface) = (
            "actor/cart".parse().expect("a party"),
            "shop:cart/api".parse().expect("one"),
        );
        let off = Instruments::off();
        assert!(off.call(&link(), &target, &interface).0.is_none());
        assert!(!off.is_on());
    }
}
