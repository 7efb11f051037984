//! What a nats-server is told so that it believes an operator and knows its accounts.

use std::fmt::Write as _;

use crate::id::AccountId;

/// A client shows its user token in one line of the protocol; nats-server's own limit of 4 KiB is close to a host's token.
const MAX_CONTROL_LINE: &str = "32KB";

/// An operator and its accounts, as a server's configuration names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTrust {
    /// The operator's token.
    pub operator_token: String,
    /// The system account.
    pub system_account: AccountId,
    /// The accounts and their tokens, the system account among them.
    pub accounts: Vec<(AccountId, String)>,
}

impl ServerTrust {
    /// The lines for nats-server's configuration file. Accounts are preloaded, so that the server needs no resolver.
    pub fn config(&self) -> String {
        let mut text = format!(
            "operator: {}\nsystem_account: {}\nmax_control_line: {MAX_CONTROL_LINE}\nresolver: MEMORY\nresolver_preload: {{\n",
            self.operator_token, self.system_account
        );
        for (account, token) in &self.accounts {
            writeln!(text, "  {account}: {token}").expect("a string takes all");
        }
        text.push_str("}\n");
        text
    }
}
