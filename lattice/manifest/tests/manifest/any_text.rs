//! Whatever is read, reading ends, and says something.

use lattice_manifest::{ImageAliases, Options, read};
use proptest::prelude::*;

use crate::support::{fixtures, source, text};

fn options() -> Options {
    Options {
        environment: Some([("A".to_owned(), "1".to_owned())].into()),
        ..Options::default()
    }
}

/// Reads it, and looks at all that comes out.
fn look_at(body: &str) {
    let source = text(body);
    match read(&source, &options()) {
        Ok(manifests) => {
            assert!(!manifests.is_empty());
            for manifest in manifests {
                let _ = manifest.to_application(&crate::support::digests(&manifest));
                let _ = manifest.check_worlds(&Default::default());
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            let lines = body.split('\n').count();
            assert!(
                mistakes.iter().all(|mistake| (1..=lines).contains(&mistake.line)),
                "{mistakes}"
            );
            assert!(mistakes.to_string().contains("error: "));
        }
    }
    let _ = ImageAliases::read(&source);
}

fn bodies() -> Vec<String> {
    let folders = ["native", "native/broken", "wadm", "wadm/broken"];
    let paths = folders.iter().flat_map(|folder| fixtures(folder, &[".yaml", ".json"]));
    paths.map(|path| source(&path).text).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        look_at(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words_of_yaml_are_read(words in proptest::collection::vec(
        prop_oneof![
            Just("apiVersion: lattice.dev/v1\n"), Just("apiVersion: core.oam.dev/v1beta1\n"), Just("kind: Application\n"),
            Just("metadata:\n  name: a\n"), Just("spec:\n"), Just("  actors:\n"), Just("  components:\n"), Just("    - "),
            Just("name: x\n"), Just("      "), Just("type: component\n"), Just("properties:\n"), Just("{"), Just("}"), Just("["),
            Just("]"), Just(", "), Just(": "), Just("? "), Just("- "), Just("&a "), Just("*a"), Just("!t "), Just("\""), Just("'"),
            Just("|\n"), Just("---\n"), Just("...\n"), Just("\t"), Just("${A}"), Just("${"), Just("%YAML 1.2\n"), Just("ä"),
        ],
        0..60,
    )) {
        look_at(&words.concat());
    }

    #[test]
    fn any_change_of_a_manifest_is_read(
        pick in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0usize..40,
        instead in prop_oneof![Just(String::new()), "[a-z:\\-{}\\[\\]&*!|>'\"%@`,?# \n\t$0-9é\u{0}]{0,12}"],
    ) {
        let bodies = bodies();
        let body = &bodies[pick.index(bodies.len())];
        let starts: Vec<usize> = body.char_indices().map(|(at, _)| at).collect();
        let from = starts[at.index(starts.len())];
        let to = starts.iter().copied().find(|end| *end >= from + length).unwrap_or(body.len());
        look_at(&format!("{}{instead}{}", &body[..from], &body[to..]));
    }
}

#[test]
fn bombs_are_told_and_not_set_off() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let mistakes = read(&text(&laughs), &Options::default()).expect_err("too much");
    assert!(mistakes.to_string().contains("are its aliases"), "{mistakes}");

    for deep in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
        "? ".repeat(50_000),
    ] {
        look_at(&deep);
    }
    look_at(&"a: b\n".repeat(100_000));
    look_at(&"x".repeat(2 << 20));
    look_at(&format!("a: {}", "x".repeat(1 << 19)));
    let many: String = (0..30_000).map(|key| format!("k{key}: 1\n")).collect();
    look_at(&format!("apiVersion: lattice.dev/v1\n{many}"));
}
