//! The headers by which an answer tells of a use.

use axum::body::Body;
use http::{HeaderMap, Request};

use crate::world::{NOW, ORIGIN, World, with};

/// The time in which an invoice can be paid, and the end of a counted token after its purchase.
const INVOICE_SECS: u64 = 600;
const COUNTED_SECS: u64 = INVOICE_SECS + 24 * 3600;

/// Returns `l402-use`, `l402-uses-left` and `l402-expires` less the present time.
fn told(headers: &HeaderMap) -> (Option<&str>, Option<&str>, Option<u64>) {
    let text = |name| headers.get(name).map(|value| value.to_str().expect("text"));
    let expires = text("l402-expires").map(|text| text.parse::<u64>().expect("a number"));
    let after = expires.map(|secs| secs - NOW.secs());
    (text("l402-use"), text("l402-uses-left"), after)
}

#[tokio::test]
async fn an_answer_with_a_body_leaves_the_use_pending_and_one_without_settles_it() {
    let world = World::new();
    let credential = world.buy("/three").await;
    let answer = world.get_with("/three", &credential).await;
    let (state, left, expires) = told(&answer.headers);
    assert_eq!((state, left), (Some("pending"), Some("2")));
    assert_eq!(expires, Some(COUNTED_SECS));

    let head = Request::head("/three").header("authorization", &credential);
    let answer = world.send(head.body(Body::empty()).unwrap()).await;
    assert_eq!(told(&answer.headers).0, Some("spent"));
    assert_eq!(told(&answer.headers).1, Some("1"));
}

#[tokio::test]
async fn a_failed_answer_keeps_the_use_until_the_buyer_has_given_back_five() {
    let world = World::new();
    let credential = world.buy("/flaky").await;
    world.answer_with(404);
    for time in 1..=6 {
        let answer = world.get_with("/flaky", &credential).await;
        let (state, left, expires) = told(&answer.headers);
        let expected = if time == 6 {
            ("spent", "0")
        } else {
            ("kept", "1")
        };
        assert_eq!((state.unwrap(), left.unwrap()), expected, "{time}");
        assert_eq!(expires, Some(COUNTED_SECS));
    }
    let answer = world.get_with("/flaky", &credential).await;
    assert_eq!(answer.code(), (402, "consumed".to_owned()));
    assert_eq!(
        told(&answer.headers),
        (Some("spent"), Some("0"), Some(COUNTED_SECS))
    );
}

#[tokio::test]
async fn a_policy_of_time_keeps_and_counts_nothing() {
    let world = World::new();
    let credential = world.buy("/hour").await;
    let answer = world.get_with("/hour", &credential).await;
    let (state, left, expires) = told(&answer.headers);
    assert_eq!(
        (state, left, expires),
        (Some("kept"), None, Some(INVOICE_SECS + 3600))
    );
}

/// Every refusal of a request with a credential says that nothing was spent by it, and a request
/// without one is told of no use.
#[tokio::test]
async fn refusals_and_free_answers_keep_what_was_presented() {
    let world = World::new();
    let joke = world.buy("/joke").await;
    let stolen = format!("{}:{}", joke.split_once(':').unwrap().0, "00".repeat(32));
    for (path, credential, status) in [
        ("/", joke.as_str(), 200),
        ("/quote", &joke, 402),
        ("/nowhere", &joke, 404),
        ("/joke", "L402 garbage", 401),
        ("/joke", &stolen, 401),
    ] {
        let answer = world.get_with(path, credential).await;
        assert_eq!(answer.status, status, "{path} {credential}");
        assert_eq!(told(&answer.headers), (Some("kept"), None, None), "{path}");
    }
    let served = world.begin(with("/joke", &joke)).await;
    let in_use = world.get_with("/joke", &joke).await;
    assert_eq!(in_use.status, 409);
    let kept = (Some("kept"), None, Some(COUNTED_SECS));
    assert_eq!(told(&in_use.headers), kept);
    drop(served);
    for path in ["/", "/joke", "/nowhere"] {
        let answer = world.get(path).await;
        assert_eq!(told(&answer.headers), (None, None, None), "{path}");
    }
}

#[tokio::test]
async fn each_402_says_that_the_second_header_works() {
    let world = World::new();
    let unpaid = world.get("/joke").await;
    assert_eq!(unpaid.headers["l402-credential"], "accepted");
    let joke = world.buy("/joke").await;
    let other = world.get_with("/quote", &joke).await;
    assert_eq!(other.headers["l402-credential"], "accepted");
    let served = world.get_with("/joke", &joke).await;
    assert!(!served.headers.contains_key("l402-credential"));
}

#[tokio::test]
async fn a_page_in_a_browser_may_read_them() {
    let world = World::new();
    let joke = world.buy("/joke").await;
    let request = Request::get("/joke")
        .header("authorization", &joke)
        .header("origin", ORIGIN)
        .body(Body::empty())
        .unwrap();
    let answer = world.send(request).await;
    let exposed = answer.headers["access-control-expose-headers"]
        .to_str()
        .unwrap();
    for name in [
        "l402-use",
        "l402-uses-left",
        "l402-expires",
        "l402-credential",
    ] {
        assert!(exposed.split(", ").any(|listed| listed == name), "{name}");
    }
}
