//! The flags that choose the way of a request and the place of its answer.

use super::parity::{PLAIN, Row};

/// The rows of the page, in its order.
pub(super) const ROWS: &[Row] = &[
    Row {
        flag: "-o, --output",
        lines: &[
            &["-o", "out", "{url}/echo"],
            &["-o", "text", "{url}/echo"],
            &["-o", "-", "{url}/echo"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-i, --include",
        lines: &[&["-i", "{url}/echo"], &["-iL", "{url}/redirect"]],
        differs: "names of headers in lower case; of a purchase, the 402 is not shown",
        ..PLAIN
    },
    Row {
        flag: "-s, --silent",
        lines: &[&["-s", "{url}/echo"]],
        differs: "errors about money are always shown",
        ..PLAIN
    },
    Row {
        flag: "-S, --show-error",
        lines: &[&["-sS", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "-w, --write-out",
        lines: &[&[
            "-w",
            "%{http_code} %{size_download} %{content_type} %{url_effective}\\n",
            "{url}/echo",
        ]],
        differs: "four of curl's variables, and three about money",
        ..PLAIN
    },
    Row {
        flag: "-m, --max-time",
        lines: &[&["-m", "30", "{url}/echo"]],
        differs: "after a 429 it waits for `Retry-After` within this time",
        ..PLAIN
    },
    Row {
        flag: "-m, --max-time of a slow server",
        lines: &[&["-m", "0.3", "{url}/silent"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-L, --location",
        lines: &[&["-L", "{url}/redirect"], &["{url}/redirect"]],
        differs: "a credential never crosses origins, and no body goes to another",
        ..PLAIN
    },
    Row {
        flag: "--max-redirs",
        lines: &[
            &["-L", "--max-redirs", "1", "{url}/redirect"],
            &["-L", "--max-redirs", "-1", "{url}/redirect"],
            &["--max-redirs", "0", "{url}/redirect"],
        ],
        differs: "50 without it, as with curl; -1 is 1000",
        ..PLAIN
    },
    Row {
        flag: "--max-redirs too low",
        lines: &[
            &["-L", "--max-redirs", "0", "{url}/redirect"],
            &["-L", "--max-redirs", "3", "{url}/round"],
        ],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-f, --fail",
        lines: &[&["-f", "{url}/missing"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "--fail-with-body",
        lines: &[&["--fail-with-body", "-o", "out", "{url}/missing"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-O, --remote-name",
        lines: &[
            &["-O", "{url}/folder/file?query"],
            &["-O", "{url}/a%20b"],
            &["-O", "{url}/text"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-O of a URL without a name",
        lines: &[&["-O", "{url}/"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-J, --remote-header-name",
        lines: &[
            &["-s", "-OJ", "{url}/attached?new.txt"],
            &["-s", "-OJ", "{url}/attached?../../up.txt"],
            &["-s", "-O", "-J", "{url}/file"],
            &["-J", "{url}/attached?new.txt"],
        ],
        differs: "a dot at the start of a name becomes an underscore",
        ..PLAIN
    },
    Row {
        flag: "-J with the name of a file that is there",
        lines: &[&["-s", "-OJ", "{url}/attached?text"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-D, --dump-header",
        lines: &[
            &["-D", "heads", "{url}/echo"],
            &["-D", "-", "{url}/echo"],
            &["-LD", "heads", "-o", "out", "{url}/redirect"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-D, --dump-header with -f",
        lines: &[&["-fD", "heads", "{url}/missing"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "--create-dirs",
        lines: &[&["--create-dirs", "-o", "a/b/c", "{url}/echo"]],
        differs: "without it, a folder that there is not is found before anything is asked",
        ..PLAIN
    },
    Row {
        flag: "--max-filesize",
        lines: &[
            &["--max-filesize", "16", "{url}/file"],
            &["--max-filesize", "1k", "{url}/file"],
        ],
        differs: "it holds without a `Content-Length`, too; what was paid for is kept (exit 15)",
        ..PLAIN
    },
    Row {
        flag: "--max-filesize of a longer body",
        lines: &[&["--max-filesize", "15", "{url}/file"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "--retry",
        lines: &[
            &["--retry", "3", "{url}/tired"],
            &["--retry", "3", "-o", "out", "{url}/tired"],
            &["--retry", "3", "-f", "{url}/tired"],
            &["--retry", "1", "{url}/missing"],
        ],
        differs: "it never pays twice, and asks for nothing while a payment is unknown; what stands at \
                  stdin is sent once",
        ..PLAIN
    },
    Row {
        flag: "--retry-delay",
        lines: &[&["--retry", "1", "--retry-delay", "1", "{url}/tired"]],
        ..PLAIN
    },
    Row {
        flag: "--retry-max-time",
        lines: &[&["--retry", "5", "--retry-max-time", "1", "{url}/busy"]],
        differs: "no wait begins that would outlast it",
        ..PLAIN
    },
    Row {
        flag: "-K, --config",
        lines: &[&["-K", "flags", "{url}/echo"]],
        differs: "a flag that there is not is an error, and so are `config` and `next` in a file",
        ..PLAIN
    },
    Row {
        flag: "-v, --verbose",
        lines: &[&["-v", "{url}/echo"]],
        differs: "the heads alone; secrets are left out, tokens and invoices cut",
        ..PLAIN
    },
    Row {
        flag: "-N, --no-buffer",
        lines: &[&["-N", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "-x, --proxy",
        lines: &[
            &["-x", "{url}", "http://shop.example/echo"],
            &["-x", "", "{url}/echo"],
        ],
        differs: "this machine is never asked through it; no `Proxy-Connection` is sent",
        ..PLAIN
    },
    Row {
        flag: "--noproxy",
        lines: &[
            &["-x", "http://127.0.0.1:1", "--noproxy", "*", "{url}/echo"],
            &[
                "-x",
                "http://127.0.0.1:1",
                "--noproxy",
                "127.0.0.1",
                "{url}/echo",
            ],
        ],
        ..PLAIN
    },
    Row {
        flag: "--resolve",
        lines: &[
            &[
                "--resolve",
                "shop.example:{port}:127.0.0.1",
                "http://shop.example:{port}/echo",
            ],
            &[
                "--resolve",
                "*:{port}:127.0.0.1",
                "http://other.example:{port}/echo",
            ],
        ],
        differs: "a credential goes over plain HTTP only if address and URL are both this machine",
        ..PLAIN
    },
    Row {
        flag: "--connect-to",
        lines: &[
            &[
                "--connect-to",
                "::127.0.0.1:{port}",
                "http://shop.example/echo",
            ],
            &[
                "--connect-to",
                "shop.example:81:127.0.0.1:{port}",
                "http://shop.example:81/echo",
            ],
            &["--connect-to", ":82::{port}", "http://127.0.0.1:82/echo"],
        ],
        differs: "as with --resolve; not together with a proxy",
        ..PLAIN
    },
    Row {
        flag: "--connect-timeout",
        lines: &[&["--connect-timeout", "5.5", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "--http1.1",
        lines: &[&["--http1.1", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "--http2",
        lines: &[&["--http2", "{url}/echo"]],
        differs: "over plain HTTP, no upgrade is asked for",
        ..PLAIN
    },
    Row {
        flag: "--cacert",
        lines: &[&["--cacert", "none", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "-E, --cert",
        lines: &[&["-E", "none", "{url}/echo"]],
        differs: "PEM without a password",
        ..PLAIN
    },
    Row {
        flag: "--key",
        lines: &[&["--cert", "none", "--key", "none", "{url}/echo"]],
        differs: "as with --cert",
        ..PLAIN
    },
    Row {
        flag: "-4, --ipv4",
        lines: &[&["-4", "http://localhost:{port}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "-6, --ipv6 of a server without it",
        lines: &[&["-6", "http://localhost:{port}/echo"]],
        fails: true,
        ..PLAIN
    },
    Row {
        flag: "-k, --insecure",
        lines: &[&["-k", "{url}/echo"]],
        differs: "nothing is paid and no credential sent without --yes (exit 53)",
        ..PLAIN
    },
];
