//! The forms of an export.

/// A form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// `{"services": […]}`, each as the API shows it. It can be imported again.
    Json,
    /// A table with a head, for spreadsheets.
    Csv,
}

impl ExportFormat {
    /// Every form, for lists and tests.
    pub const ALL: [Self; 2] = [Self::Json, Self::Csv];

    /// Returns the media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}
