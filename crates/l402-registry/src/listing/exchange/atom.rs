//! The feed of the newest listings (RFC 4287).

use std::io;

use l402::UnixTime;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use url::Url;

use crate::listing::{Listing, ServiceJson};

/// Returns the feed of these listings, the newest first. Strangers' text is text in it, never markup.
///
/// # Errors
/// None in practice: the feed is written to memory.
pub(crate) fn write_atom(
    listings: &[Listing],
    public_url: &Url,
    now: UnixTime,
) -> io::Result<String> {
    let base = public_url.as_str().trim_end_matches('/');
    // RFC 4287 requires a time of the feed, also if it has no entries.
    let newest = listings.iter().map(|listing| listing.added).max();
    let updated = newest.unwrap_or(now).to_rfc3339();
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 1);
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    out.create_element("feed")
        .with_attribute(("xmlns", "http://www.w3.org/2005/Atom"))
        .write_inner_content(|out| {
            element(out, "id", &format!("{base}/feed.xml"))?;
            element(out, "title", "New paid APIs")?;
            element(out, "updated", &updated)?;
            link(out, "self", &format!("{base}/feed.xml"))?;
            link(out, "alternate", &format!("{base}/"))?;
            out.create_element("author").write_inner_content(|out| {
                let name = public_url.host_str().unwrap_or("registry");
                element(out, "name", name)
            })?;
            for listing in listings {
                out.create_element("entry")
                    .write_inner_content(|out| entry(out, listing, base))?;
            }
            Ok(())
        })?;
    let text = String::from_utf8(out.into_inner());
    text.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

fn entry(out: &mut Writer<Vec<u8>>, listing: &Listing, base: &str) -> io::Result<()> {
    let service = ServiceJson::of(listing);
    let page = format!("{base}/s/{}", service.id);
    let title = if service.name.is_empty() {
        &service.url
    } else {
        &service.name
    };
    element(out, "id", &page)?;
    element(out, "title", title)?;
    link(out, "alternate", &page)?;
    element(out, "published", &service.registered_at)?;
    // The time of the words: a feed that changed with every probe would be all new every quarter of an hour.
    element(out, "updated", &listing.changed.to_rfc3339())?;
    if let Some(category) = &service.category {
        out.create_element("category")
            .with_attribute(("term", category.as_str()))
            .write_empty()?;
    }
    element(out, "summary", &summary(&service))
}

/// Returns host, price and state as the registry saw them, and then what the seller says.
fn summary(service: &ServiceJson) -> String {
    let seen = service.observed.as_ref().and_then(|seen| seen.price_msat);
    let price = match (seen, service.claimed_price_msat) {
        (Some(msat), _) => format!("observed price {}", l402::Msat::new(msat)),
        (None, Some(msat)) => format!("claimed price {}", l402::Msat::new(msat)),
        (None, None) => "price unknown".to_owned(),
    };
    let (method, url, state) = (&service.http_method, &service.url, &service.state);
    format!("{method} {url} ({state}, {price}). {}", service.description)
}

fn link(out: &mut Writer<Vec<u8>>, rel: &str, to: &str) -> io::Result<()> {
    out.create_element("link")
        .with_attributes([("rel", rel), ("href", to)])
        .write_empty()
        .map(drop)
}

fn element(out: &mut Writer<Vec<u8>>, name: &str, text: &str) -> io::Result<()> {
    // XML has no way to write these at all, not even escaped.
    let is_of_xml = |c: &char| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().filter(is_of_xml).collect();
    out.create_element(name)
        .write_text_content(BytesText::new(&text))
        .map(drop)
}
