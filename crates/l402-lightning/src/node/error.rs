//! The error of a text that names no backend.

use core::fmt;

use super::table::NodeForm;

/// The error of a text that names no backend. The message says which part is wrong and shows how to
/// write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeError(String);

impl NodeError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the error of a mistake in a text of this form, with the form's example.
    pub(super) fn of(form: &NodeForm, mistake: &str) -> Self {
        Self(format!("{mistake}; write {}", form.example))
    }

    /// Returns the error of a text of no form, with the examples of all forms.
    pub(super) fn no_form() -> Self {
        let examples = NodeForm::ALL.map(|form| form.example);
        let written = match &examples {
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        };
        Self(format!(
            "no Lightning backend is called that; write {written}"
        ))
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NodeError {}
