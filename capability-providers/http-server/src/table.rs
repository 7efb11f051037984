//! Finds the link that takes a request.
//!
//! The most specific route wins, and what a route says weighs in this order: an address of its own, then the host (a name
//! before a wildcard, a longer wildcard before a shorter one), then the path (a segment by its name before one that is a key, from the left;
//! exact before prefix, longer before shorter), then the method. A request falls back from a route that has another method to a less
//! specific one.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use lattice_core::LinkId;

use crate::path::{PathPattern, PathTail};
use crate::route::{HostPattern, RouteSpec};

/// All routes of a server, made for look-up. Built anew for every change and swapped in whole.
pub struct RouteTable<T> {
    listeners: Vec<Hosts<T>>,
    everywhere: Hosts<T>,
}

/// What a look-up found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<'t, 'p, T> {
    /// The most specific route.
    Found(Found<'t, 'p, T>),
    /// Routes take the path, but with these methods only.
    MethodNotAllowed(Vec<Method>),
    /// No route takes the path.
    NotFound,
}

/// A route that takes the request.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'t, 'p, T> {
    /// Where it leads.
    pub target: &'t Arc<T>,
    /// The segment of the path that is a key, as it came; never empty.
    pub segment: Option<&'p str>,
}

/// Two links ask for the same requests.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteConflict {
    /// What both ask for.
    pub route: String,
    /// The link that was there first.
    pub by: LinkId,
}

struct Hosts<T> {
    exact: HashMap<String, Paths<T>>,
    below: HashMap<String, Paths<T>>,
    any: Paths<T>,
}

struct Paths<T> {
    fixed: Tails<T>,
    /// By what stands before the key: what may follow it.
    keyed: HashMap<String, Tails<T>>,
}

struct Tails<T> {
    exact: HashMap<String, Methods<T>>,
    prefix: HashMap<String, Methods<T>>,
}

struct Methods<T> {
    named: Vec<(Method, Slot<T>)>,
    any: Option<Slot<T>>,
}

struct Slot<T> {
    link: LinkId,
    target: Arc<T>,
}

impl<T> RouteTable<T> {
    /// Makes an empty table for a server with this many addresses.
    #[must_use]
    pub fn new(listeners: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| Hosts::default()).collect(),
            everywhere: Hosts::default(),
        }
    }

    /// Adds a link's routes.
    ///
    /// # Errors
    ///
    /// The first conflict with a link that is in the table. The table is of no use then.
    pub fn insert(&mut self, link: &LinkId, spec: &RouteSpec, target: &Arc<T>) -> Result<(), RouteConflict> {
        let hosts = match spec.listener {
            Some(index) => &mut self.listeners[index],
            None => &mut self.everywhere,
        };
        let insert = |paths: &mut Paths<T>| {
            paths
                .insert(&spec.path, &spec.methods, link, target)
                .map_err(|by| RouteConflict {
                    route: spec.to_string(),
                    by,
                })
        };
        if spec.hosts.is_empty() {
            return insert(&mut hosts.any);
        }
        for host in &spec.hosts {
            insert(match host {
                HostPattern::Exact(name) => hosts.exact.entry(name.clone()).or_default(),
                HostPattern::Below(name) => hosts.below.entry(name.clone()).or_default(),
            })?;
        }
        Ok(())
    }

    /// Finds the target for a request that came in on `listener`. `host` is the value of the Host header.
    #[must_use]
    pub fn lookup<'p>(&self, listener: usize, host: Option<&str>, method: &Method, path: &'p str) -> Lookup<'_, 'p, T> {
        let mut allowed = Vec::new();
        let found = self
            .listeners
            .get(listener)
            .and_then(|hosts| hosts.find(host, method, path, &mut allowed))
            .or_else(|| self.everywhere.find(host, method, path, &mut allowed));
        match found {
            Some(found) => Lookup::Found(found),
            None if allowed.is_empty() => Lookup::NotFound,
            None => {
                allowed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
                allowed.dedup();
                Lookup::MethodNotAllowed(allowed)
            }
        }
    }
}

impl<T> Hosts<T> {
    fn find<'p>(
        &self,
        host: Option<&str>,
        method: &Method,
        path: &'p str,
        allowed: &mut Vec<Method>,
    ) -> Option<Found<'_, 'p, T>> {
        if let Some(host) = host.filter(|_| !self.exact.is_empty() || !self.below.is_empty()) {
            let host = host_name(host);
            let lower = host.to_ascii_lowercase();
            let named = self
                .exact
                .get(&lower)
                .and_then(|paths| paths.find(method, path, allowed));
            if named.is_some() {
                return named;
            }
            let mut rest = lower.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                let below = self
                    .below
                    .get(parent)
                    .and_then(|paths| paths.find(method, path, allowed));
                if below.is_some() {
                    return below;
                }
                rest = parent;
            }
        }
        self.any.find(method, path, allowed)
    }
}

impl<T> Paths<T> {
    fn insert(&mut self, path: &PathPattern, methods: &[Method], link: &LinkId, target: &Arc<T>) -> Result<(), LinkId> {
        let tails = match &path.before_key {
            None => &mut self.fixed,
            Some(before) => self.keyed.entry(before.clone()).or_default(),
        };
        tails.insert(&path.tail, methods, link, target)
    }

    fn find<'p>(&self, method: &Method, path: &'p str, allowed: &mut Vec<Method>) -> Option<Found<'_, 'p, T>> {
        let fixed = |target| Found { target, segment: None };
        if let Some(target) = self.fixed.find_exact(path, method, allowed) {
            return Some(fixed(target));
        }
        if self.keyed.is_empty() {
            return self.fixed.find_prefix(path, method, allowed).map(fixed);
        }
        // What goes on by a key after a cut is longer than what ends there, and shorter than what goes on by name.
        cuts(path).find_map(|cut| {
            let (segment, rest) = next_segment(&path[cut.len()..]);
            let keyed = self.keyed.get(cut).filter(|_| !segment.is_empty()).and_then(|tails| {
                let target = tails.find_exact(rest, method, allowed);
                target.or_else(|| tails.find_prefix(rest, method, allowed))
            });
            match keyed {
                Some(target) => Some(Found {
                    target,
                    segment: Some(segment),
                }),
                None => self.fixed.find_cut(cut, method, allowed).map(fixed),
            }
        })
    }
}

impl<T> Tails<T> {
    fn insert(&mut self, tail: &PathTail, methods: &[Method], link: &LinkId, target: &Arc<T>) -> Result<(), LinkId> {
        let slots = match tail {
            PathTail::Exact(path) => self.exact.entry(path.clone()).or_default(),
            PathTail::Prefix(path) => self.prefix.entry(path.clone()).or_default(),
        };
        let slot = || Slot {
            link: link.clone(),
            target: Arc::clone(target),
        };
        if methods.is_empty() {
            return match &slots.any {
                Some(taken) => Err(taken.link.clone()),
                None => {
                    slots.any = Some(slot());
                    Ok(())
                }
            };
        }
        for method in methods {
            if let Some((_, taken)) = slots.named.iter().find(|(named, _)| named == method) {
                return Err(taken.link.clone());
            }
            slots.named.push((method.clone(), slot()));
        }
        Ok(())
    }

    fn find_exact(&self, path: &str, method: &Method, allowed: &mut Vec<Method>) -> Option<&Arc<T>> {
        self.exact.get(path).and_then(|methods| methods.find(method, allowed))
    }

    fn find_prefix(&self, path: &str, method: &Method, allowed: &mut Vec<Method>) -> Option<&Arc<T>> {
        if self.prefix.is_empty() {
            return None;
        }
        cuts(path).find_map(|cut| self.find_cut(cut, method, allowed))
    }

    fn find_cut(&self, cut: &str, method: &Method, allowed: &mut Vec<Method>) -> Option<&Arc<T>> {
        self.prefix.get(cut).and_then(|methods| methods.find(method, allowed))
    }
}

impl<T> Methods<T> {
    fn find(&self, method: &Method, allowed: &mut Vec<Method>) -> Option<&Arc<T>> {
        let slot = self
            .named
            .iter()
            .find(|(named, _)| named == method)
            .map(|(_, slot)| slot)
            .or(self.any.as_ref());
        if slot.is_none() {
            allowed.extend(self.named.iter().map(|(named, _)| named.clone()));
        }
        slot.map(|slot| &slot.target)
    }
}

/// The prefixes of a path, the longest first. `/a/b/` is under `/a/b`, so they are the cuts before each slash, the whole path first.
fn cuts(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |cut| Some(&cut[..cut.rfind('/')?]))
}

/// The first segment of what follows a cut, and what follows that.
fn next_segment(rest: &str) -> (&str, &str) {
    let rest = rest.strip_prefix('/').unwrap_or_default();
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

/// Cuts the port and the root's dot off a Host header.
pub(crate) fn host_name(host: &str) -> &str {
    let name = match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name)
}

// Derived implementations would ask `T: Default`.
impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            below: HashMap::new(),
            any: Paths::default(),
        }
    }
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self {
            fixed: Tails::default(),
            keyed: HashMap::new(),
        }
    }
}

impl<T> Default for Tails<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            prefix: HashMap::new(),
        }
    }
}

impl<T> Default for Methods<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            any: None,
        }
    }
}
