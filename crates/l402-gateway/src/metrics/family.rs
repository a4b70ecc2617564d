//! Every metric, named once.

/// A kind of metric, as Prometheus knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// Returns the word in a line `# TYPE`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric with its labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

// One row makes a constant and its place in the list, so that none can be left out of the page.
macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal)*] $help:literal;)*) => {
        $(pub(crate) static $constant: Family = Family {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All metrics, in the order in which the text has them.
        #[cfg(test)]
        pub(crate) static ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    BUILD_INFO = Gauge "l402_build_info" ["version"]
        "The version of the program; always 1";
    START_TIME = Gauge "l402_start_time_seconds" []
        "The Unix time at which the gateway was started";
    REQUESTS = Counter "l402_requests_total" ["route" "outcome"]
        "Requests by the pattern of their route (- if none matched) and by their end; each has one";
    PROBLEMS = Counter "l402_problems_total" ["route" "code"]
        "Answers of the gateway instead of the upstream, by the code of the problem; those with an \
         invoice are among them";
    SALES = Counter "l402_sales_total" ["route"]
        "Uses that were sold: a payment for a time counts once";
    SALES_MSAT = Counter "l402_sales_msat_total" ["route"]
        "The worth of the uses that were sold, in millisatoshi";
    SETTLEMENTS = Counter "l402_settlements_total" []
        "Payments that the node has told of";
    SETTLEMENTS_MSAT = Counter "l402_settlements_msat_total" []
        "The sum of these payments, in millisatoshi";
    GATEWAY_SECONDS = Histogram "l402_gateway_seconds" ["answer"]
        "The time that the gateway itself took to the head of an answer, the ledger and, for a \
         challenge, the node included and the upstream not";
    UPSTREAM_SECONDS = Histogram "l402_upstream_seconds" ["route"]
        "The time from the begin of forwarding to the head of the upstream's answer; routes without \
         one are left out";
    UPSTREAM_UP = Gauge "l402_upstream_up" ["upstream"]
        "0 while an upstream is known to be down and nothing of it is sold, else 1";
    UPSTREAM_IN_FLIGHT = Gauge "l402_upstream_in_flight" ["upstream"]
        "Requests that are at an upstream, bodies included";
    UPSTREAM_CONNECTIONS = Gauge "l402_upstream_connections" []
        "Open connections to upstreams, idle ones included";
    NODE_UP = Gauge "l402_node_up" []
        "0 if the last call to the node failed or had no answer in time, else 1";
    NODE_CALLS = Counter "l402_node_calls_total" ["call" "outcome"]
        "Calls to the node: ok, timeout, error, or wrong for an invoice that was not asked for";
    NODE_CALL_SECONDS = Histogram "l402_node_call_seconds" ["call"]
        "The time of calls to the node";
    NODE_LAST_SUCCESS = Gauge "l402_node_last_success_seconds" []
        "The Unix time of the last call that the node answered; 0 if it answered none";
    INVOICES_ASKED = Counter "l402_invoices_asked_total" []
        "Invoices that were asked for, of the node or of the stock";
    INVOICES_IN_STOCK = Gauge "l402_invoices_in_stock" []
        "Invoices that were made in advance and wait, over all prices";
    LEDGER_UP = Gauge "l402_ledger_up" []
        "0 if the ledger cannot be reached or written, else 1";
    LEDGER_SECONDS = Histogram "l402_ledger_seconds" []
        "The time of reserving a use, until it is durable";
    LEDGER_ERRORS = Counter "l402_ledger_errors_total" []
        "Uses that could not be reserved because of the ledger";
    LEDGER_QUEUE = Gauge "l402_ledger_queue" []
        "Uses that wait to be reserved";
    BOOKS_MISSED = Counter "l402_books_missed_total" []
        "Entries that found the queue of the books full; they come back from the ledger";
    CONNECTIONS = Gauge "l402_connections" ["protocol"]
        "Open connections of clients; new ones have not begun a protocol yet";
    CONNECTIONS_ACCEPTED = Counter "l402_connections_accepted_total" []
        "Connections of clients that were accepted";
    DESCRIPTORS = Gauge "l402_descriptors_open" []
        "Files and sockets that the process has open, where the system tells";
    DESCRIPTORS_MAX = Gauge "l402_descriptors_max" []
        "Files and sockets that the process may have open, where there is a limit";
    LIMIT_HITS = Counter "l402_limit_hits_total" ["limit"]
        "Requests and connections that were turned away by a limit";
    LOG_DROPPED = Counter "l402_log_lines_dropped_total" []
        "Lines that the access log had no room for";
    NOTICES_DROPPED = Counter "l402_notices_dropped_total" []
        "Notices to the operator that a listener had no room for";
    RELOADS = Counter "l402_reloads_total" ["result"]
        "Reloads of the configuration: ok or rejected";
    SPANS_DROPPED = Counter "l402_trace_spans_dropped_total" []
        "Spans of traces that no collector got";
}
