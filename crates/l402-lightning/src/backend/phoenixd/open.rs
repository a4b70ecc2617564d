//! The opening of a [`PhoenixdNode`]: its password, its network, and what the password may do.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::peer::{Api, CALLED, Phoenixd};
use super::receive::PhoenixdReceive;
use super::wire::Info;
use crate::backend::http_wallet::{garbled, read_secret};
use crate::backend::spending;
use crate::transport::{self, Peer as _, Proof, Transport};
use crate::{Error, ErrorKind, Open, PhoenixdNode, Receiver};

/// Opens the receiving half.
pub(crate) async fn receiver(node: &PhoenixdNode, open: Open) -> Result<Receiver, Error> {
    let api = connect(node)?;
    let info: Info = api.get("/getinfo").json().await?;
    let network = info.network()?;
    if may_spend(&api).await? {
        let path = node.password.display();
        let text = format!(
            "the password {path} is phoenixd's full one, which can spend; sell with \
             http-password-limited-access of phoenix.conf, or accept the danger explicitly \
             (danger_spending_node)"
        );
        let error = Error::new(ErrorKind::Unauthorized, text);
        spending::refuse(Some(error), open.danger_spending_node(), "PASSWORD")?;
    }
    Ok(Receiver::new(Arc::new(PhoenixdReceive {
        api,
        clock: open.clock(),
        network,
    })))
}

/// Reads the password as [`receiver`] does, and asks nobody. Only phoenixd can tell what a password
/// may do.
pub(crate) fn check_receiver(node: &PhoenixdNode, _: bool) -> Result<(), Error> {
    connect(node).map(drop)
}

pub(super) fn connect(node: &PhoenixdNode) -> Result<Api, Error> {
    let local = |text: String| Error::new(ErrorKind::Local, text);
    let advice =
        "it must hold the password alone, one line of phoenix.conf without the name before it";
    let password = read_secret(&node.password, "phoenixd's password", advice)?;
    if password.starts_with("http-password") {
        let path = node.password.display();
        return Err(local(format!(
            "cannot read phoenixd's password {path}: {advice}"
        )));
    }
    // The user's name is empty.
    let pair = Zeroizing::new(format!(":{}", password.as_str()));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let headers = transport::secret_header(AUTHORIZATION, &value)
        .ok_or_else(|| local("unusable password".to_owned()))?;
    let client = transport::client(Phoenixd::TIME_LIMIT)
        .default_headers(headers)
        .build()
        .map_err(|error| local(format!("cannot set up HTTP: {error}")))?;
    let base = node.url.as_str().trim_end_matches('/').to_owned();
    Ok(Transport::new(client, base.clone(), Phoenixd { base }))
}

/// Returns true if the password is the full one. Asks for something that only that one may do, which
/// moves no money, and leaves out what it needs.
pub(super) async fn may_spend(api: &Api) -> Result<bool, Error> {
    let asked = api.post_form("/lnurlauth", &[]).json::<serde_json::Value>();
    let Err(failure) = asked.await else {
        return Err(garbled(CALLED, "lnurlauth without a parameter"));
    };
    match failure.status.map(|status| status.as_u16()) {
        Some(400) => Ok(true),
        Some(401) if failure.proof == Proof::NotBegun => Ok(false),
        _ => Err(failure.error),
    }
}
