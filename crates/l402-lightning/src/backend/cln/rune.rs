//! A rune, and what its restrictions permit.
//!
//! A rune is base64: 32 bytes of a hash, then its restrictions as text. The node accepts a call if
//! every restriction holds, and a restriction holds if one of its alternatives does:
//!
//! ```text
//!   =7 & method=invoice|method=getinfo & rate=60
//!   │    └─ alternatives               └─ a restriction
//!   └─ the number of the rune
//! ```

use core::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

#[cfg(feature = "pay")]
use crate::node::CLN_PAYING;
use crate::node::{CLN_RECEIVING, rune_recipe};
use crate::{Error, ErrorKind};

/// The length in bytes of the hash before the restrictions.
const HASH: usize = 32;

/// The characters that end the name of a field, and say how its value is compared.
const CONDITIONS: [char; 11] = ['!', '=', '/', '^', '$', '~', '<', '>', '}', '{', '#'];

/// The methods with which nobody can spend, nor get a rune that can.
const HARMLESS: [&str; 13] = [
    "decode",
    "decodepay",
    "getinfo",
    "help",
    "invoice",
    "listfunds",
    "listinvoices",
    "listpays",
    "listpeerchannels",
    "summary",
    "waitanyinvoice",
    "waitblockheight",
    "waitinvoice",
];

/// A rune, as the header takes it. `Debug` does not show it.
pub(super) struct Rune {
    text: Zeroizing<String>,
    restrictions: Vec<Vec<Alternative>>,
}

/// A condition on one field of a call.
#[derive(Debug, PartialEq, Eq)]
struct Alternative {
    field: String,
    condition: char,
    value: String,
}

impl Rune {
    /// Reads the text of a rune; white space around it does not count.
    pub(super) fn read(file: &[u8], path: &Path) -> Result<Self, Error> {
        let parse = || {
            let text = str::from_utf8(file).ok()?.trim();
            let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?);
            let restrictions = str::from_utf8(bytes.get(HASH..)?).ok()?;
            Some(Self {
                text: Zeroizing::new(text.to_owned()),
                restrictions: restrictions_of(restrictions)?,
            })
        };
        parse().ok_or_else(|| {
            let path = path.display();
            let text = format!(
                "the file {path} does not hold a rune; it is the text after \"rune\" in the answer \
                 of: {}",
                rune_recipe(&CLN_RECEIVING)
            );
            Error::new(ErrorKind::Local, text)
        })
    }

    /// Returns the rune itself.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Refuses a rune that may do more than receive, or that may not receive.
    pub(super) fn only_receives(&self, path: &Path) -> Result<(), Error> {
        let Some(excess) = self.excess(&HARMLESS) else {
            return self.may(&CLN_RECEIVING, path);
        };
        Err(refused(
            path,
            &format!(
                "{excess}; sell with a rune that cannot spend, made by: {}, or accept the danger \
                 explicitly (danger_spending_node)",
                rune_recipe(&CLN_RECEIVING)
            ),
        ))
    }

    /// Refuses a rune that certainly does not permit one of these methods.
    fn may(&self, methods: &[&str], path: &Path) -> Result<(), Error> {
        match methods.iter().find(|method| !self.permits(method)) {
            None => Ok(()),
            Some(method) => Err(refused(
                path,
                &format!(
                    "does not permit {method}, which is needed; make another by: {}",
                    rune_recipe(methods)
                ),
            )),
        }
    }

    /// Returns what goes beyond these methods, or `None` if one restriction leaves nothing else.
    fn excess(&self, allowed: &[&str]) -> Option<String> {
        let mut excess = None;
        for restriction in &self.restrictions {
            // A list of what is allowed: a method of a later version counts as spending until
            // somebody has looked at it, and so does a condition that is not plain equality.
            let one = restriction.iter().find(|one| !one.is_one_of(allowed))?;
            if restriction.iter().all(|one| one.field == "method") {
                let named = format!("(method{}{})", one.condition, one.value);
                excess.get_or_insert(named);
            }
        }
        Some(excess.map_or_else(
            || "is not restricted to methods".to_owned(),
            |named| format!("permits other methods, too {named}"),
        ))
    }

    /// Returns false if a restriction certainly excludes this method.
    fn permits(&self, method: &str) -> bool {
        let mut all = self.restrictions.iter();
        all.all(|restriction| restriction.iter().any(|one| one.permits(method)))
    }
}

#[cfg(feature = "pay")]
impl Rune {
    /// Refuses a rune that may not pay.
    pub(super) fn may_pay(&self, path: &Path) -> Result<(), Error> {
        self.may(&CLN_PAYING, path)
    }

    /// Returns a warning about a rune that may do more than pay and receive. It names the file, and
    /// nothing of the rune itself.
    pub(super) fn beyond_paying(&self, path: &Path) -> Option<String> {
        let allowed = [&HARMLESS[..], &CLN_PAYING].concat();
        let excess = self.excess(&allowed)?;
        Some(format!(
            "the rune {} {excess}, and so may anybody who gets hold of it do more than pay; the least \
             that pays is made by: {}",
            path.display(),
            rune_recipe(&CLN_PAYING)
        ))
    }
}

/// Shows nothing, because the text is the credential.
impl fmt::Debug for Rune {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rune").finish_non_exhaustive()
    }
}

impl Alternative {
    /// Returns true if the alternative holds for these methods alone.
    fn is_one_of(&self, methods: &[&str]) -> bool {
        self.field == "method" && self.condition == '=' && methods.contains(&self.value.as_str())
    }

    /// Returns false if the alternative certainly does not hold for a call of this method.
    fn permits(&self, method: &str) -> bool {
        let value = self.value.as_str();
        match self.condition {
            // The number of the rune, and conditions on what is not known here.
            _ if self.field != "method" => true,
            '=' => method == value,
            '/' => method != value,
            '^' => method.starts_with(value),
            '$' => method.ends_with(value),
            '~' => method.contains(value),
            _ => true,
        }
    }
}

fn refused(path: &Path, why: &str) -> Error {
    let text = format!("the rune {} {why}", path.display());
    Error::new(ErrorKind::Unauthorized, text)
}

/// Returns the restrictions in a text; `None` if it does not follow the grammar of runes.
fn restrictions_of(text: &str) -> Option<Vec<Vec<Alternative>>> {
    let mut restrictions = vec![vec![String::new()]];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let last = restrictions.last_mut()?;
        match c {
            // A mark of the grammar that belongs to a value stands after a backslash.
            '\\' => last.last_mut()?.push(chars.next()?),
            '|' => last.push(String::new()),
            '&' => restrictions.push(vec![String::new()]),
            c => last.last_mut()?.push(c),
        }
    }
    let alternatives = |texts: Vec<String>| texts.iter().map(|text| alternative(text)).collect();
    restrictions.into_iter().map(alternatives).collect()
}

fn alternative(text: &str) -> Option<Alternative> {
    let (field, condition) = text.split_once(CONDITIONS).map(|(field, _)| {
        let mark = text.get(field.len()..)?.chars().next()?;
        Some((field, mark))
    })??;
    // Every condition is one byte long.
    let value = text.get(field.len().checked_add(1)?..)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    field.chars().all(is_name).then(|| Alternative {
        field: field.to_owned(),
        condition,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The read-only rune in the documentation of Core Lightning.
    const READ_ONLY: &str = "_RWaZZRI7wAYU2hqlFBmYgC_dFczcpAdI_9O87YbDpg9MCZtZXRob2RebGlzdHxtZXRob2ReZ2V0fG1ldGhvZD1zdW1tYXJ5Jm1ldGhvZC9saXN0ZGF0YXN0b3Jl";

    fn rune(restrictions: &str) -> Rune {
        let bytes = [&[7; 32][..], restrictions.as_bytes()].concat();
        let text = format!("  {}==\n", URL_SAFE_NO_PAD.encode(bytes));
        Rune::read(text.as_bytes(), Path::new("invoice.rune")).unwrap()
    }

    fn refusal(restrictions: &str) -> String {
        let checked = rune(restrictions).only_receives(Path::new("invoice.rune"));
        let error = checked.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        error.to_string()
    }

    #[test]
    fn reads_a_rune_that_core_lightning_made() {
        let read = Rune::read(READ_ONLY.as_bytes(), Path::new("r")).unwrap();
        assert_eq!(read.restrictions.len(), 3);
        assert!(read.permits("listpays") && read.permits("getinfo") && read.permits("summary"));
        assert!(!read.permits("listdatastore") && !read.permits("xpay"));
        assert_eq!(read.text(), READ_ONLY);
    }

    #[test]
    fn a_rune_for_receiving_is_accepted() {
        let least = "=7&method=invoice|method=listinvoices|method=waitanyinvoice|method=getinfo";
        for text in [
            least.to_owned(),
            format!("{least}&rate=600"),
            format!("rate=1&{least}"),
        ] {
            rune(&text).only_receives(Path::new("r")).unwrap();
        }
    }

    #[test]
    fn a_rune_that_may_spend_is_refused_with_the_recipe() {
        let harmless = "method=invoice|method=listinvoices|method=waitanyinvoice|method=getinfo";
        for (text, says) in [
            ("=7".to_owned(), "not restricted to methods"),
            ("=7&rate=60".to_owned(), "not restricted to methods"),
            (format!("=7&{harmless}|method=xpay"), "(method=xpay)"),
            (format!("=7&{harmless}|rate=5"), "not restricted to methods"),
            (format!("=7&{harmless}|method^pay"), "(method^pay)"),
            (
                format!("=7&{harmless}|method/withdraw"),
                "(method/withdraw)",
            ),
            // A comment always holds.
            (format!("=7&{harmless}|method#x"), "(method#x)"),
            // The bar belongs to the value.
            (
                "=7&method=invoice\\|method=xpay".to_owned(),
                "(method=invoice|method=xpay)",
            ),
        ] {
            let refused = refusal(&text);
            assert!(refused.contains(says), "{text}: {refused}");
            assert!(refused.contains("lightning-cli createrune"), "{refused}");
        }
    }

    #[test]
    fn a_rune_that_may_not_receive_is_refused_with_the_recipe() {
        let refused = refusal("=7&method=invoice|method=getinfo");
        assert!(
            refused.contains("does not permit listinvoices"),
            "{refused}"
        );
    }

    #[test]
    #[cfg(feature = "pay")]
    fn a_rune_for_paying_needs_the_methods_and_no_more() {
        let path = Path::new("pay.rune");
        let least = "method=xpay|method=listpays|method=listpeerchannels|method=getinfo";
        assert!(rune(least).may_pay(path).is_ok());
        assert_eq!(rune(least).beyond_paying(path), None);
        assert!(rune("=7").may_pay(path).is_ok());
        let warning = rune("=7").beyond_paying(path).unwrap();
        assert!(
            warning.contains("pay.rune") && warning.contains("method=xpay"),
            "{warning}"
        );
        let refused = rune("method=invoice|method=getinfo").may_pay(path);
        assert!(refused.unwrap_err().to_string().contains("xpay"));
    }

    #[test]
    fn what_is_no_rune_is_refused_without_being_shown() {
        for wrong in ["", "secret", "{\"rune\": \"secret\"}", "AAAA"] {
            let error = Rune::read(wrong.as_bytes(), Path::new("a.rune")).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("a.rune") && !text.contains("secret\""),
                "{text}"
            );
        }
        assert!(!format!("{:?}", rune("=7")).contains('7'));
    }
}
