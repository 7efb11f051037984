//! Finding what the user named: a friendly name, an id, or the beginning of an id.

use lattice_control::MemberSummary;

use crate::failure::{Exit, Failure};

/// Finds the one member that `text` names: its id, its name, or a beginning of its id that fits no other. Never the beginning of a
/// name: `edge` must not mean `edge-eu` while `edge` is down.
pub(crate) fn member<'a>(members: &'a [MemberSummary], text: &str) -> Result<&'a MemberSummary, Failure> {
    if let Some(exact) = members.iter().find(|member| member.member.as_str() == text) {
        return Ok(exact);
    }
    let named: Vec<_> = members.iter().filter(|member| member.name == text).collect();
    if !named.is_empty() {
        return only(&named, text);
    }
    let begun: Vec<_> = members
        .iter()
        .filter(|member| !text.is_empty() && member.member.as_str().starts_with(text))
        .collect();
    if begun.is_empty() {
        return Err(Failure::not_found(format!("no host is called `{text}`"))
            .because(there_are(members))
            .help("give a name, an id or the beginning of an id: `lattice get hosts -o wide` lists them"));
    }
    only(&begun, text)
}

fn only<'a>(found: &[&'a MemberSummary], text: &str) -> Result<&'a MemberSummary, Failure> {
    match found {
        [one] => Ok(one),
        several => Err(
            Failure::new(Exit::Conflict, format!("`{text}` could be {} hosts", several.len()))
                .because(list(several.iter().copied()))
                .help("give more of the id"),
        ),
    }
}

fn there_are(members: &[MemberSummary]) -> String {
    if members.is_empty() {
        return "no host answers".to_owned();
    }
    format!("there are {}", list(members))
}

fn list<'a>(members: impl IntoIterator<Item = &'a MemberSummary>) -> String {
    let names: Vec<String> = members
        .into_iter()
        .map(|m| format!("{} ({})", m.name, short_id(m.member.as_str())))
        .collect();
    names.join(", ")
}

/// The beginning of an id: enough to tell hosts apart, and to type.
pub(crate) fn short_id(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use lattice_core::{
        Incarnation, Labels, MemberId, UnixSeconds,
        presence::{MemberKind, MemberState},
    };

    use super::*;

    fn summary(name: &str) -> MemberSummary {
        let member: MemberId = nkeys::KeyPair::new_server().public_key().parse().expect("a server key");
        MemberSummary {
            scheduling: lattice_core::presence::Scheduling::Open,
            member,
            incarnation: Incarnation::from(1),
            name: name.into(),
            kind: MemberKind::Host,
            state: MemberState::Ready,
            labels: Labels::new(),
            version: String::new(),
            engine: String::new(),
            started_at: UnixSeconds::default(),
            actors: 0,
            providers: 0,
            sees: vec![],
            token: String::new(),
        }
    }

    #[test]
    fn takes_names_ids_and_unique_beginnings() {
        let members = [summary("cloud"), summary("cloud-2"), summary("edge")];
        let found = |text: &str| member(&members, text).map(|found| found.name.clone());
        assert_eq!(found("cloud").as_deref(), Ok("cloud"));
        assert_eq!(found("ed").expect_err("no name").exit, Exit::NotFound);
        assert_eq!(found(members[1].member.as_str()).as_deref(), Ok("cloud-2"));
        assert_eq!(found(&members[1].member.as_str()[..20]).as_deref(), Ok("cloud-2"));
        assert_eq!(found("pi").expect_err("none").exit, Exit::NotFound);
        assert_eq!(found("").expect_err("nothing was named").exit, Exit::NotFound);
    }

    #[test]
    fn two_hosts_of_one_name_must_be_told_apart() {
        let members = [summary("edge"), summary("edge")];
        let failure = member(&members, "edge").expect_err("which of the two?");
        assert_eq!(failure.exit, Exit::Conflict);
        assert!(member(&members, members[0].member.as_str()).is_ok());
    }
}
