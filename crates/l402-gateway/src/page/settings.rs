//! The choices of an operator about the page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::language::Language;
use super::template::Template;

/// The choices of an operator about the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageSettings {
    /// False answers everybody in JSON.
    pub(crate) enabled: bool,
    /// The name of the shop.
    pub(crate) title: Option<String>,
    pub(crate) logo: Option<Logo>,
    /// The page with an invoice, in place of the one that is there already.
    pub(crate) template: Option<OwnTemplate>,
    /// Words in place of those that are there already.
    pub(crate) words: BTreeMap<Language, BTreeMap<String, String>>,
}

/// A page of the operator's own, and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnTemplate {
    pub(crate) file: PathBuf,
    pub(crate) template: Arc<Template>,
}

/// A picture, and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logo {
    pub(crate) file: PathBuf,
    /// The picture as an address that holds it (`data:`).
    pub(crate) address: String,
}

impl Default for PageSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            title: None,
            logo: None,
            template: None,
            words: BTreeMap::new(),
        }
    }
}

impl PageSettings {
    /// Returns the files that were read with the configuration.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let template = self.template.iter().map(|template| &template.file);
        let logo = self.logo.iter().map(|logo| &logo.file);
        template.chain(logo).map(PathBuf::as_path)
    }
}
