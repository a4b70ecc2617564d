//! The folder of stored wallets: adding, reading, removing, and the order of preference.

use std::io;
use std::path::{Path, PathBuf};

use l402_host::{FileError, FileFault, private};

use super::file::{self, StoredWallet};
use super::name::WalletName;
use crate::node::kind::Node;
use crate::{Error, ErrorKind};

/// The end of the name of each description.
const DESCRIPTION: &str = "toml";

/// The end of the name of each credential.
const SECRET: &str = "secret";

/// The file with the order of preference, which is no name of a wallet.
const INDEX: &str = "index.toml";

/// The wallets and nodes that are stored in one home folder.
///
/// ```
/// use l402::UnixTime;
/// use l402_lightning::{Node, StoredWallet, StoredWallets};
///
/// # let home = tempfile::tempdir()?;
/// let stored = StoredWallets::of(home.path());
/// let name = "alby".parse()?;
/// let added = stored.begin(&name)?;
/// let secret = added.write_secret(b"nostr+walletconnect://...")?;
/// let node: Node = "nwc:alby.secret".parse()?;
/// added.store(&StoredWallet::new(node, UnixTime::from_secs(0)))?;
///
/// // From now on the name alone means this wallet.
/// let named: Node = "alby".parse()?;
/// assert_eq!(named.resolve(home.path())?.to_string(), format!("nwc:{}", secret.display()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoredWallets {
    pub(super) folder: PathBuf,
}

impl StoredWallets {
    /// Returns the wallets of a home folder. Neither has to exist.
    #[must_use]
    pub fn of(home: &Path) -> Self {
        Self {
            folder: home.join("wallets"),
        }
    }

    /// Returns all names in alphabetical order.
    ///
    /// # Errors
    /// `Local` if the folder cannot be read.
    pub fn names(&self) -> Result<Vec<WalletName>, Error> {
        let entries = match self.folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.broken(&self.folder, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry
                .map_err(|error| self.broken(&self.folder, &error))?
                .file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".toml"));
            // `index` is reserved, so the index is not among them.
            names.extend(name.and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Reads the wallet with this name; `None` if there is none. Paths in its node are absolute, or
    /// start where the home folder's own path does.
    ///
    /// # Errors
    /// `Local` for a file that cannot be used or understood.
    pub fn read(&self, name: &WalletName) -> Result<Option<StoredWallet>, Error> {
        let path = self.description(name);
        let Some(text) = read_text(&path)? else {
            return Ok(None);
        };
        let wallet = file::parse(&text).map_err(|error| self.broken(&path, &error))?;
        Ok(Some(wallet.with_base(&self.folder)))
    }

    /// Stores a wallet that has no credential, or one that lies elsewhere. Relative paths in its node
    /// start at the folder of the stored wallets.
    ///
    /// # Errors
    /// Those of [`StoredWallets::begin`] and [`AddedWallet::store`](super::AddedWallet::store).
    pub fn add(&self, name: &WalletName, wallet: &StoredWallet) -> Result<(), Error> {
        self.begin(name)?.store(wallet)
    }

    /// Removes a wallet with its credential, also from the order of preference. Returns false if
    /// nothing has this name.
    ///
    /// # Errors
    /// `Local` for files that cannot be changed, or if another program stores it just now.
    pub fn remove(&self, name: &WalletName) -> Result<bool, Error> {
        private::create_folder(&self.folder)?;
        let _lock = self.lock(name)?;
        let node = Node::Stored(name.clone());
        let mut preference = self.preference()?;
        if preference.contains(&node) {
            preference.retain(|other| *other != node);
            self.prefer(&preference)?;
        }
        // The description first: a credential without one is unknown to all, and can be replaced.
        let found = self.delete(&self.description(name))?;
        let secret = self.delete(&self.secret(name))?;
        Ok(found || secret)
    }

    /// Returns the order of preference: names, `sandbox` and `ldk`, the first one first. Empty if
    /// nobody has chosen one.
    ///
    /// # Errors
    /// `Local` for an index that cannot be used or understood.
    pub fn preference(&self) -> Result<Vec<Node>, Error> {
        let path = self.folder.join(INDEX);
        match read_text(&path)? {
            None => Ok(Vec::new()),
            Some(text) => file::parse_index(&text).map_err(|error| self.broken(&path, &error)),
        }
    }

    /// Sets the order of preference.
    ///
    /// # Errors
    /// `Rejected` for a node that is neither a name nor inside this program, `Local` for files.
    pub fn prefer(&self, nodes: &[Node]) -> Result<(), Error> {
        if let Some(node) = nodes.iter().find(|node| !file::is_bare(node)) {
            let text = format!("{node} has no name; store it under one first");
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        private::create_folder(&self.folder)?;
        let text = file::index_to_text(nodes);
        private::replace(&self.folder.join(INDEX), text.as_bytes())?;
        Ok(())
    }

    /// Returns the name of the file that holds a wallet's credential, as its node names it.
    #[must_use]
    pub fn secret_name(name: &WalletName) -> String {
        format!("{name}.{SECRET}")
    }

    pub(super) fn description(&self, name: &WalletName) -> PathBuf {
        self.folder.join(format!("{name}.{DESCRIPTION}"))
    }

    pub(super) fn secret(&self, name: &WalletName) -> PathBuf {
        self.folder.join(Self::secret_name(name))
    }

    fn delete(&self, path: &Path) -> Result<bool, Error> {
        match std::fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.broken(path, &error)),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn broken(&self, path: &Path, error: &dyn core::fmt::Display) -> Error {
        let text = format!("cannot use {}: {error}", path.display());
        Error::new(ErrorKind::Local, text)
    }
}

/// Reads a description; `None` if there is no file.
fn read_text(path: &Path) -> Result<Option<String>, Error> {
    let missing = |error: &FileError| match error.fault() {
        FileFault::System(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    };
    match private::read(path) {
        Err(error) if missing(&error) => Ok(None),
        read => Ok(Some(String::from_utf8_lossy(&read?).into_owned())),
    }
}

pub(super) fn taken(name: &WalletName) -> Error {
    let text = format!("a wallet is stored as {name} already");
    Error::new(ErrorKind::Rejected, text)
}

impl WalletName {
    /// Returns the node that this name stands for in a home folder.
    ///
    /// # Errors
    /// `Local`, with all names that are stored, if this one is not.
    pub(in crate::node) fn resolve(&self, home: &Path) -> Result<Node, Error> {
        let stored = StoredWallets::of(home);
        if let Some(wallet) = stored.read(self)? {
            return Ok(wallet.node);
        }
        let names: Vec<String> = stored.names()?.iter().map(ToString::to_string).collect();
        let there = match names.as_slice() {
            [] => "none is stored yet".to_owned(),
            names => format!("stored: {}", names.join(", ")),
        };
        let text = format!("no wallet is stored as {self}; {there}");
        Err(Error::new(ErrorKind::Local, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::{Network, UnixTime};

    fn name(text: &str) -> WalletName {
        text.parse().unwrap()
    }

    fn wallet(node: &str) -> StoredWallet {
        StoredWallet::new(node.parse().unwrap(), UnixTime::from_secs(7))
    }

    #[test]
    fn a_wallet_is_stored_read_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let stored = StoredWallets::of(home.path());
        assert_eq!(stored.names().unwrap(), []);
        assert_eq!(stored.read(&name("a")).unwrap(), None);

        let a = name("a");
        let added = stored.begin(&a).unwrap();
        let path = added.write_secret(b"hunter2").unwrap();
        let mut given = wallet("phoenixd+http://127.0.0.1:9740?password=a.secret");
        given.network = Some(Network::Regtest);
        given.known_as = Some("phoenixd \"x\"\n".to_owned());
        added.store(&given).unwrap();
        stored.add(&name("b"), &wallet("sandbox")).unwrap();

        let read = stored.read(&name("a")).unwrap().unwrap();
        assert_eq!(read, given.with_base(&home.path().join("wallets")));
        let text = read.node.to_string();
        assert!(text.ends_with("/wallets/a.secret"), "{text}");
        assert_eq!(private::read(&path).unwrap().as_slice(), b"hunter2");
        assert_eq!(stored.names().unwrap(), [name("a"), name("b")]);

        assert!(stored.remove(&name("a")).unwrap());
        assert!(!path.exists() && stored.read(&name("a")).unwrap().is_none());
        assert!(!stored.remove(&name("a")).unwrap());
    }

    #[test]
    fn the_order_of_preference_is_kept_and_follows_a_removal() {
        let home = tempfile::tempdir().unwrap();
        let stored = StoredWallets::of(home.path());
        assert_eq!(stored.preference().unwrap(), []);
        let nodes = ["b", "sandbox", "a"].map(|text| text.parse::<Node>().unwrap());
        stored.prefer(&nodes).unwrap();
        assert_eq!(stored.preference().unwrap(), nodes);
        stored.add(&name("a"), &wallet("sandbox")).unwrap();
        stored.remove(&name("a")).unwrap();
        assert_eq!(stored.preference().unwrap(), nodes[..2]);
        let bad = [Node::Stored(name("b")), "nwc:file".parse().unwrap()];
        let error = stored.prefer(&bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
    }

    #[test]
    fn a_name_that_is_not_stored_is_answered_with_those_that_are() {
        let home = tempfile::tempdir().unwrap();
        let error = Node::Stored(name("x")).resolve(home.path()).unwrap_err();
        assert!(error.to_string().contains("none is stored"), "{error}");
        let stored = StoredWallets::of(home.path());
        stored.add(&name("b"), &wallet("sandbox")).unwrap();
        stored.add(&name("a"), &wallet("ldk")).unwrap();
        let error = Node::Stored(name("x")).resolve(home.path()).unwrap_err();
        assert!(error.to_string().contains("stored: a, b"), "{error}");
        let of_name = Node::Stored(name("a"));
        assert_eq!(*of_name.resolve(home.path()).unwrap(), Node::Ldk);
    }

    #[test]
    fn a_name_never_stands_for_a_name() {
        let home = tempfile::tempdir().unwrap();
        let stored = StoredWallets::of(home.path());
        let error = stored.add(&name("a"), &wallet("b")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        // Nor if somebody writes the file by hand: it could lead to itself.
        let folder = home.path().join("wallets");
        private::create_folder(&folder).unwrap();
        private::replace(&folder.join("a.toml"), b"node = \"a\"\nmade = 1\n").unwrap();
        let error = stored.read(&name("a")).unwrap_err().to_string();
        assert!(error.contains("a.toml"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let stored = StoredWallets::of(home.path());
        let a = name("a");
        let added = stored.begin(&a).unwrap();
        let secret = added.write_secret(b"x").unwrap();
        added.store(&wallet("nwc:a.secret")).unwrap();
        stored.prefer(&[Node::Stored(name("a"))]).unwrap();
        let folder = home.path().join("wallets");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for file in [&secret, &folder.join("a.toml"), &folder.join(INDEX)] {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.join("a.toml"), open).unwrap();
        let error = stored.read(&name("a")).unwrap_err();
        assert!(error.file().is_some_and(|file| file.fault().is_unsafe()));
    }
}
