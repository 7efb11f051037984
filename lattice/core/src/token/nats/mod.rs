//! JWTs and credentials files of NATS itself (decentralized authentication), so that `lattice up` can make a server with accounts
//! and users without any other tool.
//!
//! An operator signs accounts, an account signs users, the server is told the operator and the accounts
//! ([`ServerTrust::config`]), and a client shows its user token and proves its key ([`creds_text`]).

mod claims;
mod creds;
mod permissions;
mod server;

pub use claims::{AccountLimits, account_token, operator_token, system_account_token, user_token};
pub use creds::{Credentials, CredentialsError, creds_text, parse_creds};
pub use permissions::{Permissions, SubjectPermissions};
pub use server::ServerTrust;
