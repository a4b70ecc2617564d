//! `l402 proxy` spends: those who may not ask it are refused, and nothing is paid.

use crate::program::{Home, Serving};
use crate::proxy::{exchange, forward, get, payments, reverse, sell, status};
use crate::stranger;

/// A shop, and how often something was asked of it.
struct Shop {
    home: Home,
    gateway: Serving,
}

impl Shop {
    fn open() -> Self {
        let home = Home::new();
        let upstream = stranger::server(|_| {
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx".to_owned()
        });
        let gateway = sell(&home, upstream, "request");
        Self { home, gateway }
    }

    fn reverse(&self, further: &[&str]) -> Serving {
        reverse(&self.home, &self.gateway.url(""), further)
    }

    #[track_caller]
    fn has_sold_nothing(&self) {
        assert!(payments(&self.home).is_empty(), "something was paid");
    }
}

#[track_caller]
fn refused(answer: &str, status_expected: &str, code: &str) {
    assert_eq!(status(answer), status_expected, "{answer}");
    let header = format!("l402-refused: {code}\r\n");
    assert!(answer.contains(&header), "{code}: {answer}");
}

/// ATTACKS O-03: what a page in the user's own browser can send to a port of this machine.
#[test]
fn a_page_of_another_origin_buys_nothing() {
    let shop = Shop::open();
    let proxy = shop.reverse(&[]);
    let host = proxy.address();
    let post = |headers: &str| {
        let head = format!("POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}");
        exchange(host, &format!("{head}content-length: 3\r\n\r\na=b"))
    };
    for image in [
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n",
        "sec-fetch-site: same-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n",
        // A link in a letter.
        "sec-fetch-site: none\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n",
    ] {
        refused(&get(&proxy, "/", image), "403", "foreign_page");
    }
    for form in [
        "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n",
        // A browser without `Sec-Fetch-Site`, and a frame without an origin.
        "origin: https://evil.example\r\ncontent-type: application/x-www-form-urlencoded\r\n",
        "origin: null\r\ncontent-type: text/plain\r\n",
    ] {
        refused(&post(form), "403", "foreign_page");
    }
    let fetch =
        "origin: http://localhost:1\r\nsec-fetch-site: same-site\r\nsec-fetch-mode: no-cors\r\n";
    refused(&post(fetch), "403", "foreign_page");
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\norigin: https://evil.example\r\n\
         access-control-request-method: PUT\r\naccess-control-request-private-network: true\r\n\r\n"
    );
    let answer = exchange(host, &preflight);
    refused(&answer, "403", "foreign_page");
    assert!(
        !answer.to_lowercase().contains("access-control"),
        "{answer}"
    );
    // A page reaches a forward proxy with paths alone.
    let forward = forward(&shop.home, &[]);
    refused(&get(&forward, "/", ""), "400", "no_absolute_target");
    let url = shop.gateway.url("/");
    let absolute = format!(
        "GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nsec-fetch-site: cross-site\r\n\r\n"
    );
    refused(
        &exchange(forward.address(), &absolute),
        "403",
        "foreign_page",
    );
    shop.has_sold_nothing();
}

/// ATTACKS O-03: a name of the page's that now leads to this machine.
#[test]
fn a_rebound_name_buys_nothing() {
    let shop = Shop::open();
    let file = shop.home.path().join("proxy.token");
    let file = file.to_str().expect("a path");
    let proxy = shop.reverse(&["--host", "buyer.example", "--token-file", file]);
    let token = std::fs::read_to_string(file).expect("the file was made");
    let token = format!("l402-proxy-token: {}\r\n", token.trim());
    let (_, port) = proxy.address().rsplit_once(':').expect("a port");
    let with_host = |hosts: &str| {
        let ask = format!("GET / HTTP/1.1\r\n{hosts}connection: close\r\n{token}\r\n");
        exchange(proxy.address(), &ask)
    };
    let evil = format!("host: evil.example:{port}\r\n");
    // Of the same origin in the eyes of its browser.
    let origin =
        format!("{evil}origin: http://evil.example:{port}\r\nsec-fetch-site: same-origin\r\n");
    let twice = format!("host: {}\r\n{evil}", proxy.address());
    for hosts in [&evil, &origin, &twice, "host: 127.0.0.1:1\r\n", "host:\r\n"] {
        refused(&with_host(hosts), "403", "foreign_host");
    }
    shop.has_sold_nothing();
    let named = with_host(&format!("host: buyer.example:{port}\r\n"));
    assert_eq!(status(&named), "200", "{named}");
}

/// ATTACKS H-21.
#[test]
fn requests_with_two_readings_buy_nothing() {
    let shop = Shop::open();
    let proxy = shop.reverse(&[]);
    let host = proxy.address();
    for framing in [
        "content-length: 3\r\ncontent-length: 40\r\n",
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
        "transfer-encoding: x\r\n",
        "x: y\n",
    ] {
        let ask = format!("POST / HTTP/1.1\r\nhost: {host}\r\n{framing}\r\n0\r\n\r\n");
        let second = format!("GET /second HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = exchange(host, &(ask + &second));
        assert_eq!(status(&answer), "400", "{framing:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    shop.has_sold_nothing();
}

/// ATTACKS C-36: neither the proxy itself nor a wallet is asked, by any way.
#[test]
fn own_addresses_are_not_asked() {
    let home = Home::new();
    let sandbox = home.serve(&["sandbox", "--listen", "127.0.0.1:0"]);
    let wallet = format!("sandbox+{}", sandbox.url(""));
    let proxy = home.serve(&["proxy", "127.0.0.1:0", "--wallet", &wallet]);
    let own = proxy.address();
    let (_, port) = own.rsplit_once(':').expect("a port");
    let other = forward(&home, &[]);
    for target in [
        own.to_owned(),
        sandbox.address().to_owned(),
        format!("localhost:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("0.0.0.0:{port}"),
        "127.0.0.1:8403".to_owned(),
    ] {
        let tunnel = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        refused(&exchange(own, &tunnel), "403", "own_address");
        let plain = format!(
            "POST http://{target}/v1/pay HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        refused(&exchange(own, &plain), "403", "own_address");
    }
    // One that was started later reads the note of the first, and the first the note of that one.
    for (asked, target) in [(other.address(), own), (own, other.address())] {
        let tunnel = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
        refused(&exchange(asked, &tunnel), "403", "own_address");
        let plain =
            format!("GET http://{target}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        refused(&exchange(asked, &plain), "403", "own_address");
    }
}

#[test]
fn with_a_token_file_only_the_token_buys() {
    let shop = Shop::open();
    let file = shop.home.path().join("proxy.token");
    let path = file.to_str().expect("a path");
    let proxy = shop.reverse(&["--token-file", path]);
    let token = std::fs::read_to_string(&file).expect("the file was made");
    let token = token.trim();
    assert_eq!(token.len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let wrong = token.replace(|c: char| c.is_ascii_digit(), "f");
    for headers in [
        String::new(),
        "proxy-authorization: Bearer\r\n".to_owned(),
        format!("proxy-authorization: Bearer {wrong}\r\n"),
        format!("proxy-authorization: Bearer {}\r\n", &token[..63]),
        format!("authorization: Bearer {token}\r\n"),
        format!("l402-proxy-token: {wrong}\r\n"),
    ] {
        refused(&get(&proxy, "/", &headers), "403", "proxy_token");
    }
    let url = shop.gateway.url("/");
    let allowed = ["--allow-address", "127.0.0.1"];
    let forward = forward(
        &shop.home,
        &[&["--token-file", path], &allowed[..]].concat(),
    );
    let ask = |headers: &str| {
        let head = format!("GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        exchange(forward.address(), &head)
    };
    for headers in [String::new(), format!("l402-proxy-token: {token}\r\n")] {
        let answer = ask(&headers);
        refused(&answer, "407", "proxy_token");
        assert!(answer.contains("proxy-authenticate: Basic"), "{answer}");
    }
    let tunnel = exchange(forward.address(), "CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n");
    refused(&tunnel, "407", "proxy_token");
    shop.has_sold_nothing();
    let own = get(&proxy, "/", &format!("l402-proxy-token: {token}\r\n"));
    assert_eq!(status(&own), "200", "{own}");
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("me:{token}"))
    };
    let own = ask(&format!("proxy-authorization: Basic {basic}\r\n"));
    assert_eq!(status(&own), "200", "{own}");
}

/// ATTACKS C-36: what is private here is not the business of somebody who has the token.
#[test]
fn a_token_opens_no_private_network() {
    let shop = Shop::open();
    let file = shop.home.path().join("proxy.token");
    let proxy = forward(
        &shop.home,
        &["--token-file", file.to_str().expect("a path")],
    );
    let token = std::fs::read_to_string(&file).expect("the file was made");
    let token = format!("proxy-authorization: Bearer {}\r\n", token.trim());
    let gateway = shop.gateway.address();
    let (_, port) = gateway.rsplit_once(':').expect("a port");
    for target in [
        gateway,
        "169.254.169.254:80",
        "10.0.0.1:80",
        &format!("localhost:{port}"),
        &format!("[::ffff:127.0.0.1]:{port}"),
    ] {
        let tunnel = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{token}\r\n");
        let answer = exchange(proxy.address(), &tunnel);
        refused(&answer, "403", "private_address");
        let plain =
            format!("GET http://{target}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{token}\r\n");
        refused(&exchange(proxy.address(), &plain), "403", "private_address");
    }
    shop.has_sold_nothing();
}

#[test]
fn further_addresses_need_a_token_file() {
    let home = Home::new();
    let to = ["--to", "http://127.0.0.1:1"];
    let refused = [
        home.run(&["proxy", "0.0.0.0:0", to[0], to[1]]),
        home.run(&["proxy", "--listen", "0.0.0.0:0", to[0], to[1]]),
        home.run(&["proxy", "--listen", "127.0.0.1:0"]),
        home.run(&["proxy", "--host", "a.example"]),
        // A browser says nothing of the page that asks over plain HTTP at a name.
        home.run(&["proxy", to[0], to[1], "--host", "a.example"]),
    ];
    for ran in refused {
        let ran = ran.expect(64);
        assert!(ran.stderr.starts_with("error[usage]: "), "{ran:#?}");
    }
    let weak = home.file("weak", "secret\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&weak, mode).expect("a mode");
    }
    let weak = weak.to_str().expect("a path");
    let ran = home.run(&["proxy", "127.0.0.1:0", "--token-file", weak]);
    assert!(!ran.expect(78).stderr.contains("secret"));
}

#[test]
fn the_answer_to_trace_would_show_the_credential() {
    let shop = Shop::open();
    let proxy = shop.reverse(&[]);
    let host = proxy.address();
    let ask = format!("TRACE / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    refused(&exchange(host, &ask), "405", "trace");
    shop.has_sold_nothing();
}

/// Runs only as root, who can be somebody else; the kernel's table and its double are tested in any case.
#[cfg(target_os = "linux")]
#[test]
fn another_user_of_the_machine_buys_nothing() {
    use std::process::Command;

    let setpriv = |args: &[&str]| {
        let nobody = ["--reuid=65534", "--clear-groups", "--regid=65534"];
        Command::new("setpriv").args(nobody).args(args).output()
    };
    if !setpriv(&["true"]).is_ok_and(|ran| ran.status.success()) {
        return;
    }
    let shop = Shop::open();
    let proxy = shop.reverse(&[]);
    // No program but the shell: it opens the connection by itself.
    let (_, port) = proxy.address().rsplit_once(':').expect("a port");
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; \
         printf 'GET / HTTP/1.1\\r\\nhost: 127.0.0.1:{port}\\r\\nconnection: close\\r\\n\\r\\n' >&3; cat <&3"
    );
    let ran = setpriv(&["bash", "-c", &script]).expect("it runs");
    let answer = String::from_utf8_lossy(&ran.stdout);
    refused(&answer, "403", "foreign_user");
    shop.has_sold_nothing();
    let file = shop.home.path().join("proxy.token");
    let with_token = shop.reverse(&["--token-file", file.to_str().expect("a path")]);
    let token = std::fs::read_to_string(&file).expect("the file was made");
    let (_, other) = with_token.address().rsplit_once(':').expect("a port");
    let header = format!("l402-proxy-token: {}\\r\\n\\r\\n' >&3", token.trim());
    let script = script.replace(port, other).replace("\\r\\n' >&3", &header);
    let ran = setpriv(&["bash", "-c", &script]).expect("it runs");
    let answer = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(status(&answer), "200", "{answer}");
}
