//! Hosts and stand-alone providers: who is there.

use anyhow::Result;
use lattice_control::MemberSummary;
use lattice_core::{
    UnixSeconds,
    presence::{MemberKind, Scheduling},
};

use super::age;
use crate::output::{Column, Document, Table};

const COLUMNS: &[Column] = &[
    Column::always("NAME"),
    Column::always("STATE"),
    Column::always("ACTORS"),
    Column::always("PROVIDERS"),
    Column::always("AGE"),
    Column::always("LABELS"),
    Column::wide("ENGINE"),
    Column::wide("KIND"),
    Column::wide("VERSION"),
    Column::wide("ID"),
];

/// Shows members, hosts first, by name.
pub(crate) fn hosts(members: &[MemberSummary], now: UnixSeconds) -> Result<Document> {
    let mut members = members.to_vec();
    members.sort_by(|a, b| {
        (a.kind != MemberKind::Host, &a.name, &a.member).cmp(&(b.kind != MemberKind::Host, &b.name, &b.member))
    });
    let mut table = Table::new(COLUMNS);
    for member in &members {
        table.row([
            member.name.clone(),
            state(member),
            member.actors.to_string(),
            member.providers.to_string(),
            age(member.started_at, now),
            member.labels.to_string(),
            member.engine.clone(),
            word(&member.kind),
            member.version.clone(),
            member.member.to_string(),
        ]);
    }
    let names = members.iter().map(|member| format!("host/{}", member.name)).collect();
    // No secret, but a screenful, and of use only to those who verify it.
    members.iter_mut().for_each(|member| member.token.clear());
    Document::list(
        "HostList",
        &members,
        table,
        names,
        "no hosts: start one with `lattice up`, or join one with `lattice-host`",
    )
}

/// Whether it takes work, and whether more may be placed on it.
fn state(member: &MemberSummary) -> String {
    match member.scheduling {
        Scheduling::Open => word(&member.state),
        scheduling => format!("{},{}", word(&member.state), word(&scheduling)),
    }
}

/// A wire enum's own word for itself.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}
