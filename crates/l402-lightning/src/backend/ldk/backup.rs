//! A copy of the node's files, for looking at and for static data. Never to run a node from while
//! its channels may have moved on.

use std::path::{Path, PathBuf};

use l402_host::{private, sqlite};

use super::file;
use super::folder::{NODE_DATABASE, local};
use super::settings;
use super::setup::FOLDER;
use crate::{Error, ErrorKind};

/// The text beside the copies.
const README: &str = "\
A copy of the files of a Lightning node, made by `l402 node backup`.

NEVER RUN A NODE FROM THIS COPY if the node was used after it was made. A channel changes with each
payment. A node that shows the other side an old state of a channel loses all coins in it.

What brings coins back:
- the words of `l402 node init`, or the file keys_seed: all coins on the chain;
- these, together with peers.json: the peers can close the channels. This side's coins then go to
  keys that the seed gives. LDK's tools find them there; this program does not yet.

The seed is not in this copy: with it, the copy would be a second node. Keep the words elsewhere.

ldk_node_data.sqlite  channels, coins and payments, as LDK Node keeps them
l402.db               what was received and paid, as this program keeps it
node.toml             the settings
peers.json            the peers that have channels, if the node ran when the copy was made
";

/// Copies the files of the home's node into a new folder, and returns their paths. Each database is
/// copied at one moment, while the node may run. `peers` is JSON about the peers, if the node could
/// be asked. Blocks.
///
/// # Errors
/// `Local` if there is no node, if the folder exists, and for files that cannot be read or written.
pub fn backup(home: &Path, to: &Path, peers: Option<&str>) -> Result<Vec<PathBuf>, Error> {
    let from = home.join(FOLDER);
    if !from.join(settings::NAME).exists() {
        let from = from.display();
        return Err(Error::new(
            ErrorKind::Local,
            format!("there is no node in {from}"),
        ));
    }
    if to.symlink_metadata().is_ok() {
        return Err(local(
            "write",
            to,
            &"it exists; name a folder that does not",
        ));
    }
    private::create_closed_folder(to)?;
    let mut written = Vec::new();
    // LDK Node's first: ours is then the newer one, and knows of each payment that is in the first.
    for name in [NODE_DATABASE, file::NAME] {
        if from.join(name).exists() {
            sqlite::copy(&from.join(name), &to.join(name))?;
            written.push(to.join(name));
        }
    }
    let settings = private::read(&from.join(settings::NAME))?;
    let texts = [
        (settings::NAME, Some(settings.as_slice())),
        ("peers.json", peers.map(str::as_bytes)),
        ("README.txt", Some(README.as_bytes())),
    ];
    for (name, text) in texts {
        let Some(text) = text else { continue };
        private::create(&to.join(name), text)?;
        written.push(to.join(name));
    }
    Ok(written)
}
