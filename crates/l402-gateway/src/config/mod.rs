//! One TOML file, checked wholly before any port is bound, and again before each reload.
//!
//! A [`Config`] has two halves. `fixed` holds what a gateway takes at its start alone; `live` holds
//! what a reload replaces. So the type of a setting says which of the two it is.
//!
//! `read` turns text into a [`Config`], key by key; `check` finds mistakes that no single key
//! shows, such as two routes that contradict each other. A mistake names its file, line, key and
//! fix, and all mistakes are reported at once. Nothing outside this folder reads a configuration
//! file, and nothing in it knows how a gateway runs.

mod acme;
mod admin;
mod books;
mod check;
mod edit;
mod fixed;
mod health;
mod item;
mod keys;
mod ledger;
mod live;
mod log;
mod masked;
mod mistake;
mod named_file;
mod own_path;
mod page;
mod presentation;
mod prose;
mod proxies;
mod publish;
mod quick;
mod read;
mod route;
mod section;
mod servers;
mod settings;
mod tls;
mod trace;
mod url;
mod webhooks;

pub(crate) use log::{LogAccess, LogFormat, LogSettings};
pub use mistake::ConfigError;
pub use presentation::Presentation;
pub use quick::QuickConfig;
pub use route::RouteConfig;
pub use settings::{Config, Overrides};
pub use url::{Scheme, UpstreamUrl, UrlError};

#[cfg(feature = "acme")]
pub(crate) use acme::AcmeSettings;
pub(crate) use admin::{AdminAddress, AdminSettings};
pub(crate) use books::BooksSettings;
pub(crate) use check::throwaway_keys;
pub(crate) use edit::{Edit, EditTable, EditValue, edit};
pub(crate) use fixed::Fixed;
pub(crate) use health::HealthSettings;
pub(crate) use keys::KeyEntry;
pub(crate) use ledger::LedgerPlace;
pub(crate) use live::{Http, Live};
pub(crate) use masked::masked;
pub(crate) use own_path::{LLMS, OPENAPI, OwnContent, OwnPath, SERVICES};
pub(crate) use proxies::{ProxiesSettings, ProxyListeners};
pub(crate) use publish::{PaymentInfo, Publish};
pub(crate) use tls::{FixedTls, TlsFiles, TlsSettings};
pub(crate) use trace::TraceSettings;
pub(crate) use webhooks::{SecretPlace, WebhookTarget, WebhooksSettings};
