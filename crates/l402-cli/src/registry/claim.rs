//! Becoming the owner of a listing: a claim, its proof, and the key that counts from then on.
//!
//! ```text
//!   ticket (nonce, key, what to do) ─▶ kept in the home folder ─▶ a file or a DNS record is published ─▶ finish
//!                                                              └▶ the node signs the nonce ────────────▶
//! ```

use std::time::Duration;

use clap::ValueEnum;
use http::Method;
use l402_lightning::{Node, Open};
use l402_registry::{CanonicalUrl, ClaimTicket, OwnerProof};
use serde_json::{Value, json};

use super::at_listing::AtListing;
use super::client::{Call, RegistryClient};
use super::edit::show_key;
use super::key::{OpenClaim, OwnerKey};
use super::show::url_of;
use crate::buyer::{resolve, wallet_error};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::style::{self, paint};
use crate::text::plain::{escape, escape_short};

/// The pause between two questions whether the proof is there.
const PAUSE: Duration = Duration::from_secs(5);

/// The proof that somebody owns a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proof {
    /// A line in a file at the origin of the service.
    File,
    /// A TXT record below the host of the service.
    Dns,
    /// A signature of the node that signs its invoices.
    Node,
}

impl Proof {
    const fn name(self) -> &'static str {
        self.of_registry().name()
    }

    const fn of_registry(self) -> OwnerProof {
        match self {
            Self::File => OwnerProof::File,
            Self::Dns => OwnerProof::Dns,
            Self::Node => OwnerProof::Node,
        }
    }
}

/// One claim.
pub(crate) struct Claiming<'a> {
    pub(crate) at: AtListing<'a>,
    /// Prints the key as well.
    pub(crate) show_key: bool,
}

/// Begins a claim. A node signs at once; what is to be published is printed, and waited for so long.
///
/// # Errors
/// If the registry cannot be asked, or refuses, or its ticket is for another registry.
pub(crate) async fn begin_claim(
    it: &Claiming<'_>,
    proof: Proof,
    node: Option<&Node>,
    wait: Option<Duration>,
) -> Result<(), CliError> {
    let url = url_of(&it.at.client, &it.at.subject).await?;
    // A wallet that cannot sign is told before the registry is asked for anything.
    let signer = match (proof, node) {
        (Proof::Node, Some(node)) => Some(signer(node, it.at.context).await?),
        (Proof::Node, None) => {
            return Err(CliError::usage("no node is named that could sign")
                .with_hint("--wallet NAME, of a wallet that `l402 wallet list` shows"));
        }
        (Proof::File | Proof::Dns, _) => None,
    };
    let id = it.at.id();
    let (path, body) = (
        ["services", &*id, "claims"],
        json!({ "proof": proof.name() }),
    );
    let call = Call::change(Method::POST, &path).with_secret_body(&body);
    let ticket = it.at.client.send(call).await?;
    let claim = checked(&it.at.client, &ticket, &url, proof)?;
    let place = it.at.keys();
    // Before the proof is made: without the key of the ticket, nobody could finish the claim.
    place.keep_claim(&claim, it.at.context)?;
    if let Some(signer) = signer {
        let message = format!("l402 registry claim {url} {}", claim.nonce);
        let signed = signer.sign(message.as_bytes()).await;
        let signature = signed.map_err(|error| cannot_sign(&error))?;
        return finish(it, Some(&signature)).await;
    }
    let told = instructions(&ticket, &url, proof);
    let until = wait.map(|wait| it.at.context.clock.monotonic() + wait);
    match until {
        None => {
            let value = json!({
                "id": id, "state": "waiting", "proof": proof.name(),
                "publish": ticket["instructions"],
            });
            let program = &it.at.context.program;
            let home = it.at.context.home.as_option();
            it.at.out.result(&value, || {
                format!("{told}\nthen: {program} {home}registry claim {url} --finish\n")
            })
        }
        Some(until) => {
            it.at.out.tell(&told);
            finish_until(it, until).await
        }
    }
}

/// Asks the registry to look at the proof of the open claim.
///
/// # Errors
/// If there is no open claim, or the registry does not find the proof.
pub(crate) async fn finish_claim(it: &Claiming<'_>) -> Result<(), CliError> {
    let claim = it.at.keys().claim()?;
    if claim.proof == Proof::Node.name() {
        return Err(
            CliError::usage("the open claim waits for a node's signature")
                .with_hint("begin anew: `l402 registry claim URL --proof node --wallet NAME`"),
        );
    }
    finish(it, None).await
}

/// Asks again and again until the proof is found, or the time is over.
async fn finish_until(it: &Claiming<'_>, until: Duration) -> Result<(), CliError> {
    it.at
        .out
        .tell("waiting until the registry finds it; Ctrl-C keeps the claim for --finish");
    loop {
        let error = match finish(it, None).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let is_open = error.code() == "not_proved" && it.at.context.clock.monotonic() < until;
        if !is_open {
            return Err(error.with_hint("`l402 registry claim URL --finish` asks once more"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn finish(it: &Claiming<'_>, signature: Option<&str>) -> Result<(), CliError> {
    let place = it.at.keys();
    let claim = place.claim()?;
    let body = match signature {
        Some(signature) => json!({ "signature": signature }),
        None => json!({}),
    };
    let path = ["claims", &*claim.nonce];
    let call = Call::change(Method::POST, &path);
    let call = call.with_key(claim.key.reveal()).with_body(&body);
    let owner = it.at.client.send(call).await?;
    // Before anything is printed: this key alone makes the holder the owner.
    place.claimed(&claim, it.at.context)?;
    let id = it.at.id();
    let value = json!({
        "id": id, "state": "owned", "proof": claim.proof, "owner": owner,
        "key_file": place.key_file(),
    });
    it.at.out.result(&value, || {
        format!(
            "{}\nyour key is in {}; its holder owns the listing\n{}\n",
            paint(style::GOOD, "the listing is yours"),
            place.key_file().display(),
            it.at.page()
        )
    })?;
    if it.show_key {
        show_key(&it.at)?;
    }
    Ok(())
}

/// Reads a ticket, and refuses one of another registry: what it says is to be published or signed would make
/// somebody else the owner there.
fn checked(
    client: &RegistryClient,
    ticket: &Value,
    url: &CanonicalUrl,
    proof: Proof,
) -> Result<OpenClaim, CliError> {
    let nonce = ticket["nonce"].as_str().unwrap_or_default();
    let key = ticket["key"].as_str().and_then(OwnerKey::read);
    let key = key.ok_or_else(|| CliError::internal("the registry gave no key for the claim"))?;
    let read = serde_json::from_value::<ClaimTicket>(ticket.clone());
    if !read.is_ok_and(|it| it.is_of(client.base(), url, proof.of_registry())) {
        let (host, _) = nonce.rsplit_once(':').unwrap_or_default();
        let text = format!(
            "the registry at {} gave a ticket for {}, or for another listing or key; it was not used",
            client.authority(),
            escape_short(host, 100)
        );
        return Err(
            CliError::new(exit_code::REGISTRY_REFUSED, "other_registry", text)
                .with_hint("ask the registry by its public address: --registry https://..."),
        );
    }
    Ok(OpenClaim {
        nonce: nonce.to_owned(),
        key,
        proof: proof.name().to_owned(),
    })
}

/// Returns what is to be published, for people.
fn instructions(ticket: &Value, url: &CanonicalUrl, proof: Proof) -> String {
    let of = |name: &str| escape_short(ticket["instructions"][name].as_str().unwrap_or(""), 400);
    match proof {
        Proof::File => format!(
            "publish this line at {}\n  {}\n{}\n",
            of("url"),
            paint(style::TITLE, &of("line")),
            paint(
                style::FAINT,
                &format!(
                    "a gateway of `l402 serve` does with, in its file:\n  [publish.verify]\n  \
                     \"l402-registry-verify.txt\" = \"{}\"",
                    of("line")
                )
            )
        ),
        Proof::Dns => format!(
            "publish this TXT record at {}\n  {}\n",
            of("name"),
            paint(style::TITLE, &of("text"))
        ),
        Proof::Node => format!("the node signs a message for {}\n", escape(url.as_str())),
    }
}

async fn signer(
    node: &Node,
    context: &Context,
) -> Result<std::sync::Arc<dyn l402_lightning::Sign>, CliError> {
    let node = resolve(node, context)?;
    let home = context.home.create()?;
    let opened = node.signer(Open::new(home, context.clock.clone())).await;
    let signer = opened.map_err(|error| wallet_error(&error, &node.form()))?;
    Ok(signer.sign)
}

fn cannot_sign(error: &l402_lightning::Error) -> CliError {
    let text = format!("the node did not sign: {}", escape(&error.to_string()));
    CliError::new(exit_code::WALLET_UNAVAILABLE, "wallet", text).with_hint(
        "lnd needs a macaroon with message:write; or prove it by --proof file or --proof dns",
    )
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    // ATTACKS G-08: a registry shows the line of its own claim at another one.
    #[test]
    fn a_ticket_whose_line_is_for_another_registry_is_not_used() {
        let client = RegistryClient::open(&"https://registry.example/".parse().unwrap()).unwrap();
        let url: CanonicalUrl = "https://api.example.com/v1/joke".parse().unwrap();
        let key = "1".repeat(64);
        let hash: String = Sha256::digest(&key)
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let ticket = |registry: &str, hash: &str| {
            json!({
                "nonce": format!("registry.example:{}", "0".repeat(32)),
                "key": key,
                "instructions": {
                    "proof": "file",
                    "url": "https://api.example.com/.well-known/l402-registry-verify.txt",
                    "line": format!("l402-registry-verify={registry} {hash}"),
                },
            })
        };
        let used = |ticket: &Value, proof| checked(&client, ticket, &url, proof).is_ok();
        assert!(used(&ticket("registry.example", &hash), Proof::File));
        assert!(!used(&ticket("registry.example", &hash), Proof::Dns));
        assert!(!used(&ticket("other.example", &hash), Proof::File));
        assert!(!used(
            &ticket("registry.example", &"2".repeat(64)),
            Proof::File
        ));
    }
}
