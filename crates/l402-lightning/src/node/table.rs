//! The one table of all written forms, from which errors, help and documentation come.

/// One way to write a backend, and the abilities of that backend.
///
/// ```
/// use l402_lightning::NodeForm;
///
/// // The forms that a seller may write.
/// let sellers = NodeForm::ALL.iter().filter(|form| form.receives);
/// assert_eq!(sellers.map(|form| form.kind).collect::<Vec<_>>(), ["sandbox", "lnd"]);
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
    pub const ALL: [Self; 3] = [Self::SANDBOX, Self::SANDBOX_HTTP, Self::LND];

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
                let (kind, _) = text.split_once("://").unwrap_or((text, ""));
                assert_eq!(kind, form.kind);
            }
        }
    }
}
