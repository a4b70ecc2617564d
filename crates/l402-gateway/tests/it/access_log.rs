//! The lines that an access log has, and those that it must not have.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{
    GatewayUnderTest, QUIET, describe, request, routes, send, serve, upstream, whole,
};

/// A log file in a folder of its own, and the section that names it.
struct LogFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl LogFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        Self {
            _folder: folder,
            path,
        }
    }

    fn section(&self, settings: &str) -> String {
        format!("[log]\n{settings}\nfile = \"{}\"\n", self.path.display())
    }

    /// Stops the gateway, which writes what is queued, and reads the file.
    async fn text(&self, server: &mut GatewayUnderTest) -> String {
        server.shutdown(Duration::from_secs(5)).await;
        std::fs::read_to_string(&self.path).unwrap_or_default()
    }

    async fn lines(&self, server: &mut GatewayUnderTest) -> Vec<Value> {
        let text = self.text(server).await;
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        text.lines().map(parse).collect()
    }
}

async fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// A route for everything, one of another service, and one whose upstream is away.
async fn shop() -> String {
    let open = upstream(false, describe).await;
    let route = |path: &str, upstream: SocketAddr| {
        format!(
            "[[route]]\npath = \"/{path}\"\nupstream = \"http://{upstream}\"\nprice = \"10 sat\"\n"
        )
    };
    routes(open, "").replace(QUIET, "") + &route("quote", open) + &route("away", nobody().await)
}

/// A sale, three refusals of a paid credential, a failing upstream, and requests that pay nothing.
/// Returns all secrets that took part.
async fn trade(server: &GatewayUnderTest) -> Vec<String> {
    let credential = server.buy("/joke?q=secret-query").await;
    let away = server.buy("/away").await;
    for (path, credential, status) in [
        ("/quote", Some(&credential), 402),
        ("/joke?q=secret-query", Some(&credential), 200),
        ("/joke", Some(&credential), 402),
        ("/away", Some(&away), 502),
        ("/free?q=secret-query", Some(&credential), 200),
        ("/joke", None, 402),
    ] {
        let answer = server.get(path, credential.map(String::as_str)).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
    }
    let mut secrets = vec!["secret-query".to_owned()];
    for credential in [credential, away] {
        let (token, preimage) = credential[5..].split_once(':').expect("a credential");
        secrets.extend([token.to_owned(), preimage.to_owned()]);
    }
    let key = server.home.path().join("master.key");
    let key = std::fs::read_to_string(key).expect("a key");
    secrets.push(key.trim().to_owned());
    secrets
}

fn assert_no_secret(text: &str, secrets: &[String]) {
    for secret in secrets {
        // Also a part of one is too much.
        let part = &secret[..secret.len().min(24)];
        assert!(secret.len() >= 12 && !text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_a_refused_credential_and_a_failing_upstream_leave_one_line_each() {
    let file = LogFile::new();
    let text = file.section("format = \"json\"") + &shop().await;
    let mut server = serve(&text).await;
    let secrets = trade(&server).await;
    let counters = server.counters();
    let lines = file.lines(&mut server).await;
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            [
                &line["event"],
                &line["path"],
                &line["status"],
                &line["code"],
            ]
        })
        .map(|told| told.map(ToString::to_string).join(" "))
        .collect();
    assert_eq!(
        told,
        [
            r#""refused" "/quote" 402 "wrong_service""#,
            r#""sold" "/joke" 200 null"#,
            r#""refused" "/joke" 402 "consumed""#,
            r#""given_back" "/away" 502 "upstream_failed""#,
        ]
    );
    assert_eq!(lines[3]["fault"], "upstream");
    assert_no_secret(&serde_json::to_string(&lines).unwrap(), &secrets);
    assert_eq!((counters.spent, counters.given_back_upstream), (1, 1));
    assert_eq!((counters.refused_paid, counters.refused), (2, 5));
    assert_eq!(
        (counters.requests, counters.free, counters.granted),
        (8, 1, 3)
    );
    assert_eq!((counters.offered, counters.lines_dropped), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_the_documented_fields() {
    let file = LogFile::new();
    let text = file.section("format = \"json\"") + &shop().await;
    let mut server = serve(&text).await;
    let challenge = server.get("/joke", None).await;
    let credential = server.pay(&challenge).await;
    let mut post = request("POST", "/joke", Some(&credential), b"abc");
    post.headers_mut().insert("content-length", 3.into());
    let answer = send(server.address, post).await;
    let lines = file.lines(&mut server).await;
    let line = lines[0].as_object().expect("an object");
    let fields: Vec<&str> = line.keys().map(String::as_str).collect();
    let documented = "answer_bytes code event fault method path payment_hash policy price_msat \
                      request_bytes route service status time token_id took_us uses_left";
    assert_eq!(fields.join(" "), documented);
    for (field, value) in [
        ("method", Value::from("POST")),
        ("route", "/{*rest}".into()),
        ("service", "all".into()),
        ("price_msat", 50_000.into()),
        ("policy", "request".into()),
        ("uses_left", 0.into()),
        ("request_bytes", 3.into()),
        ("answer_bytes", answer.body.len().into()),
        ("took_us", 0.into()),
        ("fault", Value::Null),
    ] {
        assert_eq!(line[field], value, "{field}");
    }
    let document = challenge.json();
    let hash = document["payment_hash"].as_str().expect("a hash");
    assert_eq!(line["payment_hash"], hash[..16]);
    assert_eq!(line["token_id"].as_str().map(str::len), Some(16));
    assert!(
        line["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_holds_free_and_unpaid_requests_too_and_off_holds_nothing() {
    for (access, events) in [
        ("all", &["free", "given_back", "refused", "sold"][..]),
        ("off", &[]),
    ] {
        let file = LogFile::new();
        let text = file.section(&format!("access = \"{access}\"")) + &shop().await;
        let mut server = serve(&text).await;
        let secrets = trade(&server).await;
        assert_eq!(server.get("/a/..%5cb", None).await.status(), 400);
        assert_eq!(server.counters().spent, 1);
        let text = file.text(&mut server).await;
        let mut told: Vec<_> = text
            .lines()
            .map(|line| line.split(' ').nth(1).expect("an event"))
            .collect();
        assert_eq!(told.len(), if access == "all" { 9 } else { 0 }, "{text}");
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, events, "{text}");
        assert_no_secret(&text, &secrets);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_names_what_is_known_and_nothing_else() {
    let file = LogFile::new();
    let text = file.section("access = \"all\"") + &shop().await;
    let mut server = serve(&text).await;
    server.get("/free?q=1", None).await;
    server.get("/a/..%5cb", None).await;
    // No text of a caller can end a line, or look like a field.
    server.get("/a%0a%20sold%20=b", None).await;
    let text = file.text(&mut server).await;
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_once(' ').expect("a time").1)
        .map(|line| line.split(" answer_bytes").next().expect("a line"))
        .collect();
    assert_eq!(
        lines,
        [
            "free GET /free 200 route=/free",
            "refused GET - 400 code=bad_request took_us=0",
            "refused GET - 400 code=bad_request took_us=0",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_opened_is_told_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[log]\nfile = \"{}\"\n{}",
        folder.path().display(),
        shop().await
    );
    let home = tempfile::tempdir().expect("a home");
    let started = crate::harness::start(&text, home.path(), l402_testkit::clock()).await;
    let error = started.expect_err("a folder is no file").to_string();
    assert!(error.contains("log.file"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_for_its_owner_alone_and_an_old_one_is_continued() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = LogFile::new();
    let text = file.section("access = \"all\"") + &shop().await;
    let mut server = serve(&text).await;
    server.get("/free", None).await;
    let first = file.text(&mut server).await;
    server.restart(&text).await;
    server.get("/free", None).await;
    let both = file.text(&mut server).await;
    assert_eq!((first.lines().count(), both.lines().count()), (1, 2));
    assert!(both.starts_with(&first));
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode()
    };
    assert_eq!(mode(&file.path) & 0o777, 0o600);
}

/// Waits for the reader on the control runtime, which looks at the sandbox every 50 ms.
#[tokio::test(flavor = "multi_thread")]
async fn payments_that_reach_the_node_are_counted() {
    let server = serve(&routes(upstream(false, describe).await, "")).await;
    let mut paid = 0;
    // The first payments may be made before the reader has begun.
    while server.counters().settlements == 0 {
        server.buy("/joke").await;
        paid += 50_000;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let counters = server.counters();
    assert_eq!(counters.settled_msat, counters.settlements * 50_000);
    assert!(counters.settled_msat <= paid);
}

fn told(document: &Value, name: &str) -> Vec<String> {
    let headers = document["headers"].as_array().expect("a list");
    let named = headers.iter().filter(|pair| pair[0] == name);
    named
        .map(|pair| pair[1].as_str().expect("text").to_owned())
        .collect()
}

/// With and without the option, on paid and free routes.
#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_hears_of_a_payment_from_the_gateway_alone() {
    let upstream = upstream(false, describe).await;
    let names = ["l402-payment-hash", "l402-service", "l402-uses-left"];
    for (more, left) in [
        ("", None),
        ("payment_headers = true", Some("0")),
        ("payment_headers = true\npolicy = \"uses=3\"", Some("2")),
        ("payment_headers = true\npolicy = \"time=1h\"", None),
    ] {
        let server = serve(&routes(upstream, more)).await;
        let challenge = server.get("/x", None).await;
        let hash = challenge.json()["payment_hash"]
            .as_str()
            .expect("a hash")
            .to_owned();
        let credential = server.pay(&challenge).await;
        for path in ["/free", "/x"] {
            let mut asked = request("GET", path, Some(&credential), b"");
            for name in names {
                for name in [name.to_owned(), name.replace('-', "_")] {
                    let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                    asked.headers_mut().insert(name, "forged".parse().unwrap());
                }
            }
            let document = send(server.address, asked).await.json();
            assert!(!document.to_string().contains("forged"), "{document}");
            let is_told = path == "/x" && !more.is_empty();
            let expected = [
                is_told.then(|| hash.clone()),
                is_told.then(|| "all".to_owned()),
                left.filter(|_| is_told).map(str::to_owned),
            ];
            let found = names.map(|name| told(&document, name));
            assert_eq!(found, expected.map(Vec::from_iter), "{more} {path}");
        }
    }
}

/// A failure that the upstream tells has a status and no code.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_answers_with_an_error_gives_the_use_back() {
    let file = LogFile::new();
    let failing = upstream(false, |_| async { whole(503, "later") }).await;
    let text = file.section("format = \"json\"") + &routes(failing, "").replace(QUIET, "");
    let mut server = serve(&text).await;
    let credential = server.buy("/").await;
    server.get("/", Some(&credential)).await;
    let lines = file.lines(&mut server).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["event"], &lines[0]["status"]),
        (&"given_back".into(), &503.into())
    );
    assert_eq!(
        (&lines[0]["code"], &lines[0]["answer_bytes"]),
        (&Value::Null, &5.into())
    );
}

/// With a policy that counts nothing, a payment is one sale, however often it is used; what is not
/// served is told each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_sold_by_time_is_one_line() {
    let file = LogFile::new();
    let hour = "policy = \"time=1h\"\n";
    let shop = shop().await;
    let timed = shop.replace(
        "price = \"10 sat\"\n",
        &format!("price = \"10 sat\"\n{hour}"),
    );
    let mut server = serve(&(file.section("format = \"json\"") + &timed)).await;
    let (first, second) = (server.buy("/quote").await, server.buy("/quote").await);
    let away = server.buy("/away").await;
    for credential in [&first, &first, &second, &first, &second] {
        assert_eq!(server.get("/quote", Some(credential)).await.status(), 200);
    }
    for _ in 0..2 {
        assert_eq!(server.get("/away", Some(&away)).await.status(), 502);
    }
    assert_eq!(server.counters().uncounted, 7);
    let lines = file.lines(&mut server).await;
    let told = lines.iter().filter(|line| line["path"] == "/quote");
    assert_eq!(told.count(), 2, "{lines:?}");
    assert_eq!(lines.len(), 4, "{lines:?}");
}
