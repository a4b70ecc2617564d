//! The error of a text that names no backend.

use core::fmt;

use super::table::NodeForm;

/// The error of a text that names no backend. The message says which part is wrong and shows how to
/// write it: a node that receives, or with [`NodeError::to_pay`] a wallet that pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError {
    kind: NodeErrorKind,
    mistake: String,
    shows: Shows,
}

/// The examples that an error ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shows {
    All,
    Nothing,
    One(Box<NodeForm>),
}

/// Sorts [`NodeError`] by what the person who wrote the text has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeErrorKind {
    /// The backend is known, and a part of its text is wrong: correct that part.
    Malformed,
    /// No backend is called that: choose one of those that the message lists.
    Unknown,
}

impl NodeError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            kind: NodeErrorKind::Malformed,
            mistake: text.into(),
            shows: Shows::Nothing,
        }
    }

    /// Returns the error of a mistake in a text of this form, with the form's example.
    pub(super) fn of(form: &NodeForm, mistake: &str) -> Self {
        Self {
            shows: Shows::One(Box::new(*form)),
            ..Self::new(mistake)
        }
    }

    /// Returns the error of a text of no form, with the examples of all forms.
    pub(super) fn no_form() -> Self {
        Self {
            kind: NodeErrorKind::Unknown,
            shows: Shows::All,
            ..Self::new("no Lightning backend is called that")
        }
    }

    /// Returns the message for a wallet that pays: its examples name what can.
    #[must_use]
    pub fn to_pay(&self) -> String {
        self.message(|form| form.pays.then_some(form.example_paying))
    }

    /// Returns the mistake and how to write it, with these examples.
    fn message(&self, example: impl Fn(&NodeForm) -> Option<&'static str>) -> String {
        let examples: Vec<_> = match &self.shows {
            Shows::All => NodeForm::ALL.iter().filter_map(example).collect(),
            Shows::Nothing => Vec::new(),
            Shows::One(form) => example(form).into_iter().collect(),
        };
        match examples.as_slice() {
            [] => self.mistake.clone(),
            [one] => format!("{}; write {one}", self.mistake),
            [first @ .., last] => {
                format!("{}; write {} or {last}", self.mistake, first.join(", "))
            }
        }
    }

    /// The kind, by which a caller branches.
    #[must_use]
    pub const fn kind(&self) -> NodeErrorKind {
        self.kind
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(|form| Some(form.example)))
    }
}

impl std::error::Error for NodeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    // FAULTS T15: a wallet is not advised to take a macaroon that cannot pay.
    #[test]
    fn a_wallet_is_shown_what_can_pay() {
        for text in [
            "lnb:x",
            "lnd://x",
            "lnd://h?tls_cert=b",
            "lnd://h/v1?tls_cert=a&macaroon=b",
        ] {
            let error = text.parse::<Node>().unwrap_err();
            assert!(error.to_string().contains("/invoice.macaroon"), "{error}");
            let shown = error.to_pay();
            assert!(shown.contains("/pay.macaroon"), "{shown}");
            assert!(!shown.contains("invoice.macaroon"), "{shown}");
        }
    }

    #[test]
    fn a_misspelt_backend_is_told_from_a_misspelt_part() {
        let kind = |text: &str| text.parse::<Node>().unwrap_err().kind();
        for text in ["", "lnb:x", "Sandbox", "sandbox+https://127.0.0.1:8403"] {
            assert_eq!(kind(text), NodeErrorKind::Unknown, "{text}");
        }
        for text in ["lnd://h?tls_cert=b", "sandbox+http://10.0.0.1:8403"] {
            assert_eq!(kind(text), NodeErrorKind::Malformed, "{text}");
        }
    }
}
