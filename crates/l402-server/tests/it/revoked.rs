//! Tokens that were ended before their time.

use std::sync::Arc;
use std::time::Duration;

use l402::{
    Credential, Identifier, KeyNumber, Macaroon, Network, Policy, Preimage, Problem, Proven,
    Service, Terms, TokenId, UnixTime, mint,
};
use l402_server::revoked::{Revoke, Revoked};
use l402_server::{CanonicalRequest, Decision, MAX_INVOICE_EXPIRY, Presented, Snapshot, decide};

use crate::world::{NOW, World, keys, priced};

/// A route that sells an hour, and one that sells one answer.
const HOUR: &str = "/hour";
const ONCE: &str = "/once";

fn snapshot(revoked: &Arc<Revoked>) -> Snapshot {
    let hour = priced(HOUR, "hour", 1).with_policy(policy("time=1h"));
    let routes = vec![hour, priced(ONCE, "once", 1)];
    let snapshot = Snapshot::new(routes, Vec::new(), keys(), Network::Regtest);
    snapshot
        .expect("routes that compile")
        .with_revoked(Arc::clone(revoked))
}

fn policy(text: &str) -> Policy {
    text.parse().expect("a policy")
}

fn service(name: &str) -> Service {
    name.parse().expect("a service")
}

const PREIMAGE: [u8; 32] = [0x2f; 32];

/// Mints a token of `/hour` or `/once`, minted at `NOW` for an invoice that lives 10 minutes.
fn minted(path: &str) -> Macaroon {
    let policy = policy(if path == HOUR { "time=1h" } else { "request" });
    let life = Duration::from_secs(600) + policy.lifetime();
    let terms = Terms {
        service: service(&path[1..]),
        tier: 0,
        capabilities: Vec::new(),
        price: l402::Msat::from_sat(1),
        policy,
        network: Network::Regtest,
        valid_until: NOW.saturating_add(life),
        lookup: None,
    };
    let hash = Preimage::from_bytes(PREIMAGE).payment_hash();
    mint(&keys(), &terms, hash, [7; 30], NOW).expect("a token")
}

fn proven(token: &Macaroon) -> Arc<Proven> {
    let preimage = Preimage::from_bytes(PREIMAGE).to_hex();
    let line = format!("L402 {}:{preimage}", token.to_base64());
    let credential = Credential::from_headers([("authorization", line.as_bytes())]);
    let credential = credential.expect("well formed").expect("one");
    Arc::new(credential.prove(&keys(), NOW).expect("genuine"))
}

/// Returns true if the token is refused as revoked, false if it is good. It is shown as a cache would,
/// which holds the proof of before.
fn is_revoked(path: &str, proven: &Arc<Proven>, snapshot: &Snapshot) -> bool {
    let (head, ()) = http::Request::get(path)
        .body(())
        .expect("a request")
        .into_parts();
    let mut request = CanonicalRequest::from_parts(&head, [192, 0, 2, 1].into()).expect("sound");
    request.presented = Presented::Proven(Arc::clone(proven));
    match decide(&request, snapshot, NOW) {
        Decision::Challenge(_, Problem::Revoked) => true,
        Decision::Granted(..) | Decision::Reserve(..) => false,
        other => panic!("{other:?}"),
    }
}

fn identifier(token: &Macaroon) -> Identifier {
    token.identifier().expect("ours")
}

/// ATTACKS T-24.
#[test]
fn a_token_that_is_revoked_is_refused_although_its_proof_was_kept() {
    for path in [HOUR, ONCE] {
        let token = minted(path);
        let proven = proven(&token);
        for what in [
            Revoke::Token(identifier(&token).token_id),
            Revoke::Payment(identifier(&token).payment_hash),
        ] {
            let revoked = Arc::default();
            let snapshot = snapshot(&revoked);
            assert!(!is_revoked(path, &proven, &snapshot));
            let other = TokenId::new(KeyNumber(1), [8; 30]);
            revoked.add(&Revoke::Token(other));
            assert!(!is_revoked(path, &proven, &snapshot));
            revoked.add(&what);
            assert!(is_revoked(path, &proven, &snapshot), "{what:?}");
        }
    }
}

/// A holder can append any caveat: an earlier end, a shorter time, and their like must not make a token
/// seem to be minted later.
#[test]
fn what_a_holder_makes_of_a_token_ends_with_it() {
    let token = minted(HOUR);
    let narrowed = [
        "hour_valid_until=1790000100",
        "hour_policy=time=1",
        "hour_price_msat=1",
        "expiry=1790000100",
        "other_valid_until=9999999999",
    ];
    let made = narrowed.map(|caveat| token.clone().with_caveat(caveat.as_bytes()).expect("room"));
    let by_time = Revoke::Minted {
        // The earliest time at which it can have been minted, and a second more.
        before: UnixTime::from_secs(NOW.secs() + 601 - MAX_INVOICE_EXPIRY.as_secs()),
        service: Some(service("hour")),
        spares: None,
    };
    for what in [Revoke::Token(identifier(&token).token_id), by_time] {
        let revoked = Arc::default();
        let snapshot = snapshot(&revoked);
        for token in &made {
            assert!(!is_revoked(HOUR, &proven(token), &snapshot));
        }
        revoked.add(&what);
        for token in &made {
            assert!(is_revoked(HOUR, &proven(token), &snapshot), "{what:?}");
        }
    }
}

#[test]
fn by_time_ends_what_may_have_been_minted_before_of_that_service_and_key_alone() {
    let earliest = NOW.secs() + 600 - MAX_INVOICE_EXPIRY.as_secs();
    let before = |secs: u64, name: Option<&str>, spares: Option<u16>| Revoke::Minted {
        before: UnixTime::from_secs(secs),
        service: name.map(service),
        spares: spares.map(KeyNumber),
    };
    for (what, hour, once) in [
        (before(earliest, None, None), false, false),
        (before(earliest + 1, None, None), true, true),
        (before(earliest + 1, Some("hour"), None), true, false),
        (before(earliest + 1, Some("once"), None), false, true),
        // The tokens are of number 1.
        (before(u64::MAX, None, Some(1)), false, false),
        (before(u64::MAX, None, Some(2)), true, true),
    ] {
        let revoked = Arc::default();
        let snapshot = snapshot(&revoked);
        revoked.add(&what);
        for (path, ended) in [(HOUR, hour), (ONCE, once)] {
            let proven = proven(&minted(path));
            assert_eq!(is_revoked(path, &proven, &snapshot), ended, "{what:?}");
        }
    }
}

/// Nobody is sold a token that counts as revoked from its first moment on.
#[tokio::test]
async fn nothing_is_sold_that_would_be_dead_at_once() {
    let world = World::new();
    let revoked = Arc::clone(world.snapshot.revoked());
    let paid = world.buy(HOUR).await;
    let end = |spares| Revoke::Minted {
        before: NOW,
        service: Some(service("hour")),
        spares,
    };
    revoked.add(&end(Some(KeyNumber(2))));
    let answer = world.get_with(HOUR, &paid).await;
    assert_eq!(answer.code(), (503, "node_unavailable".to_owned()));
    assert!(answer.headers.contains_key("retry-after"));
    assert!(!answer.headers.contains_key("www-authenticate"));
    assert_eq!(world.get(HOUR).await.code().0, 503);
    assert_eq!(world.get("/joke").await.code().0, 402, "another service");
}
