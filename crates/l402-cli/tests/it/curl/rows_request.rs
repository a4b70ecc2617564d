//! The flags that make a request.

use super::parity::{PLAIN, Row};

/// The rows of the page, in its order.
pub(super) const ROWS: &[Row] = &[
    Row {
        flag: "-X, --request",
        lines: &[
            &["-X", "PUT", "{url}/echo"],
            &["--request", "DELETE", "{url}/echo"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-d, --data",
        lines: &[
            &["-d", "a=1", "--data", "b=2", "{url}/echo"],
            &["-d", "@text", "{url}/echo"],
            &["-d", "@-", "-d", "", "{url}/echo"],
        ],
        ..PLAIN
    },
    Row {
        flag: "--json",
        lines: &[&["--json", "{\"a\":", "--json", "@-", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "-H, --header",
        lines: &[&[
            "-H",
            "X-A: 1",
            "-H",
            "X-Empty;",
            "-H",
            "Accept: a/b",
            "{url}/echo",
        ]],
        ..PLAIN
    },
    Row {
        flag: "-A, --user-agent",
        lines: &[&["-A", "me/1", "{url}/echo"], &["-A", "", "{url}/echo"]],
        ..PLAIN
    },
];
