//! The kinds of wallets as `wallet add` asks for them, and the written form that it makes of the
//! answers.

use std::path::Path;

use l402_lightning::{Node, NodeError, NodeForm, StoredWallets, WalletName};

use crate::error::CliError;

/// Returns the form that a word of `--kind` means: its kind, or the part before a `+` if no other
/// form has it as its kind.
pub(crate) fn kind(word: &str) -> Result<NodeForm, String> {
    let exact = NodeForm::ALL.into_iter().find(|form| form.kind == word);
    let begins = |form: &NodeForm| form.kind.split('+').next() == Some(word);
    let found = exact.or_else(|| NodeForm::ALL.into_iter().find(begins));
    found.ok_or_else(|| format!("no wallet is called that; write {}", all_words()))
}

/// Returns the words for all kinds.
pub(crate) fn all_words() -> String {
    let words = NodeForm::ALL.map(|form| word(&form));
    words.join(", ")
}

/// Returns the word for a kind: the shortest one that means it.
pub(crate) fn word(form: &NodeForm) -> &'static str {
    let short = form.kind.split('+').next().unwrap_or(form.kind);
    match kind(short) {
        Ok(found) if found == *form => short,
        _ => form.kind,
    }
}

/// Returns what the address of this kind is; `None` if it has none.
pub(super) fn address_of(form: &NodeForm) -> Option<&'static str> {
    match word(form) {
        "sandbox" | "ldk" | "nwc" => None,
        "cln" => Some("path of the socket lightning-rpc"),
        "lnurl" => Some("Lightning address (you@host)"),
        "lnbits" => Some("address of LNbits (https://HOST)"),
        _ => Some("host and port"),
    }
}

/// Returns the usual address, for a kind that has one.
pub(super) fn usual_address(form: &NodeForm) -> Option<&'static str> {
    match word(form) {
        "sandbox+http" => Some("127.0.0.1:8403"),
        "phoenixd" => Some("http://127.0.0.1:9740"),
        _ => None,
    }
}

/// The answers from which a written form is made.
pub(super) struct Parts<'a> {
    pub(super) name: &'a WalletName,
    pub(super) form: NodeForm,
    pub(super) address: &'a str,
    /// The file with the certificate or its authority.
    pub(super) certificate: Option<&'a Path>,
}

impl Parts<'_> {
    /// Returns the node whose credential lies in the file of this name.
    ///
    /// # Errors
    /// For an address that this kind does not have; nothing of it is repeated.
    pub(super) fn node(&self) -> Result<Node, CliError> {
        let address = self.address.trim().trim_end_matches('/');
        if address.contains(['?', '#', '&', ' ']) {
            let text =
                "the address is a host and a port alone: what follows a ? is asked for apart";
            return Err(CliError::usage(text).with_hint(self.example()));
        }
        let secret = StoredWallets::secret_name(self.name);
        // People also paste an address with its scheme, which is written anew below.
        let bare = |text: &'static str| address.strip_prefix(text).unwrap_or(address);
        let text = match word(&self.form) {
            "sandbox" => "sandbox".to_owned(),
            "ldk" => "ldk".to_owned(),
            "sandbox+http" => format!("sandbox+http://{}", bare("http://")),
            "lnd" => {
                let certificate = self.parameter("tls_cert");
                format!("lnd://{}?{certificate}macaroon={secret}", bare("https://"))
            }
            "cln" => format!("cln://{}", encoded(bare("cln://"))),
            "cln+https" => {
                let ca = self.parameter("ca");
                format!("cln+https://{}?{ca}rune={secret}", bare("https://"))
            }
            "nwc" => format!("nwc:{secret}"),
            "lnurl" => format!("lnurl:{}", bare("lnurl:")),
            kind => {
                let parameter = if kind == "lnbits" { "key" } else { "password" };
                // Without a scheme it is https, because the credential travels to this address.
                let scheme = if address.contains("://") {
                    ""
                } else {
                    "https://"
                };
                format!("{kind}+{scheme}{address}?{parameter}={secret}")
            }
        };
        text.parse()
            .map_err(|error: NodeError| CliError::usage(error.to_pay()).with_hint(self.example()))
    }

    fn parameter(&self, name: &str) -> String {
        let path = self.certificate.map(|path| {
            let absolute = std::path::absolute(l402_host::named_path(Path::new(""), path));
            let path = absolute.unwrap_or_else(|_| path.to_owned());
            encoded(&path.to_string_lossy())
        });
        path.map_or(String::new(), |path| format!("{name}={path}&"))
    }

    fn example(&self) -> String {
        let Some(what) = address_of(&self.form) else {
            return format!("--kind {}", word(&self.form));
        };
        let certificate = match self.form.feature {
            "lnd" => " and --cert FILE, lnd's tls.cert",
            _ => "",
        };
        format!("--address is the {what}{certificate}")
    }
}

/// Escapes what a written form does not take as it is.
fn encoded(path: &str) -> String {
    path.replace('%', "%25")
        .replace('?', "%3F")
        .replace('#', "%23")
        .replace('&', "%26")
        .replace(' ', "%20")
        .replace('+', "%2B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for form in NodeForm::ALL {
            assert_eq!(kind(word(&form)).unwrap(), form);
            assert_eq!(kind(form.kind).unwrap(), form);
        }
        assert!(kind("alby").unwrap_err().contains("nwc"));
    }

    #[test]
    fn the_answers_become_the_written_form() {
        let name = "a".parse().unwrap();
        for (word, address, certificate, text) in [
            ("sandbox", "", None, "sandbox"),
            (
                "sandbox+http",
                "127.0.0.1:8403",
                None,
                "sandbox+http://127.0.0.1:8403",
            ),
            (
                "lnd",
                "https://h:8080/",
                Some("/a b/tls.cert"),
                "lnd://h:8080?tls_cert=/a%20b/tls.cert&macaroon=a.secret",
            ),
            (
                "cln",
                "/run/lightning-rpc",
                None,
                "cln:///run/lightning-rpc",
            ),
            (
                "cln+https",
                "h:3010",
                None,
                "cln+https://h:3010?rune=a.secret",
            ),
            ("nwc", "", None, "nwc:a.secret"),
            (
                "phoenixd",
                "http://127.0.0.1:9740",
                None,
                "phoenixd+http://127.0.0.1:9740?password=a.secret",
            ),
            (
                "lnbits",
                "lnbits.example",
                None,
                "lnbits+https://lnbits.example?key=a.secret",
            ),
            ("lnurl", "you@host.example", None, "lnurl:you@host.example"),
        ] {
            let parts = Parts {
                name: &name,
                form: kind(word).unwrap(),
                address,
                certificate: certificate.map(Path::new),
            };
            assert_eq!(parts.node().unwrap().to_string(), text, "{word}");
        }
    }
}
