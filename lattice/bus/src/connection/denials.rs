//! What the server does not let us do.

/// One thing the server did not let us do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Denial {
    pub(crate) action: Action,
    pub(crate) subject: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Publish,
    Subscribe,
}

/// Reads the server's error line, `Permissions Violation for Publish to "subject"`.
pub(crate) fn parse(error: &str) -> Option<Denial> {
    let lower = error.to_ascii_lowercase();
    let rest = &lower[lower.find("permissions violation for ")? + "permissions violation for ".len()..];
    let action = if rest.starts_with("publish") {
        Action::Publish
    } else if rest.starts_with("subscription") {
        Action::Subscribe
    } else {
        return None;
    };
    // ASCII lower-casing keeps byte positions, so the subject is cut from the original.
    let start = error.find('"')? + 1;
    let end = start + error[start..].find('"')?;
    Some(Denial {
        action,
        subject: error[start..end].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_servers_words() {
        let publish = parse(r#"Permissions Violation for Publish to "lat.Dev.x""#);
        assert_eq!(
            publish,
            Some(Denial {
                action: Action::Publish,
                subject: "lat.Dev.x".into()
            })
        );
        let subscribe = parse(r#"Permissions Violation for Subscription to "$SRV.PING" using queue "q""#);
        assert_eq!(
            subscribe,
            Some(Denial {
                action: Action::Subscribe,
                subject: "$SRV.PING".into()
            })
        );
        for other in [
            "",
            "Stale Connection",
            "permissions violation for ",
            "Permissions Violation for Publish to \"open",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
