//! Credentials that do not hold, in great numbers.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::Request;

use crate::world::{Answer, World, with};

/// Asks for the joke with a credential, from an address.
async fn ask(world: &World, peer: &str, credential: &str) -> Answer {
    let peer: IpAddr = peer.parse().expect("an address");
    let mut request: Request<_> = with("/joke", credential);
    let info = ConnectInfo(std::net::SocketAddr::new(peer, 9));
    request.extensions_mut().insert(info);
    world.send(request).await
}

/// Guesses so many times at the preimage of a token, and returns the number of 401. Every other
/// answer is 429 and says when to come back.
async fn guesses(world: &World, peer: &str, token: &str, times: u64) -> usize {
    let mut refused = 0;
    for guess in 0..times {
        let answer = ask(world, peer, &format!("{token}:{guess:064x}")).await;
        if answer.status == 401 {
            refused += 1;
            continue;
        }
        assert_eq!(answer.code(), (429, "too_many_attempts".to_owned()));
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
    refused
}

// FAULTS S14: guesses at one token. Also: from other addresses, with a token of one's own, and with
// the genuine credential in between. ATTACKS P-01.
#[tokio::test]
async fn guesses_at_a_token_are_told_to_stop_and_its_owner_is_served() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let other = world.buy("/joke").await;
    let (token, _) = credential.split_once(':').expect("a credential");
    let calls = world.paywall.node_calls();
    assert_eq!(guesses(&world, "192.0.2.1", token, 300).await, 100);
    assert_eq!(guesses(&world, "198.51.100.1", token, 50).await, 0);
    assert_eq!(guesses(&world, "2001:db8::1", token, 50).await, 0);
    // At the guessers' address, with the token that they guess at.
    assert_eq!(ask(&world, "192.0.2.1", &credential).await.status, 200);
    // Another token has a budget of its own, and so have callers elsewhere.
    let (token, _) = other.split_once(':').expect("a credential");
    assert_eq!(guesses(&world, "203.0.113.1", token, 5).await, 5);
    assert_eq!(ask(&world, "192.0.2.1", &other).await.status, 200);
    assert_eq!(world.paywall.node_calls(), calls);
}

// FAULTS S14: 2,000 malformed credentials of one peer. Also: forged tokens, other addresses of the
// same network, and a buyer at the same address who has none yet.
#[tokio::test]
async fn malformed_credentials_of_one_address_are_told_to_stop() {
    let world = World::new();
    let credential = world.buy("/joke").await;
    let malformed = async |peer: &str, times: usize| {
        let mut refused = 0;
        for number in 0..times {
            let answer = ask(&world, peer, &format!("L402 x{number}")).await;
            refused += usize::from(answer.status == 401);
            assert!(answer.status == 401 || answer.status == 429);
        }
        refused
    };
    assert_eq!(malformed("192.0.2.1", 2000).await, 200);
    assert_eq!(malformed("::ffff:192.0.2.1", 10).await, 0, "the same");
    assert_eq!(malformed("192.0.2.2", 300).await, 200);
    assert_eq!(malformed("192.0.2.3", 10).await, 0, "of the same network");
    assert_eq!(malformed("2001:db8::1", 300).await, 200);
    assert_eq!(malformed("2001:db8::2", 10).await, 0, "of the same /64");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(malformed("192.0.2.1", 50).await, 10);
    assert_eq!(ask(&world, "192.0.2.1", &credential).await.status, 200);
    assert_eq!(ask(&world, "192.0.2.1", "Basic Og==").await.status, 402);
}

#[tokio::test]
async fn with_402_for_bad_credentials_they_cost_the_node_as_little() {
    let world = World::with(|builder, _| builder.invalid_credential_402(true));
    for _ in 0..300 {
        let answer = ask(&world, "192.0.2.1", "L402 garbage").await;
        assert!(answer.status == 402 || answer.status == 429);
    }
    assert_eq!(world.paywall.node_calls(), 200);
}
