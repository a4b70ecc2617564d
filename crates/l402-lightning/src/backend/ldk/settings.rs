//! The file `node.toml`: the settings of the node of a home folder.

use core::fmt;
use core::str::FromStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use l402::Network;
use l402_host::{named_path, private};
use serde::Deserialize;
use toml::Value;
use url::Url;

use super::config::{ChainSource, LdkConfig};
use super::folder::{Folder, local};
use crate::{Error, ErrorKind};

/// The name of the file in the node's folder.
pub(super) const NAME: &str = "node.toml";

/// The settings of the node of a home folder, as `node.toml` holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// The network. A node never changes it.
    pub network: Network,
    /// The server that reports blocks and takes transactions.
    pub chain: ChainServer,
    /// The addresses on which other nodes may connect.
    pub listen: Vec<SocketAddr>,
    /// The name in the public graph, at most 32 bytes.
    pub alias: Option<String>,
    /// The group, by name or number, whose members may use `receive.sock`; nobody else if `None`.
    pub receive_group: Option<String>,
    /// The path of `receive.sock`, for a group that cannot enter the node's folder; in that folder
    /// if `None`.
    pub receive_socket: Option<PathBuf>,
}

/// A chain server as a person writes it: `https://HOST/api` (Esplora), `ssl://HOST:PORT` or
/// `tcp://HOST:PORT` (Electrum), or `bitcoind://USER@HOST:PORT?password=FILE`. The file of a
/// bitcoind without a user is its `.cookie`.
///
/// ```
/// use l402_lightning::ldk::ChainServer;
///
/// let server: ChainServer = "bitcoind://me@127.0.0.1:8332?password=/etc/rpc.password".parse()?;
/// assert_eq!(server.to_string(), "bitcoind://me@127.0.0.1:8332?password=/etc/rpc.password");
/// assert!("bitcoind://me:secret@127.0.0.1?password=f".parse::<ChainServer>().is_err());
/// # Ok::<(), l402_lightning::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainServer(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bitcoind {
        address: String,
        user: Option<String>,
        password: PathBuf,
    },
    Electrum(String),
    Esplora(String),
}

impl FromStr for ChainServer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The text is not repeated: somebody may have written a password into it.
        let wrong = || {
            let text = "the chain server is written https://HOST/api (Esplora), ssl://HOST:PORT \
                        (Electrum), or bitcoind://USER@HOST:PORT?password=FILE, such as \
                        bitcoind://me@127.0.0.1:8332?password=/etc/rpc.password";
            Error::new(ErrorKind::Local, text)
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        if url.password().is_some() || url.fragment().is_some() || url.host_str().is_none() {
            return Err(wrong());
        }
        let kind = match url.scheme() {
            "http" | "https" => Kind::Esplora(text.trim_end_matches('/').to_owned()),
            "ssl" | "tcp" if url.port().is_some() => Kind::Electrum(text.to_owned()),
            "bitcoind" => bitcoind(&url).ok_or_else(wrong)?,
            _ => return Err(wrong()),
        };
        Ok(Self(kind))
    }
}

fn bitcoind(url: &Url) -> Option<Kind> {
    let mut parameters = url.query_pairs();
    let (name, password) = parameters.next()?;
    if name != "password" || password.is_empty() || parameters.next().is_some() {
        return None;
    }
    let user = Some(url.username()).filter(|user| !user.is_empty());
    Some(Kind::Bitcoind {
        address: format!("{}:{}", url.host_str()?, url.port()?),
        user: user.map(str::to_owned),
        password: PathBuf::from(&*password),
    })
}

impl fmt::Display for ChainServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Electrum(url) | Kind::Esplora(url) => f.write_str(url),
            Kind::Bitcoind {
                address,
                user,
                password,
            } => {
                let user = user
                    .as_ref()
                    .map_or(String::new(), |user| format!("{user}@"));
                write!(
                    f,
                    "bitcoind://{user}{address}?password={}",
                    password.display()
                )
            }
        }
    }
}

impl ChainServer {
    /// Returns the server with its password. A relative path starts at `folder`.
    fn read(&self, folder: &Path) -> Result<ChainSource, Error> {
        Ok(match &self.0 {
            Kind::Esplora(url) => ChainSource::Esplora { url: url.clone() },
            Kind::Electrum(url) => ChainSource::Electrum { url: url.clone() },
            Kind::Bitcoind {
                address,
                user,
                password: path,
            } => {
                let path = named_path(folder, path);
                let bytes = private::read(&path)?;
                let text = core::str::from_utf8(&bytes).map(str::trim_ascii);
                let text = text.map_err(|_| local("read", &path, &"it is not text"))?;
                // Without a user, the file is the `.cookie` of bitcoind, which holds both.
                let (user, password) = match user {
                    Some(user) => (user.as_str(), text),
                    None => text.split_once(':').ok_or_else(|| {
                        let text = "it is no .cookie of bitcoind; name a user before the address";
                        local("use", &path, &text)
                    })?,
                };
                ChainSource::Bitcoind {
                    address: address.clone(),
                    user: user.to_owned(),
                    password: password.to_owned(),
                }
            }
        })
    }
}

/// The file as TOML has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    network: String,
    chain: String,
    #[serde(default)]
    listen: Vec<SocketAddr>,
    alias: Option<String>,
    receive_group: Option<String>,
    receive_socket: Option<PathBuf>,
}

impl NodeSettings {
    /// Returns settings with everything optional left out.
    #[must_use]
    pub fn new(network: Network, chain: ChainServer) -> Self {
        Self {
            network,
            chain,
            listen: Vec::new(),
            alias: None,
            receive_group: None,
            receive_socket: None,
        }
    }

    /// Reads the file in the node's folder; `None` if there is none. Blocks.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = private::read(&path)?;
        let text = core::str::from_utf8(&bytes).map_err(|error| local("read", &path, &error))?;
        let written = toml::from_str::<Written>(text);
        // The whole error of the parser shows the line, and no line holds a secret.
        let written = written.map_err(|error| local("read", &path, &error.to_string().trim()))?;
        let network = written.network.parse();
        let network = network.map_err(|error| local("read", &path, &error))?;
        let chain = written.chain.parse();
        Ok(Some(Self {
            network,
            chain: chain.map_err(|error: Error| local("read", &path, &error))?,
            listen: written.listen,
            alias: written.alias,
            receive_group: written.receive_group,
            receive_socket: written.receive_socket,
        }))
    }

    /// Writes the file of a new node, with a comment for each setting. Blocks.
    pub(super) fn write_new(&self, folder: &Folder) -> Result<(), Error> {
        let path = folder.path().join(NAME);
        if private::create(&path, self.to_toml().as_bytes())? {
            return Ok(());
        }
        Err(local("write", &path, &"it is there already; move it away"))
    }

    fn to_toml(&self) -> String {
        // Written by hand, since a serializer of TOML writes no comments.
        let quoted = |text: &str| Value::from(text).to_string();
        let optional = |name: &str, value: Option<String>, example: &str| match value {
            Some(value) => format!("{name} = {}\n", quoted(&value)),
            None => format!("# {name} = {}\n", quoted(example)),
        };
        let listen: Vec<_> = self.listen.iter().map(|a| quoted(&a.to_string())).collect();
        let socket = self.receive_socket.as_ref();
        [
            "# The node of this folder. It reads this file when it starts.\n\n".to_owned(),
            "# A node never changes its network.\n".to_owned(),
            format!("network = {}\n\n", quoted(self.network.name())),
            "# https://HOST/api (Esplora), ssl://HOST:PORT (Electrum), or\n".to_owned(),
            "# bitcoind://USER@HOST:PORT?password=FILE\n".to_owned(),
            format!("chain = {}\n\n", quoted(&self.chain.to_string())),
            "# Where other nodes may connect. Nobody can open a channel to a node without it.\n"
                .to_owned(),
            format!("listen = [{}]\n\n", listen.join(", ")),
            "# The name in the public graph. Only a node that listens and has a name has public\n"
                .to_owned(),
            "# channels.\n".to_owned(),
            optional("alias", self.alias.clone(), "my-shop"),
            "\n# A group whose members may be paid by this node, and see what it was paid. They \
             cannot pay.\n"
                .to_owned(),
            optional("receive_group", self.receive_group.clone(), "l402"),
            "# Where they find the socket for it, since nobody else can enter this folder.\n"
                .to_owned(),
            optional(
                "receive_socket",
                socket.map(|path| path.display().to_string()),
                "/run/l402/receive.sock",
            ),
        ]
        .concat()
    }

    /// Returns what the library needs to start the node of this folder. Blocks.
    pub(super) fn config(&self, folder: &Path) -> Result<LdkConfig, Error> {
        Ok(LdkConfig {
            storage: folder.to_owned(),
            network: self.network,
            chain: self.chain.read(folder)?,
            listen: self.listen.clone(),
            alias: self.alias.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_server_is_written_in_three_ways() {
        for text in [
            "https://esplora.example/api",
            "http://127.0.0.1:3000",
            "ssl://electrum.example:50002",
            "bitcoind://127.0.0.1:8332?password=/var/lib/bitcoind/.cookie",
            "bitcoind://me@[::1]:8332?password=rpc.password",
        ] {
            assert_eq!(text.parse::<ChainServer>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "esplora.example",
            "ftp://esplora.example",
            "ssl://electrum.example",
            "https://me:hunter2@esplora.example/api",
            "bitcoind://me:hunter2@127.0.0.1:8332?password=f",
            "bitcoind://me@127.0.0.1:8332",
            "bitcoind://me@127.0.0.1?password=f",
            "bitcoind://me@127.0.0.1:8332?password=f&more=1",
        ] {
            let error = wrong.parse::<ChainServer>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(&above.path().join("ldk")).unwrap();
        let mut settings = NodeSettings::new(
            Network::Signet,
            "https://esplora.example/api".parse().unwrap(),
        );
        assert_eq!(NodeSettings::read(folder.path()).unwrap(), None);
        settings.write_new(&folder).unwrap();
        assert_eq!(
            NodeSettings::read(folder.path()).unwrap(),
            Some(settings.clone())
        );
        assert!(settings.write_new(&folder).is_err(), "never written over");

        std::fs::remove_file(folder.path().join(NAME)).unwrap();
        settings.listen = vec!["0.0.0.0:9735".parse().unwrap()];
        settings.alias = Some("a \"shop\"".to_owned());
        settings.receive_group = Some("l402".to_owned());
        settings.receive_socket = Some("/run/l402/receive.sock".into());
        settings.write_new(&folder).unwrap();
        assert_eq!(NodeSettings::read(folder.path()).unwrap(), Some(settings));
    }

    #[test]
    fn a_cookie_has_the_user_too_and_a_password_file_is_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        private::create(&folder.path().join("cookie"), b"__cookie__:abc\n").unwrap();
        private::create(&folder.path().join("password"), b" a:b \n").unwrap();
        for (text, (wanted_user, wanted)) in [
            ("bitcoind://h:1?password=cookie", ("__cookie__", "abc")),
            ("bitcoind://me@h:1?password=password", ("me", "a:b")),
        ] {
            let server: ChainServer = text.parse().unwrap();
            let ChainSource::Bitcoind { user, password, .. } = server.read(folder.path()).unwrap()
            else {
                panic!("a bitcoind")
            };
            assert_eq!((user.as_str(), password.as_str()), (wanted_user, wanted));
        }
    }
}
