//! Providers.

use lattice_core::ProviderSpec;
use lattice_core::application::{DesiredProvider, Placement, Share};

use super::form::{ProviderForm, ProviderPlacementForm};
use super::placement::{config, scale, shares};
use crate::draft::Draft;
use crate::read::{Reader, labels};

/// Adds a provider to the draft, with what is right of it.
pub(super) fn add(form: &ProviderForm, draft: &mut Draft, reader: &mut Reader) {
    let daemon = form.daemon.as_ref().filter(|at| at.value.0);
    let placement = Placement {
        scale: scale(form.replicas.as_ref(), daemon.map(|at| (1, at.span)), reader),
        spread: form
            .placement
            .as_ref()
            .map_or_else(Vec::new, |at| spread(&at.value, reader)),
        ..Placement::default()
    };
    let (Some(name), Some(kind)) = (&form.name.0, form.kind.get()) else {
        return;
    };
    let spec = ProviderSpec {
        config: config(form.config.as_ref()),
        ..ProviderSpec::new(name.value.clone(), kind.clone())
    };
    draft.add_provider(name.span, DesiredProvider { spec, placement }, reader);
}

/// A provider's spec has no labels of its own, so what it requires goes into every share.
fn spread(form: &ProviderPlacementForm, reader: &mut Reader) -> Vec<Share> {
    let required = labels(form.require.as_ref(), reader);
    let mut shares = shares(form.spread.as_ref(), reader);
    if shares.is_empty() && !required.is_empty() {
        shares.push(Share {
            name: None,
            labels: required,
            weight: Share::DEFAULT_WEIGHT,
        });
        return shares;
    }
    for share in &mut shares {
        for (key, value) in required.iter() {
            if share.labels.get(key).is_some_and(|other| other != value) {
                let span = form.require.as_ref().map(|at| at.span).unwrap_or_default();
                reader.error(
                    span,
                    format!("a share of the spread asks for another `{key}`: no host would do"),
                );
            }
            if let Err(error) = share.labels.insert(key, value) {
                let span = form.require.as_ref().map(|at| at.span).unwrap_or_default();
                reader.error(span, error.to_string());
            }
        }
    }
    shares
}
