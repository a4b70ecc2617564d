//! The configuration of a registry, and a registry that listens.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402_host::SystemClock;
use l402_registry::{ConfigMistake, Own, RegistryConfig, RegistryServer, ServeError, ServeParts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

fn read(text: &str) -> Result<RegistryConfig, Vec<ConfigMistake>> {
    RegistryConfig::read(
        text,
        "registry.toml",
        Path::new("/etc/l402"),
        Path::new("/home/l402"),
    )
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = read(text).expect_err("it has mistakes");
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_a_registry_on_this_machine() {
    let config = read("").expect("it is sound");
    assert_eq!(config.listen, [SocketAddr::from(([127, 0, 0, 1], 8406))]);
    assert!(config.is_loopback());
    assert_eq!(
        config.database,
        Path::new("/home/l402/registry/registry.db")
    );
    assert_eq!(
        config.admin_token_file,
        Path::new("/home/l402/registry/admin.token")
    );
    assert_eq!(config.probe.interval, Duration::from_secs(900));
    assert_eq!(config.limits.submissions_per_hour, 60);
}

#[test]
fn what_is_printed_reads_back_and_holds_no_credential() {
    let config = read(
        r#"
        listen = ["0.0.0.0:8406", "[::1]:8407"]
        public_url = "https://registry.example/"
        database = "data/registry.db"
        allow_addresses = ["10.0.0.0/8", "printer.lan"]
        [probe]
        interval_secs = 5
        [limits]
        connections = 7
        [paid]
        wallet = "nostr+walletconnect://0123?secret=abcd"
        [export]
        node = "main"
        price = "500 sat"
        "#,
    )
    .expect("it is sound");
    assert_eq!(config.database, Path::new("/etc/l402/data/registry.db"));
    let text = config.print();
    assert!(!text.contains("abcd"), "{text}");
    let again = read(&text).expect("it reads back");
    assert_eq!(again.print(), text);
    assert_eq!(again.limits, config.limits);
    assert_eq!(again.probe, config.probe);
    assert_eq!(again.allow_addresses, config.allow_addresses);
}

#[test]
fn every_mistake_names_its_key_and_the_fix() {
    let found = mistakes(
        r#"
        listen = ["example.com:80"]
        public_url = "https://registry.example/list"
        allow_addresses = ["10.1.0.0/8"]
        databse = "registry.db"
        [probe]
        interval_secs = 0
        enabled = "yes"
        [limits]
        connections = -1
        burst = 5
        "#,
    );
    let wanted = [
        ("listen", "127.0.0.1:8402"),
        ("public_url", "scheme and host alone"),
        ("allow_addresses", "10.0.0.0/8"),
        ("databse", "no such key; there are listen"),
        ("probe.interval_secs", "from 1 to 86400"),
        ("probe.enabled", "true or false"),
        ("limits.connections", "from 1 to 65536"),
        ("limits.burst", "no such key"),
    ];
    for (key, fix) in wanted {
        let key = format!("registry.toml: {key}: ");
        let is_there = |line: &String| line.starts_with(&key) && line.contains(fix);
        assert!(found.iter().any(is_there), "{key} {fix}: {found:#?}");
    }
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    assert!(mistakes("listen = [")[0].starts_with("registry.toml: line 1: "));
}

#[test]
fn a_registry_for_others_needs_its_address() {
    let found = mistakes("listen = [\"0.0.0.0:8406\"]");
    assert!(
        found[0].starts_with("registry.toml: public_url: missing"),
        "{found:?}"
    );
    assert!(mistakes("listen = []")[0].contains("listen"));
    let twice = "listen = [\"127.0.0.1:8406\", \"8406\"]";
    assert!(mistakes(twice)[0].contains("twice"));
}

fn parts() -> ServeParts {
    ServeParts {
        clock: Arc::new(SystemClock::default()),
        own: Own::default(),
        more_roots: Vec::new(),
    }
}

fn config(home: &Path) -> RegistryConfig {
    let mut config = RegistryConfig::of_home(home);
    config.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    config.probe.enabled = false;
    config
}

/// Sends a request of a few lines, and reads all that comes.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn one_registry_at_a_time_runs_with_a_database() {
    let home = tempfile::tempdir().expect("a folder");
    let first = RegistryServer::bind(config(home.path()), parts()).await;
    let first = first.expect("it starts");
    let second = RegistryServer::bind(config(home.path()), parts()).await;
    let text = second
        .expect_err("two would probe each host twice")
        .to_string();
    assert!(text.contains("another registry runs with it"), "{text}");
    drop(first);
    let third = RegistryServer::bind(config(home.path()), parts()).await;
    third.expect("the first has ended");
}

#[tokio::test]
async fn a_registry_serves_until_it_is_asked_to_end() {
    let home = tempfile::tempdir().expect("a folder");
    let server = RegistryServer::bind(config(home.path()), parts()).await;
    let server = server.expect("it starts");
    let address = server.addresses()[0];
    let (end, ended) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { ended.await.unwrap_or_default() }));

    let request =
        format!("GET /api/v1/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = ask(address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(r#""status":"ok""#), "{answer}");
    // A name that is rebound to this machine reads neither API nor pages.
    for path in [
        "/api/v1/health",
        "/",
        "/search?q=a",
        "/about",
        "/feed.xml",
        "/nothing",
    ] {
        let foreign =
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        let answer = ask(address, &foreign).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{path}: {answer}");
    }
    // ATTACKS G-11: a query of a mebibyte is not read to its end.
    let huge = "a".repeat(1 << 20);
    let huge = format!("GET /api/v1/services?q={huge} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let answer = ask(address, &huge).await;
    assert!(!answer.contains(" 200 "), "{answer}");
    // A head that is too long, and one that is none, end their connection alone.
    let long = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n",
        "a".repeat(64 * 1024)
    );
    let answer = ask(address, &long).await;
    assert!(!answer.contains(" 200 "), "{answer}");
    let answer = ask(address, "\0\0\0\r\n\r\n").await;
    assert!(!answer.contains(" 200 "), "{answer}");

    end.send(()).expect("it listens");
    running.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn the_token_is_made_once_and_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("registry/admin.token");
    drop(
        RegistryServer::bind(config(home.path()), parts())
            .await
            .expect("it starts"),
    );
    let first = std::fs::read(&file).expect("the token");
    assert_eq!(first.len(), 65);
    let mode = std::fs::metadata(&file)
        .expect("the token")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(
        RegistryServer::bind(config(home.path()), parts())
            .await
            .expect("it starts again"),
    );
    assert_eq!(std::fs::read(&file).expect("the token"), first);

    std::fs::write(&file, "short").expect("it is written");
    let refused = RegistryServer::bind(config(home.path()), parts()).await;
    assert!(matches!(refused, Err(ServeError::Token(_))), "{refused:?}");
}

#[tokio::test]
async fn an_address_in_use_says_how_to_go_on() {
    let home = tempfile::tempdir().expect("a folder");
    let first = RegistryServer::bind(config(home.path()), parts())
        .await
        .expect("it starts");
    let mut second = config(home.path());
    second.listen = first.addresses().to_vec();
    second.database = home.path().join("second.db");
    let refused = RegistryServer::bind(second, parts())
        .await
        .expect_err("it is in use");
    assert!(
        refused.to_string().contains("choose another address"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let home = tempfile::tempdir().expect("a folder");
    let server = RegistryServer::bind(config(home.path()), parts()).await;
    let server = server.expect("it starts");
    let address = server.addresses()[0];
    let running = tokio::spawn(server.run(std::future::pending()));
    let request = |path: &str, key: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{key}\
             Content-Length: 100\r\n\r\n{{"
        )
    };
    let submission = request("/api/v1/services", "");
    // Without the token of the moderators, which is looked at after the body.
    let admin = request("/api/v1/admin/hide", "Authorization: Bearer x\r\n");
    let answers = tokio::join!(ask(address, &submission), ask(address, &admin));
    for answer in [answers.0, answers.1] {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("body_too_slow"), "{answer}");
    }
    running.abort();
}
