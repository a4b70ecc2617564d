//! The table `[page]`: the page that people see in a browser, in place of a problem document.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use l402_host::named_path;

use super::named_file::{named, read_within};
use super::prose::line;
use super::section::Section;
use crate::page::{Language, Logo, OwnTemplate, PageSettings, Template, word_names};

/// The largest logo in bytes. It stands in every page, which all in all should have at most 40 KB.
const MAX_LOGO: u64 = 8 * 1024;

/// The largest template in bytes.
const MAX_TEMPLATE: u64 = 256 * 1024;

/// Reads the table. Relative paths start at `folder`.
pub(super) fn read(root: &Section<'_, '_>, folder: &Path) -> PageSettings {
    let default = PageSettings::default();
    let Some(section) = root.table("page") else {
        return default;
    };
    let settings = PageSettings {
        enabled: section.flag("enabled", default.enabled),
        title: line(&section, "title"),
        logo: logo(&section, folder),
        template: template(&section, folder),
        words: section.table("words").map(own_words).unwrap_or_default(),
    };
    section.finish();
    settings
}

fn template(section: &Section<'_, '_>, folder: &Path) -> Option<OwnTemplate> {
    let file = named_path(folder, section.text("template")?);
    let html = read_within(&file, MAX_TEMPLATE).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| named(&file, &"not UTF-8; save it as UTF-8"))
    });
    let html = html.map_err(|fix| section.wrong("template", fix)).ok()?;
    match Template::of_offer(&html) {
        Ok(template) => Some(OwnTemplate {
            file,
            template: Arc::new(template),
        }),
        Err(mistakes) => {
            for mistake in mistakes {
                section.wrong("template", named(&file, &mistake));
            }
            None
        }
    }
}

fn logo(section: &Section<'_, '_>, folder: &Path) -> Option<Logo> {
    let file = named_path(folder, section.text("logo")?);
    let read = read_within(&file, MAX_LOGO).and_then(|bytes| {
        let kind = kind(&file, &bytes);
        let kind = kind.ok_or_else(|| named(&file, &"not a picture; name an .svg or a .png"))?;
        Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
    });
    let address = read.map_err(|fix| section.wrong("logo", fix)).ok()?;
    Some(Logo { file, address })
}

/// Returns the type of a picture whose name and content agree on it.
fn kind(file: &Path, bytes: &[u8]) -> Option<&'static str> {
    let ending = file.extension()?.to_str()?.to_ascii_lowercase();
    let is_svg = || bytes.windows(4).any(|four| four == b"<svg");
    match ending.as_str() {
        "png" if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Some("image/png"),
        "svg" if is_svg() => Some("image/svg+xml"),
        _ => None,
    }
}

/// Reads the operator's own words, a table for each language.
fn own_words(section: Section<'_, '_>) -> BTreeMap<Language, BTreeMap<String, String>> {
    let tables = Language::ALL.map(|language| (language, section.table(language.tag())));
    let mut words = BTreeMap::new();
    for (language, table) in tables {
        let Some(table) = table else {
            continue;
        };
        let own = word_names().filter_map(|name| Some((name.to_owned(), line(&table, name)?)));
        words.insert(language, own.collect());
        table.finish();
    }
    section.finish();
    words
}
