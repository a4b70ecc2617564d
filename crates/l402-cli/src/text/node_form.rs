//! The forms of nodes and wallets in help and hints, all from the table of `l402-lightning`.

use l402_lightning::NodeForm;
#[cfg(feature = "buy")]
use l402_lightning::{Node, NodeError};

/// Returns the help of `--node`.
#[cfg(feature = "sell")]
pub(crate) fn node_help() -> String {
    let forms = NodeForm::ALL.into_iter().filter(|form| form.receives);
    let patterns = forms.map(|form| format!("`{}`", form.pattern));
    format!(
        "Get paid by this node: {}",
        listed(patterns.chain([stored()]))
    )
}

/// Returns the help of `--wallet` for a command whose subject is the wallet.
#[cfg(feature = "buy")]
pub(crate) fn wallet_help() -> String {
    let patterns = wallets().map(|form| format!("`{}`", form.pattern));
    format!("The wallet: {}", listed(patterns.chain([stored()])))
}

/// Returns the help of `--wallet` for a command that may pay.
#[cfg(feature = "buy")]
pub(crate) fn pay_with_help() -> String {
    let patterns = wallets().map(|form| match form.remark {
        "" => format!("`{}`", form.pattern),
        remark => format!("`{}` ({remark})", form.pattern),
    });
    format!(
        "Pay with this wallet: {}",
        listed(patterns.chain([stored()]))
    )
}

/// Returns the hint after a wallet that cannot be used.
#[cfg(feature = "buy")]
pub(crate) fn wallet_hint() -> String {
    let forms = wallets().map(|form| form.brief.to_owned());
    let name = "the NAME of a stored wallet".to_owned();
    format!("check --wallet: {}", listed(forms.chain([name])))
}

/// Reads a wallet.
///
/// # Errors
/// The mistake, with examples of wallets that pay.
#[cfg(feature = "buy")]
pub(crate) fn wallet(text: &str) -> Result<Node, String> {
    text.parse().map_err(|error: NodeError| error.to_pay())
}

#[cfg(feature = "buy")]
fn wallets() -> impl Iterator<Item = NodeForm> {
    NodeForm::ALL.into_iter().filter(|form| form.pays)
}

/// Returns the form that is a name.
fn stored() -> String {
    format!(
        "`{}` ({})",
        NodeForm::STORED.pattern,
        NodeForm::STORED.remark
    )
}

/// Joins the forms as a sentence does.
fn listed(forms: impl Iterator<Item = String>) -> String {
    let forms: Vec<String> = forms.collect();
    match forms.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{}, or {last}", first.join(", ")),
        forms => forms.concat(),
    }
}
