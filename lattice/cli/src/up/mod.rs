//! `lattice up`: a NATS server and hosts as one tree of processes, with a trust root of their own.

mod access;
mod child;
pub(crate) mod detach;
mod host;
mod identity;
mod keeper;
mod leftovers;
mod nats;
mod observe;
mod plan;
mod programs;
mod record;
mod run;
mod start;

pub(crate) use access::check_replaceable;
pub(crate) use detach::detach;
pub(crate) use leftovers::{Ending, end_all, has_ended};
pub(crate) use nats::HUB_DOMAIN;
pub(crate) use plan::{HostPlan, UpPlan};
pub(crate) use programs::{find_compiler, find_host, find_nats_server};
pub(crate) use record::RunRecord;
pub(crate) use run::{Lock, run};
