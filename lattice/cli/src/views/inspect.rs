//! A component's imports and exports, and what satisfies each.

use anyhow::Result;
use lattice_control::{ActorShape, FunctionShape, ImportClass, InterfaceShape, LinkStatus};
use lattice_core::{
    Digest, Party, UnixSeconds, VersionedInterface,
    token::{ImageRefusal, Unverified},
};
use lattice_oci::Image;
use serde::Serialize;

use crate::{
    commands::inspect::guess,
    component::{Item, World},
    output::Document,
};

/// What a component imports and exports.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct InspectView {
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageView>,
    imports: Vec<Import>,
    exports: Vec<Item>,
    /// Whether links were looked for.
    #[serde(skip)]
    source: Option<Party>,
}

/// What a registry says of the image that a component is in.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ImageView {
    reference: String,
    manifest: Digest,
    media_type: String,
    bytes: u64,
    signatures: Vec<SignatureView>,
}

/// A signature, and what the lattice says to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct SignatureView {
    issuer: String,
    lattice: String,
    token_id: String,
    issued_at: UnixSeconds,
    /// None when no lattice could be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
}

/// An import, and what satisfies it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Import {
    #[serde(flatten)]
    item: Item,
    class: ImportClass,
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Link {
    label: String,
    target: Party,
}

impl InspectView {
    /// A component's file, of which no host has said anything.
    pub(crate) fn of_file(digest: Digest, world: World) -> Self {
        let import = |item: Item| Import {
            class: guess(&item.name),
            item,
            links: Vec::new(),
            problem: None,
        };
        Self {
            digest,
            image: None,
            imports: world.imports.into_iter().map(import).collect(),
            exports: world.exports,
            source: None,
        }
    }

    /// An image of a registry, with the tokens that were found as its signatures.
    pub(crate) fn of_image(
        image: &Image,
        world: World,
        tokens: &[String],
        verdicts: Vec<Option<Result<(), ImageRefusal>>>,
    ) -> Self {
        let signatures = tokens.iter().zip(verdicts).filter_map(|(token, verdict)| {
            let unverified = Unverified::parse(token).ok()?;
            let head = unverified.head();
            Some(SignatureView {
                issuer: head.issuer.clone(),
                lattice: head.audience.clone(),
                token_id: head.id.clone(),
                issued_at: head.issued_at,
                counts: verdict.as_ref().map(Result::is_ok),
                refusal: verdict.and_then(Result::err).map(|refusal| refusal.to_string()),
            })
        });
        let image_view = ImageView {
            reference: image.reference.to_string(),
            manifest: image.manifest.digest,
            media_type: image.component.media_type.clone(),
            bytes: image.component.size,
            signatures: signatures.collect(),
        };
        Self {
            image: Some(image_view),
            ..Self::of_file(image.component.digest, world)
        }
    }

    /// A running actor, as its host sees it.
    pub(crate) fn of_actor(shape: ActorShape) -> Self {
        let item = |shape: InterfaceShape| Item {
            name: shape.interface.to_string(),
            functions: shape.functions,
        };
        let import = |shape: InterfaceShape| Import {
            class: shape.class.unwrap_or(ImportClass::Unknown),
            problem: shape.problem.clone(),
            links: Vec::new(),
            item: item(shape),
        };
        Self {
            digest: shape.digest,
            image: None,
            imports: shape.imports.into_iter().map(import).collect(),
            exports: shape.exports.into_iter().map(item).collect(),
            source: None,
        }
    }

    /// Adds which links of `source` cover each import.
    pub(crate) fn add_links(&mut self, source: &Party, links: &[LinkStatus]) {
        self.source = Some(source.clone());
        for import in &mut self.imports {
            let Ok(interface) = import.item.name.parse::<VersionedInterface>() else {
                continue;
            };
            let covering = links
                .iter()
                .filter(|link| link.source == *source && link.interface.covers(&interface.id));
            import.links = covering
                .map(|link| Link {
                    label: link.label.to_string(),
                    target: link.target.clone(),
                })
                .collect();
            import
                .links
                .sort_by(|a, b| (&a.label, &a.target).cmp(&(&b.label, &b.target)));
            import.links.dedup();
        }
    }
}

/// Shows a component.
pub(crate) fn inspect(view: &InspectView) -> Result<Document> {
    let mut text = format!("component {}\n", view.digest);
    if let Some(image) = &view.image {
        let ImageView {
            reference,
            media_type,
            bytes,
            signatures,
            ..
        } = image;
        text.push_str(&format!(
            "image     {reference}\nlayer     {media_type}, {bytes} bytes\n"
        ));
        for signature in signatures {
            text.push_str(&format!("signature {}\n", signed(signature)));
        }
        if signatures.is_empty() {
            text.push_str("signature none\n");
        }
    }
    text.push_str("\nimports\n");
    for import in &view.imports {
        text.push_str(&format!("  {:<44} {}\n", import.item.name, satisfied(view, import)));
    }
    if view.imports.is_empty() {
        text.push_str("  nothing\n");
    }
    text.push_str("\nexports\n");
    for export in &view.exports {
        text.push_str(&format!("  {}\n", export.name));
        for FunctionShape { name, signature } in &export.functions {
            text.push_str(&format!("    {name}: {signature}\n"));
        }
    }
    if view.exports.is_empty() {
        text.push_str("  nothing\n");
    }
    Document::single("Component", format!("component/{}", view.digest), view, text)
}

fn signed(signature: &SignatureView) -> String {
    let SignatureView { issuer, lattice, .. } = signature;
    let by = format!("by {issuer} for the lattice `{lattice}`");
    match (signature.counts, &signature.refusal) {
        (_, Some(refusal)) => format!("{by}, and {refusal}"),
        (Some(_), None) => format!("{by}, and that counts"),
        (None, None) => format!("{by}; whether that counts, the lattice could not be asked"),
    }
}

fn satisfied(view: &InspectView, import: &Import) -> String {
    if let Some(problem) = &import.problem {
        return format!("cannot be satisfied: {problem}");
    }
    if !import.links.is_empty() {
        let links = import.links.iter().map(|link| match link.label.as_str() {
            "default" => format!("linked to {}", link.target),
            label => format!("linked to {} as `{label}`", link.target),
        });
        return links.collect::<Vec<_>>().join(", ");
    }
    match (import.class, &view.source) {
        (ImportClass::Host, _) => "by the host".to_owned(),
        (ImportClass::Unsupported, _) => "by nothing that a host has".to_owned(),
        (_, Some(source)) => {
            let interface = import.item.name.split('@').next().unwrap_or_default();
            format!("not linked; `lattice link put {source} {interface} TARGET` links it")
        }
        (ImportClass::Capability, None) => "by a link to a provider".to_owned(),
        _ => "by a link to another actor".to_owned(),
    }
}
