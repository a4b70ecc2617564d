//! The settings of the file, with the defaults for what it leaves out.

use std::fmt;

use l402_client::{BudgetLimits, Error, VaultLimits};
use url::Url;

/// The name of the file in the home folder.
pub(crate) const FILE: &str = "client.toml";

/// The settings of `client.toml`, with the defaults for what it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientConfig {
    /// `[limits]`: lowers the limits of every payment.
    pub(crate) limits: BudgetLimits,
    /// `[hook]`: the program or address that is asked before each payment; `None` without one.
    pub(crate) hook: Option<HookSettings>,
    /// `[vault]`: the paid answers that are kept.
    pub(crate) vault: VaultSettings,
    /// `[mcp]`: the wallet for AI agents.
    pub(crate) mcp: McpSettings,
    /// `[[registries]]`: the registries of paid services that an agent can search, in their order.
    pub(crate) registries: Vec<RegistrySettings>,
}

impl ClientConfig {
    /// Returns the hint for an error of the client whose cause is a limit of this file.
    pub(crate) fn hint(&self, error: &Error) -> Option<String> {
        match error {
            Error::OverBudget {
                which,
                limit,
                budget: None,
                ..
            } if self.limits.of(*which) == Some(*limit) => Some(format!(
                "{FILE} in the home folder has {which}; no flag raises it"
            )),
            _ => None,
        }
    }
}

/// The hook that is asked before each payment. Its `Debug` shows neither arguments nor address, since both may
/// hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum HookSettings {
    /// `command = ["PROGRAM", "ARGUMENT", ...]`, never empty.
    Command(Vec<String>),
    /// `url = "https://..."`, or plain HTTP to this machine.
    Url(Url),
}

impl fmt::Debug for HookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command(..)",
            Self::Url(_) => "Url(..)",
        })
    }
}

/// The settings of kept answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VaultSettings {
    /// `enabled = true`: answers are kept for `l402 replay`. True by default.
    pub(crate) enabled: bool,
}

impl VaultSettings {
    /// Returns the bounds of what is kept, or `None` if nothing is.
    pub(crate) fn limits(self) -> Option<VaultLimits> {
        self.enabled.then(VaultLimits::default)
    }
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The settings of the wallet for AI agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct McpSettings {
    /// `danger_show_secrets = true`: preimages, tokens and keys stand in what the tools answer, where the
    /// model and its provider read them. False by default.
    pub(crate) danger_show_secrets: bool,
}

/// A registry of paid services. Its `Debug` leaves the address out, which may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RegistrySettings {
    /// `name = "..."`: how results name the registry. 1 to 40 of the characters a-z, 0-9, `.` and `-`.
    pub(crate) name: String,
    /// `url = "https://..."`, or plain HTTP to this machine: the beginning of the paths of its API.
    pub(crate) url: Url,
    /// `shape = "..."`: the API that it speaks.
    pub(crate) shape: RegistryShape,
}

impl fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrySettings")
            .field("name", &self.name)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

/// The API that a registry of paid services speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegistryShape {
    /// That of 402index: `GET services?q=`.
    Index402,
    /// That of `l402 registry serve`: `GET services?q=`, with the price that was observed.
    L402,
    /// That of satring: `GET search?q=`.
    Satring,
}

impl RegistryShape {
    /// All of them, with their names in the file.
    pub(crate) const ALL: [(&str, Self); 3] = [
        ("402index", Self::Index402),
        ("l402", Self::L402),
        ("satring", Self::Satring),
    ];
}
