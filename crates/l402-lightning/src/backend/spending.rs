//! The rule that a seller holds no credential that may spend.

use crate::Error;

/// Refuses to receive with a credential that may spend, unless that danger is accepted: then it is
/// warned of. `found` is `None` if the credential cannot spend; `what` names it: "MACAROON".
///
/// A seller's machine faces the internet, and a credential that is stolen from there must not empty
/// the node.
///
/// # Errors
/// The error in `found`.
pub(super) fn refuse(found: Option<Error>, is_accepted: bool, what: &str) -> Result<(), Error> {
    match found {
        None => Ok(()),
        Some(error) if !is_accepted => Err(error),
        Some(error) => {
            tracing::warn!(
                target: "l402_lightning::spending",
                %error,
                "DANGER: SELLING WITH A {what} THAT MAY SPEND, as configured"
            );
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn what_may_spend_is_refused_unless_that_is_accepted() {
        let spends = || Some(Error::new(ErrorKind::Unauthorized, "it can spend"));
        assert_eq!(
            refuse(spends(), false, "KEY").unwrap_err().kind(),
            ErrorKind::Unauthorized
        );
        for (found, is_accepted) in [(spends(), true), (None, true), (None, false)] {
            refuse(found, is_accepted, "KEY").unwrap();
        }
    }
}
