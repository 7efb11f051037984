//! Gathers what the doctor judges.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lattice_control::{Check, DoctorReport};
use lattice_core::{UnixSeconds, subject};
use sysinfo::{DiskRefreshKind, Disks};

use super::doctor;
use crate::chain::chain;
use crate::shared::Shared;

/// Longest wait for the server.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks this host.
pub(super) async fn check(shared: &Arc<Shared>) -> DoctorReport {
    let now = UnixSeconds::from(SystemTime::now());
    let profile = shared.engine.profile();
    let mut checks = vec![
        doctor::engine(profile),
        doctor::nats(shared.bus.is_connected(), &shared.bus.server_info()),
    ];
    if shared.bus.is_connected() {
        checks.push(doctor::round_trip(shared.bus.round_trip(PATIENCE).await.ok()));
        checks.push(doctor::jetstream(jetstream(shared).await));
    }
    checks.push(doctor::clock(clock_skew(shared, now)));
    checks.push(doctor::trust(shared.member.trust().current().serial()));
    if let Some(me) = shared.member.directory().get(shared.member.id()) {
        checks.push(doctor::token(me.token.expires_at, now));
    }
    let folder = shared.data_dir.clone();
    let free = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || free_space(&folder)
    });
    checks.push(doctor::disk(&folder, free.await.ok().flatten()));
    for provider in shared.providers.all() {
        let status = provider.status();
        checks.extend(status.detail.map(|detail| {
            Check::warning(
                format!("provider {}", status.spec.name),
                detail,
                "actors linked to it get errors",
                "`lattice describe provider` and the host's log say more",
            )
        }));
    }
    DoctorReport { checks }
}

/// Whether the lattice's state can be read. Reads only: hosts need not be allowed more.
async fn jetstream(shared: &Shared) -> Result<String, String> {
    let buckets = subject::buckets(shared.member.lattice());
    let opened = tokio::time::timeout(
        PATIENCE,
        shared.bus.bucket(lattice_bus::BucketConfig::new(buckets.links)),
    );
    match opened.await {
        Ok(Ok(bucket)) => Ok(format!("reached, {} replica(s)", bucket.replicas())),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// How far this host's clock is from the median of the others', by their last heartbeats. Their age is in it, so this is no
/// better than a heartbeat; tokens bear a minute.
fn clock_skew(shared: &Shared, now: UnixSeconds) -> Option<Duration> {
    let me = shared.member.id();
    let members = shared.member.directory().members();
    let mut apart: Vec<Duration> = members
        .iter()
        .filter(|member| member.id() != me)
        .map(|member| {
            now.since(member.presence.sent_at)
                .max(member.presence.sent_at.since(now))
        })
        .collect();
    apart.sort_unstable();
    apart.get(apart.len() / 2).copied()
}

/// Room on the disk that holds `folder`: the one with the longest mount point that leads to it.
fn free_space(folder: &Path) -> Option<u64> {
    let folder: PathBuf = folder.canonicalize().ok()?;
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage()).ok()?;
    let holding = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    holding
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(sysinfo::Disk::available_space)
}
