//! Reads the documents of a source, each in its form.

use crate::draft::warnings;
use crate::manifest::Manifest;
use crate::mistake::Mistakes;
use crate::nearest::did_you_mean;
use crate::read::{At, Reader};
use crate::source::{Options, Source, SourceText, Span};
use crate::tree::{Node, Value, documents, substitute};
use crate::{native, wadm};

/// Reads every manifest in a source.
///
/// # Errors
///
/// All that is wrong with it, warnings too, when anything is wrong that is more than a warning.
pub fn read(source: &Source, options: &Options) -> Result<Vec<Manifest>, Mistakes> {
    let mut reader = Reader::new(SourceText::new(source));
    let mut documents = documents(&mut reader);
    if let Some(environment) = &options.environment {
        for document in &mut documents {
            substitute(document, environment, &mut reader);
        }
    }
    let mut mistakes = reader.take_mistakes();
    let (mut manifests, mut failed) = (Vec::<Manifest>::new(), !mistakes.is_empty());
    let apps = wadm::Apps::of(&documents);
    for document in &documents {
        let manifest = read_document(document, options, &apps, &mut reader);
        if let Some(manifest) = &manifest
            && manifests.iter().any(|other| other.name() == manifest.name())
        {
            let message = format!("application `{}` is declared twice", manifest.name());
            let mistake = manifest.mistake(&crate::manifest::Part::Application, message, None);
            mistakes.push(mistake);
            failed = true;
        }
        failed |= reader.has_errors();
        let told = reader.take_mistakes();
        mistakes.extend(told.iter().cloned());
        manifests.extend(manifest.map(|manifest| manifest.with_warnings(warnings(told))));
    }
    if documents.is_empty() && !failed {
        reader.error(Span::default(), "there is no manifest in this");
        return Err(Mistakes::new(reader.take_mistakes()));
    }
    if failed {
        Err(Mistakes::new(mistakes))
    } else {
        Ok(manifests)
    }
}

fn read_document(document: &Node, options: &Options, apps: &wadm::Apps, reader: &mut Reader) -> Option<Manifest> {
    let Value::Map(_) = &document.value else {
        reader.error(
            document.span,
            format!(
                "a manifest is written as a mapping, and this is {}",
                document.describe()
            ),
        );
        return None;
    };
    let help = format!(
        "write `apiVersion: {}`, or `{}` for one of wadm's",
        native::API_VERSION,
        wadm::API_VERSION
    );
    let Some(node) = document.get("apiVersion") else {
        let start = Span {
            end: document.span.start,
            ..document.span
        };
        reader.error_with(start, "a manifest needs `apiVersion`", help);
        return None;
    };
    let At { value, span } = At::<String>::read(node, reader)?;
    match value.as_str() {
        native::API_VERSION => native::read(document, options, reader),
        wadm::API_VERSION => wadm::read(document, options, apps, reader),
        other => {
            let near = did_you_mean(other, [native::API_VERSION, wadm::API_VERSION]);
            reader.error_with(
                span,
                format!("`{other}` is no form of manifest that we know"),
                near.unwrap_or(help),
            );
            None
        }
    }
}
