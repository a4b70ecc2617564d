//! The format of `-w`: facts about the exchange, for scripts.

use core::convert::Infallible;
use core::str::FromStr;

use l402_client::Response;

/// The values that a format can name.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) status: u16,
    pub(super) url: String,
    pub(super) content_type: String,
    pub(super) size_download: u64,
    pub(super) price_msat: u64,
    pub(super) paid_msat: u64,
    pub(super) payment_hash: Option<String>,
}

impl Facts {
    pub(super) fn of(response: &Response) -> Self {
        let content_type = response.headers().get(http::header::CONTENT_TYPE);
        let receipt = response.receipt();
        let new = receipt.filter(|receipt| !receipt.reused);
        Self {
            status: response.status().as_u16(),
            url: response.url().to_string(),
            content_type: content_type
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            size_download: 0,
            price_msat: receipt.map_or(0, |receipt| receipt.price.msat()),
            // Paid by this call. The payment of an earlier call would be counted twice.
            paid_msat: new.map_or(0, |receipt| receipt.paid.saturating_add(receipt.fee).msat()),
            payment_hash: receipt.map(|receipt| receipt.payment_hash.to_string()),
        }
    }

    /// Returns the value of a variable, or `None` if there is no such variable.
    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "http_code" | "response_code" => format!("{:03}", self.status),
            "url_effective" => self.url.clone(),
            "size_download" => self.size_download.to_string(),
            "content_type" => self.content_type.clone(),
            "l402_price_msat" => self.price_msat.to_string(),
            "l402_paid_msat" => self.paid_msat.to_string(),
            "l402_payment_hash" => self.payment_hash.clone().unwrap_or_default(),
            _ => return None,
        })
    }
}

/// A format: text with `%{name}` and escapes `\n`, `\r`, `\t`, `\\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WriteOut(String);

impl FromStr for WriteOut {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl WriteOut {
    /// Writes the values in. An unknown variable is empty, as with curl.
    pub(super) fn render(&self, facts: &Facts) -> String {
        let pieces = self.pieces();
        let text = pieces.map(|piece| match piece {
            Piece::Text(text) => text.to_owned(),
            Piece::Variable(name) => facts.value(name).unwrap_or_default(),
        });
        text.collect()
    }

    /// Returns the names of variables that there are not.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &str> {
        let facts = Facts::default();
        self.pieces().filter_map(move |piece| match piece {
            Piece::Variable(name) if facts.value(name).is_none() => Some(name),
            _ => None,
        })
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.0.as_str();
        core::iter::from_fn(move || {
            let at = rest.find(['%', '\\']).unwrap_or(rest.len());
            let (piece, length) = match at {
                0 if rest.is_empty() => return None,
                0 => special(rest),
                _ => (Piece::Text(&rest[..at]), at),
            };
            rest = rest.get(length..).unwrap_or_default();
            Some(piece)
        })
    }
}

/// A part of a format.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Returns the escape or variable at the start of `special`, and its length in bytes.
fn special(special: &str) -> (Piece<'_>, usize) {
    for (escape, text) in [
        ("\\n", "\n"),
        ("\\r", "\r"),
        ("\\t", "\t"),
        ("\\\\", "\\"),
        ("%%", "%"),
    ] {
        if special.starts_with(escape) {
            return (Piece::Text(text), 2);
        }
    }
    match special
        .strip_prefix("%{")
        .and_then(|rest| rest.split_once('}'))
    {
        Some((name, _)) => (Piece::Variable(name), name.len() + 3),
        // A lone `%` or `\`, each of one byte, so this cuts no character in two.
        None => (Piece::Text(&special[..1]), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_escapes_are_written_as_curl_writes_them() {
        let facts = Facts {
            status: 200,
            url: "http://a/".to_owned(),
            size_download: 7,
            paid_msat: 50_000,
            ..Facts::default()
        };
        let render = |format: &str| format.parse::<WriteOut>().unwrap().render(&facts);
        assert_eq!(render("%{http_code} %{size_download}\\n"), "200 7\n");
        assert_eq!(render("%{l402_paid_msat}%%\\t\\\\"), "50000%\t\\");
        assert_eq!(
            render("%{nothing}|%{url_effective}|%{open"),
            "|http://a/|%{open"
        );
        assert_eq!(render("%{l402_payment_hash}é\\x%"), "é\\x%");
        let format: WriteOut = "%{nothing}%{http_code}%{a b}%%{no}%{open".parse().unwrap();
        assert_eq!(format.unknown().collect::<Vec<_>>(), ["nothing", "a b"]);
    }
}
