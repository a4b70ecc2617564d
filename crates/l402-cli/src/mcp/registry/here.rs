//! The registry that runs on this home, for an agent whose operator has named none.

use std::io::Read as _;
use std::net::SocketAddr;

use crate::buyer::{RegistrySettings, RegistryShape};
use crate::context::Context;

/// The most of a note about a listener that is read, in bytes.
const NOTE_MAX: u64 = 100;

/// Returns the registry that `l402 registry serve` of this home has noted, or `None` if none runs here.
pub(crate) fn on_this_machine(context: &Context) -> Option<RegistrySettings> {
    let notes = context.home.path().join("run").read_dir().ok()?;
    let mut addresses: Vec<SocketAddr> = notes
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("registry-") && !name.ends_with(".lock")
        })
        .filter_map(|entry| {
            let (mut text, file) = (String::new(), std::fs::File::open(entry.path()).ok()?);
            file.take(NOTE_MAX).read_to_string(&mut text).ok()?;
            text.lines().next()?.trim().parse().ok()
        })
        // A registry for others has a name of its own, which the operator writes into client.toml.
        .filter(|address: &SocketAddr| address.ip().is_loopback())
        .collect();
    addresses.sort_unstable();
    let address = addresses.first()?;
    Some(RegistrySettings {
        name: "this machine".to_owned(),
        url: format!("http://{address}/api/v1").parse().ok()?,
        shape: RegistryShape::L402,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::HomeFolder;

    #[test]
    fn the_registry_of_this_home_is_found_by_its_note() {
        let folder = tempfile::tempdir().unwrap();
        let home = HomeFolder::choose(Some(folder.path().to_owned())).unwrap();
        let context = Context::new("l402".to_owned(), home);
        assert_eq!(on_this_machine(&context), None);
        let run = folder.path().join("run");
        std::fs::create_dir_all(&run).unwrap();
        for (name, text) in [
            ("mcp-127.0.0.1_8409", "127.0.0.1:8409\n"),
            ("registry-127.0.0.1_8406.lock", ""),
            ("registry-192.0.2.1_80", "192.0.2.1:80\n"),
            ("registry-127.0.0.1_9", "no address"),
        ] {
            std::fs::write(run.join(name), text).unwrap();
        }
        assert_eq!(on_this_machine(&context), None);
        std::fs::write(run.join("registry-127.0.0.1_8406"), "127.0.0.1:8406\n").unwrap();
        let found = on_this_machine(&context).unwrap();
        assert_eq!(found.url.as_str(), "http://127.0.0.1:8406/api/v1");
    }
}
