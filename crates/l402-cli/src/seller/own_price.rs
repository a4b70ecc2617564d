//! A path with a price of its own, as the command line writes it.

use core::str::FromStr;

use l402::Msat;

/// The value of `--also`: a path or a pattern, and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnPrice {
    pub(crate) path: String,
    pub(crate) price: Msat,
}

impl FromStr for OwnPrice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The last one, for a price has none.
        let (path, price) = text
            .rsplit_once('=')
            .ok_or("the price is missing; write PATH=PRICE, such as \"/video=900 sat\"")?;
        let price = price
            .parse()
            .map_err(|error: l402::AmountError| error.to_string())?;
        let path = path.to_owned();
        Ok(Self { path, price })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_stands_behind_the_last_sign() {
        let read: OwnPrice = "/a=b/{*rest}=900 sat".parse().expect("a price");
        assert_eq!(read.path, "/a=b/{*rest}");
        assert_eq!(read.price, Msat::from_sat(900));
        for (text, part) in [("/video", "/video=900 sat"), ("/video=900", "900 sat")] {
            let error = text.parse::<OwnPrice>().expect_err(text);
            assert!(error.contains("sat\""), "{part}: {error}");
        }
    }
}
