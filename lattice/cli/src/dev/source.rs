//! The source that is watched: looked at twice a second, told when it has changed and come to rest.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::snapshot::Snapshot;
use crate::{failure::Failure, output::warn};

/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// How long nothing may change before a change counts as done: editors write in several steps, version control many files.
const REST: Duration = Duration::from_millis(200);

/// After so many rests that were none, what there is is taken: something writes all the time.
const RESTS_MAX: u32 = 25;

/// More files than this are no component's source, but somebody's home.
const FILES_MAX: usize = 20_000;

/// So many builds in a row during which the source changed are of the build's own doing.
const CHASES_MAX: u32 = 3;

/// What nobody wants watched: what builds and tools make, what version control and editors keep.
const IGNORED: [&str; 19] = [
    ".DS_Store",
    ".cache",
    ".git",
    ".hg",
    ".idea",
    ".jj",
    ".mypy_cache",
    ".pytest_cache",
    ".svn",
    ".venv",
    ".vscode",
    ".zig-cache",
    "4913",
    "__pycache__",
    "dist",
    "node_modules",
    "target",
    "venv",
    "zig-out",
];

/// How the names of editors' own files end.
const IGNORED_ENDINGS: [&str; 5] = ["~", ".swp", ".swx", ".tmp", ".orig"];

/// What is watched.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The folder, with those below it. Not watched when somebody else builds, who watches it.
    pub(super) folder: PathBuf,
    /// The manifest, wherever it lies.
    pub(super) manifest: Option<PathBuf>,
    /// Further names that are not watched.
    pub(super) ignored: Vec<String>,
    /// The components. Not watched when we build them: they are what comes out.
    pub(super) components: BTreeSet<PathBuf>,
    /// Whether we build them.
    pub(super) builds: bool,
}

/// Watches a source.
pub(super) struct SourceWatch {
    source: Arc<Source>,
    seen: Arc<Snapshot>,
    chases: u32,
}

impl SourceWatch {
    /// Takes what is there now as known.
    pub(super) async fn start(source: Source) -> Result<Self> {
        let source = Arc::new(source);
        let seen = look(&source, &Arc::default()).await?;
        Ok(Self {
            source,
            seen: Arc::new(seen),
            chases: 0,
        })
    }

    /// Waits for a change, and says which files changed.
    ///
    /// # Cancel safety
    /// Cancel safe: a change that was not told is told the next time.
    pub(super) async fn changed(&mut self) -> Result<Vec<PathBuf>> {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let mut now = Arc::new(look(&self.source, &self.seen).await?);
            if now.changed_since(&self.seen).is_empty() {
                continue;
            }
            for _ in 0..RESTS_MAX {
                tokio::time::sleep(REST).await;
                let later = Arc::new(look(&self.source, &now).await?);
                let rests = later.changed_since(&now).is_empty();
                now = later;
                if rests {
                    break;
                }
            }
            let changed = now.changed_since(&self.seen);
            self.seen = now;
            // Changed, and changed back.
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Says that a build has just ended. Files that a good build made are its own; what else changed meanwhile is told next, unless
    /// that happens with every build.
    pub(super) async fn after_build(&mut self, succeeded: bool) -> Result<()> {
        let now = look(&self.source, &self.seen).await?;
        if succeeded {
            Arc::make_mut(&mut self.seen).adopt_new(&now);
        }
        let changed = now.changed_since(&self.seen);
        self.chases = if changed.is_empty() { 0 } else { self.chases + 1 };
        if self.chases >= CHASES_MAX {
            self.chases = 0;
            let first = changed.first().map_or(Path::new(""), PathBuf::as_path);
            warn(format_args!(
                "{} changes with every build, which starts the next: taken for the build's own; --ignore NAME leaves it out",
                self.shown(first)
            ));
            self.seen = Arc::new(now);
        }
        Ok(())
    }

    /// Says where the components lie, once that is known.
    pub(super) async fn set_components(&mut self, files: Vec<PathBuf>) -> Result<()> {
        let components: BTreeSet<PathBuf> = files.into_iter().collect();
        if components == self.source.components {
            return Ok(());
        }
        let before = self.source.components.clone();
        Arc::make_mut(&mut self.source).components.clone_from(&components);
        // That it is watched from now on, or no more, is no change of the source.
        let now = look(&self.source, &self.seen).await?;
        let seen = Arc::make_mut(&mut self.seen);
        for file in before.union(&components) {
            seen.take_over(file, &now);
        }
        Ok(())
    }

    /// What is watched, as it is shown.
    pub(super) fn watched(&self) -> Vec<String> {
        let source = &self.source;
        let folder = source.builds.then_some(&source.folder);
        let manifest = source
            .manifest
            .iter()
            .filter(|file| folder.is_none_or(|folder| !file.starts_with(folder)));
        let watched = folder.into_iter().chain(manifest).chain(source.outcome());
        watched.map(|path| path.display().to_string()).collect()
    }

    /// A file as it is shown: by its way from the folder.
    pub(super) fn shown(&self, file: &Path) -> String {
        file.strip_prefix(&self.source.folder)
            .unwrap_or(file)
            .display()
            .to_string()
    }
}

/// Looks in a thread of its own: disks may be slow.
async fn look(source: &Arc<Source>, before: &Arc<Snapshot>) -> Result<Snapshot> {
    let (source, before) = (Arc::clone(source), Arc::clone(before));
    let looked = tokio::task::spawn_blocking(move || source.look(&before));
    looked.await.context("the source cannot be looked at")?
}

impl Source {
    fn look(&self, before: &Snapshot) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        if self.builds {
            self.look_below(before, &mut snapshot)?;
        }
        for file in self.manifest.iter().chain(self.outcome()) {
            snapshot.add(file.clone(), before);
        }
        Ok(snapshot)
    }

    /// The components, when somebody else makes them.
    fn outcome(&self) -> impl Iterator<Item = &PathBuf> {
        self.components.iter().filter(|_| !self.builds)
    }

    fn look_below(&self, before: &Snapshot, snapshot: &mut Snapshot) -> Result<()> {
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if folder == self.folder => {
                    return Err(error).with_context(|| format!("cannot read {}", folder.display()));
                }
                // Gone since the folder above was read, or not ours to see.
                Err(_) => continue,
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if self.ignores(&entry.file_name().to_string_lossy()) || self.components.contains(&path) {
                    continue;
                }
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    // Of what a link leads to only files: a folder could lead back here.
                    Ok(kind) if kind.is_file() || path.is_file() => snapshot.add(path, before),
                    _ => {}
                }
            }
            if snapshot.len() > FILES_MAX {
                return Err(
                    Failure::failed(format!("more than {FILES_MAX} files lie in {}", self.folder.display()))
                        .help("give the folder of the component alone, or leave names out with --ignore NAME")
                        .into(),
                );
            }
        }
        Ok(())
    }

    fn ignores(&self, name: &str) -> bool {
        IGNORED.contains(&name)
            || name.starts_with(".#")
            || IGNORED_ENDINGS.iter().any(|ending| name.ends_with(ending))
            || self.ignored.iter().any(|ignored| ignored == name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn source(folder: &Path) -> Source {
        Source {
            folder: folder.to_owned(),
            manifest: None,
            ignored: vec!["generated".to_owned()],
            components: BTreeSet::from([folder.join("out.wasm")]),
            builds: true,
        }
    }

    fn write(folder: &Path, file: &str, text: &str) {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes folders");
        fs::write(path, text).expect("writes");
    }

    async fn told(watch: &mut SourceWatch) -> Vec<String> {
        let changed = tokio::time::timeout(Duration::from_secs(10), watch.changed()).await;
        let changed = changed.expect("a change is told").expect("the folder is there");
        changed.iter().map(|file| watch.shown(file)).collect()
    }

    #[tokio::test]
    async fn only_the_source_is_watched() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        write(folder, "src/lib.rs", "one");
        let mut watch = SourceWatch::start(source(folder)).await.expect("starts");
        for other in [
            "target/x",
            "out.wasm",
            ".git/HEAD",
            "src/.lib.rs.swp",
            "src/lib.rs~",
            "generated/a.rs",
            "a/node_modules/b.js",
        ] {
            write(folder, other, "x");
        }
        write(folder, "src/lib.rs", "two");
        write(folder, "src/new.rs", "new");
        assert_eq!(told(&mut watch).await, ["src/lib.rs", "src/new.rs"]);
        fs::remove_file(folder.join("src/new.rs")).expect("removes");
        assert_eq!(told(&mut watch).await, ["src/new.rs"]);
    }

    #[tokio::test]
    async fn what_a_good_build_makes_is_its_own_and_what_was_edited_meanwhile_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        write(folder, "lib.rs", "one");
        let mut watch = SourceWatch::start(source(folder)).await.expect("starts");
        write(folder, "Cargo.lock", "made");
        write(folder, "lib.rs", "two");
        watch.after_build(true).await.expect("looks");
        assert_eq!(told(&mut watch).await, ["lib.rs"]);
    }

    #[tokio::test]
    async fn a_build_that_changes_its_own_source_comes_to_rest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        write(folder, "version", "0");
        let mut watch = SourceWatch::start(source(folder)).await.expect("starts");
        for build in 1..CHASES_MAX {
            write(folder, "version", &build.to_string());
            watch.after_build(true).await.expect("looks");
            assert_eq!(told(&mut watch).await, ["version"]);
        }
        write(folder, "version", "last");
        watch.after_build(true).await.expect("looks");
        assert_eq!(watch.chases, 0);
        write(folder, "lib.rs", "by hand");
        assert_eq!(told(&mut watch).await, ["lib.rs"]);
    }

    #[tokio::test]
    async fn without_a_build_the_component_is_the_source() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = folder.path();
        write(folder, "dist/out.wasm", "one");
        let mut watch = SourceWatch::start(Source {
            components: BTreeSet::new(),
            builds: false,
            ..source(folder)
        })
        .await
        .expect("starts");
        let component = folder.join("dist/out.wasm");
        watch.set_components(vec![component]).await.expect("looks");
        write(folder, "lib.rs", "is for whoever builds");
        write(folder, "dist/out.wasm", "another");
        assert_eq!(told(&mut watch).await, ["dist/out.wasm"]);
    }
}
