//! Finds the variables, styles and scripts of a page, and the places where a value would not stay text.

use core::fmt;

use super::template::{Piece, SCRIPT, STYLE, piece};
use super::variable;

/// A mistake in a page, and its line from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    line: usize,
    text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A place of HTML, as far as it matters for a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between tags.
    Content,
    /// In a tag, outside of quotes.
    Tag,
    /// In the value of an attribute, up to this quote.
    Quoted(char),
    Comment,
    /// In a style or a script, where HTML knows no escapes.
    Raw,
}

/// Reads a page from its beginning to its end.
pub(super) struct Scanner<'a> {
    html: &'a str,
    /// The bytes that have been read.
    at: usize,
    names: &'static [&'static str],
    place: Place,
    /// The tag that is being read, without the values of its attributes in quotes. Of a raw block the tag
    /// that began it.
    tag: String,
    /// The text of a style or script that is being read.
    raw: String,
    /// The text that no variable has ended yet.
    text: String,
    found: Found,
}

/// Everything that a page holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) pieces: Vec<Piece>,
    pub(super) styles: Vec<String>,
    pub(super) scripts: Vec<String>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(html: &'a str, names: &'static [&'static str]) -> Self {
        Self {
            html,
            at: 0,
            names,
            place: Place::Content,
            tag: String::new(),
            raw: String::new(),
            text: String::new(),
            found: Found::default(),
        }
    }

    fn left(&self) -> &'a str {
        self.html.get(self.at..).unwrap_or_default()
    }

    /// Reads the whole page.
    pub(super) fn scan(mut self) -> Found {
        while let Some(next) = self.left().chars().next() {
            if self.place != Place::Comment && self.left().starts_with("{{") {
                self.variable();
            } else {
                self.step(next);
            }
        }
        if self.place == Place::Raw {
            let name = self.tag_name();
            self.wrong(format!("the page ends without </{name}>"));
        }
        self.end_text();
        self.found
    }

    fn wrong(&mut self, text: impl Into<String>) {
        let before = self.html.get(..self.at).unwrap_or_default();
        self.found.mistakes.push(Mistake {
            line: before.matches('\n').count() + 1,
            text: text.into(),
        });
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        if self.place == Place::Raw {
            self.raw.push_str(text);
        }
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            let text = core::mem::take(&mut self.text);
            self.found.pieces.push(Piece::Text(text));
        }
    }

    /// Reads a variable, which begins here.
    fn variable(&mut self) {
        let Some((name, _)) = self.left()[2..].split_once("}}") else {
            self.wrong("a variable has no end; write {{name}}");
            self.at = self.html.len();
            return;
        };
        match piece(name.trim(), self.names) {
            Ok(piece) => self.place(name.trim(), piece),
            Err(fix) => self.wrong(fix),
        }
        self.at += name.len() + 4;
    }

    /// Puts a variable where it is, if its value stays what it is there.
    fn place(&mut self, name: &str, piece: Piece) {
        let own = match (self.place, name) {
            (Place::Raw, "style") if self.tag_name() == "style" => return self.push(STYLE),
            (Place::Raw, "script") if self.tag_name() == "script" => return self.push(SCRIPT),
            (Place::Raw, _) | (_, "style" | "script") => Err(format!(
                "{{{{{name}}}}} cannot stand here: a style holds {{{{style}}}} and a script {{{{script}}}}, no \
                 other value, for the browser allows each by its hash; hand values to a script in \
                 attributes: data-name=\"{{{{name}}}}\""
            )),
            (Place::Tag, variable::ATTRIBUTES) => Ok(()),
            (_, variable::ATTRIBUTES) => Err(
                "{{data}} stands for attributes; write it within a tag: <main {{data}}>".to_owned(),
            ),
            (Place::Tag, _) => Err(format!(
                "write the value of an attribute in quotes: title=\"{{{{{name}}}}}\""
            )),
            (Place::Quoted(_), name) if variable::ELEMENTS.contains(&name) => Err(format!(
                "{{{{{name}}}}} stands for an element; write it between tags"
            )),
            _ => Ok(()),
        };
        match own {
            Ok(()) => {
                self.end_text();
                self.found.pieces.push(piece);
            }
            Err(fix) => self.wrong(fix),
        }
    }

    /// Reads one character of the page itself.
    fn step(&mut self, next: char) {
        let (left, before) = (self.left(), self.place);
        match self.place {
            Place::Content if left.starts_with("<!--") => self.place = Place::Comment,
            Place::Content if begins_tag(left) => {
                self.place = Place::Tag;
                self.tag.clear();
            }
            Place::Comment if left.starts_with("-->") => self.place = Place::Content,
            Place::Tag if matches!(next, '"' | '\'') => {
                if !self.tag.trim_end().ends_with('=') {
                    self.wrong("a quote stands where no value of an attribute begins");
                }
                self.place = Place::Quoted(next);
            }
            Place::Tag if next == '>' => self.end_tag(),
            Place::Tag => self.tag.push(next),
            Place::Quoted(quote) if next == quote => self.place = Place::Tag,
            Place::Raw if self.ends_raw(left) => self.end_raw(),
            _ => {}
        }
        self.text.push(next);
        // Neither the end of the tag before a block nor the beginning of the one after it is in the block.
        if before == Place::Raw && self.place == Place::Raw {
            self.raw.push(next);
        }
        self.at += next.len_utf8();
    }

    fn tag_name(&self) -> String {
        let name = self.tag.trim_start_matches('<');
        let end = name.find(|c: char| c.is_whitespace() || c == '/');
        name[..end.unwrap_or(name.len())].to_ascii_lowercase()
    }

    fn end_tag(&mut self) {
        let name = self.tag_name();
        self.check_attributes(&name);
        let is_raw = matches!(name.as_str(), "style" | "script");
        self.place = if is_raw { Place::Raw } else { Place::Content };
    }

    /// Notes what the browser would not run or load, because the page's policy forbids it.
    fn check_attributes(&mut self, tag: &str) {
        let text = self.tag.to_ascii_lowercase();
        let attributes = text.split_whitespace().skip(1);
        let names = attributes.filter_map(|one| one.split('=').next());
        for name in names.map(str::to_owned).collect::<Vec<_>>() {
            match name.as_str() {
                "src" if tag == "script" => {
                    self.wrong("a script of another file is not loaded; write it within the page");
                }
                "style" => {
                    self.wrong("a style in an attribute is not applied; write it into <style>");
                }
                name if name.starts_with("on") && name.len() > 2 => {
                    let fix = format!("{name} is not run; call addEventListener in a <script>");
                    self.wrong(fix);
                }
                _ => {}
            }
        }
    }

    fn ends_raw(&self, left: &str) -> bool {
        let name = self.tag_name();
        let end = left.get(2..2 + name.len());
        left.starts_with("</") && end.is_some_and(|end| end.eq_ignore_ascii_case(&name))
    }

    fn end_raw(&mut self) {
        let raw = core::mem::take(&mut self.raw);
        let blocks = if self.tag_name() == "style" {
            &mut self.found.styles
        } else {
            &mut self.found.scripts
        };
        blocks.push(raw);
        self.place = Place::Tag;
        self.tag.clear();
    }
}

/// Returns true if a tag begins here, and not merely a sign in a text.
fn begins_tag(left: &str) -> bool {
    let name = left
        .strip_prefix('<')
        .map(|name| name.strip_prefix('/').unwrap_or(name));
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}
