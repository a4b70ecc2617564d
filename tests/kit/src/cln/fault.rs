//! The faults of the fake Core Lightning.

/// A fault of the fake Core Lightning, in force until the next one is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClnFault {
    /// Names another payment hash in every answer that has one.
    AnotherHash,
    /// Answers the socket with the id of another call.
    AnotherId,
    /// Makes an invoice of half the amount.
    CheapInvoice,
    /// Pays, and ends the connection in the middle of the answer.
    CutAfterPay,
    /// Sends an answer without end.
    Endless,
    /// Tries a part that fails, and then says that there is no route.
    FailsAfterTry,
    /// Says that it gives up while a part is in flight.
    GivesUpInFlight,
    /// Answers with a page that is no JSON.
    Html,
    /// Has a part in flight, and never answers a caller who pays.
    InFlight,
    /// Lists a part as failed while it tries another, and never answers a caller who pays.
    MidTries,
    /// No fault.
    #[default]
    None,
    /// Answers to `xpay` as a proxy does, with this status of HTTP; the payment begins later.
    Proxy(u16),
    /// Refuses with this code.
    Refuses(i64),
    /// Never answers.
    Silent,
    /// Sends a notification before each answer, and cuts the answer in two.
    Talkative,
    /// Tells only what a payment cost in all, and not the amount in it.
    TellsNoAmount,
    /// Takes an `xpay` and lists nothing of it yet, and never answers.
    Unlisted,
    /// Says that it paid, with a preimage of another payment.
    WrongPreimage,
}
