//! What happened, one line an event.

use std::{collections::HashMap, time::Duration};

use anyhow::Result;
use lattice_control::{Event, MemberSummary};
use lattice_core::{MemberId, UnixSeconds, event::names, text};
use serde::Serialize;
use serde_json::Value;

use super::age;
use crate::{
    happened::Happened,
    output::{Column, Document, Table},
    resolve::short_id,
};

const COLUMNS: &[Column] = &[
    Column::always("AGE"),
    Column::always("TYPE"),
    Column::always("OBJECT"),
    Column::always("FROM"),
    Column::wide("BY"),
    Column::always("MESSAGE"),
];

/// The widths of the first columns where events are told as they come, and nothing is known of those to come.
const WIDTHS: [usize; 4] = [8, 17, 18, 8];

/// As much of what an event is about is shown where the line is limited.
const OBJECT_MAX: usize = 24;

/// Less of a message says nothing.
const MESSAGE_MIN: usize = 20;

/// What hosts are called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Learns the names of those who are there.
    pub(crate) fn of(members: &[MemberSummary]) -> Self {
        let names = members.iter();
        Self(
            names
                .map(|member| (member.member.to_string(), member.name.clone()))
                .collect(),
        )
    }

    /// Learns the name of one who is there.
    pub(crate) fn know(&mut self, member: &MemberId, name: &str) {
        let known = self.0.entry(member.to_string()).or_default();
        if known != name {
            name.clone_into(known);
        }
    }

    /// Learns the name of one that was lost, from the event that says so.
    pub(crate) fn learn(&mut self, event: &Event) {
        let lost = event
            .subject
            .as_deref()
            .and_then(|subject| subject.strip_prefix("host/"));
        if let (Some(id), Some(name)) = (lost, event.text("name")) {
            self.0.entry(id.to_owned()).or_insert_with(|| name.to_owned());
        }
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or_else(|| short_id(id), String::as_str)
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct EventRow {
    /// Its stable name.
    pub(crate) name: String,
    /// To what it happened.
    pub(crate) object: String,
    /// Who tells it.
    pub(crate) from: String,
    /// Who ordered what led to it, or nothing.
    pub(crate) by: String,
    /// What its data says.
    pub(crate) message: String,
}

impl EventRow {
    /// Puts it in words.
    pub(crate) fn new(event: &Event, names: &Names) -> Self {
        let from = event.source.rsplit('/').next().unwrap_or_default();
        let object = match event.subject.as_deref() {
            None => format!("host/{}", names.name(from)),
            Some(subject) => match subject.split_once(['/', ':']) {
                Some(("host", id)) => format!("host/{}", names.name(id)),
                // `lnk:<lattice>/…`: the lattice is always the same.
                Some(("lnk", id)) => id.split_once('/').map_or(id, |(_, rest)| rest).to_owned(),
                _ => subject.to_owned(),
            },
        };
        Self {
            name: event.name().to_owned(),
            object,
            from: names.name(from).to_owned(),
            by: event.text("by").map(short_id).unwrap_or_default().to_owned(),
            message: message(event, names),
        }
    }
}

/// Lists events, the oldest first. `width` is how wide the terminal is, if there is one.
pub(crate) fn events(happened: &[Happened], names: &Names, now: UnixSeconds, width: Option<usize>) -> Result<Document> {
    let row = |one: &Happened| {
        let row = EventRow::new(&one.event, names);
        match width {
            // The ids of links are long; `-o wide` has all of them.
            Some(_) => EventRow {
                object: fitted(&row.object, Some(OBJECT_MAX)),
                ..row
            },
            None => row,
        }
    };
    let rows: Vec<_> = happened.iter().map(|one| (one, row(one))).collect();
    let widest = |of: &dyn Fn(&EventRow) -> usize, title: usize| {
        rows.iter().map(|(_, row)| of(row)).max().unwrap_or(0).max(title)
    };
    let taken = widest(&|row| row.name.chars().count(), 4)
        + widest(&|row| row.object.chars().count(), 6)
        + widest(&|row| row.from.chars().count(), 4)
        + rows
            .iter()
            .map(|(one, _)| age(one.at, now).len())
            .max()
            .unwrap_or(0)
            .max(3)
        + 4 * 3;
    let mut table = Table::new(COLUMNS);
    for (one, row) in &rows {
        table.row([
            age(one.at, now),
            row.name.clone(),
            row.object.clone(),
            row.from.clone(),
            row.by.clone(),
            fitted(&row.message, width.map(|width| width.saturating_sub(taken))),
        ]);
    }
    let items: Vec<&Event> = happened.iter().map(|one| &one.event).collect();
    let ids = items.iter().map(|event| format!("event/{}", event.id)).collect();
    Document::list("EventList", &items, table, ids, "nothing happened that would be kept")
}

/// The titles over [`event_line`]s.
pub(crate) fn event_titles() -> String {
    let [time, name, object, from] = WIDTHS;
    format!(
        "{:time$} {:name$} {:object$} {:from$} MESSAGE\n",
        "TIME", "TYPE", "OBJECT", "FROM"
    )
}

/// One event as it is told when it comes, with the time of day in UTC.
pub(crate) fn event_line(one: &Happened, names: &Names, width: Option<usize>) -> String {
    let row = EventRow::new(&one.event, names);
    let at = one.at.to_string();
    let at = at.get(11..19).unwrap_or("--:--:--");
    let [time, name, object, from] = WIDTHS;
    let start = format!(
        "{at:time$} {:name$} {:object$} {:from$} ",
        row.name, row.object, row.from
    );
    let room = width.map(|width| width.saturating_sub(start.chars().count()));
    plain(&format!("{start}{}", fitted(&row.message, room))) + "\n"
}

/// The last events about a thing, below all else that is known of it.
pub(crate) fn last_events(document: &mut Document, happened: &[Happened], names: &Names, now: UnixSeconds) {
    use crate::output::Text;
    if happened.is_empty() {
        return;
    }
    if let Value::Object(content) = &mut document.content {
        let items = happened.iter().map(|one| serde_json::to_value(&one.event));
        content.insert("events".to_owned(), items.filter_map(Result::ok).collect());
    }
    if let Text::Plain(text) = &mut document.text {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("last events\n");
        for one in happened {
            let row = EventRow::new(&one.event, names);
            let line = format!(
                "  {:>6} ago  {:17} {:8} {}",
                age(one.at, now),
                row.name,
                row.from,
                row.message
            );
            text.push_str(plain(&line).trim_end());
            text.push('\n');
        }
    }
}

/// Cuts a message to what is left of the line.
fn fitted(message: &str, room: Option<usize>) -> String {
    let room = room.unwrap_or(usize::MAX).max(MESSAGE_MIN);
    if message.chars().count() <= room {
        return message.to_owned();
    }
    let mut cut: String = message.chars().take(room - 1).collect();
    cut.push('…');
    cut
}

/// On one line, and without what would move the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What the data says, in a few words.
fn message(event: &Event, names: &Names) -> String {
    let text = |field: &str| event.text(field).unwrap_or_default().to_owned();
    let number = |field: &str| match event.data.get(field) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or_default(),
        Some(Value::String(digits)) => digits.parse().unwrap_or_default(),
        _ => 0,
    };
    let replicas = || match number("replicas") {
        1 => "1 replica".to_owned(),
        count => format!("{count} replicas"),
    };
    let digest = || text("digest").chars().take("sha256:".len() + 8).collect::<String>();
    let cut_off = |field: &str, done: &str| match number(field) {
        0 => done.to_owned(),
        1 => format!("{done}; 1 call was cut off"),
        count => format!("{done}; {count} calls were cut off"),
    };
    match event.name() {
        names::HOST_STARTED => format!("serves, version {}", text("version")),
        names::HOST_DRAINING => "takes nothing new".to_owned(),
        names::HOST_SCHEDULING => match text("scheduling").as_str() {
            "open" => "more may be placed on it".to_owned(),
            other => format!("{other}: nothing more is placed on it"),
        },
        names::HOST_STOPPED => cut_off("cut_off", "has left"),
        names::HOST_LOST => "was not heard of for too long".to_owned(),
        names::ACTOR_STARTED => format!("{} of {}", replicas(), digest()),
        names::ACTOR_REPLACED => format!("by {}, {}", digest(), replicas()),
        names::ACTOR_SCALED => format!("to {} from {}", replicas(), number("before")),
        names::ACTOR_STOPPED | names::PROVIDER_STOPPED => cut_off("cancelled", "stopped"),
        names::ACTOR_FAILED => {
            let times = match number("count") {
                0 | 1 => String::new(),
                count => format!("{count} times "),
            };
            format!("{times}{}: {}", text("kind"), text("reason"))
        }
        names::KEYED_MOVED => {
            let pause = text::format_duration(Duration::from_millis(number("pause_us").div_ceil(1000)));
            let (to, bytes) = (text("to"), text::format_bytes(number("bytes")));
            format!("to {}, paused {pause}, {bytes}", names.name(&to))
        }
        names::KEYED_ACTOR => match event.text("error") {
            Some(error) => format!("{}: {error}", text("what")),
            None => text("what"),
        },
        names::PROVIDER_STARTED => {
            let endpoints: Vec<&str> = event.data.get("endpoints").map(texts).unwrap_or_default();
            format!("{} {}", text("kind"), endpoints.join(" "))
                .trim_end()
                .to_owned()
        }
        names::PROVIDER_RECOVERED => "well again".to_owned(),
        names::LINK_ACCEPTED => format!(
            "in force, generation {}, until {}",
            number("generation"),
            text("expires_at")
        ),
        names::LINK_EXPIRING => format!("ends {}", text("expires_at")),
        names::LINK_DELETION_IGNORED => "deleted without a signed end: stays in force".to_owned(),
        names::LINK_FAILED => format!("provider {}: {}", text("provider"), text("problem")),
        names::APP_REVISED => revised(event, number("revision")),
        names::APP_PHASE => {
            let problems: Vec<&str> = event.data.get("problems").map(texts).unwrap_or_default();
            let why = if problems.is_empty() { "" } else { ": " };
            format!(
                "revision {} {}{why}{}",
                number("revision"),
                text("phase"),
                problems.join("; ")
            )
        }
        names::CONTROLLER_LEADS => format!("leads, term {}", number("term")),
        names::CONTROLLER_RETIRED => format!("leads no more: {}", text("reason")),
        _ => {
            let code = event.text("code").map(|code| format!("{code}: ")).unwrap_or_default();
            let known = event.text("reason").map(|reason| format!("{code}{reason}"));
            known.unwrap_or_else(|| match &event.data {
                Value::Null => String::new(),
                data => data.to_string(),
            })
        }
    }
}

/// Why there is a new revision.
fn revised(event: &Event, revision: u64) -> String {
    let cause = event.data.get("cause");
    let part = |field: &str| cause.and_then(|cause| cause.get(field));
    let text = |field: &str| part(field).and_then(Value::as_str).unwrap_or_default();
    let number = |field: &str| part(field).and_then(Value::as_u64).unwrap_or_default();
    match text("why") {
        "failed" => format!(
            "rolled back to {} as revision {revision}, since {} failed: {}",
            number("to"),
            number("revision"),
            text("reason")
        ),
        "rolled-back" => format!("revision {revision}: rolled back to {}", number("to")),
        why @ ("scaled" | "moved") => format!("revision {revision}: {why} actor/{}", text("actor")),
        why => format!("revision {revision}: {why}"),
    }
}

fn texts(list: &Value) -> Vec<&str> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn happened(name: &str, data: &Value) -> Happened {
        let event = json!({
            "specversion": "1.0", "id": "1", "source": "lattice/default/NAAAAAAAAAAAA", "type": format!("dev.lattice.{name}"),
            "time": "2026-11-22T12:03:04.5Z", "subject": "actor/hello", "datacontenttype": "application/json", "data": data,
        });
        Happened {
            at: UnixSeconds::new(1_763_804_820),
            event: serde_json::from_value(event).expect("an event"),
        }
    }

    #[test]
    fn every_event_is_told_in_words() {
        let check = |name: &str, data: Value, expect: &str| {
            assert_eq!(message(&happened(name, &data).event, &Names::default()), expect);
        };
        check(
            "actor-started",
            json!({ "replicas": 2, "digest": "sha256:0123456789abcdef" }),
            "2 replicas of sha256:01234567",
        );
        check(
            "actor-scaled",
            json!({ "replicas": 1, "before": 3 }),
            "to 1 replica from 3",
        );
        check(
            "actor-failed",
            json!({ "kind": "trap", "reason": "unreachable", "count": 41 }),
            "41 times trap: unreachable",
        );
        check(
            "keyed-moved",
            json!({ "to": "NBBBBBBBBBB", "pause_us": "12300", "bytes": "2048" }),
            "to NBBBBBBB, paused 13ms, 2KiB",
        );
        check("host-stopped", json!({ "cut_off": 1 }), "has left; 1 call was cut off");
        check(
            "app-revised",
            json!({ "revision": 5, "cause": { "why": "failed", "revision": 4, "to": 3, "reason": "no host" } }),
            "rolled back to 3 as revision 5, since 4 failed: no host",
        );
        check(
            "link-refused",
            json!({ "code": "expired", "reason": "long ago" }),
            "expired: long ago",
        );
        check("something-new", json!({ "a": 1 }), r#"{"a":1}"#);
        check("something-new", Value::Null, "");
    }

    #[test]
    fn a_line_fits_the_terminal_and_cannot_drive_it() {
        let one = happened(
            "actor-start-failed",
            &json!({ "reason": format!("no\nlink\u{1b}[2J{}", "x".repeat(200)) }),
        );
        let line = event_line(&one, &Names::default(), Some(80));
        assert_eq!(line.trim_end().chars().count(), 80, "{line}");
        assert!(line.starts_with("09:47:00 actor-start-failed actor/hello"), "{line}");
        assert!(!line.trim_end().contains(char::is_control));
        assert!(event_titles().starts_with("TIME     TYPE"));
    }
}
