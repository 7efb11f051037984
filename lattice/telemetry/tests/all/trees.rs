//! No orphan, ever: random trees of spans over several processes, ended in any order, with errors anywhere.

use lattice_telemetry::testing::tree;
use lattice_telemetry::{Span, SpanKind, SpanRef, Status, Telemetry, TraceContext};
use proptest::prelude::*;

use crate::support::{all, sampling};

/// What happens next to the spans of one call.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A span starts under this one, if that was ever started.
    Start(usize),
    /// A span ends.
    End(usize, How),
}

#[derive(Debug, Clone, Copy)]
enum How {
    Well,
    Badly,
    Dropped,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![4 => Just(How::Well), 1 => Just(How::Badly), 1 => Just(How::Dropped)];
    let step = prop_oneof![
        (0..24_usize).prop_map(Step::Start),
        (0..24_usize, how).prop_map(|(span, how)| Step::End(span, how)),
    ];
    prop::collection::vec(step, 0..80)
}

fn end(span: Span, how: How) {
    match how {
        How::Well => span.end(Status::Ok, Vec::new),
        How::Badly => span.end(Status::error("test", "it had to be"), Vec::new),
        How::Dropped => drop(span),
    }
}

/// Runs the steps in one process, in whatever order they come: spans may outlive those above them.
fn run(telemetry: &Telemetry, steps: &[Step]) {
    let tracer = telemetry.tracer();
    let root = tracer.start("root", SpanKind::Server, None);
    let mut handles = vec![root.handle().expect("on")];
    let mut spans = vec![Some(root)];
    for step in steps {
        match *step {
            Step::Start(above) => {
                let above = &handles[above % handles.len()];
                let span = tracer.start_in("span", SpanKind::Internal, Some(above));
                handles.push(span.handle().expect("on"));
                spans.push(Some(span));
            }
            Step::End(span, how) => {
                let at = span % spans.len();
                if let Some(span) = spans[at].take() {
                    end(span, how);
                }
            }
        }
    }
}

/// A call from one process to the next, as a lattice makes it: what the callee kept travels back.
#[derive(Debug, Clone)]
struct Call {
    process: usize,
    how: How,
    below: Vec<Call>,
}

fn calls() -> impl Strategy<Value = Call> {
    let how = || prop_oneof![6 => Just(How::Well), 1 => Just(How::Badly)];
    let leaf = (0..3_usize, how()).prop_map(|(process, how)| Call {
        process,
        how,
        below: Vec::new(),
    });
    leaf.prop_recursive(5, 30, 4, move |inner| {
        (0..3_usize, how(), prop::collection::vec(inner, 0..4)).prop_map(|(process, how, below)| Call {
            process,
            how,
            below,
        })
    })
}

/// Says whether something was kept.
fn serve(processes: &[Telemetry], call: &Call, caller: Option<&TraceContext>) -> bool {
    let tracer = processes[call.process].tracer();
    let span = tracer.start("serve", SpanKind::Server, caller);
    let handle: SpanRef = span.handle().expect("on");
    for below in &call.below {
        let client = tracer.start_in("call", SpanKind::Client, Some(&handle));
        if serve(processes, below, client.context().as_ref()) {
            client.keep();
        }
        end(client, How::Well);
    }
    end(span, call.how);
    handle.kept()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn in_one_process(steps in steps(), recorded in any::<bool>()) {
        let telemetry = sampling(if recorded { "parentbased_always_on" } else { "parentbased_always_off" });
        run(&telemetry, &steps);
        prop_assert_eq!(tree::check(&all(&telemetry)), Ok(()));
    }

    #[test]
    fn across_processes(call in calls()) {
        let processes: Vec<_> = (0..3).map(|_| sampling("parentbased_always_off")).collect();
        let kept = serve(&processes, &call, None);
        let spans: Vec<_> = processes.iter().flat_map(all).collect();
        prop_assert_eq!(kept, !spans.is_empty());
        prop_assert_eq!(tree::check(&spans), Ok(()));
    }
}

/// The same with threads that end spans at the same moment.
#[test]
fn with_threads() {
    for _ in 0..300 {
        let telemetry = sampling("parentbased_always_off");
        let tracer = telemetry.tracer();
        let root = tracer.start("root", SpanKind::Server, None);
        let middle = tracer.start_in("middle", SpanKind::Internal, root.handle().as_ref());
        let leaf = tracer.start_in("leaf", SpanKind::Internal, middle.handle().as_ref());
        std::thread::scope(|scope| {
            for (span, how) in [(root, How::Well), (middle, How::Well), (leaf, How::Badly)] {
                scope.spawn(move || end(span, how));
            }
        });
        assert_eq!(tree::check(&all(&telemetry)), Ok(()));
    }
}
