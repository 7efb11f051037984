//! wadm's form, as others write it.

use std::path::Path;

use lattice_core::Application;
use lattice_core::application::Scale;
use lattice_manifest::{Image, ImageAliases, Options, read};

use crate::support::{digests, expect, fixtures, meaning, read_fixture, source, text};

fn options() -> Options {
    Options {
        aliases: ImageAliases::read(&source("wadm/aliases.yaml")).expect("good aliases"),
        ..Options::default()
    }
}

#[test]
fn files_of_others_mean_what_is_expected() {
    let paths = fixtures("wadm", &[".yaml", ".json"]);
    assert!(paths.len() >= 10, "{paths:?}");
    for path in paths {
        let manifests = read_fixture(&path, &options()).unwrap_or_else(|mistakes| panic!("{path}:\n{mistakes}"));
        expect(&path, "json", &meaning(&manifests));
        for manifest in manifests {
            let application = manifest.to_application(&digests(&manifest)).expect("all digests");
            let json = serde_json::to_string(&application).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Application>(&json).expect("an application"),
                application
            );
        }
    }
}

#[test]
fn what_cannot_be_honoured_is_named() {
    for path in fixtures("wadm/broken", &[".yaml", ".json"]) {
        let Err(mistakes) = read_fixture(&path, &options()) else {
            panic!("{path} was taken for right");
        };
        expect(&path, "txt", &mistakes.to_string());
    }
}

/// Whoever runs the fixtures needs a component of ours for each image.
#[test]
fn every_image_has_a_guest_that_stands_in_for_it() {
    for path in fixtures("wadm", &[".yaml", ".json"]) {
        for manifest in read_fixture(&path, &options()).expect("a good one") {
            for (name, image) in manifest.images() {
                let Image::File(file) = image else {
                    panic!("{path}: nothing stands in for {image:?}");
                };
                let guest = file.file_stem().expect("a name").to_string_lossy().into_owned();
                let folder = Path::new("../../actors").join(&guest);
                assert!(folder.is_dir(), "{path}: {name}: there is no guest {guest}");
            }
        }
    }
}

#[test]
fn an_upgrade_keeps_its_names() {
    let names = |version: u32| {
        let manifests = read_fixture(&format!("wadm/upgrade-v{version}.yaml"), &options()).expect("a good one");
        let application = manifests[0]
            .to_application(&digests(&manifests[0]))
            .expect("all digests");
        let lattice = "any".parse().expect("a lattice");
        let links: Vec<String> = application
            .links
            .iter()
            .map(|link| link.id(&lattice).to_string())
            .collect();
        (application.name.clone(), links)
    };
    let (first, second, third) = (names(1), names(2), names(3));
    assert_eq!(first.0, third.0);
    assert!(
        first.1.iter().all(|link| second.1.contains(link)),
        "{first:?} {second:?}"
    );
    assert_eq!(second.1, third.1);
}

#[test]
fn latest_needs_leave() {
    let manifest = "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: a, annotations: {version: latest}}
spec:
  components:
    - name: web
      type: component
      properties: {image: ghcr.io/example/web:latest}
";
    let mistakes = read(&text(manifest), &Options::default()).expect_err("it may be another tomorrow");
    let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [3, 6, 8], "{mistakes}");
    let lenient = Options {
        allow_latest: true,
        ..Options::default()
    };
    let manifests = read(&text(manifest), &lenient).expect("it is allowed");
    let application = manifests[0]
        .to_application(&digests(&manifests[0]))
        .expect("all digests");
    assert_eq!(application.actors[0].placement.scale, Scale::Replicas(0));
    assert_eq!(manifests[0].warnings().len(), 1);
}
