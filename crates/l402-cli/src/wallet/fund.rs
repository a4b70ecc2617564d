//! Play money for a sandbox of this home folder or of another.

use std::time::Duration;

use l402::Msat;
use l402_lightning::{Error, ErrorKind, Node, NodeForm, Pay as _, sandbox};
use serde_json::json;

use crate::buyer::{open_sandbox, open_wallet, resolve, wallet_error};
use crate::context::Context;
use crate::error::CliError;

/// Adds play money to a sandbox and returns its balance.
pub(crate) async fn fund(wallet: &Node, amount: Msat, context: &Context) -> Result<Msat, CliError> {
    // Before anybody is asked, for it is the command line that is wrong, and no wallet.
    if amount == Msat::ZERO || amount > sandbox::SandboxWallet::FUND_MAX {
        let most = sandbox::SandboxWallet::FUND_MAX;
        let text = format!(
            "{amount} is not between 1 msat and {most}, the most of one call; write \"5000 sat\""
        );
        return Err(CliError::usage(text).with_hint("repeat the command for more play money"));
    }
    let wallet = resolve(wallet, context)?;
    let form = wallet.form();
    let balance = match wallet.as_ref() {
        Node::Sandbox => {
            let sandbox = open_sandbox(context)?;
            let wallet = sandbox::SandboxWallet::open(&sandbox, "default")
                .map_err(|e| wallet_error(&e, &form))?;
            wallet
                .fund(amount)
                .map_err(|error| wallet_error(&error, &form))?;
            wallet.balance().await
        }
        Node::SandboxHttp(node) => {
            faucet(node.url(), amount).await?;
            open_wallet(&wallet, context).await?.balance().await
        }
        other => {
            return Err(
                CliError::usage(format!("{other} is real: it cannot be funded from here"))
                    .with_hint("only the sandbox makes money out of nothing"),
            );
        }
    };
    balance.map_err(|error| wallet_error(&error, &form))
}

/// Asks the faucet of a sandbox in another home folder.
async fn faucet(url: &url::Url, amount: Msat) -> Result<(), CliError> {
    let address = url.join("/v1/faucet").map_err(CliError::internal)?;
    let failed = |text: String| {
        let error = Error::new(ErrorKind::Unavailable, format!("the faucet: {text}"));
        wallet_error(&error, &NodeForm::SANDBOX_HTTP)
    };
    let body = json!({ "amount_msat": amount.msat() }).to_string();
    // Not through the trait `Pay`: real wallets have no faucet, so it has none either.
    // The sandbox is on this machine, and a proxy of the environment must not hear of it.
    let client = reqwest::Client::builder().no_proxy().build();
    let answer = client
        .map_err(CliError::internal)?
        .post(address)
        .header(http::header::CONTENT_TYPE, "application/json")
        .timeout(Duration::from_secs(10))
        .body(body)
        .send()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(failed(format!("answered {}", answer.status())))
    }
}
