//! The rows of the tables.

/// A tool of another wallet.
#[derive(Debug)]
pub(super) struct Row {
    /// The name by which it is called.
    pub(super) name: &'static str,
    /// The words for a model.
    pub(super) description: &'static str,
    /// Its parameters, as the other wallet spells them.
    pub(super) parameters: &'static [Parameter],
    /// The default tool, or the work of ours, behind it.
    pub(super) work: Work,
    /// The keys of its result, as the other wallet spells them. A key whose value is not known is left out.
    pub(super) result: &'static [Field],
    /// The differences from the other wallet, for the documentation. Empty if there are none.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test writes the documentation")
    )]
    pub(super) differs: &'static str,
}

/// The work behind a tool.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A default tool.
    Tool(&'static str),
    /// The tool `pay_invoice`, with an invoice that a Lightning address gives for the arguments `address`,
    /// `amount` and `comment`.
    PayAddress,
    /// An invoice that a Lightning address gives. Pays nothing.
    AskAddress,
    /// The limits of this run, which are only ever lowered.
    Narrow,
    /// The tool `decode_invoice` for a part of the arguments, then `lookup_payment` with the hash.
    LookUpEither,
    /// These words, and nothing else: the call is understood, and not done.
    Refuse(&'static str),
}

/// A parameter of a tool.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
    pub(super) fate: Fate,
}

/// The values that a parameter takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A text of at most so many bytes.
    Text(usize),
    /// A whole number between the two.
    Whole(u64, u64),
    /// One of these texts, in capitals or not.
    Choice(&'static [&'static str]),
    /// Texts by name, as an object or as its JSON.
    Texts,
    /// Anything: it is never read.
    Any,
}

/// The fate of an argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It is the argument of this name of the default tool, or of the work.
    To(&'static str),
    /// The same, and this number stands in if it is not given.
    Or(&'static str, u64),
    /// It changes nothing, and the result says these words.
    Ignored(&'static str),
    /// A call with it is refused with these words.
    Refused(&'static str),
}

impl Parameter {
    pub(super) const fn needed(name: &'static str, kind: Kind, to: &'static str) -> Self {
        let (is_required, fate) = (true, Fate::To(to));
        Self {
            name,
            kind,
            is_required,
            fate,
        }
    }

    pub(super) const fn maybe(name: &'static str, kind: Kind, to: &'static str) -> Self {
        Self::with(name, kind, Fate::To(to))
    }

    pub(super) const fn with(name: &'static str, kind: Kind, fate: Fate) -> Self {
        Self {
            name,
            kind,
            is_required: false,
            fate,
        }
    }

    pub(super) const fn ignored(name: &'static str, words: &'static str) -> Self {
        Self::with(name, Kind::Any, Fate::Ignored(words))
    }

    pub(super) const fn refused(name: &'static str, words: &'static str) -> Self {
        Self::with(name, Kind::Any, Fate::Refused(words))
    }
}

/// A key of a result. Dots lead into objects: `payment.paid`.
#[derive(Debug)]
pub(super) struct Field(pub(super) &'static str, pub(super) Source);

/// The source of a key's value. Paths are JSON pointers into the result of the default tool.
#[derive(Debug)]
pub(super) enum Source {
    /// The value as it is.
    At(&'static str),
    /// An amount in msat, as sat, rounded up.
    Sat(&'static str),
    /// True if the value is one of these texts.
    IsOneOf(&'static str, &'static [&'static str]),
    /// True if there is a value.
    Is(&'static str),
    /// A time in RFC 3339, as seconds since 1970.
    Unix(&'static str),
    /// Words of a stranger, without their mark, which the result carries under `untrusted`.
    Stranger(&'static str),
    /// The host of a URL.
    Host(&'static str),
    /// The price and the fee of a payment, together in sat, rounded up.
    Total(&'static str),
    /// A number of the limit of this name: `limit_msat`, `spent_msat`, `left_msat`, as sat.
    Limit(&'static str, &'static str),
    /// The state of a payment in the words of the other wallet: ours, and theirs.
    Word(&'static str, &'static [(&'static str, &'static str)]),
    /// A list, with these keys of each entry.
    Each(&'static str, &'static [Field]),
    /// A list of one entry with these keys.
    One(&'static [Field]),
    /// The number of entries of a list.
    Count(&'static str),
    /// An argument of the call.
    Argument(&'static str),
    /// This text.
    Text(&'static str),
    /// True, or false.
    Fixed(bool),
    /// A number.
    Number(u64),
    /// Our version.
    Version,
    /// The one line that says what was paid.
    Line,
}
