//! Reading a document: its kind, its bounds, and the origin that it may speak for.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;
use url::Url;

use super::entry::Entry;
use super::{DocumentKind, l402_json, openapi, services};
use crate::listing::method::method;
use crate::listing::text::clean;
use crate::listing::{CanonicalUrl, NewListing, WordsFrom};

/// The most entries that are read of one document.
pub(super) const ENTRIES_MAX: usize = 500;

/// What a document lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The kind.
    pub kind: DocumentKind,
    /// The services, at most 500.
    pub listings: Vec<NewListing>,
    /// The entries that were left out.
    pub skipped: Vec<Skipped>,
}

/// An entry of a document or an import that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its address or name as it was written, at most 200 characters, without hidden ones.
    pub entry: String,
    /// The reason, and what to do.
    pub reason: String,
}

impl Skipped {
    pub(in crate::listing) fn new(entry: &str, reason: impl Into<String>) -> Self {
        Self {
            entry: clean(entry, 200),
            reason: reason.into(),
        }
    }
}

/// The reason why a document at the place of one cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is no JSON, or nested too deeply.
    NotJson(DocumentKind),
    /// It lacks the list that its kind has.
    Shape(DocumentKind),
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(kind) => write!(f, "what lies at {} is no JSON", kind.path()),
            Self::Shape(kind) => {
                let wanted = match kind {
                    DocumentKind::Services => "a list `services`",
                    DocumentKind::L402Json => "a list `endpoints`",
                    DocumentKind::OpenApi => "`openapi` and `paths`",
                };
                write!(f, "the document at {} has not {wanted}", kind.path())
            }
        }
    }
}

impl std::error::Error for DocumentError {}

/// Reads the document that a server sent from `url`, the address that answered. `None` if it is none: the URL
/// is not the place of one, and the body has the shape of none.
///
/// A document lists addresses of its own origin alone. At its own place it speaks for the origin; elsewhere
/// somebody else may have put it there, so that its words are those of a submitter.
///
/// # Errors
/// [`DocumentError`] if the URL is the place of a document and the body is none.
pub fn read_document(url: &Url, body: &[u8]) -> Result<Option<Document>, DocumentError> {
    let place = DocumentKind::of_path(url);
    // The parser refuses what is nested more than 128 levels deep.
    let value = serde_json::from_slice::<Value>(body).ok();
    let kind = value.as_ref().and_then(DocumentKind::of_shape);
    let (value, kind) = match (value, kind, place) {
        (Some(value), Some(kind), _) => (value, kind),
        (_, _, None) => return Ok(None),
        (None, _, Some(place)) => return Err(DocumentError::NotJson(place)),
        (Some(_), None, Some(place)) => return Err(DocumentError::Shape(place)),
    };
    let words_from = match place {
        Some(_) => WordsFrom::Document,
        None => WordsFrom::Submitted,
    };
    let mut reading = Reading::new(url, kind, words_from);
    match kind {
        DocumentKind::Services => services::read(&value, &mut reading),
        DocumentKind::L402Json => l402_json::read(&value, &mut reading),
        DocumentKind::OpenApi => openapi::read(&value, &mut reading),
    }
    Ok(Some(reading.document))
}

/// A document while it is read.
pub(super) struct Reading<'a> {
    url: &'a Url,
    words_from: WordsFrom,
    /// The addresses, each with its place among the listings.
    seen: HashMap<CanonicalUrl, usize>,
    entries: usize,
    document: Document,
}

impl<'a> Reading<'a> {
    fn new(url: &'a Url, kind: DocumentKind, words_from: WordsFrom) -> Self {
        Self {
            url,
            words_from,
            seen: HashMap::new(),
            entries: 0,
            document: Document {
                kind,
                listings: Vec::new(),
                skipped: Vec::new(),
            },
        }
    }

    /// Returns the address of the document.
    pub(super) fn url(&self) -> &'a Url {
        self.url
    }

    /// Counts one more entry; false if the document has more of them than are read.
    pub(super) fn has_room(&mut self) -> bool {
        self.entries += 1;
        if self.entries == ENTRIES_MAX + 1 {
            let reason = format!("the first {ENTRIES_MAX} entries of a document are read");
            self.document.skipped.push(Skipped::new("the rest", reason));
        }
        self.entries <= ENTRIES_MAX
    }

    /// Takes an entry, or notes why not. `name` is how the document names it.
    pub(super) fn take(&mut self, name: &str, entry: Result<Entry, String>) {
        match entry.and_then(|entry| self.listing(entry)) {
            Ok(listing) => self.add(name, listing),
            Err(reason) => self.document.skipped.push(Skipped::new(name, reason)),
        }
    }

    fn listing(&mut self, entry: Entry) -> Result<NewListing, String> {
        let url = self.url.join(&entry.endpoint);
        let url = url.map_err(|_| "its address is no URL".to_owned())?;
        let url = CanonicalUrl::new(url).map_err(|error| format!("its address: {error}"))?;
        if url.url().origin() != self.own_origin() {
            return Err(format!(
                "it lies at {}; a document lists addresses of its own origin alone",
                clean(&url.url().origin().ascii_serialization(), 200)
            ));
        }
        let method = method(&entry.method)
            .ok_or("its method is none of GET, POST, PUT, PATCH, DELETE")?
            .to_owned();
        if DocumentKind::of_path(url.url()).is_some() {
            return Err("it is a document, which is free".to_owned());
        }
        Ok(NewListing {
            url,
            method,
            words: entry.words.cleaned(),
            words_from: self.words_from,
            no_probe: entry.no_probe,
        })
    }

    /// Adds a listing. An address that is asked in several ways is one listing, by the first of them, or by the
    /// first with a body, which says more of how to ask.
    fn add(&mut self, name: &str, new: NewListing) {
        let has_body = |it: &NewListing| it.method != "GET" && it.words.request_schema.is_some();
        let listings = &mut self.document.listings;
        let before = self.seen.get(&new.url).and_then(|at| listings.get_mut(*at));
        let Some(before) = before else {
            self.seen.insert(new.url.clone(), listings.len());
            listings.push(new);
            return;
        };
        if before.method == new.method {
            let reason = "the document names its address above";
            self.document.skipped.push(Skipped::new(name, reason));
        } else if has_body(&new) && !has_body(before) {
            *before = new;
        }
    }

    /// Returns the origin of the document. A dot at the end of its host makes no other origin here.
    fn own_origin(&self) -> url::Origin {
        CanonicalUrl::new(self.url.clone())
            .map_or_else(|_| self.url.origin(), |url| url.url().origin())
    }
}
