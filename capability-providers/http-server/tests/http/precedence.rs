//! Which of two routes takes a path, as the table says and as the rule says, for every two short paths there are.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use provider_http_server::route::RouteSpec;
use provider_http_server::table::{Lookup, RouteTable};
use provider_sdk::testing::labelled;

const KEY: &str = "{key}";

/// A pattern as its segments.
#[derive(Clone, Debug)]
struct Pattern {
    segments: Vec<&'static str>,
    is_exact: bool,
}

impl Pattern {
    /// All with up to three segments and one key.
    fn all() -> Vec<Self> {
        let mut paths: Vec<Vec<&'static str>> = vec![Vec::new()];
        let mut last = paths.clone();
        for _ in 0..3 {
            let longer = |path: &Vec<&'static str>| {
                let path = path.clone();
                ["a", "b", KEY].map(move |segment| [path.clone(), vec![segment]].concat())
            };
            last = last.iter().flat_map(longer).collect();
            last.retain(|path| path.iter().filter(|segment| **segment == KEY).count() < 2);
            paths.extend(last.clone());
        }
        let both = |segments: Vec<&'static str>| {
            [false, true].map(|is_exact| Self {
                segments: segments.clone(),
                is_exact,
            })
        };
        paths.into_iter().flat_map(both).collect()
    }

    fn spec(&self) -> RouteSpec {
        let matching = if self.is_exact { "exact" } else { "prefix" };
        let config = [
            ("path", format!("/{}", self.segments.join("/"))),
            ("match", matching.to_owned()),
        ];
        let config: BTreeMap<_, _> = config.map(|(key, value)| (key.to_owned(), value)).into();
        RouteSpec::read(&config, &[]).unwrap()
    }

    fn matches(&self, path: &str) -> bool {
        if self.is_exact && self.segments.is_empty() {
            return path == "/";
        }
        let asked: Vec<&str> = path.split('/').skip(1).collect();
        let is_long_enough = match self.is_exact {
            true => asked.len() == self.segments.len(),
            false => asked.len() >= self.segments.len(),
        };
        let fits = |(segment, asked): (&&str, &&str)| segment == asked || (*segment == KEY && !asked.is_empty());
        is_long_enough && self.segments.iter().zip(&asked).all(fits)
    }

    /// From the left: by name, by key, an end that is exact, another end.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| {
            let segments = pattern.segments.iter().map(|segment| u8::from(*segment == KEY));
            let end = if pattern.is_exact { 2 } else { 3 };
            segments.chain([end]).collect::<Vec<_>>()
        };
        rank(self).cmp(&rank(other))
    }
}

#[test]
fn the_table_keeps_the_rule() {
    let link = |label| {
        let binding = labelled("provider/http", "wasi:http", "actor/a", label, &[]);
        binding.link.id.clone()
    };
    let links = [link("first"), link("second")];
    let mut paths = vec![String::new(), "/".to_owned()];
    for length in 1..=4 {
        let longer: Vec<String> = paths
            .iter()
            .filter(|path| path.matches('/').count() == length - 1)
            .flat_map(|path| ["a", "b", "c", ""].map(|segment| format!("{path}/{segment}")))
            .collect();
        paths.extend(longer);
    }
    paths.retain(|path| path.starts_with('/'));
    let patterns = Pattern::all();
    for (at, first) in patterns.iter().enumerate() {
        for second in &patterns[at + 1..] {
            let mut table = RouteTable::new(0);
            for (pattern, link) in [first, second].into_iter().zip(&links) {
                table.insert(link, &pattern.spec(), &Arc::new(pattern.clone())).unwrap();
            }
            for path in &paths {
                let mut expect: Vec<&Pattern> = [first, second].into_iter().filter(|it| it.matches(path)).collect();
                expect.sort_by(|a, b| a.order(b));
                let expect = expect.first().map(|pattern| pattern.spec().to_string());
                let (found, segment) = match table.lookup(0, None, &Method::GET, path) {
                    Lookup::Found(found) => (Some(found.target.spec()), found.segment),
                    _ => (None, None),
                };
                let told = found.as_ref().map(ToString::to_string);
                assert_eq!(told, expect, "{path} with {first:?} and {second:?}");
                let before = found.and_then(|spec| spec.path.before_key);
                let key = before.and_then(|before| path[before.len() + 1..].split('/').next());
                assert_eq!(segment, key, "{path} with {first:?} and {second:?}");
            }
        }
    }
}
