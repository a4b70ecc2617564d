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
    Row {
        flag: "--data-binary",
        lines: &[&[
            "--data-binary",
            "@text",
            "-d",
            "@text",
            "--data-binary",
            "@-",
            "{url}/echo",
        ]],
        ..PLAIN
    },
    Row {
        flag: "--data-raw",
        lines: &[&["--data-raw", "@text", "-d", "x", "{url}/echo"]],
        ..PLAIN
    },
    Row {
        flag: "--data-urlencode",
        lines: &[
            &[
                "--data-urlencode",
                "a b&c=d/é",
                "--data-urlencode",
                "=x=y",
                "{url}/echo",
            ],
            &[
                "--data-urlencode",
                "n=a@b",
                "--data-urlencode",
                "@text",
                "{url}/echo",
            ],
            &[
                "-d",
                "1",
                "--data-urlencode",
                "n@text",
                "-d",
                "2",
                "{url}/echo",
            ],
        ],
        ..PLAIN
    },
    Row {
        flag: "-G, --get",
        lines: &[
            &["-G", "-d", "a=1", "--data-urlencode", "b= 2", "{url}/echo"],
            &["-G", "-d", "a=1", "{url}/echo?q#part"],
            &["-G", "-d", "a=1", "{url}/echo?"],
            &["-G", "-I", "-d", "a=1", "{url}/echo"],
            &["-G", "{url}/echo"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-F, --form",
        lines: &[
            &[
                "-F",
                "a=b",
                "-F",
                "f=@text",
                "-F",
                "g=<text",
                "-F",
                "p=@page.html",
                "{url}/echo",
            ],
            &[
                "-F",
                "h=x;type=text/html",
                "-F",
                "\"q\"=1",
                "-F",
                "e=",
                "-F",
                "i=@-",
                "{url}/echo",
            ],
            &[
                "-F",
                "i=@text;filename=\"a\\\"b;c\";type=a/b",
                "-F",
                "j=\"a;b\"",
                "{url}/echo",
            ],
            &["-F", "t=@text;filename=x.png", "-X", "PUT", "{url}/echo"],
        ],
        differs: "parts within parts, `;headers=` and `;encoder=` are not built",
        ..PLAIN
    },
    Row {
        flag: "-T, --upload-file",
        lines: &[
            &["-T", "text", "{url}/dir/"],
            &["-T", "page.html", "{url}"],
            &["-T", "text", "{url}/dir/?x=1"],
            &["-T", "text", "-X", "POST", "{url}/file"],
            &["-T", "-", "{url}/echo"],
        ],
        differs: "what stands at stdin is read to its end first, and sent with its length; one file \
                  a call",
        ..PLAIN
    },
    Row {
        flag: "-I, --head",
        lines: &[
            &["-I", "{url}/echo"],
            &["-I", "-L", "{url}/redirect"],
            &["-I", "-X", "DELETE", "{url}/echo"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-C, --continue-at",
        lines: &[
            &["-C", "-", "-o", "begun", "{url}/file"],
            &["-C", "-", "-o", "new", "{url}/file"],
            &["-C", "4", "-o", "begun", "{url}/file"],
            &["-C", "4", "{url}/file"],
            &["-C", "99", "-o", "begun", "{url}/file"],
            &["-C", "16", "-o", "begun", "{url}/all"],
        ],
        differs: "with GET alone; what was paid for and comes whole is written whole",
        ..PLAIN
    },
    Row {
        flag: "-C, where no range comes",
        lines: &[
            &["-C", "-", "-o", "begun", "{url}/all"],
            &["-C", "-", "-o", "begun", "{url}/missing"],
        ],
        differs: "both refuse, and leave the file as it is",
        fails: true,
    },
    Row {
        flag: "--compressed",
        lines: &[
            &["--compressed", "{url}/gzip"],
            &["--compressed", "-i", "{url}/gzip", "-w", "%{size_download}"],
            &["--compressed", "{url}/deflate"],
            &["--compressed", "{url}/echo"],
            &["--compressed", "-I", "{url}/gzip"],
            &["--compressed", "-H", "Accept-Encoding: gzip", "{url}/gzip"],
            &["{url}/gzip"],
        ],
        differs: "asks for gzip, deflate and br, and not for zstd; receipts and lengths are about the \
                  bytes that came",
        ..PLAIN
    },
    Row {
        flag: "--compressed, broken",
        lines: &[
            &["--compressed", "{url}/unknown"],
            &["--compressed", "{url}/broken"],
        ],
        differs: "both fail; what is paid for and packed in an unknown way is written as it came",
        fails: true,
    },
    Row {
        flag: "-b, --cookie",
        lines: &[
            &["-b", "a=1", "-b", "b=2", "{url}/echo"],
            &["-b", "cookies", "-b", "a=1", "{url}/echo"],
            &["-b", "none", "{url}/echo"],
            &["-b", "", "-L", "{url}/cookies"],
            &["-b", "a=1", "-L", "{url}/cookies"],
            &["-b", "", "-L", "{url}/away"],
        ],
        differs: "a file in Netscape's form; a text goes to the host of the URL alone; a cookie goes back to the host that set it, and not to \
                  others of its domain",
        ..PLAIN
    },
    Row {
        flag: "-c, --cookie-jar",
        lines: &[
            &["-c", "jar", "{url}/cookies"],
            &["-c", "-", "{url}/cookies"],
            &["-b", "cookies", "-c", "jar", "-L", "{url}/cookies"],
        ],
        differs: "the file is 0600",
        ..PLAIN
    },
    Row {
        flag: "-e, --referer",
        lines: &[&["-e", "http://a.example/x", "{url}/echo"]],
        differs: "`;auto` is not built, for the query of a page may hold a secret",
        ..PLAIN
    },
    Row {
        flag: "-r, --range",
        lines: &[
            &["-r", "0-3", "{url}/file"],
            &["-r", "-4", "{url}/file"],
            &["-r", "3", "{url}/file"],
        ],
        ..PLAIN
    },
    Row {
        flag: "-u, --user",
        lines: &[
            &["-u", "me:a:b", "{url}/echo"],
            &["-u", ":", "{url}/echo"],
            &["-u", "me:x", "-H", "Authorization: Bearer y", "{url}/echo"],
        ],
        differs: "a name alone asks for the password at a terminal, else it is an error; a price beside \
                  it is paid only if the server says `L402-Credential: accepted` (exit 46)",
        ..PLAIN
    },
    Row {
        flag: "-n, --netrc",
        lines: &[
            &["-n", "{url}/echo"],
            &["-n", "-u", "x:y", "{url}/echo"],
            &["-n", "--netrc-file", "netrc", "{url}/echo"],
        ],
        differs: "as with -u; a redirect to another origin gets no login",
        ..PLAIN
    },
    Row {
        flag: "--netrc-file",
        lines: &[
            &["--netrc-file", "netrc", "{url}/echo"],
            &["--netrc-file", "none", "{url}/echo"],
        ],
        differs: "as with -n",
        ..PLAIN
    },
    Row {
        flag: "--url",
        lines: &[&["--url", "{url}/echo"]],
        differs: "one URL a call",
        ..PLAIN
    },
    Row {
        flag: "-d, -F, -T, -I together",
        lines: &[
            &["-d", "x", "-I", "{url}/echo"],
            &["-d", "x", "-T", "text", "{url}/echo"],
            &["-F", "a=b", "-d", "x", "{url}/echo"],
            &["-G", "-d", "x", "-T", "text", "{url}/echo"],
        ],
        differs: "both refuse",
        fails: true,
    },
];
