//! Secrets, and the policies that say where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use super::form::{List, PolicyForm, SecretForm};
use crate::nearest::did_you_mean;
use crate::read::{At, Reader};

/// What the type of a policy for secrets begins with.
const SECRET_POLICY: &str = "policy.secret.";

/// The policies of a manifest, and which of them something referred to.
pub(super) struct Policies<'f> {
    declared: Vec<&'f PolicyForm>,
    used: BTreeSet<String>,
}

impl<'f> Policies<'f> {
    pub(super) fn of(list: &'f List<PolicyForm>) -> Self {
        Self {
            declared: list.iter().flat_map(|at| &at.value).map(|at| &at.value).collect(),
            used: BTreeSet::new(),
        }
    }

    /// The secrets of an actor: the name it asks for, and the one under which hosts keep the value.
    pub(super) fn actor_secrets(&mut self, list: &List<SecretForm>, reader: &mut Reader) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        for At { value: secret, .. } in list.iter().flat_map(|at| &at.value) {
            let (Some(name), Some(properties)) = (&secret.name.0, secret.properties.get()) else {
                continue;
            };
            let (Some(policy), Some(key)) = (&properties.policy.0, &properties.key.0) else {
                continue;
            };
            for (part, span) in [
                ("field", properties.field.as_ref().map(|at| at.span)),
                ("version", properties.version.as_ref().map(|at| at.span)),
            ] {
                if let Some(span) = span {
                    let message = format!(
                        "`{part}` of secret `{}` cannot be honoured: a secret is one text here",
                        name.value
                    );
                    reader.error(span, message);
                }
            }
            self.refer(policy, reader);
            if secrets.insert(name.value.clone(), key.value.clone()).is_some() {
                reader.error(name.span, format!("secret `{}` is there twice", name.value));
            }
            let message = format!(
                "secret `{}` comes from the hosts, not from the backend of policy `{}`",
                name.value, policy.value
            );
            reader.warn_with(
                name.span,
                message,
                format!("keep it there under the name `{}`", key.value),
            );
        }
        secrets
    }

    fn refer(&mut self, policy: &At<String>, reader: &mut Reader) {
        let names = || self.declared.iter().filter_map(|form| form.name.get());
        if !names().any(|name| *name == policy.value) {
            let near = did_you_mean(&policy.value, names().map(String::as_str));
            let help = near.unwrap_or("declare it under `policies`".to_owned());
            reader.error_with(policy.span, format!("there is no policy `{}`", policy.value), help);
        }
        self.used.insert(policy.value.clone());
    }

    /// Tells the policies that change nothing.
    pub(super) fn finish(self, reader: &mut Reader) {
        for form in self.declared {
            let (Some(name), Some(kind)) = (&form.name.0, form.kind.get()) else {
                continue;
            };
            if !kind.starts_with(SECRET_POLICY) {
                let message = format!("policy `{}` has no effect: `{kind}` is not known", name.value);
                reader.warn_with(name.span, message, "leave it out");
            } else if !self.used.contains(&name.value) {
                reader.warn_with(
                    name.span,
                    format!("no secret refers to policy `{}`", name.value),
                    "leave it out",
                );
            }
        }
    }
}

/// Tells secrets of what cannot be given any.
pub(super) fn refuse(list: &List<SecretForm>, whose: &str, reader: &mut Reader) {
    for secret in list.iter().flat_map(|at| &at.value) {
        if let Some(name) = &secret.value.name.0 {
            let message = format!(
                "secret `{}` of {whose} cannot be honoured: hosts give secrets to actors only",
                name.value
            );
            reader.error(name.span, message);
        }
    }
}
