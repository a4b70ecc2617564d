//! The opening of a [`ClnNode`] and a [`ClnRestNode`]: files, network, and what the rune permits.

use std::path::Path;
use std::sync::Arc;

use l402_host::named_path;

use super::receive::ClnReceive;
use super::rest_api;
use super::rpc::Rpc;
use super::rune::Rune;
use super::socket::Socket;
use super::tls;
use crate::backend::{named_file, spending};
use crate::{ClnNode, ClnRestNode, Error, ErrorKind, Open, Receiver};

/// The maximum length of a file in KiB; far above every rune and authority.
const MAX_FILE: usize = 64;

/// Opens the receiving half over the socket, if the danger is accepted.
pub(crate) async fn receiver(node: &ClnNode, open: Open) -> Result<Receiver, Error> {
    check_receiver(node, open.danger_spending_node())?;
    receiving(socket(node), &open).await
}

/// Refuses the socket, unless the danger is accepted.
pub(crate) fn check_receiver(node: &ClnNode, danger_spending: bool) -> Result<(), Error> {
    spending::refuse(Some(spends(node)), danger_spending, "SOCKET")
}

/// Opens the receiving half over clnrest.
pub(crate) async fn rest_receiver(node: &ClnRestNode, open: Open) -> Result<Receiver, Error> {
    let rune = receiving_rune(node, open.danger_spending_node())?;
    receiving(clnrest(node, &rune)?, &open).await
}

/// Checks the files of the receiving half as [`rest_receiver`] does, and asks nobody.
pub(crate) fn check_rest_receiver(node: &ClnRestNode, danger_spending: bool) -> Result<(), Error> {
    let rune = receiving_rune(node, danger_spending)?;
    clnrest(node, &rune).map(drop)
}

async fn receiving(rpc: Rpc, open: &Open) -> Result<Receiver, Error> {
    let network = rpc.info().await?.network()?;
    Ok(Receiver::new(Arc::new(ClnReceive {
        clock: open.clock(),
        network,
        rpc: Arc::new(rpc),
    })))
}

/// Returns the error of receiving over a socket.
fn spends(node: &ClnNode) -> Error {
    let path = node.socket.display();
    let text = format!(
        "the socket {path} can spend everything; sell over clnrest with a rune that cannot \
         (cln+https://HOST:PORT?rune=FILE&ca=FILE), or accept the danger explicitly \
         (danger_spending_node)"
    );
    Error::new(ErrorKind::Unauthorized, text)
}

/// Reads a rune for receiving.
fn receiving_rune(node: &ClnRestNode, danger: bool) -> Result<Rune, Error> {
    let rune = read_rune(node)?;
    spending::refuse(rune.only_receives(&node.rune).err(), danger, "RUNE")?;
    Ok(rune)
}

pub(super) fn read_rune(node: &ClnRestNode) -> Result<Rune, Error> {
    let text = named_file::read_secret(&node.rune, "the rune", MAX_FILE)?;
    Rune::read(&text, &node.rune)
}

/// Returns the way over the socket. Connects to nothing yet.
pub(super) fn socket(node: &ClnNode) -> Rpc {
    Rpc::Socket(Socket::new(named_path(Path::new(""), &node.socket)))
}

/// Returns the way over clnrest. Connects to nothing yet.
pub(super) fn clnrest(node: &ClnRestNode, rune: &Rune) -> Result<Rpc, Error> {
    let tls = match &node.ca {
        Some(path) => {
            let pem = named_file::read(path, "the authority of clnrest", MAX_FILE)?;
            tls::of_authority(&pem, path)?
        }
        None => crate::backend::tls::public()?,
    };
    rest_api::connect(&node.url, tls, rune).map(Rpc::Rest)
}
