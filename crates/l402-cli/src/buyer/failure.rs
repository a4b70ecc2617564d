//! A wallet that cannot be used: the error, and the next step for its kind.

use l402::text::escape;
use l402_lightning::{Error, ErrorKind, NodeForm, StoredWallets, WalletName};

use crate::context::Context;
use crate::environment;
use crate::error::CliError;
use crate::exit_code;

/// Returns the error for a wallet of this kind that failed before any money moved.
pub(crate) fn wallet_error(error: &Error, form: &NodeForm) -> CliError {
    // Escaped, for part of the text may come from the node.
    let text = format!("the wallet: {}; no money moved", escape(&error.to_string()));
    let exit = match (error.file(), error.kind()) {
        (Some(file), _) => exit_code::of_file(file.fault()).0,
        (None, ErrorKind::Local) => exit_code::LOCAL_IO,
        _ => exit_code::WALLET_UNAVAILABLE,
    };
    CliError::new(exit, "wallet", text).with_hint(hint(error.kind(), form))
}

/// Returns the next step after a failure of this kind at this kind of wallet.
pub(crate) fn hint(kind: ErrorKind, form: &NodeForm) -> String {
    match kind {
        ErrorKind::Local => {
            let files = match form.credential() {
                Some("macaroon") => "its macaroon and its certificate".to_owned(),
                Some(credential) => format!("its {credential}"),
                None => "those that it names".to_owned(),
            };
            format!("check the files of the wallet: {files}")
        }
        ErrorKind::Unauthorized => form.if_unauthorized(true),
        ErrorKind::Rejected if !form.pays => {
            format!("{} only receives; name a wallet that pays", form.called)
        }
        ErrorKind::Rejected => "the wallet understood and said no; change what it names".to_owned(),
        ErrorKind::Protocol => {
            format!("is it {} that answers at this address?", form.called)
        }
        // Time-out and unreachable, and kinds that the library adds before they are known here.
        _ => form.if_unreachable().to_owned(),
    }
}

/// Returns the error of a name under which nothing is stored.
pub(super) fn not_stored(name: &WalletName, context: &Context) -> CliError {
    let there = match stored_names(context).as_slice() {
        [] => "none is stored yet".to_owned(),
        names => format!("stored: {}", names.join(", ")),
    };
    let text = format!("no wallet is stored as {name}; {there}");
    let program = &context.program;
    let hint = environment::offer(context, name.as_str()).unwrap_or_else(|| {
        let home = context.home.as_option();
        format!("`{program} {home}wallet add {name}` stores one; sandbox needs no name")
    });
    CliError::usage(text).with_hint(hint)
}

/// Returns the wallets that can be had for a purchase on this machine, as the end of a hint: stored
/// ones, or those that the environment describes. `None` if there are none.
pub(crate) fn no_wallet_hint(context: &Context) -> Option<String> {
    match stored_names(context).as_slice() {
        [] => environment::offer(context, "main"),
        names => Some(format!("stored wallets: {}", names.join(", "))),
    }
}

/// Returns the hint for an invoice of another network than the wallet's: which wallets there are.
pub(crate) fn wrong_network_hint(context: &Context) -> String {
    let stored = StoredWallets::of(context.home.path());
    let names = stored.names().unwrap_or_default();
    let networks = names.iter().filter_map(|name| {
        let network = stored.read(name).ok()??.network?;
        Some(format!("{name} is on {network}"))
    });
    let mut all: Vec<String> = networks.collect();
    all.push("sandbox is on regtest (play money)".to_owned());
    format!(
        "choose a wallet of the invoice's network: {}",
        all.join(", ")
    )
}

fn stored_names(context: &Context) -> Vec<String> {
    let stored = StoredWallets::of(context.home.path());
    let names = stored.names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No kind of wallet is told to look at what only another kind has.
    #[test]
    fn hints_name_what_the_kind_has() {
        for form in NodeForm::ALL {
            let told = [
                ErrorKind::Local,
                ErrorKind::Unauthorized,
                ErrorKind::Unavailable,
                ErrorKind::Timeout,
                ErrorKind::Rejected,
                ErrorKind::Protocol,
            ]
            .map(|kind| hint(kind, &form));
            assert!(told.iter().all(|text| !text.is_empty()), "{told:?}");
            let names_macaroon = told.iter().any(|text| text.contains("macaroon"));
            assert_eq!(names_macaroon, form.kind == "lnd", "{told:?}");
            let names_rune = told.iter().any(|text| text.contains("rune"));
            assert_eq!(names_rune, form.kind == "cln+https", "{told:?}");
        }
    }
}
