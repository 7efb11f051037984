//! The JSON Schema, and that it knows the keys that are read.

use std::collections::BTreeSet;
use std::path::Path;

use lattice_manifest::{Options, json_schema, read};
use serde_json::Value;

use crate::support::{expect_file, source, text};

#[test]
fn the_schema_is_the_one_that_is_published() {
    let schema = serde_json::to_string_pretty(&json_schema()).expect("JSON");
    expect_file(Path::new("schema/application-v1.json"), &schema);
}

/// Everything the schema says about a value, as far as it may be that: references followed, choices taken apart.
fn choices<'s>(schema: &'s Value, root: &'s Value) -> Vec<&'s Value> {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(path.trim_start_matches('#')).expect("what is referred to");
        return choices(target, root);
    }
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(some) => some.iter().flat_map(|one| choices(one, root)).collect(),
        None => vec![schema],
    }
}

/// Walks a value along the schema. Notes each key of a record that is met; panics where the schema does not know one.
fn walk<'s>(value: &Value, schema: &'s Value, root: &'s Value, met: &mut BTreeSet<(*const Value, String)>) {
    for choice in choices(schema, root) {
        match value {
            Value::Array(items) => {
                if let Some(of_item) = choice.get("items") {
                    items.iter().for_each(|item| walk(item, of_item, root, met));
                }
            }
            Value::Object(entries) => {
                let Some(properties) = choice.get("properties").and_then(Value::as_object) else {
                    continue;
                };
                if !entries.keys().all(|key| properties.contains_key(key)) {
                    // Of two records that it may be, it is the other.
                    assert!(
                        choices(schema, root).len() > 1,
                        "{entries:?} has keys that the schema does not know"
                    );
                    continue;
                }
                for (key, entry) in entries {
                    met.insert((std::ptr::from_ref(choice), key.clone()));
                    walk(entry, &properties[key], root, met);
                }
            }
            _ => {}
        }
    }
}

/// Every record in the schema, and its keys.
fn records(schema: &Value) -> Vec<(*const Value, &serde_json::Map<String, Value>)> {
    let definitions = schema["$defs"].as_object().expect("definitions").values();
    let all = definitions.chain(std::iter::once(schema));
    all.filter_map(|record| Some((std::ptr::from_ref(record), record.get("properties")?.as_object()?)))
        .collect()
}

/// `full.json` has every key there is, and it is read without a mistake: so each key of the schema is accepted.
#[test]
fn every_key_of_the_schema_is_read() {
    let source = source("native/full.json");
    read(&source, &Options::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let (schema, full) = (json_schema(), serde_json::from_str(&source.text).expect("JSON"));
    let mut met = BTreeSet::new();
    walk(&full, &schema, &schema, &mut met);
    for (record, keys) in records(&schema) {
        for key in keys.keys() {
            assert!(met.contains(&(record, key.clone())), "`{key}` is not in full.json");
        }
    }
}

/// The other way round: a mapping that is not full knows no key that the schema does not, since what it says it knows are those.
#[test]
fn every_key_that_is_read_is_in_the_schema() {
    let schema = json_schema();
    let known: BTreeSet<String> = records(&schema)
        .iter()
        .flat_map(|(_, keys)| keys.keys().cloned())
        .collect();
    let full: Value = serde_json::from_str(&source("native/full.json").text).expect("JSON");
    let mut places = Vec::new();
    objects(&full, &mut String::new(), &mut places);
    for place in places {
        let mut changed = full.clone();
        let object = changed
            .pointer_mut(&place)
            .and_then(Value::as_object_mut)
            .expect("an object");
        object.insert("zzzzzzzzzzzzzzzz".to_owned(), Value::String("x".to_owned()));
        let Err(mistakes) = read(&text(&changed.to_string()), &Options::default()) else {
            // A table of the user's own: labels, config, secrets.
            continue;
        };
        assert_eq!(mistakes.len(), 1, "{place}: {mistakes}");
        let help = mistakes
            .iter()
            .next()
            .and_then(|mistake| mistake.help.clone())
            .expect("a help");
        let told = help
            .strip_prefix("known are ")
            .unwrap_or_else(|| panic!("{place}: {help}"));
        for key in told.split(", ") {
            assert!(known.contains(key), "{place}: `{key}` is read, and not in the schema");
        }
    }
}

fn objects(value: &Value, place: &mut String, places: &mut Vec<String>) {
    let length = place.len();
    let mut inner = |key: &str, value: &Value, place: &mut String| {
        place.push('/');
        place.push_str(key);
        objects(value, place, places);
        place.truncate(length);
    };
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| inner(key, value, place));
            places.push(place.clone());
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, value)| inner(&at.to_string(), value, place));
        }
        _ => {}
    }
}
