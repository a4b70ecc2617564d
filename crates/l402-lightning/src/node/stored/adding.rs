//! The storing of a wallet, from its credential to its description, under one lock.

use std::path::PathBuf;

use l402_host::{FileLock, private};

use super::file::{self, StoredWallet};
use super::name::WalletName;
use super::store::{StoredWallets, taken};
use crate::node::kind::Node;
use crate::{Error, ErrorKind};

/// A name that is being given to a wallet. No other program can use the name meanwhile, so that the
/// credential of one wallet never comes to lie beside the description of another.
///
/// Dropped before [`AddedWallet::store`], it removes the credential that it has written.
#[derive(Debug)]
#[must_use = "the name is free again when this is dropped"]
pub struct AddedWallet<'a> {
    stored: &'a StoredWallets,
    name: &'a WalletName,
    is_stored: bool,
    _lock: FileLock,
}

impl StoredWallets {
    /// Begins to store a wallet under this name.
    ///
    /// # Errors
    /// `Rejected` if the name is taken, `Local` if another program is storing or removing a wallet of
    /// this name, and for files.
    pub fn begin<'a>(&'a self, name: &'a WalletName) -> Result<AddedWallet<'a>, Error> {
        private::create_folder(&self.folder)?;
        let lock = self.lock(name)?;
        if self.read(name)?.is_some() {
            return Err(taken(name));
        }
        Ok(AddedWallet {
            stored: self,
            name,
            is_stored: false,
            _lock: lock,
        })
    }

    /// Excludes other programs that store or remove a wallet of this name.
    pub(super) fn lock(&self, name: &WalletName) -> Result<FileLock, Error> {
        let busy = || {
            let text = format!("another program stores or removes the wallet {name} just now");
            Error::new(ErrorKind::Local, text)
        };
        // A dot, which no name has, so that no wallet is called like a lock.
        let path = self.folder.join(format!("{name}.lock"));
        FileLock::try_take(&path)?.ok_or_else(busy)
    }
}

impl AddedWallet<'_> {
    /// Writes the credential, and returns its path.
    ///
    /// # Errors
    /// `Local` for files.
    pub fn write_secret(&self, secret: &[u8]) -> Result<PathBuf, Error> {
        let path = self.stored.secret(self.name);
        // In place of one that a crash has left behind.
        private::replace(&path, secret)?;
        Ok(path)
    }

    /// Writes the description, with which the wallet is stored. Relative paths in its node start at
    /// the folder of the stored wallets.
    ///
    /// # Errors
    /// `Rejected` if the name is taken or the node is itself a name, `Local` for files. The credential
    /// is removed.
    pub fn store(mut self, wallet: &StoredWallet) -> Result<(), Error> {
        let name = self.name;
        if let Node::Stored(other) = &wallet.node {
            let text = format!("{other} is a name already; {name} cannot stand for it");
            return Err(Error::new(ErrorKind::Rejected, text));
        }
        let text = file::to_text(wallet);
        self.is_stored = private::create(&self.stored.description(name), text.as_bytes())?;
        if self.is_stored {
            Ok(())
        } else {
            Err(taken(name))
        }
    }
}

impl Drop for AddedWallet<'_> {
    fn drop(&mut self) {
        // A description may stand there that somebody wrote by hand.
        if !self.is_stored
            && self
                .stored
                .read(self.name)
                .is_ok_and(|found| found.is_none())
        {
            // One that stays is replaced by the next wallet of this name.
            let _ = std::fs::remove_file(self.stored.secret(self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::UnixTime;

    fn wallet(node: &str) -> StoredWallet {
        StoredWallet::new(node.parse().unwrap(), UnixTime::from_secs(7))
    }

    /// Two programs at once would else put the credential of one beside the description of the other.
    #[test]
    fn a_name_is_given_to_one_wallet_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let [stored, other] = [0, 1].map(|_| StoredWallets::of(home.path()));
        let name: WalletName = "a".parse().unwrap();
        let first = stored.begin(&name).unwrap();
        let path = first.write_secret(b"first").unwrap();
        for refused in [
            other.begin(&name).map(drop).unwrap_err(),
            other.add(&name, &wallet("sandbox")).unwrap_err(),
            other.remove(&name).map(drop).unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Local, "{refused}");
        }
        // Another name is free.
        other
            .add(&"b".parse().unwrap(), &wallet("sandbox"))
            .unwrap();
        first.store(&wallet("nwc:a.secret")).unwrap();
        assert_eq!(private::read(&path).unwrap().as_slice(), b"first");
        let refused = other.begin(&name).map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected, "{refused}");
        assert_eq!(private::read(&path).unwrap().as_slice(), b"first");
    }

    #[test]
    fn a_wallet_that_is_not_stored_leaves_no_secret() {
        let home = tempfile::tempdir().unwrap();
        let stored = StoredWallets::of(home.path());
        let name: WalletName = "a".parse().unwrap();
        let given_up = stored.begin(&name).unwrap();
        let path = given_up.write_secret(b"first").unwrap();
        drop(given_up);
        assert!(!path.exists());
        // As a crash leaves it.
        private::replace(&path, b"old").unwrap();
        let second = stored.begin(&name).unwrap();
        second.write_secret(b"second").unwrap();
        second.store(&wallet("nwc:a.secret")).unwrap();
        assert_eq!(private::read(&path).unwrap().as_slice(), b"second");
    }
}
