//! Redirects: followed when told to, and never with a secret into another origin.

use l402::Msat;
use l402_client::{Error, Request, State};

use crate::server::PaidServer;
use crate::world::{World, fetch};

#[tokio::test]
async fn a_redirect_is_an_answer_unless_told_to_follow() {
    let world = World::new().await;
    let url = world.server.url("/to/302?/joke");
    assert_eq!(
        fetch(&world.client(), url.clone()).await.unwrap().status,
        302
    );
    let client = world.builder().follow_redirects(true).build().unwrap();
    assert_eq!(fetch(&client, url).await.unwrap().body, "a joke");
    assert_eq!(world.entries()[0].path, "/joke");
}

/// ATTACKS C-12.
#[tokio::test]
async fn another_origin_that_asks_for_money_after_a_redirect_gets_none() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = world.builder().follow_redirects(true).build().unwrap();
    let mut request = Request::get(world.server.url(&format!("/to/307?{}joke", other.url("/"))));
    request.headers.insert(
        "authorization",
        http::HeaderValue::from_static("Bearer mine"),
    );
    request
        .headers
        .insert("cookie", http::HeaderValue::from_static("a=b"));
    let error = client.send(request).await.unwrap_err();
    assert_eq!(error.code(), "redirected_across_origins", "{error}");
    {
        let seen = other.seen();
        assert_eq!((seen.asked, seen.presented), (1, 0));
        let headers = &seen.headers[0];
        assert!(!headers.contains_key("authorization") && !headers.contains_key("cookie"));
    }
    assert_eq!(world.spent().await, Msat::ZERO);
}

/// ATTACKS C-12.
#[tokio::test]
async fn a_paid_answer_that_leads_away_carries_no_credential_along() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = world.builder().follow_redirects(true).build().unwrap();
    let url = world
        .server
        .url(&format!("/leads-on?{}", other.url("/free")));
    let answer = client.send(Request::get(url)).await.unwrap();
    assert!(!answer.receipt().unwrap().reused);
    assert_eq!(answer.bytes(100).await.unwrap(), "free");
    assert_eq!(other.seen().presented, 0);
}

/// ATTACKS C-14.
#[tokio::test]
async fn one_call_pays_once_along_all_redirects() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let error = fetch(&client, world.server.url("/leads-on?/joke"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::PaidButFailed { .. }), "{error}");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

// FAULTS C5: the credential of a call goes along inside the origin.
#[tokio::test]
async fn a_credential_goes_along_inside_the_origin() {
    for status in [301, 302, 307, 308] {
        let world = World::new().await;
        let client = world.builder().follow_redirects(true).build().unwrap();
        let path = format!("/moved/{status}?/moved/{status}?/joke");
        let fetched = world.fetch(&client, &path).await.unwrap();
        assert_eq!(
            (fetched.body.as_str(), fetched.reused),
            ("a joke", Some(false)),
            "{status}"
        );
        assert_eq!(world.states(), [State::Served]);
        assert_eq!(world.spent().await, Msat::from_sat(50));
        let seen = world.server.seen();
        assert_eq!((seen.asked, seen.presented), (1, 3), "{status}");
    }
}

// FAULTS C5: a redirect that is the delivery itself may lead to something free.
#[tokio::test]
async fn a_redirect_that_uses_the_payment_up_may_lead_to_something_free() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let fetched = world.fetch(&client, "/leads-on?/free").await.unwrap();
    assert_eq!(
        (fetched.body.as_str(), fetched.reused),
        ("free", Some(false))
    );
    assert_eq!(world.states(), [State::Served]);
}

// FAULTS C5: never across an origin, also not after a way back.
#[tokio::test]
async fn a_credential_stays_behind_at_the_first_other_origin() {
    let world = World::new().await;
    let other = PaidServer::open(&world.sandbox, &world.clock);
    let client = world.builder().follow_redirects(true).build().unwrap();
    let back = other.url(&format!("/to/302?{}", world.server.url("/free")));
    let url = world.server.url(&format!("/moved/302?{back}"));
    let fetched = fetch(&client, url).await.unwrap();
    assert_eq!(fetched.body, "free");
    assert_eq!(
        (world.server.seen().presented, other.seen().presented),
        (1, 0)
    );
}

// FAULTS C5: a body that would go to another origin, or to one over plain HTTP.
#[tokio::test]
async fn a_body_goes_to_no_other_origin() {
    for status in [307, 308] {
        let world = World::new().await;
        let other = PaidServer::open(&world.sandbox, &world.clock);
        let client = world.builder().follow_redirects(true).build().unwrap();
        let to = other.url("/free");
        let send = async |path: &str| {
            let url = world.server.url(&format!("{path}?{to}"));
            let request = Request::new(http::Method::POST, url).with_body("secret");
            client.send(request).await.unwrap_err()
        };
        let error = send(&format!("/to/{status}")).await;
        assert_eq!(error.code(), "redirected_across_origins", "{error}");
        assert!(error.to_string().ends_with("no money moved"), "{error}");
        // Behind a payment it is told that the payment is kept.
        let error = send(&format!("/moved/{status}")).await;
        assert_eq!(error.code(), "paid_but_failed", "{error}");
        assert_eq!(other.seen().bodies.len(), 0);
        assert_eq!(world.states(), [State::Paid]);
    }
}

#[tokio::test]
async fn a_circle_ends() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    // An empty location leads to where one is.
    let round = world.server.url("/to/302?");
    assert!(matches!(
        fetch(&client, round).await,
        Err(Error::Transport { .. })
    ));
}

#[tokio::test]
async fn a_method_is_kept_where_its_user_forced_it() {
    for (keep, then) in [(true, http::Method::POST), (false, http::Method::GET)] {
        let world = World::new().await;
        let builder = world.builder().follow_redirects(true);
        let client = builder.keep_method_on_redirect(keep).build().unwrap();
        let mut request = Request::get(world.server.url("/to/302?/free"));
        request.method = http::Method::POST;
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.bytes(100).await.unwrap(), "free");
        assert_eq!(world.server.seen().methods, [http::Method::POST, then]);
    }
}

// FAULTS T7: the heads of all answers on the way.
#[tokio::test]
async fn the_heads_of_redirects_are_kept() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    let url = world.server.url("/to/307?/to/301?/free");
    let answer = client.send(Request::get(url)).await.unwrap();
    let heads: Vec<_> = answer.redirects().iter().map(|head| head.status).collect();
    assert_eq!(heads, [307, 301]);
    assert_eq!(answer.redirects()[0].headers["location"], "/to/301?/free");
    assert_eq!(answer.head().reason, b"OK");
}

/// What a call pays stands in its receipt, also if the last answer is covered by an earlier payment.
#[tokio::test]
async fn a_receipt_names_what_this_call_has_paid() {
    let world = World::new().await;
    let client = world.builder().follow_redirects(true).build().unwrap();
    world.server.plan().policy = l402::Policy::Time(std::time::Duration::from_secs(3600));
    world.fetch(&client, "/other").await.unwrap();
    world.server.plan().policy = l402::Policy::Request;
    let url = world.server.url("/spent/302?/other");
    let answer = client.send(Request::get(url)).await.unwrap();
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.reused, receipt.paid), (false, Msat::from_sat(50)));
    assert!(receipt.url.ends_with("/spent/302"), "{}", receipt.url);
    assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    assert_eq!(world.states(), [State::Served, State::Served]);
    assert_eq!(world.spent().await, Msat::from_sat(100));
    // The next run would pay for the redirect, so it is not said to cost nothing.
    let url = world.server.url("/spent/302?/other");
    let answer = client.send(Request::get(url)).await.unwrap();
    assert!(answer.is_used_up());
    let error = answer.bytes(1).await.unwrap_err();
    assert_eq!(error.code(), "paid_refused", "{error}");
}

/// ATTACKS C-36.
#[tokio::test]
async fn a_redirect_leads_into_no_private_network_unless_it_is_allowed() {
    let world = World::new().await;
    let follows = |builder: l402_client::ClientBuilder| builder.follow_redirects(true).build();
    let client = follows(world.builder()).unwrap();
    let here = world.server.url("/free").to_string();
    // On most systems it leads to this machine, and nobody named it.
    let unspecified = here.replace("127.0.0.1", "0.0.0.0");
    for to in [
        unspecified.as_str(),
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/latest/meta-data",
        "http://[::ffff:192.168.0.1]/",
        "https://0xa9fea9fe/",
    ] {
        let url = world.server.url(&format!("/to/302?{to}"));
        let error = fetch(&client, url).await.unwrap_err();
        assert_eq!(error.code(), "private_address", "{to}: {error}");
        // Behind something paid, too, where the error says what was paid.
        let url = world.server.url(&format!("/leads-on?{to}"));
        let error = fetch(&client, url).await.unwrap_err();
        assert!(error.to_string().contains("private address"), "{error}");
        assert!(!error.no_money_moved(), "{error}");
        let resume = world.builder().buy_despite_stop(true).build().unwrap();
        world.fetch(&resume, "/joke").await.unwrap();
    }
    // The typed address names this machine, by whatever address of it.
    let url = world.server.url(&format!(
        "/to/302?{}",
        here.replace("127.0.0.1", "localhost")
    ));
    assert_eq!(fetch(&client, url).await.unwrap().body, "free");
    let allowing = world
        .builder()
        .allow_addresses(["0.0.0.0".parse().unwrap()]);
    let url = world.server.url(&format!("/to/302?{unspecified}"));
    let reached = fetch(&follows(allowing).unwrap(), url).await;
    assert!(
        !matches!(reached, Err(Error::Refused { .. })),
        "{reached:?}"
    );
}
