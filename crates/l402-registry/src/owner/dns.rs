//! The look-up of TXT records.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// The time for one question to one server, and the number of questions.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// The time for everything, whatever servers and names one leads to.
const TIMEOUT_OF_ALL: Duration = Duration::from_secs(8);

/// The most text of one name that is read, in bytes.
const TEXT_MAX: usize = 4096;

/// The reason why a name shows no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TxtError {
    /// There is no such record.
    Missing,
    /// The servers did not say whether there is one.
    Unclear,
}

/// Asks DNS for TXT records. Keeps no answer: a record is looked at again because it may have changed.
pub(crate) struct TxtResolver(TokioResolver);

impl TxtResolver {
    /// Asks the server at this address, or those of the system's configuration.
    ///
    /// # Errors
    /// The system has no configuration of DNS that can be read.
    pub(crate) fn new(server: Option<SocketAddr>) -> Result<Self, NetError> {
        let mut builder = match server {
            None => TokioResolver::builder_tokio()?,
            Some(server) => {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_parts(None, vec![], vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        Ok(Self(builder.build()?))
    }

    /// Returns the texts of a name, one a line.
    pub(crate) async fn texts(&self, name: &str) -> Result<String, TxtError> {
        // The dot at the end: no search list of this machine is tried.
        let lookup = self.0.lookup(format!("{name}."), RecordType::TXT);
        let found = tokio::time::timeout(TIMEOUT_OF_ALL, lookup).await;
        let found = found.map_err(|_| TxtError::Unclear)?.map_err(|error| {
            if error.is_no_records_found() || error.is_nx_domain() {
                TxtError::Missing
            } else {
                TxtError::Unclear
            }
        })?;
        let mut texts = String::new();
        for record in found.answers() {
            let RData::TXT(text) = &record.data else {
                continue;
            };
            // A text of more than 255 bytes comes in parts that belong together.
            let text = text.txt_data.concat();
            if texts.len() + text.len() < TEXT_MAX {
                texts.push_str(&String::from_utf8_lossy(&text).replace(['\r', '\n'], " "));
                texts.push('\n');
            }
        }
        Ok(texts)
    }
}
