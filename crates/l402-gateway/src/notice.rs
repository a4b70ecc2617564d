//! What the operator is to be told of: sales, payments, and what is wrong.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use l402::{KeyNumber, Msat, PaymentHash, TokenId, UnixTime};
use tokio::sync::mpsc;

/// The notices that wait for one listener that is slow. Further ones are dropped, and counted.
const WAITING: usize = 4096;

/// One thing that happened. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The configuration that somebody wanted is not served; the one before goes on.
    ConfigurationRejected {
        file: String,
        why: String,
    },
    /// A number of the master key ends soon.
    KeyEnds {
        number: KeyNumber,
        until: UnixTime,
    },
    /// The node can receive less than the operator wants.
    LowLiquidity {
        receivable: Msat,
        least: Msat,
    },
    /// A use was paid for and served.
    Sale {
        route: String,
        service: String,
        price: Option<Msat>,
        payment: PaymentHash,
        token: TokenId,
    },
    /// The node was paid, perhaps for something else than this gateway sells.
    Settled {
        payment: PaymentHash,
        amount: Msat,
    },
    UpstreamDown {
        upstream: String,
        why: String,
    },
    UpstreamUp {
        upstream: String,
    },
}

/// The kind of a notice, under the name that operators write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoticeKind {
    ConfigurationRejected,
    KeyEnds,
    LowLiquidity,
    Sale,
    Settled,
    UpstreamDown,
    UpstreamUp,
}

impl NoticeKind {
    /// All kinds, in the order in which they are shown.
    pub(crate) const ALL: [Self; 7] = [
        Self::Sale,
        Self::Settled,
        Self::LowLiquidity,
        Self::UpstreamDown,
        Self::UpstreamUp,
        Self::ConfigurationRejected,
        Self::KeyEnds,
    ];

    /// The name in the configuration and in what is sent.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ConfigurationRejected => "configuration_rejected",
            Self::KeyEnds => "key_ends",
            Self::LowLiquidity => "low_liquidity",
            Self::Sale => "sale",
            Self::Settled => "settled",
            Self::UpstreamDown => "upstream_down",
            Self::UpstreamUp => "upstream_up",
        }
    }
}

/// A name that is no kind of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownNotice;

impl fmt::Display for UnknownNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NoticeKind::ALL.map(NoticeKind::name).join(", ");
        write!(f, "no such event; there are {names}")
    }
}

impl FromStr for NoticeKind {
    type Err = UnknownNotice;

    fn from_str(name: &str) -> Result<Self, UnknownNotice> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or(UnknownNotice)
    }
}

impl Notice {
    pub(crate) const fn kind(&self) -> NoticeKind {
        match self {
            Self::ConfigurationRejected { .. } => NoticeKind::ConfigurationRejected,
            Self::KeyEnds { .. } => NoticeKind::KeyEnds,
            Self::LowLiquidity { .. } => NoticeKind::LowLiquidity,
            Self::Sale { .. } => NoticeKind::Sale,
            Self::Settled { .. } => NoticeKind::Settled,
            Self::UpstreamDown { .. } => NoticeKind::UpstreamDown,
            Self::UpstreamUp { .. } => NoticeKind::UpstreamUp,
        }
    }
}

/// A set of kinds that may change while its listener listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds(Arc<AtomicU16>);

impl Kinds {
    /// Holds these kinds alone, from now on.
    pub(crate) fn set(&self, kinds: impl IntoIterator<Item = NoticeKind>) {
        let bits = kinds.into_iter().fold(0, |bits, kind| bits | bit(kind));
        self.0.store(bits, Ordering::Relaxed);
    }

    fn holds(&self, kind: NoticeKind) -> bool {
        self.0.load(Ordering::Relaxed) & bit(kind) != 0
    }
}

const fn bit(kind: NoticeKind) -> u16 {
    1 << kind as u16
}

#[derive(Clone)]
struct Listener {
    send: mpsc::Sender<Notice>,
    kinds: Kinds,
}

impl Listener {
    fn wants(&self, kind: NoticeKind) -> bool {
        self.kinds.holds(kind) && !self.send.is_closed()
    }
}

/// Where notices go. Telling one waits for nobody.
#[derive(Clone, Default)]
pub(crate) struct Notices {
    /// Read at every sale, so without a lock.
    listeners: Arc<ArcSwap<Vec<Listener>>>,
    dropped: Arc<AtomicU64>,
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

impl Notices {
    /// Hands a notice to every listener of its kind. One whose queue is full does not get it.
    pub(crate) fn tell(&self, notice: &Notice) {
        let (listeners, kind) = (self.listeners.load(), notice.kind());
        for listener in listeners.iter().filter(|one| one.wants(kind)) {
            // A listener that is slow must not hold up a sale.
            if listener.send.try_send(notice.clone()).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns true if anybody listens for this kind: a notice that costs something to make is made
    /// for them alone.
    pub(crate) fn wants(&self, kind: NoticeKind) -> bool {
        self.listeners.load().iter().any(|one| one.wants(kind))
    }

    /// Returns a further listener, which gets every kind that is told from now on.
    #[cfg(test)]
    pub(crate) fn listen(&self) -> mpsc::Receiver<Notice> {
        let kinds = Kinds::default();
        kinds.set(NoticeKind::ALL);
        self.listen_for(kinds)
    }

    /// Returns a further listener, which gets the kinds that the set holds when they are told.
    pub(crate) fn listen_for(&self, kinds: Kinds) -> mpsc::Receiver<Notice> {
        let (send, receive) = mpsc::channel(WAITING);
        let listener = Listener { send, kinds };
        self.listeners.rcu(|before| {
            // Those that have gone are taken away here, where somebody comes.
            let open = before.iter().filter(|one| !one.send.is_closed());
            open.chain([&listener]).cloned().collect::<Vec<_>>()
        });
        receive
    }

    /// Returns the notices that a listener was too slow for, since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(name: &str) -> Notice {
        let upstream = name.to_owned();
        Notice::UpstreamUp { upstream }
    }

    #[test]
    fn a_listener_gets_its_kinds_alone_and_a_slow_one_holds_nobody_up() {
        let notices = Notices::default();
        assert!(!notices.wants(NoticeKind::UpstreamUp));
        let kinds = Kinds::default();
        let mut some = notices.listen_for(kinds.clone());
        notices.tell(&up("a"));
        assert!(some.try_recv().is_err(), "not wanted yet");
        kinds.set([NoticeKind::UpstreamUp]);
        assert!(notices.wants(NoticeKind::UpstreamUp) && !notices.wants(NoticeKind::Sale));
        let mut all = notices.listen();
        for _ in 0..=WAITING {
            notices.tell(&up("b"));
        }
        assert_eq!(notices.dropped(), 2, "one of each listener");
        assert_eq!(some.try_recv(), Ok(up("b")));
        assert_eq!(all.try_recv(), Ok(up("b")));
        drop((some, all));
        assert!(!notices.wants(NoticeKind::UpstreamUp));
    }

    #[test]
    fn each_kind_is_read_by_its_name() {
        for kind in NoticeKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "sales".parse::<NoticeKind>().unwrap_err().to_string();
        assert!(error.contains("sale, settled, low_liquidity"), "{error}");
    }
}
