//! Servers that one should not trust: what they answer stops the program before money moves.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::Value;

use crate::program::Home;

/// Answers each request with what `answer` makes of its method and target, `GET /path`, for as
/// long as the test runs.
pub(crate) fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            // A client that has read enough may close first.
            let _ = serve(socket, &answer);
        }
    });
    address
}

/// Returns true for the look of a gateway that starts: which files of its upstream its own would hide.
pub(crate) fn is_of_a_start(head: &str) -> bool {
    let own = ["/openapi.json ", "/llms.txt ", "/.well-known/l402"];
    head.strip_prefix("HEAD ")
        .is_some_and(|rest| own.iter().any(|path| rest.starts_with(path)))
}

/// As [`server`], for an answer that depends on the whole head of the request.
pub(crate) fn server_of_heads(
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&socket);
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|length| length > 2) {}
            // Somebody who only wanted to know if it listens, or what files it has.
            if head.is_empty() || is_of_a_start(&head) {
                continue;
            }
            let answer = answer(&head);
            // A client that has read enough may close first.
            let _ = (&socket).write_all(answer.as_bytes());
        }
    });
    address
}

fn serve(socket: TcpStream, answer: &impl Fn(&str) -> String) -> std::io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let asked = first.rsplit_once(' ').map_or("", |(asked, _version)| asked);
    let answer = answer(asked);
    (&socket).write_all(answer.as_bytes())?;
    if answer.contains("connection: close") {
        return Ok(());
    }
    // It keeps the connection until the client has had enough.
    std::io::copy(&mut reader, &mut std::io::sink()).map(drop)
}

fn challenge(headers: &str) -> String {
    format!(
        "HTTP/1.1 402 Payment Required\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"
    )
}

#[test]
fn a_challenge_that_does_not_hold_together_is_refused_with_its_own_code() {
    let home = Home::new();
    let flow = include_str!("../../../../spec/vectors/flow_vectors.json");
    let flow: Value = serde_json::from_str(flow).expect("vectors");
    let mainnet = flow["l402"]["challenge_legacy"].as_str().expect("a line");
    let long = "x".repeat(1024 * 1024);
    for (headers, status) in [
        (String::new(), 39),
        ("www-authenticate: Basic realm=\"x\"\r\n".to_owned(), 39),
        (
            "www-authenticate: L402 macaroon=\"AgEE\"\r\n".to_owned(),
            41,
        ),
        (
            "www-authenticate: L402 macaroon=\"a\", token=\"b\", invoice=\"lnbc1\"\r\n".to_owned(),
            32,
        ),
        (
            "www-authenticate: L402 macaroon=\"AgEE\", invoice=\"lnbc1\"\r\n".to_owned(),
            36,
        ),
        (format!("www-authenticate: {mainnet}\r\n"), 44),
        (
            format!("www-authenticate: L402 macaroon=\"{long}\"\r\n"),
            33,
        ),
    ] {
        let address = server(move |_| challenge(&headers));
        let url = format!("http://{address}/");
        let ran = home
            .run(&["get", &url, "--wallet", "sandbox"])
            .expect(status);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    }
    let spent = home.run(&["payments"]).expect(0).json();
    assert_eq!(spent, serde_json::json!([]));
}

#[test]
fn escape_sequences_of_a_server_do_not_reach_the_terminal() {
    let home = Home::new();
    let address = server(|_| {
        challenge(
            "www-authenticate: \u{1b}]0;owned\u{7}\u{202e}L402 x=\"\u{9b}2J\"\r\nx: \u{202e}\r\n",
        )
    });
    let url = format!("http://{address}/");
    for args in [["get", url.as_str()], ["doctor", url.as_str()]] {
        let ran = home.run(&args);
        let hidden = |c: char| matches!(c, '\u{1b}' | '\u{7}' | '\u{9b}' | '\u{202e}');
        assert!(!ran.stderr.contains(hidden), "{ran:#?}");
        assert!(!ran.stdout.contains(hidden), "{ran:#?}");
    }
}

#[test]
fn redirects_are_followed_only_when_asked() {
    let home = Home::new();
    let address = server(|asked| match asked {
        "GET /old" => "HTTP/1.1 302 Found\r\nlocation: /new\r\ncontent-length: 5\r\n\
                   connection: close\r\n\r\nmoved"
            .to_owned(),
        _ => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere".to_owned(),
    });
    let url = format!("http://{address}/old");
    let format = " %{http_code} %{url_effective}";
    let ran = home.run(&["get", &url, "-w", format]).expect(0);
    assert_eq!(ran.stdout, format!("moved 302 {url}"));
    let ran = home.run(&["get", "-L", &url, "-w", format]).expect(0);
    assert_eq!(ran.stdout, format!("here 200 http://{address}/new"));
}

#[test]
fn an_answer_that_breaks_off_is_no_success() {
    let home = Home::new();
    let address = server(|_| {
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhalf".to_owned()
    });
    let ran = home.run(&["get", &format!("http://{address}/")]).expect(69);
    assert_eq!(ran.stdout, "half");
}

#[test]
fn a_method_that_was_given_outlives_a_redirect() {
    let home = Home::new();
    let address = server(|asked| match asked.split_once(' ') {
        Some((_, "/old")) => "HTTP/1.1 302 Found\r\nlocation: /new\r\ncontent-length: 0\r\n\
                              connection: close\r\n\r\n"
            .to_owned(),
        _ => format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{asked}",
            asked.len()
        ),
    });
    let url = format!("http://{address}/old");
    let ran = home.run(&["get", "-L", "-X", "POST", &url]).expect(0);
    assert_eq!(ran.stdout, "POST /new");
    // As curl has it, a method that only the data chose becomes GET.
    let ran = home.run(&["get", "-L", "-d", "x", &url]).expect(0);
    assert_eq!(ran.stdout, "GET /new");
}

/// The vector `regtest` with an `r` that no signature can have, under a checksum that is right.
const FORGED: &str = "lnbcrt100n1p4tzwuqpp5jq0nhq09mw2dc33dmfy6y4f2zktpf9z6ps4mn0ka609gh38zd6mqsp5c4djrpwvsjd9cuvfzl8sm5n4tgw4298mz9kk3trzfg0yr5vk4s3sdq8fs6rqvsxqrrsscqzpg9qyysgqlllllllllllllllllllllllllllllllllllllllllllllllllllz02885w7z7uv4fk7u4nchqnrr05ykfna0nymdz5j00rs5wa64wccpyaxnsm";

/// Token and invoice of a fresh challenge.
pub(crate) fn bought_nothing(address: &str, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).expect("the seller listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let lines: Vec<String> = BufReader::new(socket)
        .lines()
        .map_while(Result::ok)
        .collect();
    let challenge = lines
        .iter()
        .find(|line| {
            line.to_ascii_lowercase()
                .starts_with("www-authenticate: l402")
        })
        .expect("a challenge");
    let value = |name: &str| {
        let (_, rest) = challenge
            .split_once(&format!("{name}=\""))
            .expect("a parameter");
        rest.split('"').next().expect("its end").to_owned()
    };
    (value("macaroon"), value("invoice"))
}

#[test]
fn an_invoice_that_proves_nothing_is_refused_with_its_own_code() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let balance = || home.run(&["wallet", "balance"]).expect(0).json()["balance_msat"].clone();
    let before = balance();
    let flow = include_str!("../../../../spec/vectors/flow_vectors.json");
    let flow: Value = serde_json::from_str(flow).expect("vectors");
    let all = flow["invoices"].as_array().expect("invoices");
    let amountless = all.iter().find(|one| one["name"] == "amountless");
    let amountless = amountless.expect("the vector")["invoice"].as_str();
    let (token, _) = bought_nothing(demo.address(), "/api/l402/joke");
    let (_, other_invoice) = bought_nothing(demo.address(), "/api/l402/joke");
    for (invoice, status, code) in [
        (amountless.expect("text"), 31, "amountless"),
        (FORGED, 37, "invoice_signature"),
        (&other_invoice, 43, "wrong_hash"),
    ] {
        let line =
            format!("www-authenticate: L402 macaroon=\"{token}\", invoice=\"{invoice}\"\r\n");
        let address = server(move |_| challenge(&line));
        let url = format!("http://{address}/");
        let ran = home
            .run(&["get", &url, "--wallet", "sandbox"])
            .expect(status);
        assert!(ran.stderr.contains(&format!("error[{code}]")), "{ran:#?}");
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    }
    assert_eq!(balance(), before);
}
