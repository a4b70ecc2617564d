//! The text of the files that describe stored wallets.

use std::path::Path;

use l402::{Network, UnixTime};
use serde::Deserialize;

use crate::node::kind::Node;

/// A stored wallet or node. Its credential is a file that `node` names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredWallet {
    /// The node, which is never itself a name.
    pub node: Node,
    /// The time at which it was stored.
    pub made: UnixTime,
    /// The network, as the node said when it was stored; `None` if nobody asked.
    pub network: Option<Network>,
    /// The text of `Pay::name`, by which a buyer's journal knows this wallet; `None` if it was not
    /// opened to pay.
    pub known_as: Option<String>,
}

impl StoredWallet {
    /// Returns a wallet of which nothing but its written form is known.
    #[must_use]
    pub const fn new(node: Node, made: UnixTime) -> Self {
        Self {
            node,
            made,
            network: None,
            known_as: None,
        }
    }

    pub(super) fn with_base(mut self, base: &Path) -> Self {
        self.node = self.node.with_base(base);
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    node: String,
    /// For people and other programs; `node` says it as well.
    #[serde(rename = "kind")]
    _kind: Option<String>,
    made: u64,
    network: Option<String>,
    known_as: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    prefer: Vec<String>,
}

/// Returns true for a node that stands in the index: a name, or a node inside this program.
pub(super) fn is_bare(node: &Node) -> bool {
    matches!(node, Node::Stored(_) | Node::Sandbox | Node::Ldk)
}

pub(super) fn parse(text: &str) -> Result<StoredWallet, String> {
    let read: Description = toml::from_str(text).map_err(|error| one_line(&error))?;
    let node: Node = read
        .node
        .parse()
        .map_err(|error| format!("node: {error}"))?;
    if matches!(node, Node::Stored(_)) {
        return Err("node: a name, which cannot stand for another one".to_owned());
    }
    let network = read.network.map(|network| network.parse());
    Ok(StoredWallet {
        node,
        made: UnixTime::from_secs(read.made),
        network: network
            .transpose()
            .map_err(|error| format!("network: {error}"))?,
        known_as: read.known_as,
    })
}

pub(super) fn to_text(wallet: &StoredWallet) -> String {
    let mut text = format!(
        "node = {}\nkind = {}\nmade = {}\n",
        quoted(&wallet.node.to_string()),
        quoted(wallet.node.form().kind),
        wallet.made.secs()
    );
    let mut add = |key, value: Option<&str>| {
        if let Some(value) = value {
            text += &format!("{key} = {}\n", quoted(value));
        }
    };
    add("network", wallet.network.map(|network| network.name()));
    add("known_as", wallet.known_as.as_deref());
    text
}

pub(super) fn parse_index(text: &str) -> Result<Vec<Node>, String> {
    let read: Index = toml::from_str(text).map_err(|error| one_line(&error))?;
    let nodes = read.prefer.iter().map(|text| match text.parse() {
        Ok(node) if is_bare(&node) => Ok(node),
        _ => Err("prefer: names of stored wallets, `sandbox` and `ldk` stand there".to_owned()),
    });
    nodes.collect()
}

pub(super) fn index_to_text(nodes: &[Node]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| quoted(&node.to_string())).collect();
    format!("prefer = [{}]\n", names.join(", "))
}

/// Writes a string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The place is left out: these files are short, and the lines that show it are not one line.
fn one_line(error: &toml::de::Error) -> String {
    error.message().lines().collect::<Vec<_>>().join("; ")
}
