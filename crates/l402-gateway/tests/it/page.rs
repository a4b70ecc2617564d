//! The page that people meet in a browser: when it comes, what it holds, and what it keeps out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use l402_gateway::Config;
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, GatewayUnderTest, describe, request, routes, send, serve, upstream};

/// The header of Chromium.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                       image/apng,*/*;q=0.8";

const PAGE: &str = "text/html; charset=utf-8";
const JSON: &str = "application/problem+json";

async fn ask(server: &GatewayUnderTest, method: &str, path: &str, more: &[(&str, &str)]) -> Answer {
    let mut request = request(method, path, None, b"");
    for (name, value) in more {
        let name: http::HeaderName = name.parse().expect("a name");
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    send(server.address, request).await
}

async fn browse(server: &GatewayUnderTest, path: &str) -> Answer {
    ask(server, "GET", path, &[("accept", BROWSER)]).await
}

async fn shop(more: &str) -> GatewayUnderTest {
    serve(&routes(upstream(false, describe).await, more)).await
}

/// Returns the value of the first attribute of this name, as a browser reads it.
fn attribute(html: &str, name: &str) -> String {
    let (_, after) = html
        .split_once(&format!(" {name}=\""))
        .unwrap_or_else(|| panic!("no {name} in {html}"));
    let value = after.split('"').next().expect("a quote");
    let plain = value.replace("&lt;", "<").replace("&gt;", ">");
    let plain = plain.replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&")
}

/// Returns the contents of the elements of this name, which have no attributes.
fn blocks<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = html.split(&begin).skip(1);
    parts
        .map(|part| part.split_once(&end).expect("an end").0)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_a_page_with_every_header_of_the_document() {
    let server = shop("").await;
    let (page, json) = (
        browse(&server, "/a?b=1").await,
        server.get("/a?b=1", None).await,
    );
    assert_eq!((page.status(), json.status()), (402, 402));
    assert_eq!(page.header("content-type"), Some(PAGE));
    assert_eq!(json.header("content-type"), Some(JSON));
    for answer in [&page, &json] {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("vary"), Some("accept, cookie"));
        let lines = answer.head.headers.get_all("www-authenticate").iter();
        assert_eq!(lines.count(), 1);
    }
    for name in json.head.headers.keys() {
        assert!(page.head.headers.contains_key(name), "{name}");
    }
    let html = page.text();
    let challenge = page.header("www-authenticate").expect("a challenge");
    let (token, invoice) = (
        attribute(&html, "data-token"),
        attribute(&html, "data-invoice"),
    );
    assert!(challenge.contains(&token) && challenge.contains(&invoice));
    assert_eq!(attribute(&html, "data-path"), "/a?b=1");
    assert_eq!(attribute(&html, "data-lasts"), "600");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    assert!(html.contains("<b>50 sat</b> <span>for this page, once</span>"));
    assert!(html.contains("play money"), "the sandbox pays nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_scheme_has_its_line_on_the_page_too() {
    let upstream = upstream(false, describe).await;
    let server = serve(&format!("lsat_line = true\n{}", routes(upstream, ""))).await;
    let page = browse(&server, "/").await;
    let lines = page.head.headers.get_all("www-authenticate").iter();
    assert_eq!(
        (page.header("content-type"), lines.count()),
        (Some(PAGE), 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_json() {
    let server = shop("").await;
    let html = ("accept", BROWSER);
    for (method, headers) in [
        ("GET", &[("accept", "*/*")][..]),
        ("GET", &[("accept", "application/json, text/html")]),
        (
            "GET",
            &[("accept", "image/avif,image/webp,image/*,*/*;q=0.8")],
        ),
        ("POST", &[html]),
        ("PUT", &[html]),
        ("GET", &[html, ("authorization", "L402 garbage")]),
        ("GET", &[html, ("l402-credential", "garbage")]),
        ("POST", &[html, ("content-type", "application/grpc")]),
    ] {
        let answer = ask(&server, method, "/", headers).await;
        assert_eq!(answer.header("content-type"), Some(JSON), "{headers:?}");
        assert!(answer.header("content-security-policy").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_the_page_and_no_body() {
    let server = shop("").await;
    let page = ask(&server, "HEAD", "/", &[("accept", BROWSER)]).await;
    assert_eq!((page.status(), page.body.len()), (402, 0));
    assert_eq!(page.header("content-type"), Some(PAGE));
    let length: usize = page.header("content-length").unwrap().parse().unwrap();
    assert!(length > 10_000, "{length}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_allows_the_style_and_the_script_of_the_page_alone() {
    let server = shop("").await;
    for path in ["/", "/.well-known/l402/nothing"] {
        let page = browse(&server, path).await;
        let html = page.text();
        let policy = page.header("content-security-policy").expect("a policy");
        for rule in [
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "connect-src 'self'",
        ] {
            assert!(policy.split("; ").any(|own| own == rule), "{policy}");
        }
        let mut hashes = 0;
        for name in ["style", "script"] {
            for block in blocks(&html, name) {
                let hash = STANDARD.encode(Sha256::digest(block));
                let rule = format!("{name}-src 'sha256-{hash}'");
                assert!(policy.split("; ").any(|own| own == rule), "{policy}");
                hashes += 1;
            }
        }
        assert_eq!(policy.matches("sha256-").count(), hashes);
        assert!(!policy.contains("unsafe"));
        // Nothing of the page would need another rule, and nothing is asked for elsewhere.
        for word in [
            " style=",
            " onclick=",
            " src=\"http",
            "href=\"http",
            "@import",
            "url(",
        ] {
            assert!(!html.contains(word), "{word}");
        }
    }
}

/// Returns the modules of the QR code that the page draws.
fn modules(html: &str) -> (usize, Vec<Vec<bool>>) {
    let size: usize = attribute(html, "viewBox")
        .split(' ')
        .nth(2)
        .expect("a width")
        .parse()
        .expect("a number");
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let mut rows = vec![vec![false; size]; size];
    let path = html.split("stroke=\"#000\" d=\"").nth(1).expect("a path");
    for row in path.split('"').next().expect("a path").split('M').skip(1) {
        let moves = row.find(['h', 'm']).unwrap_or(row.len());
        let (place, mut runs) = row.split_at(moves);
        let (x, y) = place.split_once(' ').expect("x and y");
        let y: usize = number(y.strip_suffix(".5").expect("the middle of a row"));
        let mut x: usize = number(x);
        while let Some(kind) = runs.chars().next() {
            let end = runs[1..].find(['h', 'm']).map_or(runs.len(), |end| end + 1);
            let length: usize = number(runs[1..end].trim_end_matches(" 0"));
            if kind == 'h' {
                rows[y][x..x + length].fill(true);
            }
            (x, runs) = (x + length, &runs[end..]);
        }
    }
    (size, rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_reads_the_invoice_off_the_code() {
    let server = shop("").await;
    let html = browse(&server, "/").await.text();
    let (size, rows) = modules(&html);
    let margin = 4;
    let code = rqrr::SimpleGrid::from_func(size - 2 * margin, |x, y| rows[y + margin][x + margin]);
    let (_, text) = rqrr::Grid::new(code).decode().expect("a code");
    let invoice = attribute(&html, "data-invoice");
    assert_eq!(text, format!("lightning:{}", invoice.to_ascii_uppercase()));
    assert!(html.contains(&format!("href=\"lightning:{invoice}\"")));
    // The quiet zone is light on all four sides.
    let is_light = |x: usize, y: usize| !rows[y][x] && !rows[x][y];
    let edge = (0..margin).chain(size - margin..size);
    assert!(
        edge.flat_map(|y| (0..size).map(move |x| (x, y)))
            .all(|(x, y)| is_light(x, y))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_small_whatever_is_sold() {
    let long = "é\u{4e00}".repeat(500);
    let more = format!("policy = \"time=90d\"\nmemo = \"{}\"\n", "m".repeat(600));
    let more = format!("{more}title = \"A title\"\ndescription = \"{long}\"");
    let server = shop(&more).await;
    for language in ["en", "de", "es", "fr", "pt", "ja"] {
        let headers = [("accept", BROWSER), ("accept-language", language)];
        let page = ask(&server, "GET", "/", &headers).await;
        assert!(page.body.len() <= 40_000, "{language}: {}", page.body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_stay_text() {
    let hostile = "\\\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{token}}&amp;";
    let text = format!("title = \"{hostile}\"\ndescription = \"{hostile}\"");
    let upstream = upstream(false, describe).await;
    let page = format!("[page]\ntitle = \"{hostile}\"\n");
    let server = serve(&format!("{}{page}", routes(upstream, &text))).await;
    let html = browse(&server, "/x?'a=%22").await.text();
    assert_eq!(blocks(&html, "script").len(), 1, "{html}");
    assert!(!html.contains("<img") && !html.contains("'>"), "{html}");
    assert_eq!(html.matches("&lt;script&gt;").count(), 4, "{html}");
    assert!(html.contains("{{token}}&amp;amp;"));
    assert_eq!(attribute(&html, "data-path"), "/x?'a=%22");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_sees_in_a_memo_is_written_out() {
    let server = shop("memo = \"50\\u202etas\\u0007\"").await;
    let html = browse(&server, "/").await.text();
    assert!(html.contains("<h1>50\\u{202e}tas\\u{7}</h1>"), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_speaks_the_language_of_its_reader() {
    let server = shop("policy = \"uses=1200\"").await;
    for (accepted, tag, word) in [
        ("de-CH, en;q=0.5", "de", "für 1200 Aufrufe"),
        ("fr", "fr", "Ouvrir dans le portefeuille"),
        ("ja", "ja", "ウォレットで開く"),
        ("es", "es", "Abrir en el monedero"),
        ("pt-BR", "pt", "Abrir na carteira"),
        ("tlh", "en", "for 1200 views"),
    ] {
        let headers = [("accept", BROWSER), ("accept-language", accepted)];
        let page = ask(&server, "GET", "/", &headers).await;
        assert_eq!(page.header("content-language"), Some(tag));
        let html = page.text();
        assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{tag}");
        assert!(html.contains(word), "{word}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_refusals_say_what_to_do_next() {
    let upstream = upstream(false, describe).await;
    let limits = "[challenges]\nper_peer_per_second = 1\nper_peer_burst = 1\n";
    let route = routes(upstream, "").replace("/{*rest}", "/a");
    let server = serve(&format!("{route}{limits}")).await;
    let missing = browse(&server, "/nothing").await;
    assert_eq!(
        (missing.status(), missing.header("content-type")),
        (404, Some(PAGE))
    );
    let html = missing.text();
    assert!(html.contains("There is nothing at this address"), "{html}");
    assert!(html.contains("404 · no_route"), "{html}");
    assert!(!html.contains("{{") && blocks(&html, "script").is_empty());
    assert_eq!(browse(&server, "/a").await.status(), 402);
    let limited = browse(&server, "/a").await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.header("retry-after"), Some("1"));
    assert!(
        limited.text().contains("Wait 5 seconds"),
        "a person is slow"
    );
    assert_eq!(server.get("/nothing", None).await.code(), "no_route");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_upstream_of_a_free_route_is_a_page() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let server = serve(&routes(address, "")).await;
    let page = browse(&server, "/free").await;
    assert_eq!(
        (page.status(), page.header("content-type")),
        (502, Some(PAGE))
    );
    assert!(page.text().contains("The service behind this page failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upstream_answers_is_left_as_it_is() {
    let server = shop("").await;
    let answer = browse(&server, "/free").await;
    assert_eq!(answer.status(), 200);
    assert!(answer.header("content-security-policy").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_switches_the_page_off_and_on() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "");
    let server = serve(&text).await;
    let _ = server
        .reload(&format!("{text}[page]\nenabled = false\n"))
        .unwrap();
    let off = browse(&server, "/").await;
    assert_eq!(
        (off.header("content-type"), off.header("vary")),
        (Some(JSON), None)
    );
    let words = "[page]\ntitle = \"Kiosk\"\n[page.words.en]\nopen = \"Pay now\"\n";
    let _ = server.reload(&format!("{text}{words}")).unwrap();
    let html = browse(&server, "/").await.text();
    assert!(
        html.contains("Pay now") && html.contains("<span>Kiosk</span>"),
        "{html}"
    );
}

/// A template with each kind of place that a value may stand in.
const OWN: &str = "<!doctype html><title>{{title}}</title>\r\n<style>p { color: red }\r\n</style>\
                   <main {{data}}><p title='{{name}}'>{{price}} {{word.copy}}</p>{{logo}}{{qr}}</main>\
                   <script>{{script}}</script><script>\nlet a = 1 < 2;</script>";

#[tokio::test(flavor = "multi_thread")]
async fn an_own_template_has_the_same_protection() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("own.html"), OWN).unwrap();
    std::fs::write(
        file("logo.svg"),
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
    )
    .unwrap();
    let upstream = upstream(false, describe).await;
    let page = format!(
        "[page]\ntemplate = \"{}\"\nlogo = \"{}\"\n",
        file("own.html"),
        file("logo.svg")
    );
    let text = format!("{}{page}", routes(upstream, "title = \"a'b\""));
    let server = serve(&text).await;
    let answer = browse(&server, "/").await;
    let html = answer.text();
    assert!(html.contains(
        "<p title='a&#39;b'>50 sat Copy invoice</p><img src=\"data:image/svg+xml;base64,"
    ));
    assert_eq!(attribute(&html, "data-lasts"), "600");
    let policy = answer.header("content-security-policy").expect("a policy");
    for block in blocks(&html, "style")
        .into_iter()
        .chain(blocks(&html, "script"))
    {
        let hash = STANDARD.encode(Sha256::digest(block));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{block}");
    }
    assert_eq!(policy.matches("sha256-").count(), 3);
    let config = Config::from_toml(&text, "shop.toml").unwrap();
    assert_eq!(config.schema_files().len(), 2, "a change of either is seen");
}

#[test]
fn mistakes_of_the_page_are_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.html", b"{{qr}}\n{{prise}}\n<a href={{path}}>");
    let large = file("large.svg", format!("<svg>{}", " ".repeat(9000)).as_bytes());
    let other = file("other.png", b"GIF89a");
    let route = routes("127.0.0.1:1".parse().unwrap(), "");
    for (page, key, fixes) in [
        (
            format!("template = \"{unknown}\""),
            "page.template",
            &["line 2", "line 3"][..],
        ),
        (
            "template = \"/nothing.html\"".to_owned(),
            "page.template",
            &["No such file"],
        ),
        (
            format!("logo = \"{large}\""),
            "page.logo",
            &["larger than 8192 bytes"],
        ),
        (
            format!("logo = \"{other}\""),
            "page.logo",
            &[".svg or a .png"],
        ),
        ("enabled = 1".to_owned(), "page.enabled", &["true or false"]),
        (
            "titel = \"a\"".to_owned(),
            "page.titel",
            &["did you mean title"],
        ),
        (
            "[page.words.xx]\nopen = \"a\"".to_owned(),
            "page.words.xx",
            &["did you mean de?"],
        ),
        (
            "[page.words.de]\nexpird = \"a\"".to_owned(),
            "page.words.de.expird",
            &["did you mean expired"],
        ),
    ] {
        let text = format!("{route}[page]\n{page}\n");
        let mistakes = Config::from_toml(&text, "shop.toml").expect_err(&page);
        assert_eq!(mistakes.len(), fixes.len(), "{mistakes:?}");
        for (mistake, fix) in mistakes.iter().zip(fixes) {
            assert_eq!(mistake.key(), key);
            assert!(mistake.to_string().contains(fix), "{mistake}");
        }
    }
}

/// Asks by the form of a page without script if its invoice has been paid.
async fn press(server: &GatewayUnderTest, html: &str, language: &str) -> Answer {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for name in ["token", "path"] {
        form.append_pair(name, &attribute(html, &format!("data-{name}")));
    }
    let request = http::Request::post("/.well-known/l402/settled")
        .header("host", "localhost")
        .header("accept-language", language)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form.finish())))
        .expect("a request");
    send(server.address, request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_works_without_script_and_a_stranger_s_link_leads_on() {
    let server = shop("policy = \"time=1h\"").await;
    let page = browse(&server, "/film?x=1").await;
    let html = page.text();
    let early = press(&server, &html, "fr").await;
    assert_eq!(
        (early.status(), early.header("content-type")),
        (202, Some(PAGE))
    );
    assert_eq!(early.header("cache-control"), Some("no-store"));
    assert_eq!(early.header("retry-after"), Some("1"));
    let text = early.text();
    assert!(
        text.contains("Le paiement n’est pas encore arrivé"),
        "{text}"
    );
    // The page before is gone when somebody goes back, so that the form is here again.
    assert!(text.contains(&format!("value=\"{}\"", attribute(&html, "data-token"))));
    assert!(text.contains("href=\"/film?x=1\""));
    let document = serde_json::json!({
        "invoice": attribute(&html, "data-invoice"),
        "token": attribute(&html, "data-token"),
    });
    server.pay_document(&document.to_string()).await;
    server.clock.advance(std::time::Duration::from_secs(2));
    let settled = press(&server, &html, "fr").await;
    assert_eq!(
        (settled.status(), settled.header("location")),
        (303, Some("/film?x=1"))
    );
    let cookie = settled.header("set-cookie").expect("a cookie");
    let cookie = cookie.split(';').next().unwrap();
    let come = async |from: &str| {
        let headers = [
            ("host", "localhost"),
            ("accept", BROWSER),
            ("cookie", cookie),
            ("sec-fetch-site", from),
        ];
        ask(&server, "GET", "/film?x=1", &headers).await
    };
    assert_eq!(come("same-origin").await.status(), 200);
    let foreign = come("cross-site").await;
    assert_eq!(
        (foreign.status(), foreign.header("content-type")),
        (402, Some(PAGE))
    );
    let html = foreign.text();
    let way = "You have paid for this already. <a href=\"\" data-l402=\"go-on\">";
    assert!(html.contains(way), "{html}");
    assert!(html.contains(" data-told=\"\""));
}
