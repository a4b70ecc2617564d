//! The error of a text that names no backend.

use core::fmt;

use super::table::NodeForm;

/// The error of a text that names no backend. The message says which part is wrong and shows how to
/// write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError {
    kind: NodeErrorKind,
    text: String,
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
            text: text.into(),
        }
    }

    /// Returns the error of a mistake in a text of this form, with the form's example.
    pub(super) fn of(form: &NodeForm, mistake: &str) -> Self {
        Self::new(format!("{mistake}; write {}", form.example))
    }

    /// Returns the error of a text of no form, with the examples of all forms.
    pub(super) fn no_form() -> Self {
        let examples = NodeForm::ALL.map(|form| form.example);
        let written = match &examples {
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        };
        Self {
            kind: NodeErrorKind::Unknown,
            text: format!("no Lightning backend is called that; write {written}"),
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
        f.write_str(&self.text)
    }
}

impl std::error::Error for NodeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;

    #[test]
    fn a_misspelt_backend_is_told_from_a_misspelt_part() {
        let kind = |text: &str| text.parse::<Node>().unwrap_err().kind();
        for text in ["", "lnb", "Sandbox", "sandbox+https://127.0.0.1:8403"] {
            assert_eq!(kind(text), NodeErrorKind::Unknown, "{text}");
        }
        for text in ["lnd://h?macaroon=b", "sandbox+http://10.0.0.1:8403"] {
            assert_eq!(kind(text), NodeErrorKind::Malformed, "{text}");
        }
    }
}
