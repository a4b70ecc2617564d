//! `l402 proxy`: what a program gets that has no idea of payments.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use l402_host::Clock as _;

use crate::program::{Home, Serving};
use crate::stranger::{self, is_of_a_start};

/// Long enough for a slow machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a proxy of this home in front of a URL.
pub(crate) fn reverse(home: &Home, to: &str, further: &[&str]) -> Serving {
    let args = ["proxy", "127.0.0.1:0", "--to", to, "--wallet", "sandbox"];
    home.serve(&[&args[..], further].concat())
}

pub(crate) fn forward(home: &Home, further: &[&str]) -> Serving {
    let args = ["proxy", "127.0.0.1:0", "--wallet", "sandbox"];
    home.serve(&[&args[..], further].concat())
}

/// Starts a gateway that sells what is behind an address for 7 sat.
pub(crate) fn sell(home: &Home, upstream: SocketAddr, policy: &str) -> Serving {
    let upstream = format!("http://{upstream}");
    let price = ["serve", "--upstream", &upstream, "--price", "7 sat"];
    let rest = ["--policy", policy, "--listen", "127.0.0.1:0"];
    home.serve(&[&price[..], &rest[..]].concat())
}

/// Sends bytes as they are, and returns all that comes back until the connection ends.
pub(crate) fn exchange(to: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(to).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    // A connection that is broken off has told what it had to tell.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asks a reverse proxy for a path.
pub(crate) fn get(proxy: &Serving, path: &str, headers: &str) -> String {
    get_at(proxy.address(), path, headers)
}

fn get_at(host: &str, path: &str, headers: &str) -> String {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
    exchange(host, &request)
}

pub(crate) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// Returns the amounts of all payments of a home, in msat.
pub(crate) fn payments(home: &Home) -> Vec<u64> {
    let rows = home.run(&["payments", "--json"]).expect(0).json();
    let rows = rows.as_array().expect("rows").iter();
    rows.filter_map(|row| row["paid_msat"].as_u64()).collect()
}

/// Returns the number of purchases whose answers were had.
fn served(home: &Home) -> usize {
    let served = home.run(&["payments", "--state", "served"]).expect(0);
    served.json().as_array().expect("rows").len()
}

/// A server of one thread per connection, which answers each with what `serve` writes. It is given the
/// head of the request.
fn server(serve: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if !matches!(reader.read_line(&mut head), Ok(1..)) {
                        return;
                    }
                }
                if !is_of_a_start(&head) {
                    serve(&head, &mut socket);
                }
            });
        }
    });
    address
}

fn say(socket: &mut TcpStream, text: &str) {
    // The other side may have had enough.
    let _ = socket.write_all(text.as_bytes());
}

fn page(text: &str) -> String {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}")
}

#[test]
fn a_path_below_the_proxy_is_bought_and_the_credential_stays_there() {
    let home = Home::new();
    let seen = Arc::new(Mutex::new(String::new()));
    let upstream = {
        let seen = Arc::clone(&seen);
        server(move |head, socket| {
            head.clone_into(&mut seen.lock().expect("a lock"));
            say(socket, &page("bought"));
        })
    };
    let shop = sell(&home, upstream, "request");
    let proxy = reverse(&home, &shop.url("/v1/"), &[]);
    let headers = "authorization: Bearer own\r\nx-own: 1\r\nl402-proxy-token: none\r\n";
    let answer = get(&proxy, "/chat?x=1", headers);
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.ends_with("\r\n\r\nbought"), "{answer}");
    let lower = answer.to_lowercase();
    assert!(
        !lower.contains("\r\nauthorization:") && !lower.contains("l402 "),
        "{answer}"
    );
    let head = seen.lock().expect("a lock").clone();
    assert!(head.starts_with("GET /v1/chat?x=1 "), "{head}");
    // Beside the credential the program's own header has reached the upstream, and nothing of ours.
    assert!(head.contains("authorization: Bearer own"), "{head}");
    assert!(
        head.contains("x-own: 1") && !head.contains("proxy"),
        "{head}"
    );
    let lines = proxy.until("paid 7 sat");
    let line = lines.last().expect("a line");
    assert!(line.contains(&format!(", to {}", shop.url(""))), "{line}");
    assert_eq!(payments(&home), [7000]);
    assert_eq!(served(&home), 1);
}

#[test]
fn a_forward_proxy_buys_at_absolute_targets_and_follows_no_redirect() {
    let home = Home::new();
    let upstream = server(|head, socket| match head.split(' ').nth(1) {
        Some("/away") => say(
            socket,
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
        ),
        _ => say(socket, &page("bought")),
    });
    let shop = sell(&home, upstream, "time=1h");
    let proxy = forward(&home, &[]);
    let ask = |path: &str| {
        let url = shop.url(path);
        let head =
            format!("GET {url} HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n");
        exchange(proxy.address(), &head)
    };
    let answer = ask("/a");
    assert!(answer.ends_with("bought"), "{answer}");
    let answer = ask("/away");
    assert_eq!(status(&answer), "307", "{answer}");
    assert!(answer.contains("location: http://127.0.0.1:1/"), "{answer}");
    // Two paths, one token.
    assert_eq!(payments(&home), [7000]);
}

#[test]
fn what_a_limit_forbids_is_the_sellers_402_and_the_code() {
    let home = Home::new();
    let shop = sell(
        &home,
        server(|_, socket| say(socket, &page("x"))),
        "request",
    );
    let proxy = reverse(&home, &shop.url(""), &["--max-price", "6 sat"]);
    let asked = exchange(
        shop.address(),
        &format!(
            "GET /x HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            shop.address()
        ),
    );
    let answer = get(&proxy, "/x", "");
    assert_eq!(status(&answer), "402", "{answer}");
    assert!(answer.contains("l402-refused: over_budget\r\n"), "{answer}");
    let fields = |answer: &str| {
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let mut names: Vec<_> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.to_owned())
            .filter(|name| !matches!(name.as_str(), "l402-refused" | "connection"))
            .collect();
        names.sort();
        let body: serde_json::Value = serde_json::from_str(body).expect("a document");
        let keys: Vec<_> = body.as_object().expect("fields").keys().cloned().collect();
        (names, keys, body["price_sats"].clone())
    };
    // Each 402 has an invoice of its own, and is the same beside it.
    assert_eq!(fields(&answer), fields(&asked));
    assert!(payments(&home).is_empty());
    proxy.until("error[over_budget]: GET http://");
}

#[test]
fn a_402_that_nobody_can_pay_passes_unchanged() {
    const HEAD: &str = "HTTP/1.1 402 Payment Required\r\nx-seller: 1\r\nl402-refused: lie\r\n";
    let body = "y".repeat(100_000);
    let answer = format!(
        "{HEAD}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let seller = stranger::server(move |_| answer.clone());
    let home = Home::new();
    let proxy = reverse(&home, &format!("http://{seller}"), &[]);
    let answer = get(&proxy, "/", "");
    assert_eq!(status(&answer), "402", "{answer}");
    assert!(answer.contains("x-seller: 1\r\n"));
    assert!(answer.contains("l402-refused: nothing_payable\r\n"));
    assert!(!answer.contains("lie"));
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")));
}

#[test]
fn pieces_of_a_stream_are_handed_on_as_they_come() {
    let home = Home::new();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = server(move |_, socket| {
        say(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\n",
        );
        // Not a byte more until the program has had this one.
        let _ = wait.lock().expect("a lock").recv_timeout(PATIENCE);
        say(socket, "data: 2\n\n");
    });
    let shop = sell(&home, upstream, "request");
    let proxy = reverse(&home, &shop.url(""), &[]);
    let mut socket = TcpStream::connect(proxy.address()).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let host = proxy.address();
    // A body of unknown length goes out, too, whole.
    let ask = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    );
    socket.write_all(ask.as_bytes()).expect("it reads");
    let mut had = String::new();
    let mut piece = [0; 1024];
    while !had.contains("data: 1") {
        let count = socket.read(&mut piece).expect("a piece");
        assert!(count > 0, "{had}");
        had += &String::from_utf8_lossy(&piece[..count]);
    }
    assert!(had.starts_with("HTTP/1.1 200"), "{had}");
    go_on.send(()).expect("it waits");
    let mut rest = String::new();
    socket.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("data: 2"), "{rest}");
    assert_eq!(payments(&home), [7000]);
}

#[test]
fn a_hundred_at_once_pay_once_and_wait_for_nobody() {
    const CALLS: usize = 100;
    let home = Home::new();
    let all_there = Arc::new(Barrier::new(CALLS));
    // No answer before all requests are there: calls that wait for one another would wait for ever.
    let upstream = server(move |_, socket| {
        all_there.wait();
        say(socket, &page("bought"));
    });
    let shop = sell(&home, upstream, "time=1h");
    let proxy = reverse(&home, &shop.url(""), &[]);
    let answers = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLS)
            .map(|number| {
                scope.spawn({
                    let host = proxy.address();
                    move || get_at(host, &format!("/?{number}"), "")
                })
            })
            .collect();
        let answers = calls.into_iter().map(|call| call.join().expect("no panic"));
        answers.collect::<Vec<_>>()
    });
    for answer in &answers {
        assert!(answer.ends_with("bought"), "{answer}");
    }
    assert_eq!(payments(&home), [7000]);
}

#[test]
fn a_tunnel_passes_through_and_is_told_as_one() {
    let home = Home::new();
    let echo = server(|head, socket| say(socket, &page(head.split(' ').nth(1).unwrap_or("?"))));
    let proxy = forward(&home, &[]);
    let answer = exchange(
        proxy.address(),
        &format!("CONNECT {echo} HTTP/1.1\r\nhost: {echo}\r\n\r\nGET /inside HTTP/1.1\r\n\r\n"),
    );
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.ends_with("\r\n\r\n/inside"), "{answer}");
    let told = proxy.until("nothing can be paid there");
    assert!(
        told.last()
            .expect("a line")
            .contains(&format!("CONNECT {echo}"))
    );
}

#[test]
fn a_redirect_below_the_target_leads_back_to_the_proxy() {
    let server = stranger::server(|_| {
        "HTTP/1.1 301 Moved\r\nlocation: /v1/there?x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            .to_owned()
    });
    let home = Home::new();
    let proxy = reverse(&home, &format!("http://{server}/v1"), &[]);
    let answer = get(&proxy, "/here", "");
    assert_eq!(status(&answer), "301", "{answer}");
    assert!(answer.contains("location: /there?x\r\n"), "{answer}");
}

#[test]
fn what_is_not_answered_says_why() {
    let home = Home::new();
    let proxy = reverse(&home, "http://127.0.0.1:1", &[]);
    let answer = get(&proxy, "/x?secret=1", "");
    assert_eq!(status(&answer), "502", "{answer}");
    assert!(answer.contains("l402-error: transport\r\n"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json\r\n"));
    let told = proxy.until("error[transport]").join("\n");
    assert!(!told.contains("secret"), "{told}");
    let answer = get(&proxy, "/", "authorization: L402 AgEE:00\r\n");
    assert_eq!(status(&answer), "400", "{answer}");
    assert!(answer.contains("l402-refused: credential_given\r\n"));
}

#[cfg(unix)]
#[test]
fn asked_to_stop_it_ends_what_it_has_begun() {
    use l402_lightning::sandbox::{Fault, Sandbox};

    let home = Home::new();
    let shop = sell(
        &home,
        server(|_, socket| say(socket, &page("bought"))),
        "request",
    );
    let mut proxy = reverse(&home, &shop.url(""), &[]);
    let clock = Arc::new(l402_host::SystemClock::default());
    let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
    sandbox
        .set_fault(Fault::Slow(Duration::from_secs(1)))
        .expect("the sandbox's file");
    let income = sandbox.income().expect("the sandbox's file");
    let answer = std::thread::scope(|scope| {
        let host = proxy.address();
        let call = scope.spawn(move || get_at(host, "/", ""));
        // The money has moved, and the wallet keeps its answer back.
        while sandbox.income().expect("the sandbox's file") == income {
            std::thread::sleep(Duration::from_millis(1));
        }
        crate::program::signal("INT", proxy.pid());
        call.join().expect("no panic")
    });
    assert!(answer.ends_with("bought"), "{answer}");
    assert_eq!(proxy.wait(), Some(0));
    assert_eq!(served(&home), 1);
    let notes = home.path().join("home/run").read_dir().expect("run/");
    let notes = notes.map(|entry| entry.expect("an entry").file_name());
    let own = notes.filter(|name| name.to_string_lossy().starts_with("proxy-"));
    assert_eq!(own.count(), 0, "the note of its address is gone");
}

#[test]
fn a_paid_answer_that_the_program_did_not_wait_for_is_kept_for_it() {
    let home = Home::new();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = server(move |_, socket| {
        say(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nfirst",
        );
        let _ = wait.lock().expect("a lock").recv_timeout(PATIENCE);
        say(socket, "second");
    });
    let shop = sell(&home, upstream, "request");
    let proxy = reverse(&home, &shop.url(""), &[]);
    let host = proxy.address();
    let mut socket = TcpStream::connect(host).expect("a connection");
    let ask = format!("GET /x HTTP/1.1\r\nhost: {host}\r\n\r\n");
    socket.write_all(ask.as_bytes()).expect("it reads");
    let mut had = String::new();
    let mut piece = [0; 1024];
    while !had.ends_with("first") {
        let count = socket.read(&mut piece).expect("a piece");
        assert!(count > 0, "{had}");
        had += &String::from_utf8_lossy(&piece[..count]);
    }
    drop(socket);
    go_on.send(()).expect("it waits");
    // Served, although the program has not had it: it is in a file by then.
    let clock = l402_host::SystemClock::default();
    while served(&home) == 0 {
        assert!(clock.monotonic() < PATIENCE, "it is not kept");
    }
    // The upstream would wait for a word that does not come: it is not asked again.
    let answer = get(&proxy, "/x", "");
    assert!(answer.ends_with("\r\n\r\nfirstsecond"), "{answer}");
    assert_eq!(payments(&home), [7000]);
}

/// Larger than what the sockets and the proxy hold of it for a program that does not read.
#[test]
fn a_kept_answer_is_kept_until_a_program_has_taken_it() {
    const LENGTH: usize = 12 * 1024 * 1024;
    let home = Home::new();
    let upstream = server(|_, socket| say(socket, &page(&"x".repeat(LENGTH))));
    let shop = sell(&home, upstream, "request");
    let proxy = reverse(&home, &shop.url(""), &[]);
    let host = proxy.address();
    let begin = || {
        let mut socket = TcpStream::connect(host).expect("a connection");
        let ask = format!("GET /x HTTP/1.1\r\nhost: {host}\r\n\r\n");
        socket.write_all(ask.as_bytes()).expect("it reads");
        socket.read_exact(&mut [0; 4096]).expect("a first piece");
    };
    begin();
    let clock = l402_host::SystemClock::default();
    while served(&home) == 0 {
        assert!(clock.monotonic() < PATIENCE, "it is not kept");
    }
    // Another one goes away, too, and that is no delivery.
    begin();
    let answer = get(&proxy, "/x", "");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body.len(), LENGTH);
    assert_eq!(payments(&home), [7000]);
}

#[test]
fn an_answer_that_does_not_begin_in_time_is_a_time_out() {
    let home = Home::new();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    // Says nothing until the test has ended.
    let silent = server(move |_, _| {
        let _ = wait.lock().expect("a lock").recv();
    });
    let to = format!("http://{silent}");
    let proxy = reverse(&home, &to, &["--answer-timeout", "1s"]);
    let answer = get(&proxy, "/", "");
    assert_eq!(status(&answer), "504", "{answer}");
    assert!(
        answer.contains("l402-error: upstream_timeout\r\n"),
        "{answer}"
    );
    proxy.until("error[upstream_timeout]");
    assert!(payments(&home).is_empty());
    drop(done);
}

#[test]
fn a_paid_answer_is_given_again_by_replay_unless_the_vault_is_off() {
    for is_on in [true, false] {
        let home = Home::new();
        if !is_on {
            home.configure("[vault]\nenabled = false\n");
        }
        // Of a length that nobody knows, as a stream has.
        let upstream = server(|_, socket| {
            say(socket, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbought");
        });
        let shop = sell(&home, upstream, "request");
        let proxy = reverse(&home, &shop.url(""), &[]);
        let answer = get(&proxy, "/x", "");
        assert!(answer.contains("bought"), "{answer}");
        let clock = l402_host::SystemClock::default();
        while served(&home) == 0 {
            assert!(clock.monotonic() < PATIENCE, "it is not served");
        }
        let paid = home.run(&["payments"]).expect(0).json();
        let id = paid[0]["payment_hash"].as_str().expect("a hash");
        let ran = home.run(&["replay", id]);
        if is_on {
            assert_eq!(ran.expect(0).stdout, "bought");
        } else {
            assert!(ran.expect(74).stderr.contains("error[not_kept]"));
        }
    }
}

/// In a shell that has exported `http_proxy` for other programs, it would ask itself for ever.
#[test]
fn a_proxy_does_not_use_itself() {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let args = ["proxy", &address, "--wallet", "sandbox"];
    let mut command = home.command(&[&args[..], &["--answer-timeout", "2s"]].concat());
    command.env("http_proxy", format!("http://{address}"));
    let proxy = home.start(command);
    proxy.until("names this proxy itself");
    // An address of documentation, where nobody answers.
    let ask = "GET http://192.0.2.1:9/ HTTP/1.1\r\nhost: 192.0.2.1:9\r\nconnection: close\r\n\r\n";
    let answer = exchange(proxy.address(), ask);
    assert!(matches!(status(&answer), "502" | "504"), "{answer}");
    proxy.until("error[");
    let answer = exchange(proxy.address(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(status(&answer), "400", "{answer}");
}
