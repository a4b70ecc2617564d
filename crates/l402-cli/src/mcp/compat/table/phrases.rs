//! Words that stand in several tables.

/// The words about an argument that wants to approve.
pub(super) const NO_APPROVAL: &str =
    "no argument approves a payment: a person does, with `l402 approve` or on the page";

/// The words about an argument that names another agent.
pub(super) const THIS_AGENT: &str = "a tool acts for the agent of this run alone";

/// The words about a parameter that filters a list.
pub(super) const NO_FILTER: &str = "the list is not filtered by it";

/// The states of a payment in the words of several wallets.
pub(super) const STATES: &[(&str, &str)] = &[
    ("served", "success"),
    ("paid", "success"),
    ("refused", "success"),
    ("unknown", "pending"),
    ("failed", "failed"),
];

/// The states of a payment or an invoice in the words of Nostr Wallet Connect.
pub(super) const NWC_STATES: &[(&str, &str)] = &[
    ("served", "settled"),
    ("paid", "settled"),
    ("refused", "settled"),
    ("settled", "settled"),
    ("unknown", "pending"),
    ("pending", "pending"),
    ("open", "pending"),
    ("held", "accepted"),
    ("failed", "failed"),
    ("cancelled", "failed"),
    ("expired", "expired"),
];
