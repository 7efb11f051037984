//! The page that comes with a project.

use crate::Project;

/// Says how the project is built and run.
pub(crate) fn readme(project: &Project) -> String {
    let language = project.language();
    let needs: String = language
        .needs()
        .iter()
        .map(|need| format!("* {}: `{}`\n", need.what, need.get.replace(", or ", "`, or `")))
        .collect();
    let build = language.build_command();
    let component = project.component();
    format!(
        "# {name}

An actor for Lattice in {title}: answers `GET /` with a greeting, and `GET /?name=Ada` with one for Ada. It begins in
[`{main}`]({main}).

## Build

```console
$ {build}
```

makes `{component}`. It takes:

{needs}
## Run

```console
$ lattice up --detached
$ lattice apply -f app.yaml --wait
$ curl 'localhost:8000/?name=Ada'
Hello, Ada, from {title}!
```

After a change, build and apply again: requests go on while the one takes the other's place. `lattice down` ends it all.
",
        name = project.name(),
        title = language.title(),
        main = language.main_file(),
    )
}
