//! The dashboard from outside: login, sessions, forms, headers, and strangers' texts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use l402::{Msat, PaymentHash};
use l402_gateway::{
    AdminListener, AdminServer, Config, Gateway, Home, NotReloaded, Overrides, Program, Reloaded,
    Stores,
};
use l402_host::{Clock as _, ManualClock};
use l402_lightning::{Node, Open};
use l402_server::books::{Entry, Kind, Terms};
use l402_testkit::hostile_texts;
use url::form_urlencoded::byte_serialize;

use crate::harness::{Answer, describe, request, routes, send, upstream};

/// A gateway with a dashboard, and the token of its home.
struct Stage {
    gateway: Arc<Gateway>,
    address: SocketAddr,
    token: String,
    home: tempfile::TempDir,
    file: PathBuf,
    clock: Arc<ManualClock>,
    stores: Stores,
    _server: AdminServer,
}

struct OfFile(PathBuf, Overrides);

impl Program for OfFile {
    fn file(&self) -> Option<(&Path, &Overrides)> {
        Some((&self.0, &self.1))
    }

    fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded> {
        let config = Config::from_file(&self.0).map_err(NotReloaded::Mistakes)?;
        gateway.reload(config).map_err(NotReloaded::Refused)
    }

    fn stop(&self) {}
}

/// Returns a configuration with a priced route for everything.
async fn configuration() -> String {
    let upstream = upstream(false, describe).await;
    let own = "listen = [\"127.0.0.1:0\"]\nworkers = 1\n";
    own.to_owned() + &routes(upstream, "") + "[admin]\nlisten = \"127.0.0.1:0\"\n"
}

async fn stage() -> Stage {
    let home = tempfile::tempdir().expect("a home");
    let file = home.path().join("l402.toml");
    std::fs::write(&file, configuration().await).expect("a file");
    let clock = l402_testkit::clock();
    let of_home = Home::at(home.path().join("home")).expect("a home");
    let config = Config::from_file(&file).expect("a sound configuration");
    let listener = AdminListener::bind(&config, &of_home, clock.clone());
    let listener = listener.expect("it binds").expect("a listener");
    let stores = Stores::of(&config, &of_home);
    let open = Open::new(of_home.path(), clock.clone());
    let node = Node::Sandbox.receiver(open).await.expect("a node").receive;
    let (own, clocked) = (of_home.clone(), clock.clone());
    let start = move || Gateway::start(config, &own, clocked, node);
    let gateway = tokio::task::spawn_blocking(start).await.expect("no panic");
    let gateway = Arc::new(gateway.expect("a gateway"));
    let program = OfFile(file.clone(), Overrides::default());
    let address = listener.local_addr().expect("an address");
    let server = listener.serve(Arc::clone(&gateway), Arc::new(program));
    let token = std::fs::read_to_string(of_home.path().join("admin.token")).expect("a token");
    Stage {
        gateway,
        address,
        token: token.trim().to_owned(),
        home,
        file,
        clock,
        stores,
        _server: server.expect("it serves"),
    }
}

impl Stage {
    fn host(&self) -> String {
        self.address.to_string()
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Answer {
        let mut request = Request::get(path).header("host", self.host());
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        send(
            self.address,
            request.body(Full::default()).expect("a request"),
        )
        .await
    }

    /// Sends a form as a page of the dashboard does.
    async fn post(&self, path: &str, cookie: Option<&str>, form: &str) -> Answer {
        let own = format!("http://{}", self.host());
        self.post_from(
            path,
            cookie,
            form,
            &[("origin", &own), ("sec-fetch-site", "same-origin")],
        )
        .await
    }

    async fn post_from(
        &self,
        path: &str,
        cookie: Option<&str>,
        form: &str,
        from: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::post(path)
            .header("host", self.host())
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in from
            .iter()
            .copied()
            .chain(cookie.map(|cookie| ("cookie", cookie)))
        {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(form.to_owned()));
        send(self.address, request.body(body).expect("a request")).await
    }

    /// Signs in, and returns the cookie.
    async fn sign_in(&self) -> String {
        let answer = self
            .post("/login", None, &format!("token={}", self.token))
            .await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").expect("a cookie");
        cookie.split(';').next().expect("a pair").to_owned()
    }

    /// Returns the secret that the forms of a session carry.
    async fn csrf(&self, cookie: &str) -> String {
        let page = self.get("/configuration", Some(cookie)).await.text();
        let (_, after) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        after[..64].to_owned()
    }

    fn append(&self, entries: &[Entry]) {
        self.stores
            .books()
            .expect("books")
            .append(entries)
            .expect("they are written");
    }
}

/// The entries of a payment whose service and route have this name.
fn sale(number: u8, name: &str, now: l402::UnixTime) -> [Entry; 2] {
    let mut payment = Entry::new(Kind::Payment, now);
    payment.payment_hash = Some(PaymentHash::from_bytes([number; 32]));
    payment.msat = Some(Msat::new(u64::from(number) * 1_234_000));
    payment.terms = Some(Terms {
        service: name.into(),
        route: name.into(),
        price: Msat::new(1000),
        units: 1,
        ends: now.saturating_add(Duration::from_secs(3600)),
    });
    let mut using = Entry::new(Kind::Use, now);
    (using.payment_hash, using.token_id, using.spent) =
        (payment.payment_hash, Some([number; 32]), 1);
    [payment, using]
}

// ATTACKS O-01
#[tokio::test]
async fn nothing_is_shown_without_a_session() {
    let stage = stage().await;
    for path in [
        "/",
        "/sales",
        "/tokens",
        "/payments",
        "/node",
        "/configuration",
        "/revoke",
    ] {
        for cookie in [None, Some("l402_session_1=00"), Some("l402_session=x; a=b")] {
            let answer = stage.get(path, cookie).await;
            assert_eq!(answer.status(), 303, "{path}");
            assert_eq!(
                answer.header("location"),
                Some(&*format!("/login?next={path}"))
            );
            assert!(answer.body.is_empty());
        }
    }
    assert_eq!(stage.get("/live.json", None).await.status(), 401);
    assert_eq!(stage.get("/nothing", None).await.status(), 401);
    // What would change something is not even read.
    let revoked = stage
        .post("/revoke", None, &format!("token={}", "00".repeat(32)))
        .await;
    assert_eq!(revoked.header("location"), Some("/login?next=/revoke"));
}

#[tokio::test]
async fn a_session_begins_with_the_token_and_ends_by_time_or_by_its_holder() {
    let stage = stage().await;
    let wrong = stage.post("/login", None, "token=0000").await;
    assert_eq!(wrong.status(), 401);
    assert_eq!(wrong.header("set-cookie"), None);
    assert!(!wrong.text().contains("0000"));
    let answer = stage
        .post(
            "/login",
            None,
            &format!("token={}&next=/sales", stage.token),
        )
        .await;
    assert_eq!(
        (answer.status(), answer.header("location")),
        (303, Some("/sales"))
    );
    let set = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(
        set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"),
        "{set}"
    );
    let cookie = set.split(';').next().expect("a pair");
    let (_, secret) = cookie.split_once('=').expect("a value");
    assert_eq!(secret.len(), 64);
    let page = stage.get("/sales", Some(cookie)).await;
    assert_eq!(page.status(), 200);
    assert!(!page.text().contains(secret) && !page.text().contains(&stage.token));
    let csrf = stage.csrf(cookie).await;
    let out = stage
        .post("/logout", Some(cookie), &format!("csrf={csrf}"))
        .await;
    assert!(
        out.header("set-cookie")
            .expect("a cookie")
            .contains("Max-Age=0")
    );
    assert_eq!(stage.get("/sales", Some(cookie)).await.status(), 303);
    let other = stage.sign_in().await;
    stage.clock.advance(Duration::from_secs(12 * 3600 - 1));
    assert_eq!(stage.get("/", Some(&other)).await.status(), 200);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.get("/", Some(&other)).await.status(), 303);
}

#[tokio::test]
async fn wrong_tokens_are_limited_and_the_right_one_still_opens() {
    let stage = stage().await;
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(stage.post("/login", None, "token=guess").await.status());
    }
    assert_eq!(statuses[0], 401);
    assert_eq!(statuses.last(), Some(&429));
    stage.sign_in().await;
}

#[tokio::test]
async fn no_link_of_a_stranger_leads_away_after_the_login() {
    let stage = stage().await;
    for next in [
        "//evil.test",
        "https://evil.test",
        "/\\evil.test",
        "/%0d%0ax: y",
        "javascript:1",
    ] {
        let next: String = byte_serialize(next.as_bytes()).collect();
        let form = format!("token={}&next={next}", stage.token);
        let answer = stage.post("/login", None, &form).await;
        assert_eq!(answer.header("location"), Some("/"), "{next}");
        let page = stage.get(&format!("/login?next={next}"), None).await.text();
        assert!(page.contains("name=\"next\" value=\"/\""), "{page}");
    }
}

// ATTACKS O-04
#[tokio::test]
async fn a_form_of_another_session_or_page_changes_nothing() {
    let stage = stage().await;
    let (cookie, other) = (stage.sign_in().await, stage.sign_in().await);
    let (csrf, foreign) = (stage.csrf(&cookie).await, stage.csrf(&other).await);
    assert_ne!(csrf, foreign);
    for form in [
        String::new(),
        "csrf=".to_owned(),
        format!("csrf={foreign}"),
        format!("CSRF={csrf}"),
    ] {
        for path in ["/reload", "/revoke", "/logout"] {
            assert_eq!(
                stage.post(path, Some(&cookie), &form).await.status(),
                403,
                "{path} {form}"
            );
        }
    }
    let form = format!("csrf={csrf}&token={}", "a5".repeat(32));
    let own = format!("http://{}", stage.host());
    for from in [
        &[][..],
        &[("origin", "null")],
        &[("origin", "http://evil.test")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("sec-fetch-site", "none")],
    ] {
        let answer = stage.post_from("/revoke", Some(&cookie), &form, from).await;
        assert_eq!(answer.status(), 403, "{from:?}");
    }
    let login = format!("token={}", stage.token);
    let strange = [("sec-fetch-site", "cross-site")];
    assert_eq!(
        stage
            .post_from("/login", None, &login, &strange)
            .await
            .status(),
        403
    );
    let revoked = stage
        .stores
        .with_register(|register| register.revoked_after(0, 10));
    assert!(revoked.expect("a register").is_empty());
    assert_eq!(
        stage.post("/revoke", Some(&cookie), &form).await.status(),
        303
    );
    let revoked = stage
        .stores
        .with_register(|register| register.revoked_after(0, 10));
    assert_eq!(revoked.expect("a register").len(), 1);
}

#[tokio::test]
async fn every_answer_forbids_what_is_not_its_own() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    let page = stage.get("/", Some(&cookie)).await.text();
    let style = page
        .split("href=\"")
        .find(|it| it.starts_with("/static/page.css"))
        .expect("a style");
    let style = style.split('"').next().expect("an address").to_owned();
    let mut answers = vec![
        stage.get("/", None).await,
        stage.get("/login", None).await,
        stage.get("/live.json", Some(&cookie)).await,
        stage.get(&style, None).await,
        stage.post("/login", None, "token=x").await,
        stage.post("/reload", Some(&cookie), "").await,
    ];
    for path in [
        "/",
        "/sales",
        "/tokens?q=x",
        "/payments",
        "/node",
        "/configuration",
    ] {
        answers.push(stage.get(path, Some(&cookie)).await);
    }
    for answer in &answers {
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        let text = answer.text();
        assert!(!text.contains(" style=") && !text.contains("<style") && !text.contains("onclick"));
        if answer
            .header("content-type")
            .is_some_and(|it| it.starts_with("text/html"))
        {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

// ATTACKS O-05
#[tokio::test]
async fn the_texts_of_strangers_stay_texts() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    let now = stage.clock.wall();
    let texts = hostile_texts();
    // So many at once that each has been the first of a list.
    for (number, text) in (1..=200).zip(&texts) {
        stage.append(&sale(number, text, now));
    }
    for path in ["/", "/sales", "/sales?by=service", "/tokens", "/payments"] {
        let answer = stage.get(path, Some(&cookie)).await;
        assert_eq!(answer.status(), 200);
        assert_no_markup(&answer.text());
    }
    for text in &texts {
        let typed: String = byte_serialize(text.as_bytes()).collect();
        for path in [
            format!("/tokens?q={typed}"),
            format!("/payments?state={typed}&after={typed}"),
        ] {
            let answer = stage.get(&path, Some(&cookie)).await;
            assert_eq!(answer.status(), 200, "{path}");
            assert_no_markup(&answer.text());
        }
    }
}

fn assert_no_markup(page: &str) {
    for start in [
        "<script>",
        "<img",
        "<iframe",
        "<base",
        "<meta http-equiv",
        "<svg onload",
        "onerror=\"",
    ] {
        assert!(!page.contains(start), "{start}");
    }
    // One script, which is ours.
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains('\u{202e}') && !page.contains('\0'));
}

#[tokio::test]
async fn a_sale_shows_and_can_be_revoked() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    let shop = stage.gateway.local_addrs()[0];
    let challenge = send(shop, request("GET", "/x", None, b"")).await;
    let document: serde_json::Value = challenge.json();
    let text = |key: &str| document[key].as_str().expect("a text").to_owned();
    let home = stage.home.path().join("home");
    let open = Open::new(&home, stage.clock.clone());
    let wallet = Node::Sandbox.wallet(open).await.expect("a wallet");
    let (preimage, _) = l402_testkit::pay(&*wallet.pay, &text("invoice")).await;
    let credential = format!("L402 {}:{}", text("token"), preimage.to_hex());
    assert_eq!(
        send(shop, request("GET", "/x", Some(&credential), b""))
            .await
            .status(),
        200
    );
    let hash = hex(preimage.payment_hash().as_bytes());
    let path = format!("/payments/{hash}");
    // The books are written behind the answer.
    let page = eventually(async || {
        let page = stage.get(&path, Some(&cookie)).await;
        page.text().contains("Served, 1 use spent").then_some(page)
    })
    .await
    .text();
    assert!(page.contains("/revoke?token="), "{page}");
    let csrf = stage.csrf(&cookie).await;
    let form = format!("csrf={csrf}&payment={hash}");
    assert_eq!(
        stage.post("/revoke", Some(&cookie), &form).await.status(),
        303
    );
    eventually(async || {
        let answer = send(shop, request("GET", "/x", Some(&credential), b"")).await;
        (answer.status() == 402 && answer.code() == "revoked").then_some(())
    })
    .await;
    assert!(
        stage
            .get(&path, Some(&cookie))
            .await
            .text()
            .contains("revoked")
    );
}

#[tokio::test]
async fn the_income_of_a_route_is_summed_up() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    assert!(
        stage
            .get("/", Some(&cookie))
            .await
            .text()
            .contains("Nothing was sold")
    );
    stage.append(&sale(2, "/weather", stage.clock.wall()));
    stage.append(&sale(3, "/weather", stage.clock.wall()));
    // A look is good for some seconds.
    assert!(
        stage
            .get("/", Some(&cookie))
            .await
            .text()
            .contains("Nothing was sold")
    );
    stage.clock.advance(Duration::from_secs(11));
    for path in ["/", "/sales", "/?span=24h"] {
        let page = stage.get(path, Some(&cookie)).await.text();
        assert!(
            page.contains("6,170") && page.contains("/weather"),
            "{path} {page}"
        );
    }
}

#[tokio::test]
async fn the_configuration_shows_what_a_reload_would_change() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    let csrf = format!("csrf={}", stage.csrf(&cookie).await);
    let text = std::fs::read_to_string(&stage.file).expect("a file");
    let page = async || stage.get("/configuration", Some(&cookie)).await.text();
    assert!(
        page()
            .await
            .contains("Nothing: the file says what is served.")
    );
    std::fs::write(&stage.file, text.replace("50 sat", "70 sat")).expect("written");
    assert!(page().await.contains("What a reload changes"));
    let reloaded = stage.post("/reload", Some(&cookie), &csrf).await;
    assert_eq!(reloaded.header("location"), Some("/configuration?done=1"));
    assert!(
        page()
            .await
            .contains("Nothing: the file says what is served.")
    );
    let challenge = send(
        stage.gateway.local_addrs()[0],
        request("GET", "/x", None, b""),
    )
    .await;
    assert_eq!(challenge.json()["price_msat"].as_u64(), Some(70_000));
    std::fs::write(&stage.file, text.replace("50 sat", "no <b>price")).expect("written");
    let refused = stage.post("/reload", Some(&cookie), &csrf).await;
    assert_eq!(refused.status(), 422);
    assert!(
        refused.text().contains("The file was refused") && !refused.text().contains("<b>price")
    );
    assert!(page().await.contains("A reload would refuse the file"));
}

#[tokio::test]
async fn several_upstreams_show_with_their_states_and_the_node_with_its_liquidity() {
    let stage = stage().await;
    let cookie = stage.sign_in().await;
    let csrf = format!("csrf={}", stage.csrf(&cookie).await);
    let text = std::fs::read_to_string(&stage.file).expect("a file");
    let first = text.split('"').find(|it| it.starts_with("http://"));
    let first = first.expect("an upstream").to_owned();
    // Nobody listens at the second one.
    let second = "http://127.0.0.1:1";
    let one = format!("upstream = \"{first}\"");
    let both = format!("upstream = [\"{first}\", \"{second}\"]");
    let file = text.replace(&one, &both) + "[liquidity]\nleast = \"7 sat\"\n";
    std::fs::write(&stage.file, file).expect("written");
    let page = stage.get("/configuration", Some(&cookie)).await.text();
    assert!(page.contains(second), "{page}");
    assert!(
        page.contains("not asked for") && page.contains("7 sat"),
        "{page}"
    );
    let node = stage.get("/node", Some(&cookie)).await.text();
    assert!(node.contains(&first) && !node.contains(second), "{node}");
    assert!(!node.contains("Can receive"), "{node}");
    let reloaded = stage.post("/reload", Some(&cookie), &csrf).await;
    assert_eq!(reloaded.status(), 303, "{}", reloaded.text());
    let node = stage.get("/node", Some(&cookie)).await.text();
    assert!(node.contains(&first) && node.contains(second), "{node}");
    // The sandbox has no channels.
    assert!(node.contains("not told by the node"), "{node}");
    stage.gateway.check_upstreams();
    eventually(async || {
        let node = stage.get("/node", Some(&cookie)).await.text();
        node.contains(">down<").then_some(())
    })
    .await;
}

/// Asks until there is an answer, for ten seconds at most.
async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it did not come");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
