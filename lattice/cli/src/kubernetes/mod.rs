//! A trust root that is kept in Kubernetes Secrets, one Secret for each who needs some of it.

mod api;
mod root_secrets;

pub(crate) use api::{Api, SERVICE_ACCOUNT};
pub(crate) use root_secrets::RootSecrets;
