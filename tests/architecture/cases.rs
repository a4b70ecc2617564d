//! The backends, and the cases that each of them is held to.

/// The backends, each with its name on the page.
pub(crate) const BACKENDS: [(&str, &str); 10] = [
    ("sandbox", "Sandbox"),
    ("sandbox-http", "Sandbox over HTTP"),
    ("lnd", "lnd"),
    ("cln", "Core Lightning, socket"),
    ("cln-rest", "Core Lightning, clnrest"),
    ("ldk", "LDK, embedded"),
    ("nwc", "Nostr Wallet Connect"),
    ("phoenixd", "phoenixd"),
    ("lnbits", "LNbits"),
    ("lnurl", "Lightning address"),
];

/// The cases, each with its meaning.
pub(crate) const CASES: [(&str, &str); 17] = [
    (
        "pay",
        "an invoice is paid, and the seller's side reports it as settled",
    ),
    (
        "fee_limit",
        "a payment that would cost more than the limit fails, and no money moves",
    ),
    (
        "expired",
        "an invoice that has expired is not paid, and no money moves",
    ),
    (
        "already_paid",
        "a further payment of a paid invoice reports the first one, and no money moves",
    ),
    (
        "unknown_then_settled",
        "a payment without an answer is unknown, and a look-up finds that it has settled",
    ),
    (
        "unknown_then_failed",
        "a payment without an answer is unknown, and a look-up finds that it has failed",
    ),
    (
        "held",
        "a payment that the payee holds is unknown to the buyer, and counts as unpaid",
    ),
    (
        "bad_preimage",
        "a wrong or missing preimage settles nothing, whatever the status beside it says",
    ),
    (
        "restart",
        "after the wallet or this program restarts, the same invoice is still paid only once",
    ),
    (
        "lookup_after_restart",
        "after a restart, a look-up by payment hash still finds the payment",
    ),
    (
        "cancellation",
        "a payment whose caller leaves in the middle ends as one payment: looked up, or paid again",
    ),
    (
        "deadline",
        "a payment ends at its deadline as settled or unknown, never as failed while money moves",
    ),
    (
        "html_error",
        "a page of HTML, of any status, proves nothing: the payment is unknown",
    ),
    (
        "huge_answer",
        "an answer without end is not read to its end: the payment is unknown",
    ),
    (
        "msat",
        "amounts are exact to the millisatoshi, or what the wallet cannot say is refused",
    ),
    (
        "preimage_proven",
        "the preimage of each settled payment hashes to its payment hash",
    ),
    (
        "once_per_hash",
        "eight calls at once, and more afterwards, pay an invoice once",
    ),
];

/// The ways to show a case, the most convincing one first, each with its meaning.
pub(crate) const KINDS: [(&str, &str); 3] = [
    ("real", "the node or wallet itself"),
    ("foreign", "an implementation that somebody else wrote"),
    (
        "double",
        "a double of our own, which speaks the interface and misbehaves on demand",
    ),
];
