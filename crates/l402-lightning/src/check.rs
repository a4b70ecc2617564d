//! The checks on each invoice before it leaves this crate (ATTACKS P-11, P-13).

use core::time::Duration;

use l402::{InvoiceError, InvoiceTerms, Network, UnixTime};

use crate::{Error, ErrorKind, InvoiceRequest, NewInvoice};

/// The longest expiry of an invoice. Keeps every sum of times far from overflow.
const MAX_EXPIRY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The largest accepted difference between the node's clock and this machine's.
const CLOCK_SKEW: Duration = Duration::from_secs(600);

/// Refuses a request that no node should be asked to fulfil.
pub(crate) fn request(request: &InvoiceRequest) -> Result<(), Error> {
    let wrong = |text: &str| Err(Error::new(ErrorKind::Rejected, text));
    if request.amount.msat() == 0 {
        return wrong("an invoice needs an amount; a price of zero is a free route instead");
    }
    if request.amount > l402::Msat::MAX {
        return wrong("the amount is more than 21 million BTC");
    }
    // BOLT 11 counts the length of a field in ten bits, as groups of five bits: 639 bytes fit.
    if request.memo.len() > l402::Invoice::MAX_DESCRIPTION {
        return wrong("the memo is longer than 639 bytes; shorten it");
    }
    if request.expiry.as_secs() == 0 || request.expiry > MAX_EXPIRY {
        return wrong("the expiry must be between one second and ten years");
    }
    Ok(())
}

/// Decodes an invoice that a node made, verifies its signature, and compares it with the request.
#[cfg(feature = "remote")]
pub(crate) fn invoice(
    bolt11: String,
    request: &InvoiceRequest,
    network: Network,
    now: UnixTime,
) -> Result<NewInvoice, Error> {
    l402::Invoice::decode(&bolt11).map_err(unusable)?;
    own_invoice(bolt11, request, network, now)
}

/// Does as [`invoice`] does, for a service that chooses the life of its invoices itself. Its end is
/// what the invoice says; it has not come yet.
#[cfg(feature = "lnurl")]
pub(crate) fn invoice_of_any_life(
    bolt11: String,
    request: &InvoiceRequest,
    network: Network,
    now: UnixTime,
) -> Result<NewInvoice, Error> {
    let says = InvoiceTerms::read(&bolt11).map_err(unusable)?;
    let as_chosen = InvoiceRequest {
        expiry: says.expires.since(says.created),
        ..request.clone()
    };
    let made = invoice(bolt11, &as_chosen, network, now)?;
    if made.expires() <= now {
        let text = "the invoice has ended already; set the clocks";
        return Err(Error::new(ErrorKind::Protocol, text));
    }
    Ok(made)
}

/// Compares an invoice that this process has signed with the request. The signature is not verified
/// again.
pub(crate) fn own_invoice(
    bolt11: String,
    request: &InvoiceRequest,
    network: Network,
    now: UnixTime,
) -> Result<NewInvoice, Error> {
    let made = NewInvoice::read(bolt11).map_err(unusable)?;
    compare(made.terms(), request, network, now)?;
    Ok(made)
}

/// Decodes an invoice that is to be paid, and verifies its signature; returns it with its amount.
/// `payer` is the node in the middle of a sentence: "this lnd".
///
/// A refusal means that nothing was sent, so the payment has failed for certain. A text that is no
/// BOLT 11 is refused as well: some nodes would take an offer or an address, whose amount nobody has
/// checked.
#[cfg(all(
    feature = "pay",
    any(
        feature = "cln",
        feature = "ldk",
        feature = "lnbits",
        feature = "lnd",
        feature = "nwc",
        feature = "phoenixd"
    )
))]
pub(crate) fn payable(
    bolt11: &str,
    network: Network,
    payer: &str,
) -> Result<(l402::Invoice, l402::Msat), Error> {
    let rejected = |text: String| Error::new(ErrorKind::Rejected, text);
    let unpayable = |error: InvoiceError| rejected(error.to_string());
    let invoice = l402::Invoice::decode(bolt11).map_err(unpayable)?;
    let amount = invoice.required_amount().map_err(unpayable)?;
    if invoice.network != network {
        let theirs = invoice.network;
        return Err(rejected(format!(
            "the invoice is on {theirs}, and {payer} on {network}"
        )));
    }
    Ok((invoice, amount))
}

fn unusable(error: InvoiceError) -> Error {
    let text = format!("the node's invoice cannot be used: {error}");
    Error::new(ErrorKind::Protocol, text)
}

fn compare(
    terms: &InvoiceTerms,
    request: &InvoiceRequest,
    network: Network,
    now: UnixTime,
) -> Result<(), Error> {
    let mismatch = |text: String| Err(Error::new(ErrorKind::Protocol, text));
    // Coins of a test network are worth nothing, so no other comparison counts before this one.
    if terms.network != network {
        return mismatch(format!(
            "the node's invoice is on {}, not on {network}",
            terms.network
        ));
    }
    // `None` is refused here, too: the payer of such an invoice chooses the amount.
    if terms.amount != Some(request.amount) {
        return mismatch(format!("the node's invoice is not over {}", request.amount));
    }
    // Anybody can present 32 zero bytes as the preimage, and would be served without paying.
    if terms.payment_hash.has_public_preimage() {
        return mismatch("the preimage of the node's invoice is no secret".to_owned());
    }
    // A longer life than requested would let a buyer pay after the token has ended.
    let lasts = terms.expires.since(terms.created).as_secs();
    if lasts != request.expiry.as_secs() {
        return mismatch(format!(
            "the node's invoice lasts {lasts} s instead of what was asked"
        ));
    }
    // `since` stops at zero, so the larger of both directions is the difference.
    if terms.created.since(now).max(now.since(terms.created)) > CLOCK_SKEW {
        return mismatch(
            "the node's clock is more than ten minutes from ours; set both".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use l402::Msat;

    fn asked() -> InvoiceRequest {
        let memo = "L402".to_owned();
        InvoiceRequest {
            amount: Msat::from_sat(10),
            expiry: Duration::from_secs(60),
            memo,
        }
    }

    #[test]
    fn refuses_requests_that_no_invoice_can_hold() {
        assert!(request(&asked()).is_ok());
        for wrong in [
            InvoiceRequest {
                amount: Msat::ZERO,
                ..asked()
            },
            InvoiceRequest {
                amount: Msat::new(u64::MAX),
                ..asked()
            },
            InvoiceRequest {
                memo: "m".repeat(640),
                ..asked()
            },
            InvoiceRequest {
                expiry: Duration::from_millis(999),
                ..asked()
            },
            InvoiceRequest {
                expiry: Duration::MAX,
                ..asked()
            },
        ] {
            assert_eq!(
                request(&wrong).unwrap_err().kind(),
                ErrorKind::Rejected,
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_no_invoice_is_the_nodes_fault() {
        let now = UnixTime::from_secs(1_790_000_000);
        let error = invoice("lnbc1nonsense".to_owned(), &asked(), Network::Regtest, now);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Protocol);
    }
}
