//! The section `[publish]`: the documents about what is sold, and the words in them.

use core::fmt;
use core::str::FromStr;

use toml::de::DeValue;
use url::Url;

use super::own_path::{is_kept, verification_path};
use super::prose::{line, paragraph};
use super::route::choice;
use super::section::Section;

/// The most categories of one API, as MPP's discovery advises.
const MAX_CATEGORIES: usize = 5;

/// The most verification files.
const MAX_FILES: usize = 32;

/// The longest verification text, in bytes.
const MAX_FILE: usize = 1024;

/// The documents about what is sold, and the words in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) openapi: bool,
    pub(crate) llms: bool,
    pub(crate) well_known: bool,
    /// The name of the API for people.
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) docs: DocLinks,
    /// The address under which buyers reach the gateway, without a slash at its end. `None` makes
    /// all addresses in the documents relative.
    pub(crate) url: Option<String>,
    pub(crate) payment_info: PaymentInfo,
    /// Name and text of each file below `/.well-known/`.
    pub(crate) verify: Vec<(String, String)>,
}

/// Links to documentation, each an absolute URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DocLinks {
    pub(crate) homepage: Option<String>,
    pub(crate) reference: Option<String>,
}

/// The form of `x-payment-info`. The two share the key, and no document can hold both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PaymentInfo {
    /// `offers`, as MPP's discovery has it.
    #[default]
    Mpp,
    /// `protocols` and `price`, as x402scan reads it.
    X402scan,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            openapi: true,
            llms: true,
            well_known: true,
            name: None,
            description: None,
            categories: Vec::new(),
            docs: DocLinks::default(),
            url: None,
            payment_info: PaymentInfo::default(),
            verify: Vec::new(),
        }
    }
}

/// Reads the section.
pub(super) fn read(root: &Section<'_, '_>) -> Publish {
    let default = Publish::default();
    let Some(section) = root.table("publish") else {
        return default;
    };
    let forms = [
        ("mpp", PaymentInfo::Mpp),
        ("x402scan", PaymentInfo::X402scan),
    ];
    let publish = Publish {
        openapi: section.flag("openapi", default.openapi),
        llms: section.flag("llms", default.llms),
        well_known: section.flag("wellknown", default.well_known),
        name: line(&section, "name"),
        description: paragraph(&section, "description"),
        categories: categories(&section),
        docs: docs(&section),
        url: section.parsed::<PublicUrl>("url").map(|url| url.0),
        payment_info: choice(&section, "payment_info", &forms),
        verify: section.table("verify").map_or_else(Vec::new, verify),
    };
    section.finish();
    publish
}

fn categories(section: &Section<'_, '_>) -> Vec<String> {
    let named = section.list::<Category>("categories").unwrap_or_default();
    if named.len() > MAX_CATEGORIES {
        section.wrong("categories", format!("write {MAX_CATEGORIES} at most"));
    }
    named.into_iter().map(|category| category.0).collect()
}

fn docs(section: &Section<'_, '_>) -> DocLinks {
    let Some(section) = section.table("docs") else {
        return DocLinks::default();
    };
    let link = |key| section.parsed::<Link>(key).map(|link| link.0);
    let docs = DocLinks {
        homepage: link("homepage"),
        reference: link("reference"),
    };
    section.finish();
    docs
}

/// Reads the verification files. Their names are the operator's, so that no key is unknown.
fn verify(section: Section<'_, '_>) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, value) in section.entries() {
        match file(name, value.get_ref()) {
            Ok(text) => files.push((name.to_owned(), text)),
            Err(fix) => section.wrong(name, fix),
        }
    }
    // Two that differ in letters alone would be one path for some readers.
    let twin = files.iter().enumerate().find(|(at, (name, _))| {
        let mut before = files.iter().take(*at);
        before.any(|(other, _)| other.eq_ignore_ascii_case(name))
    });
    if let Some((_, (name, _))) = twin {
        section.wrong(name, "the same name again, in other letters; leave one out");
    }
    if files.len() > MAX_FILES {
        section.wrong("", format!("write {MAX_FILES} files at most"));
    }
    files
}

/// Returns the text of a verification file, or the fix of a name or text that is refused.
fn file(name: &str, value: &DeValue<'_>) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_name = (1..=64).contains(&name.len()) && name.bytes().all(allowed);
    // Names of dots alone are folders.
    if !is_name || name.bytes().all(|b| b == b'.') {
        return Err(
            "not a name of a file; it has 1 to 64 of A-Z, a-z, 0-9, ., _ and -: \"402index-verify.txt\""
                .to_owned(),
        );
    }
    if is_kept(&verification_path(name)) {
        return Err(
            "the gateway answers this path itself; take another name, such as \"402index-verify.txt\""
                .to_owned(),
        );
    }
    let text = value.as_str().ok_or("write a text in quotes")?;
    let printable = |c: char| c == '\n' || (!c.is_control() && !l402::text::is_hidden(c));
    if text.is_empty() || text.len() > MAX_FILE || !text.chars().all(printable) {
        return Err(format!("write 1 to {MAX_FILE} bytes of printable text"));
    }
    Ok(text.to_owned())
}

/// A text that is refused, with the fix.
struct Refused(&'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A category in the spelling that directories share.
struct Category(String);

impl FromStr for Category {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=40).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Refused(
            "not a category; write small letters, digits and hyphens, 40 at most: \
             \"developer-tools\"",
        ))
    }
}

/// An absolute URL of a page.
struct Link(String);

impl FromStr for Link {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let url = web_url(text).ok_or(Refused(
            "not the URL of a page; write \"https://docs.example/api\"",
        ))?;
        Ok(Self(url.into()))
    }
}

/// The address under which buyers reach the gateway.
struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let url = web_url(text).filter(|url| url.query().is_none() && url.fragment().is_none());
        let url = url.ok_or(Refused(
            "not the address of this gateway; write scheme and host, without query: \
             \"https://api.example\"",
        ))?;
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

/// Reads an absolute URL of HTTP without a user, 2,048 bytes at most.
fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    let web = matches!(url.scheme(), "http" | "https");
    (plain && web && url.as_str().len() <= 2048).then_some(url)
}
