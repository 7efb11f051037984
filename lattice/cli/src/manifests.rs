//! From manifest files to applications: read, look at each component once, check one against the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use lattice_control::ImportClass;
use lattice_core::{ActorName, AppName, Application, Digest, VersionedInterface};
use lattice_manifest::{Image, ImageAliases, Manifest, Mistake, Mistakes, Options, Part, Severity, Source, World};
use lattice_oci::BadReference;

use crate::{
    commands::inspect::guess,
    component,
    failure::Failure,
    images::{Fetched, ImageArgs, Images, Name},
    output::{note, warn},
    session::Session,
};

/// The longest manifest that is read.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// What to read, and how.
#[derive(Args, Debug)]
pub(crate) struct ManifestArgs {
    /// A manifest, ours or wadm's, YAML or JSON; `-` for standard input; may be repeated
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    files: Vec<String>,
    /// A file that maps images to local component files, for images that are not files: `image: path` lines
    #[arg(long, value_name = "FILE")]
    image_aliases: Option<PathBuf>,
    /// Puts environment variables in the place of `${NAME}`
    #[arg(long)]
    env: bool,
    /// Accepts images without a version
    #[arg(long)]
    allow_latest: bool,
    #[command(flatten)]
    images: ImageArgs,
}

/// An application as a file declares it, checked against its components.
pub(crate) struct Declared {
    /// What it means.
    pub(crate) application: Application,
    /// The components it needs, each once.
    pub(crate) components: BTreeMap<Digest, Fetched>,
}

impl ManifestArgs {
    /// Reads one file, and nothing of the environment.
    pub(crate) fn of(file: &Path) -> Self {
        Self {
            files: vec![file.to_string_lossy().into_owned()],
            image_aliases: None,
            env: false,
            allow_latest: false,
            images: ImageArgs::default(),
        }
    }

    /// Reads and checks everything; images of registries are looked up, once each. Warnings are told on the way.
    ///
    /// # Errors
    /// Tells every mistake of every file.
    pub(crate) async fn load(&self, session: Option<&Session>) -> Result<Vec<Declared>> {
        if self.files.is_empty() {
            return Err(Failure::usage("no manifest was named")
                .help("name one with -f FILE, or `-f -` for standard input")
                .into());
        }
        let options = self.options()?;
        let (mut shelf, mut names) = (Shelf::new(Images::open(&self.images)?), Names::default());
        let (mut declared, mut mistakes) = (Vec::new(), 0);
        for file in &self.files {
            let source = read_source(file)?;
            match lattice_manifest::read(&source, &options) {
                Err(wrong) => mistakes += tell(&wrong),
                Ok(manifests) => {
                    for manifest in manifests {
                        mistakes += tell(&names.take(&manifest));
                        shelf.fetch(&manifest, session).await;
                        match shelf.check(&manifest) {
                            Ok(good) => declared.push(good),
                            Err(wrong) => mistakes += tell(&wrong),
                        }
                    }
                }
            }
        }
        refuse(mistakes)?;
        Ok(declared)
    }

    /// What the manifests' actors run, without looking at any of it.
    ///
    /// # Errors
    /// As for [`ManifestArgs::load`].
    pub(crate) fn images(&self) -> Result<Vec<Name>> {
        let (options, mut names, mut mistakes) = (self.options()?, Vec::new(), 0);
        for file in &self.files {
            match lattice_manifest::read(&read_source(file)?, &options) {
                Err(wrong) => mistakes += tell(&wrong),
                Ok(manifests) => {
                    for (_, image) in manifests.iter().flat_map(Manifest::images) {
                        names.push(name(image)?);
                    }
                }
            }
        }
        refuse(mistakes)?;
        Ok(names)
    }

    fn options(&self) -> Result<Options> {
        Ok(Options {
            environment: self.env.then(|| std::env::vars().collect()),
            aliases: self.aliases()?,
            allow_latest: self.allow_latest,
        })
    }

    /// Where images come from.
    pub(crate) fn open_images(&self) -> Result<Images> {
        Images::open(&self.images)
    }

    fn aliases(&self) -> Result<ImageAliases> {
        let Some(path) = &self.image_aliases else {
            return Ok(ImageAliases::default());
        };
        let source = read_source(&path.to_string_lossy())?;
        ImageAliases::read(&source).map_err(|wrong| {
            tell(&wrong);
            Failure::failed(format!("{} is no file of image aliases", path.display())).into()
        })
    }
}

fn refuse(mistakes: usize) -> Result<()> {
    match mistakes {
        0 => Ok(()),
        1 => Err(Failure::failed("1 mistake, told above; nothing was done").into()),
        some => Err(Failure::failed(format!("{some} mistakes, told above; nothing was done")).into()),
    }
}

fn read_source(file: &str) -> Result<Source> {
    if file == "-" {
        let text = read_text(std::io::stdin(), file)?;
        return Ok(Source {
            name: "-".to_owned(),
            text,
            folder: PathBuf::from("."),
        });
    }
    let path = Path::new(file);
    let opened = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow::Error::from(Failure::not_found(format!("there is no file {}", path.display())))
        }
        _ => anyhow::Error::from(error).context(format!("cannot read {}", path.display())),
    })?;
    let text = read_text(opened, file)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok(Source {
        name: file.to_owned(),
        text,
        folder: folder.unwrap_or(Path::new(".")).to_owned(),
    })
}

/// Reads a text that is no longer than manifests may be.
fn read_text(from: impl std::io::Read, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    from.take(MANIFEST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {name}"))?;
    let wrong = |why: &str| Failure::failed(format!("{name} is no manifest")).because(why);
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(wrong("it is longer than 1 MiB")
            .help("split it: an application may have a file of its own")
            .into());
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not text").help("a manifest is YAML or JSON").into())
}

/// Prints mistakes as they are, and says how many of them are errors.
fn tell(mistakes: &Mistakes) -> usize {
    for mistake in mistakes {
        tell_one(mistake);
    }
    mistakes
        .iter()
        .filter(|mistake| mistake.severity == Severity::Error)
        .count()
}

fn tell_one(mistake: &Mistake) {
    match mistake.severity {
        Severity::Error => note(mistake),
        Severity::Warning => warn(mistake.to_string().replacen(" warning:", "", 1)),
    }
}

/// Names that files of one command have taken.
#[derive(Default)]
struct Names {
    apps: BTreeSet<AppName>,
    actors: BTreeMap<ActorName, AppName>,
}

impl Names {
    /// Takes the names of a manifest; what is taken already is a mistake.
    fn take(&mut self, manifest: &Manifest) -> Mistakes {
        let mut mistakes = Vec::new();
        let app = manifest.name();
        if !self.apps.insert(app.clone()) {
            let message = format!("the application `{app}` is declared twice");
            mistakes.push(manifest.mistake(&Part::Application, message, None));
        }
        for (actor, _) in manifest.images() {
            if let Some(other) = self
                .actors
                .insert(actor.clone(), app.clone())
                .filter(|other| other != app)
            {
                let message = format!("the actor `{actor}` belongs to the application `{other}`");
                mistakes.push(manifest.mistake(&Part::Actor(actor.clone()), message, None));
            }
        }
        Mistakes::new(mistakes)
    }
}

/// Components that were read, by where they came from.
struct Shelf {
    images: Images,
    read: BTreeMap<Image, Result<Read, Flaw>>,
}

#[derive(Clone)]
struct Read {
    fetched: Fetched,
    world: World,
}

/// Why a component cannot be had, and what might help.
#[derive(Clone)]
struct Flaw {
    why: String,
    help: Option<String>,
}

impl Shelf {
    fn new(images: Images) -> Self {
        Self {
            images,
            read: BTreeMap::new(),
        }
    }

    /// Gets the components of a manifest that are not here yet.
    async fn fetch(&mut self, manifest: &Manifest, session: Option<&Session>) {
        for (_, image) in manifest.images() {
            if !self.read.contains_key(image) {
                let read = read(&self.images, image, session).await;
                self.read.insert(image.clone(), read.map_err(|error| Flaw::of(&error)));
            }
        }
    }

    /// Checks a manifest against its components.
    fn check(&mut self, manifest: &Manifest) -> Result<Declared, Mistakes> {
        for warning in manifest.warnings() {
            tell_one(warning);
        }
        let (mut components, mut digests, mut worlds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (mut mistakes, mut pinned) = (Vec::new(), BTreeMap::new());
        for (actor, image) in manifest.images() {
            match self.read.get(image) {
                Some(Ok(Read { fetched, world })) => {
                    digests.insert(actor.clone(), fetched.digest);
                    worlds.insert(actor.clone(), world.clone());
                    if let Image::Reference(_) = image {
                        pinned.insert(actor.clone(), fetched.image.clone());
                    }
                    components.insert(fetched.digest, fetched.clone());
                }
                Some(Err(Flaw { why, help })) => {
                    mistakes.push(manifest.mistake(&Part::Image(actor.clone()), why, help.clone()));
                }
                None => mistakes.push(manifest.mistake(&Part::Image(actor.clone()), "it was not looked up", None)),
            }
        }
        mistakes.extend(manifest.check_worlds(&worlds));
        let (errors, warnings): (Vec<_>, Vec<_>) = mistakes
            .into_iter()
            .partition(|mistake| mistake.severity == Severity::Error);
        warnings.iter().for_each(tell_one);
        if !errors.is_empty() {
            return Err(Mistakes::new(errors));
        }
        let missing = |error: lattice_manifest::MissingDigest| {
            let part = Part::Image(error.0.clone());
            Mistakes::new(vec![manifest.mistake(&part, error.to_string(), None)])
        };
        let mut application = manifest.to_application(&digests).map_err(missing)?;
        // From here on the digest is meant, wherever the tag goes.
        for actor in &mut application.actors {
            if let Some(image) = pinned.remove(&actor.spec.name) {
                actor.spec.image = image;
            }
        }
        Ok(Declared {
            application,
            components,
        })
    }
}

impl Flaw {
    fn of(error: &anyhow::Error) -> Self {
        let failure = crate::failure::describe(error);
        let why = failure
            .why
            .map_or(failure.what.clone(), |why| format!("{}: {why}", failure.what));
        Self {
            why,
            help: failure.help,
        }
    }
}

fn name(image: &Image) -> Result<Name> {
    let reference = match image {
        Image::File(path) => return Ok(Name::File(path.to_string_lossy().into_owned())),
        Image::Reference(reference) => reference,
    };
    let image = reference.parse().map_err(|error: BadReference| {
        Failure::usage(error.to_string())
            .help("or map it to a component's file: --image-aliases FILE, with a line `IMAGE: PATH`")
    })?;
    Ok(Name::Image(image))
}

async fn read(images: &Images, image: &Image, session: Option<&Session>) -> Result<Read> {
    let fetched = images.get(&name(image)?, session).await?;
    let component = component::read(&fetched.bytes)?;
    // An interface of types alone gives nothing and needs nobody.
    let imports = component.imports.iter().filter(|item| !item.functions.is_empty());
    let linked = imports.filter(|item| guess(&item.name) != ImportClass::Host);
    let writes = |item: &component::Item| {
        let mut functions = item.functions.iter();
        item.name.split('@').next() == Some("lattice:actor/peers")
            && functions.any(|function| matches!(function.name.as_str(), "call" | "send"))
    };
    let interface = |item: &component::Item| item.name.parse::<VersionedInterface>().ok();
    Ok(Read {
        fetched,
        world: World {
            imports: linked.filter_map(interface).collect(),
            exports: component.exports.iter().filter_map(interface).collect(),
            writes_to_peers: component.imports.iter().any(writes),
        },
    })
}
