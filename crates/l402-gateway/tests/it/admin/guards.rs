//! Who is answered at all.

use std::time::Duration;

use l402_gateway::{AdminListener, Config, GatewayErrorKind, Home};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{Stage, shop, stage, stage_with};
use crate::harness::{describe, upstream};

/// Every path that needs a token, and two that there are not.
const GUARDED: [(&str, &str); 12] = [
    ("GET", "/api/v1/routes"),
    ("GET", "/api/v1/tokens"),
    ("GET", "/api/v1/config"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/nothing"),
    ("GET", "/api"),
    ("POST", "/api/v1/drain"),
    ("POST", "/api/v1/reload"),
    ("POST", "/api/v1/keys/rotate"),
    ("PATCH", "/api/v1/prices"),
    ("DELETE", "/nothing"),
    ("GET", "/healthz/nothing"),
];

async fn code(stage: &Stage, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let answer = stage.send(method, path, headers, "").await;
    let code = if answer.status() >= 400 {
        answer.code()
    } else {
        String::new()
    };
    (answer.status(), code)
}

/// ATTACKS O-01, O-02.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_and_nothing_else_does() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let host = stage.address().to_string();
    let right = format!("Bearer {}", stage.token);
    let lower = right.replace("Bearer", "bearer");
    for authorization in [&right, &lower] {
        let headers = [("host", &*host), ("authorization", authorization)];
        assert_eq!(code(&stage, "GET", "/api/v1/routes", &headers).await.0, 200);
    }
    for (method, path) in GUARDED {
        let answer = stage.send(method, path, &[("host", &host)], "").await;
        assert_eq!(
            (answer.status(), &*answer.code()),
            (401, "token_needed"),
            "{path}"
        );
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(!answer.text().contains(&stage.token));
    }
    let half = format!("Bearer {}", &stage.token[..32]);
    let more = format!("{right}0");
    let basic = right.replace("Bearer", "Basic");
    for wrong in ["", "Bearer", "Bearer ", &half, &more, &basic, &stage.token] {
        let headers = [("host", &*host), ("authorization", wrong)];
        let answered = code(&stage, "GET", "/api/v1/routes", &headers).await;
        assert_eq!(answered, (401, "token_needed".to_owned()), "{wrong}");
    }
    let twice = [
        ("host", &*host),
        ("authorization", &*right),
        ("authorization", &*right),
    ];
    assert_eq!(code(&stage, "GET", "/api/v1/routes", &twice).await.0, 401);
    assert!(!stage.program.is_stopped() && stage.audit().await.is_empty());
}

/// ATTACKS O-03, O-04.
#[tokio::test(flavor = "multi_thread")]
async fn host_comes_before_origin_and_origin_before_the_token() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let host = stage.address().to_string();
    let localhost = format!("localhost:{}", stage.address().port());
    let own = format!("http://{host}");
    let token = format!("Bearer {}", stage.token);
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/routes", "/"] {
        let evil = ("host", "evil.test:8405");
        let foreign = ("origin", "http://evil.test");
        let key = ("authorization", &*token);
        let all = code(&stage, "GET", path, &[evil, foreign, key]).await;
        assert_eq!(all, (421, "wrong_host".to_owned()), "{path}");
        let none = code(&stage, "GET", path, &[]).await;
        assert_eq!(none, (421, "wrong_host".to_owned()), "{path}");
        let page = code(&stage, "GET", path, &[("host", &host), foreign, key]).await;
        assert_eq!(page, (403, "foreign_origin".to_owned()), "{path}");
        let null = code(&stage, "GET", path, &[("host", &host), ("origin", "null")]).await;
        assert_eq!(null, (403, "foreign_origin".to_owned()), "{path}");
    }
    for host in [&host, &localhost] {
        let origin = format!("http://{host}");
        let headers = [
            ("host", &**host),
            ("origin", &*origin),
            ("authorization", &*token),
        ];
        assert_eq!(code(&stage, "GET", "/api/v1/routes", &headers).await.0, 200);
        let no_token = code(&stage, "GET", "/api/v1/routes", &headers[..2]).await;
        assert_eq!(no_token, (401, "token_needed".to_owned()));
    }
    // The origin of another name of the same listener is another origin.
    let mixed = [("host", &*localhost), ("origin", &*own)];
    assert_eq!(code(&stage, "GET", "/healthz", &mixed).await.0, 403);
}

/// ATTACKS O-01.
#[tokio::test(flavor = "multi_thread")]
async fn many_wrong_tokens_are_refused_and_the_right_one_is_not() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let host = stage.address().to_string();
    let mut answers = Vec::new();
    for number in 0..20 {
        let wrong = format!("Bearer {number:064}");
        let headers = [("host", &*host), ("authorization", &*wrong)];
        answers.push(code(&stage, "GET", "/api/v1/routes", &headers).await.0);
    }
    // The clock of the test stands still.
    assert_eq!(answers, [vec![401; 10], vec![429; 10]].concat());
    stage.get("routes").await;
    stage
        .server
        .clock
        .advance(std::time::Duration::from_secs(3));
    let headers = [("host", &*host), ("authorization", "Bearer wrong")];
    for status in [401, 401, 401, 429] {
        let answered = code(&stage, "GET", "/api/v1/routes", &headers).await.0;
        assert_eq!(answered, status);
    }
}

/// ATTACKS O-15.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_readiness_need_the_token_if_the_operator_says_so() {
    let routes = shop(upstream(false, describe).await);
    for (keys, without) in [("", 200), ("metrics_token = true", 401)] {
        let stage = stage_with(&routes, keys, true).await;
        stage.server.check_upstreams();
        let host = stage.address().to_string();
        for path in ["/readyz", "/metrics"] {
            let answer = stage.send("GET", path, &[("host", &host)], "").await;
            assert_eq!(answer.status(), without, "{keys} {path}: {}", answer.text());
            assert_eq!(stage.ask("GET", path, "").await.status(), 200);
        }
        let live = stage.send("GET", "/healthz", &[("host", &host)], "").await;
        assert_eq!((live.status(), &*live.text()), (200, "ok\n"));
        let head = stage.send("HEAD", "/healthz", &[("host", &host)], "").await;
        assert_eq!((head.status(), &*head.text()), (200, ""));
        let posted = stage.send("POST", "/healthz", &[("host", &host)], "").await;
        assert_eq!(
            (posted.status(), posted.header("allow")),
            (405, Some("GET, HEAD"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_limit() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let long = "x".repeat(65 * 1024);
    let refused = stage.post("revocations", &long).await;
    assert_eq!((refused.status(), &*refused.code()), (413, "too_large"));
    let refused = stage.post("revocations", "{").await;
    assert_eq!((refused.status(), &*refused.code()), (400, "bad_body"));
}

/// ATTACKS O-01.
#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_stranger_is_not_waited_for() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    for (path, status) in [
        ("/", "303"),
        ("/revoke", "303"),
        ("/api/v1/drain", "401"),
        ("/login", "403"),
    ] {
        let mut stream = TcpStream::connect(stage.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000\r\n\r\n",
            stage.address()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // Less than the time that a body has.
        let read = timeout(Duration::from_secs(8), stream.read_to_string(&mut answer)).await;
        read.expect("the connection ends").unwrap();
        let begin = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&begin), "{path}: {answer}");
        assert!(answer.contains("connection: close"), "{path}: {answer}");
    }
    assert!(!stage.program.is_stopped());
}

/// ATTACKS O-01.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_lock_nobody_out() {
    let stage = stage(&shop(upstream(false, describe).await)).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(stage.address()).await.unwrap());
    }
    let all = async {
        for stream in &mut silent {
            assert_eq!(stream.read(&mut [0]).await.unwrap_or_default(), 0);
        }
    };
    let ended = timeout(Duration::from_secs(8), all).await;
    ended.expect("less than the time between two requests");
    stage.get("routes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_an_error_of_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let routes = shop(upstream(false, describe).await);
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("l402")).unwrap();
    let bind = |text: &str| {
        let config = Config::from_toml(text, "l402.toml").expect("sound");
        AdminListener::bind(&config, &home, l402_testkit::clock())
    };
    let error = bind(&format!("[admin]\nlisten = \"{address}\"\n{routes}")).unwrap_err();
    assert_eq!(error.kind(), GatewayErrorKind::AddressInUse);
    assert!(error.to_string().contains("admin.listen"), "{error}");
    assert!(bind(&routes).unwrap().is_none(), "off without the table");
    assert!(
        home.path().join("admin.token").exists(),
        "made by the first start with the table"
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_unix_is_for_its_owner_and_any_host() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    // What a crash leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n[admin]\nlisten = \"unix:{}\"\n{}",
        path.display(),
        shop(upstream(false, describe).await)
    );
    let server = crate::harness::serve(&text).await;
    let home = Home::at(server.home.path()).unwrap();
    let config = Config::from_toml(&text, "l402.toml").expect("sound");
    let bind = || AdminListener::bind(&config, &home, server.clock.clone());
    let listener = bind().unwrap().expect("a table");
    let second = bind().unwrap_err();
    assert_eq!(second.kind(), GatewayErrorKind::AddressInUse);
    let program = std::sync::Arc::new(super::stage::TestProgram::default());
    let admin = listener.serve(server.gateway(), program).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for (path_asked, status) in [("/healthz", "200"), ("/api/v1/routes", "401")] {
        let mut socket = tokio::net::UnixStream::connect(&path).await.unwrap();
        let request =
            format!("GET {path_asked} HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    tokio::task::spawn_blocking(move || drop(admin))
        .await
        .unwrap();
    assert!(!path.exists(), "no socket is left behind");
}

/// ATTACKS O-20.
#[test]
fn mistakes_of_the_table_name_key_and_fix() {
    let route = "[[route]]\npath = \"/a\"\nupstream = \"http://127.0.0.1:3000\"\nfree = true\n";
    for (table, key, fix) in [
        (
            "listen = \"0.0.0.0:8405\"",
            "admin.listen",
            "tls_certificate",
        ),
        ("listen = \"nowhere\"", "admin.listen", "unix:"),
        ("listen = \"unix:\"", "admin.listen", "path"),
        ("tls_certificate = \"a\"", "admin.tls_key", "missing"),
        ("metrics_token = 1", "admin.metrics_token", "true or false"),
        ("hosts = [\"http://a\"]", "admin.hosts", "host name"),
        ("listenn = \"127.0.0.1:8405\"", "admin.listenn", "listen"),
        ("listen = \"127.0.0.1:8402\"", "admin.listen", "another"),
        ("listen = \"127.0.0.1:3000\"", "route[0].upstream", "circle"),
    ] {
        let text = format!("[admin]\n{table}\n{route}");
        let mistakes = Config::from_toml(&text, "l402.toml").expect_err(table);
        let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let found = mistakes.iter().any(|one| one.key() == key);
        assert!(found && told.concat().contains(fix), "{table}: {told:?}");
    }
    let public = "listen = \"0.0.0.0:8405\"\ntls_certificate = \"a\"\ntls_key = \"b\"\n\
                  hosts = [\"admin.example\"]";
    Config::from_toml(&format!("[admin]\n{public}\n{route}"), "l402.toml").expect("sound");
}
