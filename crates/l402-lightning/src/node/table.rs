//! The one table of all written forms, from which errors, help and documentation come.

/// One way to write a backend, and the abilities of that backend.
///
/// ```
/// use l402_lightning::NodeForm;
///
/// // The forms that only pay.
/// let buyers = NodeForm::ALL.iter().filter(|form| !form.receives);
/// assert_eq!(buyers.map(|form| form.kind).collect::<Vec<_>>(), ["sandbox+http"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeForm {
    /// The text before `://`, or the whole text of a backend without an address.
    pub kind: &'static str,
    /// The form with placeholders such as `HOST:PORT`.
    pub pattern: &'static str,
    /// A complete example, which parses as a [`Node`](crate::Node).
    pub example: &'static str,
    /// The example for a wallet that pays, where another file is needed for that than to receive.
    pub example_paying: &'static str,
    /// The form that a hint or a page shows: the usual address if there is one, else the pattern.
    pub brief: &'static str,
    /// A short remark for a newcomer, empty if the form needs none.
    pub remark: &'static str,
    /// The meaning, as the documentation gives it.
    pub meaning: &'static str,
    /// True if [`Node::receiver`](crate::Node::receiver) opens this backend.
    pub receives: bool,
    /// True if `Node::wallet` (feature `pay`) opens this backend.
    pub pays: bool,
    /// The backend in the middle of a sentence: "the sandbox", "lnd".
    pub called: &'static str,
    /// The feature of this crate that builds the backend.
    pub feature: &'static str,
}

impl NodeForm {
    /// All forms, in the order in which help texts list them.
    pub const ALL: [Self; 10] = [
        Self::SANDBOX,
        Self::SANDBOX_HTTP,
        Self::LND,
        Self::CLN,
        Self::CLN_REST,
        Self::LDK,
        Self::NWC,
        Self::PHOENIXD,
        Self::LNBITS,
        Self::LNURL,
    ];

    /// The sandbox of the home folder.
    pub const SANDBOX: Self = Self {
        kind: "sandbox",
        pattern: "sandbox",
        example: "sandbox",
        example_paying: "sandbox",
        brief: "sandbox",
        remark: "play money, needs nothing",
        meaning: "play money in the home folder; needs nothing",
        receives: true,
        pays: true,
        called: "the sandbox",
        feature: "sandbox",
    };

    /// The sandbox of another home folder.
    pub const SANDBOX_HTTP: Self = Self {
        kind: "sandbox+http",
        pattern: "sandbox+http://HOST:PORT",
        example: "sandbox+http://127.0.0.1:8403",
        example_paying: "sandbox+http://127.0.0.1:8403",
        brief: "sandbox+http://127.0.0.1:8403",
        remark: "",
        meaning: "the sandbox of another home folder, through its API",
        receives: false,
        pays: true,
        called: "the sandbox's API",
        feature: "pay",
    };

    /// lnd over REST.
    pub const LND: Self = Self {
        kind: "lnd",
        pattern: "lnd://HOST:PORT?tls_cert=FILE&macaroon=FILE",
        example: "lnd://127.0.0.1:8080?tls_cert=/path/tls.cert&macaroon=/path/invoice.macaroon",
        example_paying: "lnd://127.0.0.1:8080?tls_cert=/path/tls.cert&macaroon=/path/pay.macaroon",
        brief: "lnd://HOST:PORT?tls_cert=FILE&macaroon=FILE",
        remark: "",
        meaning: "lnd over REST; the certificate is pinned",
        receives: true,
        pays: true,
        called: "lnd",
        feature: "lnd",
    };

    /// Core Lightning over its Unix socket.
    pub const CLN: Self = Self {
        kind: "cln",
        pattern: "cln:///PATH",
        example: "cln:///home/me/.lightning/bitcoin/lightning-rpc",
        example_paying: "cln:///home/me/.lightning/bitcoin/lightning-rpc",
        brief: "cln:///PATH",
        remark: "",
        meaning: "Core Lightning over its Unix socket, which can always spend",
        receives: true,
        pays: true,
        called: "Core Lightning",
        feature: "cln",
    };

    /// Core Lightning over clnrest.
    pub const CLN_REST: Self = Self {
        kind: "cln+https",
        pattern: "cln+https://HOST:PORT?rune=FILE&ca=FILE",
        example: "cln+https://127.0.0.1:3010?rune=/path/invoice.rune&ca=/path/ca.pem",
        example_paying: "cln+https://127.0.0.1:3010?rune=/path/pay.rune&ca=/path/ca.pem",
        brief: "cln+https://HOST:PORT?rune=FILE&ca=FILE",
        remark: "",
        meaning: "Core Lightning over clnrest, with a rune",
        receives: true,
        pays: true,
        called: "clnrest",
        feature: "cln",
    };

    /// The node that runs inside the program.
    pub const LDK: Self = Self {
        kind: "ldk",
        pattern: "ldk",
        example: "ldk",
        example_paying: "ldk",
        brief: "ldk",
        remark: "",
        meaning: "a Lightning node of the program's own, in the home folder",
        receives: true,
        pays: true,
        called: "the node of the program",
        feature: "ldk",
    };

    /// A wallet that speaks Nostr Wallet Connect.
    pub const NWC: Self = Self {
        kind: "nwc",
        pattern: "nwc:FILE",
        example: "nwc:/path/connection.nwc",
        example_paying: "nwc:/path/connection.nwc",
        brief: "nwc:FILE",
        remark: "",
        meaning: "Alby and any wallet with Nostr Wallet Connect; the file holds its connection",
        receives: true,
        pays: true,
        called: "the wallet",
        feature: "nwc",
    };

    /// phoenixd over HTTP.
    pub const PHOENIXD: Self = Self {
        kind: "phoenixd+http",
        pattern: "phoenixd+http://HOST:PORT?password=FILE",
        example: "phoenixd+http://127.0.0.1:9740?password=/path/limited.password",
        example_paying: "phoenixd+http://127.0.0.1:9740?password=/path/full.password",
        brief: "phoenixd+http://HOST:PORT?password=FILE",
        remark: "",
        meaning: "phoenixd; https elsewhere than on this machine",
        receives: true,
        pays: true,
        called: "phoenixd",
        feature: "phoenixd",
    };

    /// LNbits over HTTP.
    pub const LNBITS: Self = Self {
        kind: "lnbits+https",
        pattern: "lnbits+https://HOST?key=FILE",
        example: "lnbits+https://lnbits.example?key=/path/invoice.key",
        example_paying: "lnbits+https://lnbits.example?key=/path/admin.key",
        brief: "lnbits+https://HOST?key=FILE",
        remark: "",
        meaning: "a wallet of an LNbits server",
        receives: true,
        pays: true,
        called: "LNbits",
        feature: "lnbits",
    };

    /// A Lightning address.
    pub const LNURL: Self = Self {
        kind: "lnurl",
        pattern: "lnurl:YOU@HOST",
        example: "lnurl:you@wallet.example",
        example_paying: "lnurl:you@wallet.example",
        brief: "lnurl:YOU@HOST",
        remark: "",
        meaning: "a Lightning address, to be paid without a node",
        receives: true,
        pays: false,
        called: "the Lightning address",
        feature: "lnurl",
    };

    /// The name of a stored wallet, which stands for one of the others. Not in [`NodeForm::ALL`].
    pub const STORED: Self = Self {
        kind: "NAME",
        pattern: "NAME",
        example: "alby",
        example_paying: "alby",
        brief: "NAME",
        remark: "a stored wallet",
        meaning: "the wallet that is stored under this name",
        receives: true,
        pays: true,
        called: "the stored wallet",
        feature: "",
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    #[test]
    fn every_example_is_a_node_of_its_row() {
        for form in NodeForm::ALL {
            for example in [form.example, form.example_paying] {
                let node: Node = example.parse().unwrap();
                assert_eq!(node.form(), form);
                assert_eq!(node.to_string(), example);
            }
        }
    }

    #[test]
    fn every_form_begins_with_its_kind() {
        for form in NodeForm::ALL {
            for text in [form.pattern, form.example, form.example_paying, form.brief] {
                let (kind, _) = text.split_once(':').unwrap_or((text, ""));
                assert_eq!(kind, form.kind);
            }
        }
    }
}
