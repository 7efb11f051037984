//! Where traces can be looked at more closely.

use std::{str::FromStr, time::Duration};

use http::Uri;
use tokio::net::TcpStream;

/// Where Jaeger's page is when somebody runs one on this machine.
const USUAL: &str = "127.0.0.1:16686";
/// On this machine, whoever listens takes a connection at once.
const PATIENCE: Duration = Duration::from_millis(200);

/// The address of Jaeger's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Jaeger(String);

impl FromStr for Jaeger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Option<Uri> = text.parse().ok();
        // It becomes a link, and a link may be of a kind that does things.
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        match uri.filter(is_web) {
            Some(_) => Ok(Self(text.trim_end_matches('/').to_owned())),
            None => Err("write http://HOST:PORT".to_owned()),
        }
    }
}

impl Jaeger {
    /// The one on this machine, if there is one. Asked anew whenever a page is opened: it may be started later.
    pub(super) async fn here() -> Option<Self> {
        let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(USUAL)).await;
        matches!(connected, Ok(Ok(_))).then(|| Self(format!("http://{USUAL}")))
    }

    pub(super) fn url(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_page_becomes_a_link() {
        let url = |text: &str| text.parse::<Jaeger>().map(|jaeger| jaeger.url().to_owned()).ok();
        assert_eq!(url("http://jaeger:16686/").as_deref(), Some("http://jaeger:16686"));
        assert_eq!(url("https://a/jaeger").as_deref(), Some("https://a/jaeger"));
        for wrong in ["javascript:alert(1)", "jaeger:16686", "/a", ""] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }
}
