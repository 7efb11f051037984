//! Where the page is served, and who may ask for it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, header::HOST, uri::Authority};

use crate::failure::Failure;

/// The port that is tried first when nobody says where to listen.
const PORT: u16 = 7411;
/// So many ports after it are tried too: a page for another lattice may be open.
const PORTS: u16 = 10;

/// Who may ask for the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Who is on this machine.
    Loopback,
    /// Anybody who reaches it.
    Remote,
}

/// The addresses to try, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen(Vec<SocketAddr>);

impl Listen {
    /// Decides where to listen. Refuses to show the lattice to others by accident.
    pub(crate) fn new(wished: Option<SocketAddr>, access: Access) -> Result<Self, Failure> {
        let Some(address) = wished else {
            let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            return Ok(Self((PORT..=PORT + PORTS).map(local).collect()));
        };
        if access == Access::Loopback && !is_loopback(address.ip()) {
            return Err(Failure::usage(format!("{address} can be reached by other machines"))
                .because("the page asks nobody who they are, and shows what runs on the lattice, who may call whom, and all events")
                .help("listen on 127.0.0.1 and come by `ssh -L 7411:127.0.0.1:7411`, or insist with --allow-remote"));
        }
        Ok(Self(vec![address]))
    }

    /// The addresses to try, in order.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl Access {
    /// Whether a request is for us. A page from elsewhere can have its own name lead to this machine, and would then read what we serve
    /// as if it were its own; but the browser still says what name it used.
    pub(super) fn admits(self, headers: &HeaderMap) -> bool {
        if self == Self::Remote {
            return true;
        }
        let mut hosts = headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        authority.is_some_and(|authority| is_loopback_name(authority.host()))
    }
}

fn is_loopback_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    address.unwrap_or(&name).parse().is_ok_and(is_loopback)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn others_see_it_only_when_somebody_insists() {
        let listen = |address: &str, access| Listen::new(Some(address.parse().expect("an address")), access);
        for local in ["127.0.0.1:0", "127.9.9.9:80", "[::1]:7411", "[::ffff:127.0.0.1]:1"] {
            assert!(listen(local, Access::Loopback).is_ok(), "{local}");
        }
        for open in ["0.0.0.0:7411", "[::]:7411", "192.168.1.2:80"] {
            let refused = listen(open, Access::Loopback).expect_err(open);
            assert!(refused.what.contains(open) && refused.why.is_some(), "{refused:?}");
            assert_eq!(listen(open, Access::Remote).expect("allowed").addresses().len(), 1);
        }
    }

    #[test]
    fn the_next_free_port_serves_as_well() {
        let listen = Listen::new(None, Access::Loopback).expect("the usual place");
        assert_eq!(listen.addresses()[0].to_string(), "127.0.0.1:7411");
        assert_eq!(listen.addresses().len(), 11);
    }

    #[test]
    fn a_name_of_another_page_is_turned_away() {
        let admits = |hosts: &[&str], access: Access| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_str(host).expect("a header"));
            }
            access.admits(&headers)
        };
        for ours in [
            "localhost:7411",
            "127.0.0.1:7411",
            "127.0.0.1",
            "[::1]:7411",
            "LocalHost.",
            "a.localhost:1",
        ] {
            assert!(admits(&[ours], Access::Loopback), "{ours}");
        }
        for theirs in [
            "evil.example:7411",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "[::2]",
            "::1",
        ] {
            assert!(!admits(&[theirs], Access::Loopback), "{theirs}");
            assert!(admits(&[theirs], Access::Remote));
        }
        assert!(!admits(&[], Access::Loopback));
        assert!(!admits(&["localhost", "localhost"], Access::Loopback));
    }
}
