//! The first start of a node: its folder, its settings, its seed, and the words that restore it.

use core::fmt;
use std::path::{Path, PathBuf};

use ldk_node::bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use super::config;
use super::folder::Folder;
use super::key::InvoiceKey;
use super::settings::NodeSettings;
use crate::{Error, ErrorKind};

/// The folder of the node in a home folder.
pub(super) const FOLDER: &str = "ldk";

/// The bytes of randomness in 24 words.
const ENTROPY_LEN: usize = 32;

/// A node that was just made, and the words that restore its seed. They are stored nowhere.
pub struct NewNode {
    /// The folder of the node.
    pub folder: PathBuf,
    /// The public key by which other nodes know it, in hexadecimal.
    pub node_id: String,
    /// The words, 12 or 24 of BIP 39, without a passphrase.
    pub words: Zeroizing<String>,
}

impl fmt::Debug for NewNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewNode")
            .field("folder", &self.folder)
            .field("node_id", &self.node_id)
            .finish_non_exhaustive()
    }
}

/// Makes the node of a home folder, from these words or from new ones. Writes over nothing. Blocks.
///
/// The seed is that of BIP 39 with an empty passphrase, so that any program on LDK Node restores the
/// same node from the words.
///
/// # Errors
/// `Local` for a home that has a node already, words that are none, and files that cannot be
/// written; `Unavailable` if a node runs there.
pub fn init(home: &Path, settings: &NodeSettings, words: Option<&str>) -> Result<NewNode, Error> {
    let network = config::network(settings.network)?;
    let mnemonic = match words {
        Some(words) => read(words)?,
        None => draw()?,
    };
    let folder = Folder::open(&home.join(FOLDER))?;
    folder.check_unused()?;
    let seed = Zeroizing::new(mnemonic.to_seed_normalized(""));
    let node_id = InvoiceKey::derive(&seed, network)?.payee().to_string();
    // The seed last: settings without a seed can be written again, once somebody has moved them.
    settings.write_new(&folder)?;
    folder.write_seed(&seed)?;
    Ok(NewNode {
        folder: folder.path().to_owned(),
        node_id,
        words: Zeroizing::new(mnemonic.to_string()),
    })
}

fn draw() -> Result<Mnemonic, Error> {
    let failed = |error: &dyn fmt::Display| {
        let text = format!("no words could be drawn: {error}");
        Error::new(ErrorKind::Local, text)
    };
    let mut entropy = Zeroizing::new([0; ENTROPY_LEN]);
    getrandom::fill(entropy.as_mut_slice()).map_err(|error| failed(&error))?;
    Mnemonic::from_entropy(entropy.as_slice()).map_err(|error| failed(&error))
}

fn read(words: &str) -> Result<Mnemonic, Error> {
    // Neither the words nor the one that is wrong may stand in an error.
    let words = Zeroizing::new(words.to_lowercase());
    Mnemonic::parse_in_normalized(Language::English, &words).map_err(|_| {
        let text = "these are not the 12 or 24 English words of BIP 39: compare each word and \
                    their order";
        Error::new(ErrorKind::Local, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::Network;

    const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon \
                         abandon abandon about";

    fn settings() -> NodeSettings {
        let chain = "https://esplora.example/api".parse().expect("a server");
        NodeSettings::new(Network::Regtest, chain)
    }

    #[test]
    fn a_node_is_made_once_and_its_words_make_it_again() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = init(one.path(), &settings(), None).unwrap();
        assert_eq!(made.words.split(' ').count(), 24);
        assert!(!format!("{made:?}").contains(made.words.as_str()));
        let error = init(one.path(), &settings(), None).unwrap_err();
        assert!(error.to_string().contains("already"), "{error}");

        let shouted = format!("  {}\n", made.words.to_uppercase());
        let restored = init(two.path(), &settings(), Some(&shouted)).unwrap();
        assert_eq!(restored.node_id, made.node_id);
        assert_eq!(restored.words, made.words);
    }

    /// The test vector of BIP 39 without a passphrase.
    #[test]
    fn the_seed_is_that_of_bip_39() {
        let home = tempfile::tempdir().unwrap();
        init(home.path(), &settings(), Some(WORDS)).unwrap();
        let seed = std::fs::read(home.path().join("ldk/keys_seed")).unwrap();
        assert_eq!(
            hex::encode(seed),
            "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
             9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
        );
    }

    #[test]
    fn wrong_words_are_not_repeated_and_leave_nothing() {
        let home = tempfile::tempdir().unwrap();
        for wrong in [
            "",
            "abandon",
            &WORDS.replace("about", "zebra"),
            &WORDS.replace("about", "hunter2"),
        ] {
            let error = init(home.path(), &settings(), Some(wrong)).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(!home.path().join("ldk").exists());
    }

    #[test]
    fn ldk_has_no_simnet() {
        let home = tempfile::tempdir().unwrap();
        let settings = NodeSettings {
            network: Network::Simnet,
            ..settings()
        };
        assert!(init(home.path(), &settings, None).is_err());
        assert!(!home.path().join("ldk").exists());
    }
}
