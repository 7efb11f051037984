//! What files looked like at one time.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use lattice_core::Digest;

/// Larger files are told apart by size and time alone: nobody writes them by hand.
const READ_BYTES_MAX: u64 = 4 << 20;

/// Files and what they looked like.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot(BTreeMap<PathBuf, Stamp>);

/// What a file looked like.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    content: Option<Digest>,
}

impl Snapshot {
    /// Adds a file as it looks now. It is read only when it looks otherwise than `before`.
    pub(super) fn add(&mut self, path: PathBuf, before: &Self) {
        // Gone since its folder was read: the next look tells.
        let Ok(about) = std::fs::metadata(&path) else { return };
        let (modified, bytes) = (about.modified().ok(), about.len());
        let known = before.0.get(&path);
        let known =
            known.filter(|known| known.modified.is_some() && (known.modified, known.bytes) == (modified, bytes));
        let stamp = known.copied().unwrap_or_else(|| Stamp {
            modified,
            bytes,
            content: read(&path, bytes),
        });
        self.0.insert(path, stamp);
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The files that came, went or have another content since `before`.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<PathBuf> {
        let is_same = |path: &Path, stamp: &Stamp| before.0.get(path).is_some_and(|before| before.is_same(stamp));
        let here = self.0.iter().filter(|(path, stamp)| !is_same(path, stamp));
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path));
        let mut changed: Vec<PathBuf> = here.map(|(path, _)| path).chain(gone).cloned().collect();
        changed.sort();
        changed
    }

    /// Takes over from `now` the files that were not there before.
    pub(super) fn adopt_new(&mut self, now: &Self) {
        for (path, stamp) in &now.0 {
            self.0.entry(path.clone()).or_insert(*stamp);
        }
    }

    /// Takes over from `now` how one file looks, or that it is not there.
    pub(super) fn take_over(&mut self, path: &Path, now: &Self) {
        self.0.remove(path);
        if let Some(stamp) = now.0.get(path) {
            self.0.insert(path.to_owned(), *stamp);
        }
    }
}

impl Stamp {
    fn is_same(&self, other: &Self) -> bool {
        match (&self.content, &other.content) {
            // Saved again as it was.
            (Some(one), Some(other)) => one == other,
            _ => (self.modified, self.bytes) == (other.modified, other.bytes),
        }
    }
}

fn read(path: &Path, bytes: u64) -> Option<Digest> {
    if bytes > READ_BYTES_MAX {
        return None;
    }
    std::fs::read(path).ok().map(|content| Digest::of(&content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(paths: &[&PathBuf], before: &Snapshot) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for path in paths {
            snapshot.add((*path).clone(), before);
        }
        snapshot
    }

    #[test]
    fn only_another_content_is_a_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, "one").expect("writes");
        let first = look(&[&a, &b], &Snapshot::default());
        assert_eq!(first.len(), 1, "what is not there is not seen");

        let later = SystemTime::now() + std::time::Duration::from_secs(5);
        let file = std::fs::File::options().write(true).open(&a).expect("opens");
        file.set_modified(later).expect("sets the time");
        let touched = look(&[&a], &first);
        assert!(touched.changed_since(&first).is_empty());

        std::fs::write(&a, "three").expect("writes");
        std::fs::write(&b, "new").expect("writes");
        let second = look(&[&a, &b], &touched);
        assert_eq!(second.changed_since(&first), [a.clone(), b.clone()]);
        assert_eq!(Snapshot::default().changed_since(&first), *std::slice::from_ref(&a));

        let mut adopted = first.clone();
        adopted.adopt_new(&second);
        assert_eq!(second.changed_since(&adopted), [a]);
    }
}
