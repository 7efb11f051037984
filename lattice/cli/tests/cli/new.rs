//! `lattice new`: five languages, one behaviour. What is handed out is what was built, and it runs as it is.

use std::{collections::BTreeMap, fs, path::Path};

use lattice_scaffold::{Language, Project};

use crate::fixture::{Home, component, free_port, http_get, require_host_program};

/// Longer than what one call of a stream takes, and not too long for a request.
const LONG_NAME: usize = 5000;

/// Every file below a folder, by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("is a folder") {
            let path = entry.expect("can be read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .expect("is below")
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, fs::read(&path).expect("is readable"));
            }
        }
    }
    found
}

/// Puts the component that the tests' set-up built of the same project where the project's own build would put it.
fn built(folder: &Path, project: &Project) {
    let to = folder.join(project.component());
    fs::create_dir_all(to.parent().expect("is in a folder")).expect("a folder");
    fs::copy(component(&format!("hello-{}", project.language())), to).expect("a component");
}

fn answers(port: u16, title: &str) {
    let answer = |path: &str| http_get(port, path).unwrap_or_else(|error| panic!("{title}, {path}: {error}"));
    let ok = |line: String| (200, format!("{line}\n"));
    let plain = ok(format!("Hello from {title}!"));
    let named = |name: &str| ok(format!("Hello, {name}, from {title}!"));
    for (path, expect) in [
        ("/", plain.clone()),
        ("/?", plain.clone()),
        ("/?name=", plain.clone()),
        ("/?nickname=Ada", plain),
        ("/?name=Ada", named("Ada")),
        ("/?a=b&name=Ada+L%C3%B6ve%26Co&name=Bob", named("Ada Löve&Co")),
        ("/other", (404, "nothing is here but /\n".to_owned())),
        ("/other?name=Ada", (404, "nothing is here but /\n".to_owned())),
    ] {
        assert_eq!(answer(path), expect, "{title}, {path}");
    }
    let name = "x".repeat(LONG_NAME);
    assert_eq!(answer(&format!("/?name={name}")), named(&name), "{title}, a long name");
}

#[test]
fn an_actor_in_each_language_is_handed_out_and_answers_the_same() {
    require_host_program();
    let mut home = Home::new();
    home.up(&["--name", "cloud"]);
    for language in Language::ALL {
        let name = format!("hello-{language}");
        home.run(&["new", &name, "--lang", language.as_str()]).ok();
        let folder = home.path().join(&name);
        let project = Project::new(name.parse().expect("a name"), language);
        let expect: BTreeMap<_, _> = project
            .files()
            .into_iter()
            .map(|file| (file.path.to_owned(), file.contents.into_owned()))
            .collect();
        assert_eq!(files(&folder), expect, "{language}");

        built(&folder, &project);
        let port = free_port();
        let manifest = folder.join("app.yaml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        fs::write(&manifest, text.replace("127.0.0.1:8000", &format!("127.0.0.1:{port}"))).expect("is writable");
        let manifest = manifest.to_str().expect("text").to_owned();
        // Engines in their own right, the large ones are: a build for tests compiles them for a while.
        home.run(&["apply", "-f", &manifest, "--wait", "--timeout", "10m"]).ok();
        answers(port, language.title());
        home.run(&["app", "delete", &name]).ok();
    }
    home.down();
}

#[test]
fn what_is_there_is_left_alone_and_mistakes_are_told() {
    let home = Home::new();
    home.run(&["new", "greeter", "--lang", "cobol"]).fails(2, "python");
    home.run(&["new", "My_Actor", "--lang", "rust"])
        .fails(2, "small letter");
    fs::create_dir(home.path().join("greeter")).expect("a folder");
    home.run(&["new", "greeter", "--lang", "javascript"]).ok();
    home.run(&["new", "greeter", "--lang", "c"])
        .fails(6, "greeter is not empty");
    assert!(!home.path().join("greeter/app.c").exists());

    let made = home.json(&["new", "greeter", "--lang", "rust", "--out", "deep/down"]);
    assert_eq!(made["component"], "target/wasm32-wasip2/release/greeter.wasm", "{made}");
    let valid = home.run(&["validate", "-f", "deep/down/app.yaml"]);
    // All that is missing is what the build makes.
    valid.fails(1, "greeter.wasm");
}
