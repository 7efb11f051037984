//! Providers: one line per provider and member, since each has its own endpoints.

use anyhow::Result;
use lattice_control::{InventoryReply, ProviderStatus};
use lattice_core::MemberId;
use serde::Serialize;

use super::hosts::word;
use crate::output::{Column, Document, Table};

const COLUMNS: &[Column] = &[
    Column::always("NAME"),
    Column::always("KIND"),
    Column::always("STATE"),
    Column::always("HOST"),
    Column::always("LINKS"),
    Column::always("ENDPOINTS"),
    Column::wide("DETAIL"),
];

/// A provider on one member.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProviderView {
    /// What people call the member.
    pub(crate) host: String,
    /// Its id.
    pub(crate) member: MemberId,
    /// What the member says of the provider.
    #[serde(flatten)]
    pub(crate) status: ProviderStatus,
}

impl ProviderView {
    /// Puts together what all members say.
    pub(crate) fn gather(inventories: &[InventoryReply]) -> Vec<Self> {
        let mut views: Vec<Self> = inventories
            .iter()
            .flat_map(|inventory| {
                inventory.providers.iter().map(|status| Self {
                    host: inventory.summary.name.clone(),
                    member: inventory.summary.member.clone(),
                    status: status.clone(),
                })
            })
            .collect();
        views.sort_by(|a, b| (&a.status.spec.name, &a.host, &a.member).cmp(&(&b.status.spec.name, &b.host, &b.member)));
        views
    }
}

/// Shows providers by name, then by host.
pub(crate) fn providers(views: &[ProviderView]) -> Result<Document> {
    let mut table = Table::new(COLUMNS);
    for view in views {
        let status = &view.status;
        table.row([
            status.spec.name.to_string(),
            status.spec.kind.to_string(),
            word(&status.state),
            view.host.clone(),
            status.links.to_string(),
            status.endpoints.join(" "),
            status.detail.clone().unwrap_or_default(),
        ]);
    }
    let mut names: Vec<String> = views
        .iter()
        .map(|view| format!("provider/{}", view.status.spec.name))
        .collect();
    names.dedup();
    Document::list(
        "ProviderList",
        views,
        table,
        names,
        "no providers: start one with `lattice start provider NAME KIND`",
    )
}
