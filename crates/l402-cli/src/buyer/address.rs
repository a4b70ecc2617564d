//! The addresses that no request may go to.

use std::io::{BufRead, BufReader, Read};

use l402_lightning::{Node, StoredWallets};

use crate::context::Context;

/// The ports on which sandbox, operators' listener and proxy listen unless told otherwise.
const USUAL_PORTS: [u16; 3] = [8403, 8405, 8408];

/// The most of a note about a listener that is read, in bytes.
const NOTE_MAX: u64 = 100;

/// Returns the addresses that no request may go to, since what listens there moves money without
/// the journal, or obeys an operator: the wallet's and those of all stored wallets, the usual ones, and
/// those that programs of this home have noted in `run/`, a file each, in its first line. A registry
/// moves no money of those who ask it, so its note is left out.
pub(crate) fn own_addresses(wallet: Option<&Node>, context: &Context) -> Vec<(String, u16)> {
    let usual = USUAL_PORTS.map(|port| ("127.0.0.1".to_owned(), port));
    let wallets = wallet.cloned().into_iter().chain(stored_nodes(context));
    let wallets: Vec<_> = wallets
        .filter_map(|node| address_of(&node.to_string()))
        .collect();
    let notes = context.home.path().join("run").read_dir();
    let is_own = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with("registry-");
    let notes = notes.into_iter().flatten().flatten();
    let notes = notes.filter(|entry| is_own(&entry.file_name()));
    let noted = notes.filter_map(|entry| {
        let mut line = String::new();
        let file = std::fs::File::open(entry.path()).ok()?;
        BufReader::new(file.take(NOTE_MAX))
            .read_line(&mut line)
            .ok()?;
        let address: std::net::SocketAddr = line.trim().parse().ok()?;
        Some((address.ip().to_string(), address.port()))
    });
    usual.into_iter().chain(wallets).chain(noted).collect()
}

/// Returns the nodes of all stored wallets. One that cannot be read is left out: the command that
/// uses it says so.
fn stored_nodes(context: &Context) -> Vec<Node> {
    let stored = StoredWallets::of(context.home.path());
    let names = stored.names().unwrap_or_default();
    let wallets = names.iter().filter_map(|name| stored.read(name).ok()?);
    wallets.map(|wallet| wallet.node).collect()
}

/// Returns host and port of a wallet as it is written, if it has any.
fn address_of(wallet: &str) -> Option<(String, u16)> {
    let url = url::Url::parse(wallet).ok()?;
    let port = url.port().unwrap_or_else(|| {
        if url.scheme().ends_with("https") {
            443
        } else {
            80
        }
    });
    Some((url.host_str()?.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_known_by_its_host_and_port() {
        for (wallet, host, port) in [
            ("sandbox+http://127.0.0.1:8403", "127.0.0.1", 8403),
            ("sandbox+http://[::1]:8403", "[::1]", 8403),
            (
                "lnd://node.example:8080?tls_cert=a&macaroon=b",
                "node.example",
                8080,
            ),
            ("lnbits+https://lnbits.example?key=a", "lnbits.example", 443),
        ] {
            assert_eq!(
                address_of(wallet),
                Some((host.to_owned(), port)),
                "{wallet}"
            );
        }
        for wallet in ["sandbox", "alby", "cln:///run/lightning-rpc", "nwc:file"] {
            assert_eq!(address_of(wallet), None, "{wallet}");
        }
    }
}
