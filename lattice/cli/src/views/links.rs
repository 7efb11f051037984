//! Links: what every member makes of each, in one line; and what was refused, with the reason.

use std::collections::BTreeMap;

use anyhow::Result;
use lattice_control::{LinkStatus, LinksReply, MemberSummary, RefusedLink};
use lattice_core::{InterfacePattern, LinkId, LinkLabel, Party, UnixSeconds};
use serde::Serialize;

use super::remaining;
use crate::output::{Column, Document, Table};

const COLUMNS: &[Column] = &[
    Column::always("SOURCE"),
    Column::always("INTERFACE"),
    Column::always("LABEL"),
    Column::always("TARGET"),
    Column::always("STATE"),
    Column::always("EXPIRES"),
    Column::wide("GENERATION"),
    Column::wide("FUNCTIONS"),
    Column::wide("ISSUER"),
    Column::wide("REASON"),
];

/// A link as the members hold it, or a token that some refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct LinkView {
    /// Its id; for a refused token, what it claims to be.
    pub(crate) id: String,
    /// Who may use it.
    pub(crate) source: Option<Party>,
    /// What.
    pub(crate) interface: Option<InterfacePattern>,
    /// Under which label.
    pub(crate) label: Option<LinkLabel>,
    /// Whether it is in force.
    pub(crate) state: LinkState,
    /// What the members that hold it say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<LinkStatus>,
    /// The members that hold it, or refused it.
    pub(crate) members: Vec<String>,
    /// Members that hold an older generation, or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) behind: Vec<String>,
    /// Why it was refused, or what keeps a member from serving it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
}

/// Whether a link is in force.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LinkState {
    /// Every member holds it.
    Active,
    /// Some members hold it.
    Partial,
    /// Members hold it, and some cannot serve it.
    Hampered,
    /// It was refused.
    Refused,
}

/// Puts together what all members say.
pub(crate) fn gather(replies: &[(MemberSummary, LinksReply)]) -> Vec<LinkView> {
    let mut by_id: BTreeMap<&LinkId, Vec<(&str, &LinkStatus)>> = BTreeMap::new();
    let mut refusals: BTreeMap<(String, &str), Vec<(&str, &RefusedLink)>> = BTreeMap::new();
    for (member, reply) in replies {
        for link in &reply.active {
            by_id.entry(&link.id).or_default().push((&member.name, link));
        }
        for refused in &reply.refused {
            let id = refused
                .claimed
                .clone()
                .unwrap_or_else(|| format!("key {}", refused.key));
            refusals
                .entry((id, &refused.code))
                .or_default()
                .push((&member.name, refused));
        }
    }
    let everybody: Vec<&str> = replies.iter().map(|(member, _)| member.name.as_str()).collect();
    let active = by_id.into_iter().filter_map(|(id, held)| active(id, &held, &everybody));
    let refused = refusals.into_iter().map(|((id, code), by)| refused(id, code, &by));
    active.chain(refused).collect()
}

fn active(id: &LinkId, held: &[(&str, &LinkStatus)], everybody: &[&str]) -> Option<LinkView> {
    let newest = held.iter().map(|(_, link)| *link).max_by_key(|link| link.generation)?;
    let is_newest = |link: &LinkStatus| link.generation == newest.generation;
    let members: Vec<String> = held
        .iter()
        .filter(|(_, link)| is_newest(link))
        .map(|(member, _)| (*member).to_owned())
        .collect();
    let behind: Vec<String> = everybody
        .iter()
        .filter(|member| !members.iter().any(|m| m == *member))
        .map(|&m| m.to_owned())
        .collect();
    let problem = |(member, link): &(&str, &LinkStatus)| {
        link.problem
            .as_ref()
            .filter(|_| is_newest(link))
            .map(|problem| format!("{member}: {problem}"))
    };
    let reasons: Vec<String> = held.iter().filter_map(problem).collect();
    let state = match (reasons.is_empty(), behind.is_empty()) {
        (false, _) => LinkState::Hampered,
        (true, false) => LinkState::Partial,
        (true, true) => LinkState::Active,
    };
    Some(LinkView {
        id: id.to_string(),
        source: Some(newest.source.clone()),
        interface: Some(newest.interface.clone()),
        label: Some(newest.label.clone()),
        state,
        link: Some(newest.clone()),
        members,
        behind,
        reasons,
    })
}

fn refused(id: String, code: &str, by: &[(&str, &RefusedLink)]) -> LinkView {
    let parts = id.parse::<LinkId>().ok().map(|id| id.parts());
    let mut messages: Vec<&str> = by.iter().map(|(_, refused)| refused.message.as_str()).collect();
    messages.sort_unstable();
    messages.dedup();
    LinkView {
        source: parts.as_ref().map(|parts| parts.source.clone()),
        interface: parts.as_ref().map(|parts| parts.interface.clone()),
        label: parts.map(|parts| parts.label),
        id,
        state: LinkState::Refused,
        link: None,
        members: by.iter().map(|(member, _)| (*member).to_owned()).collect(),
        behind: Vec::new(),
        reasons: messages
            .into_iter()
            .map(|message| format!("{code}: {message}"))
            .collect(),
    }
}

/// Shows links, those in force first.
pub(crate) fn links(views: &[LinkView], now: UnixSeconds) -> Result<Document> {
    let mut table = Table::new(COLUMNS);
    for view in views {
        let link = view.link.as_ref();
        let text = |value: Option<String>| value.unwrap_or_default();
        table.row([
            text(
                view.source
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(|| Some(view.id.clone())),
            ),
            text(view.interface.as_ref().map(ToString::to_string)),
            text(view.label.as_ref().map(ToString::to_string)),
            text(link.map(|link| link.target.to_string())),
            state(view),
            text(link.map(|link| remaining(link.expires_at, now))),
            text(link.map(|link| link.generation.to_string())),
            text(link.map(|link| link.functions.to_string())),
            text(link.map(|link| link.issuer.to_string())),
            reason(view),
        ]);
    }
    let names = views
        .iter()
        .filter(|view| view.link.is_some())
        .map(|view| format!("link/{}", view.id))
        .collect();
    Document::list(
        "LinkList",
        views,
        table,
        names,
        "no links: make one with `lattice link put SOURCE INTERFACE TARGET`",
    )
}

fn state(view: &LinkView) -> String {
    let (held, all) = (view.members.len(), view.members.len() + view.behind.len());
    match view.state {
        LinkState::Active => "active".to_owned(),
        LinkState::Partial => format!("active on {held} of {all}"),
        LinkState::Hampered => "hampered".to_owned(),
        LinkState::Refused => format!("refused by {held}"),
    }
}

fn reason(view: &LinkView) -> String {
    let mut parts = view.reasons.clone();
    match view.state {
        LinkState::Refused => parts.push(format!("(by {})", view.members.join(", "))),
        _ if !view.behind.is_empty() => parts.push(format!("not on {}", view.behind.join(", "))),
        _ => {}
    }
    parts.join("; ")
}
