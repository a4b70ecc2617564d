//! Wallets that the variables of other programs describe.
//!
//! A variable that is meant for another program never spends: these are read by `wallet add
//! --from-env`, and only their names are shown in hints.

use std::ffi::OsString;

use l402_lightning::NodeForm;

use crate::context::Context;

/// The variables that describe one kind of wallet, as other programs read them.
struct Variables {
    form: NodeForm,
    /// The address; empty if the credential holds it.
    address: &'static [&'static str],
    /// The credential, the one that pays first.
    secret: &'static [&'static str],
    /// The file with the certificate or its authority.
    certificate: &'static [&'static str],
}

const VARIABLES: [Variables; 5] = [
    Variables {
        form: NodeForm::NWC,
        address: &[],
        secret: &["NWC_URL", "NWC_URI", "NOSTR_WALLET_CONNECT_URL"],
        certificate: &[],
    },
    Variables {
        form: NodeForm::LNBITS,
        address: &["LNBITS_URL", "LNBITS_ENDPOINT"],
        secret: &[
            "LNBITS_ADMIN_KEY",
            "LNBITS_KEY",
            "LNBITS_API_KEY",
            "LNBITS_INVOICE_KEY",
        ],
        certificate: &[],
    },
    Variables {
        form: NodeForm::PHOENIXD,
        address: &["PHOENIXD_URL", "PHOENIXD_API_ENDPOINT"],
        secret: &[
            "PHOENIXD_PASSWORD",
            "PHOENIXD_API_PASSWORD",
            "PHOENIXD_HTTP_PASSWORD",
            "PHOENIXD_HTTP_PASSWORD_LIMITED",
        ],
        certificate: &[],
    },
    Variables {
        form: NodeForm::LND,
        address: &[
            "LND_REST_ENDPOINT",
            "LND_REST_URL",
            "LND_REST_HOST",
            "LND_URL",
        ],
        secret: &[
            "LND_REST_MACAROON",
            "LND_MACAROON_PATH",
            "LND_MACAROON_HEX",
            "LND_MACAROON",
            "LND_REST_ADMIN_MACAROON",
            "LND_REST_INVOICE_MACAROON",
        ],
        certificate: &[
            "LND_REST_CERT",
            "LND_TLS_CERT_PATH",
            "LND_CERT_PATH",
            "LND_CA",
        ],
    },
    Variables {
        form: NodeForm::CLN_REST,
        address: &["CLNREST_URL"],
        secret: &["CLNREST_PAY_RUNE", "CLNREST_RUNE", "CLNREST_INVOICE_RUNE"],
        certificate: &["CLNREST_CA"],
    },
];

/// A variable that is set, with its value.
pub(crate) type Value = (&'static str, OsString);

/// A wallet that the environment describes. Holds a secret, and so shows names alone.
pub(crate) struct Given {
    /// The kind of wallet.
    pub(crate) form: NodeForm,
    /// The address, if it is given.
    pub(crate) address: Option<Value>,
    /// The credential, or the path of its file.
    pub(crate) secret: Value,
    /// The file with the certificate or its authority, if it is given.
    pub(crate) certificate: Option<Value>,
}

impl Given {
    /// Returns the names of the variables that are set.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let all = [
            self.address.as_ref(),
            Some(&self.secret),
            self.certificate.as_ref(),
        ];
        all.into_iter().flatten().map(|(name, _)| *name).collect()
    }
}

/// Returns the wallets that the environment describes.
pub(crate) fn given(variable: impl Fn(&str) -> Option<OsString>) -> Vec<Given> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((*name, value))
        })
    };
    let found = VARIABLES.iter().filter_map(|variables| {
        let secret = first(variables.secret)?;
        let address = first(variables.address);
        // phoenixd has a usual address; of the others a key alone says too little.
        let is_enough = address.is_some()
            || variables.address.is_empty()
            || variables.form == NodeForm::PHOENIXD;
        is_enough.then(|| Given {
            form: variables.form,
            address,
            secret,
            certificate: first(variables.certificate),
        })
    });
    found.collect()
}

/// Returns the hint that the environment describes a wallet, with the command that stores it under this
/// name; `None` if it describes none.
pub(crate) fn offer(context: &Context, name: &str) -> Option<String> {
    let given = given(|variable| std::env::var_os(variable));
    let first = given.first()?;
    let (program, home) = (&context.program, context.home.as_option());
    let names = first.names();
    let are = if names.len() == 1 { "is" } else { "are" };
    let kind = match given.len() {
        1 => String::new(),
        _ => format!(" --kind {}", first.form.kind),
    };
    Some(format!(
        "{} {are} set: `{program} {home}wallet add {name} --from-env{kind}`",
        names.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(set: &[(&str, &str)]) -> Vec<(&'static str, Vec<&'static str>)> {
        let variable = |wanted: &str| {
            let found = set.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        };
        let given = given(variable);
        given.iter().map(|it| (it.form.kind, it.names())).collect()
    }

    #[test]
    fn wallets_are_found_by_the_variables_of_other_programs() {
        assert_eq!(kinds(&[("NWC_URL", "x")]), [("nwc", vec!["NWC_URL"])]);
        assert_eq!(kinds(&[("NWC_URL", "")]), []);
        assert_eq!(kinds(&[("LNBITS_ADMIN_KEY", "x")]), []);
        let lnbits = [
            ("LNBITS_URL", "https://h"),
            ("LNBITS_INVOICE_KEY", "i"),
            ("LNBITS_ADMIN_KEY", "a"),
        ];
        let expected = ("lnbits+https", vec!["LNBITS_URL", "LNBITS_ADMIN_KEY"]);
        assert_eq!(kinds(&lnbits), [expected]);
        let phoenixd = ("phoenixd+http", vec!["PHOENIXD_PASSWORD"]);
        assert_eq!(kinds(&[("PHOENIXD_PASSWORD", "p")]), [phoenixd]);
        let lnd = [
            ("LND_REST_ENDPOINT", "https://127.0.0.1:8080"),
            ("LND_REST_CERT", "c"),
            ("LND_REST_MACAROON", "m"),
        ];
        let names = vec!["LND_REST_ENDPOINT", "LND_REST_MACAROON", "LND_REST_CERT"];
        assert_eq!(kinds(&lnd), [("lnd", names)]);
    }
}
