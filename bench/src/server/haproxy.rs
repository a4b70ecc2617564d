//! haproxy as a plain proxy.

use std::net::SocketAddr;
use std::path::Path;

use super::{Process, Server, free_address, installed, missing, pinned, subfolder, write};
use crate::error::Result;

/// Starts one thread before `upstream`.
///
/// # Errors
/// Where it is not installed or does not start.
pub(crate) fn start(folder: &Path, upstream: SocketAddr) -> Result<Server> {
    let program = installed("haproxy").ok_or_else(|| missing("haproxy"))?;
    let folder = subfolder(folder, "haproxy")?;
    let (address, file) = (free_address()?, folder.join("haproxy.cfg"));
    write(&file, &configuration(address, upstream))?;
    let mut command = pinned(&program);
    command.arg("-db").arg("-f").arg(&file);
    Server::listening(address, Process::start("haproxy", &folder, command)?)
}

fn configuration(address: SocketAddr, upstream: SocketAddr) -> String {
    format!(
        "global\n    nbthread 1\n    maxconn 8000\n\
         defaults\n    mode http\n    http-reuse always\n    timeout connect 5s\n    \
         timeout client 600s\n    timeout server 600s\n    timeout http-keep-alive 600s\n\
         frontend front\n    bind {address} backlog 4096\n    default_backend back\n\
         backend back\n    server one {upstream}\n"
    )
}
