//! Aperture, the reference gateway.

use std::net::SocketAddr;
use std::path::Path;

use super::lnd::{Lightning, built};
use super::{Process, Server, free_address, pinned, subfolder, write};
use crate::error::{BenchError, Result, While};

/// What it sells.
pub(crate) const SOLD: &str = "/paid";

/// Starts it before `upstream`, paid by the seller's lnd.
///
/// # Errors
/// Where it was not built or does not start.
pub(crate) fn start(folder: &Path, lightning: &Lightning, upstream: SocketAddr) -> Result<Server> {
    let program = built("aperture");
    if !program.exists() {
        return Err(BenchError::new(
            "Aperture is not built; bench/run does that",
        ));
    }
    let folder = subfolder(folder, "aperture")?;
    let (_, certificate, macaroon) = lightning.parts()?;
    let (address, file) = (free_address()?, folder.join("aperture.yaml"));
    let (Some(lnd), Some(macaroons)) = (certificate.parent(), macaroon.parent()) else {
        return Err(BenchError::new("lnd's files lie in no folder"));
    };
    let text = format!(
        "listenaddr: \"{address}\"\n\
         insecure: true\n\
         debuglevel: \"error\"\n\
         dbbackend: \"sqlite\"\n\
         authenticator:\n  network: \"regtest\"\n  lndhost: \"{lnd_address}\"\n  \
         tlspath: \"{certificate}\"\n  macdir: \"{macaroons}\"\n\
         services:\n  - name: \"paid\"\n    hostregexp: \".*\"\n    pathregexp: \"^{SOLD}$\"\n    \
         address: \"{upstream}\"\n    protocol: http\n    auth: \"on\"\n    price: 50\n    \
         timeout: 31557600\n",
        lnd_address = grpc_address(lnd)?,
        certificate = certificate.display(),
        macaroons = macaroons.display(),
    );
    write(&file, &text)?;
    let mut command = pinned(&program);
    command
        .arg(format!("--configfile={}", file.display()))
        .arg(format!("--basedir={}", folder.display()))
        .arg(format!(
            "--sqlite.dbfile={}",
            folder.join("aperture.db").display()
        ))
        .env("GOMAXPROCS", "1")
        .env("HOME", &folder);
    Server::listening(address, Process::start("aperture", &folder, command)?)
}

/// The version that is built here; the program itself does not say.
pub(crate) fn pinned_version() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let module = root.join("../tests/interop/lnd/go/aperture/go.mod");
    let text = std::fs::read_to_string(module).ok()?;
    version_in(&text).filter(|_| built("aperture").exists())
}

fn version_in(module: &str) -> Option<String> {
    let words = |line: &str| {
        let (_, version) = line.split_once("lightninglabs/aperture v")?;
        version.split_whitespace().next().map(str::to_owned)
    };
    module.lines().find_map(words)
}

/// Where lnd's other interface is: it says so in its log.
fn grpc_address(lnd: &Path) -> Result<SocketAddr> {
    let path = lnd.join("logs/bitcoin/regtest/lnd.log");
    let log = std::fs::read(&path).while_doing(path.display())?;
    let log = String::from_utf8_lossy(&log);
    announced(&log).ok_or_else(|| BenchError::new("lnd's log says no address for gRPC"))
}

fn announced(log: &str) -> Option<SocketAddr> {
    const WORDS: &str = "RPC server listening on ";
    let addresses = log.lines().filter_map(|line| line.split_once(WORDS));
    addresses
        .filter_map(|(_, address)| address.trim().parse().ok())
        .next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_version_among_the_pins() {
        let module = "go 1.26.0\ntool github.com/lightninglabs/aperture/cmd/aperture\n\
                      require (\n\tgithub.com/lightninglabs/aperture v0.5.0 // indirect\n)\n";
        assert_eq!(version_in(module).as_deref(), Some("0.5.0"));
    }

    #[test]
    fn reads_the_address_of_the_last_start() {
        let log = "[INF] RPCS: RPC server listening on 127.0.0.1:1\n\
                   [INF] RPCS: gRPC proxy started at 127.0.0.1:2\n\
                   [INF] RPCS: RPC server listening on 127.0.0.1:3\n";
        assert_eq!(announced(log), Some(SocketAddr::from(([127, 0, 0, 1], 3))));
        assert_eq!(announced("[INF] nothing"), None);
    }
}
