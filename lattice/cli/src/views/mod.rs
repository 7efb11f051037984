//! What members say, put together into what people ask for. Pure: fetches nothing, reads no clock.

mod actors;
mod apps;
mod events;
#[cfg(test)]
mod golden;
mod hosts;
mod inspect;
mod keyed;
mod links;
mod logs;
mod outcomes;
mod providers;
mod trace;
mod traces;

use std::time::Duration;

use lattice_core::UnixSeconds;

pub(crate) use actors::{ActorView, actors};
pub(crate) use apps::{app_history, app_revised, app_status, apps, apps_revised};
pub(crate) use events::{EventRow, Names, event_line, event_titles, events, last_events};
pub(crate) use hosts::{hosts, word};
pub(crate) use inspect::{InspectView, inspect};
pub(crate) use keyed::{KeyedLife, KeyedView, keyed};
pub(crate) use links::{LinkView, gather as gather_links, links};
pub(crate) use logs::{Logged, Prefix, log_json, log_line};
pub(crate) use outcomes::{keyed_moved, placed, relocated};
pub(crate) use providers::{ProviderView, providers};
pub(crate) use trace::{Shown, span_json, trace};
pub(crate) use traces::traces;

/// How long ago something was, as people say it.
fn age(since: UnixSeconds, now: UnixSeconds) -> String {
    let age = now.since(since);
    if age < Duration::from_secs(1) {
        "0s".to_owned()
    } else {
        lattice_core::text::format_duration(age)
    }
}

/// How long something still is, as people say it.
fn remaining(until: UnixSeconds, now: UnixSeconds) -> String {
    if until == UnixSeconds::MAX {
        return "never".to_owned();
    }
    if until <= now {
        return "expired".to_owned();
    }
    lattice_core::text::format_duration(until.since(now))
}
