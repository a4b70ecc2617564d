//! A credential beside the caller's own `Authorization`.

use http::HeaderValue;
use l402::Msat;
use l402_client::Request;

use crate::foreign::Foreign;
use crate::world::World;

/// A request whose `Authorization` is the caller's own.
fn logged_in(seller: &Foreign) -> Request {
    let mut request = Request::get(seller.url("/x"));
    let basic = HeaderValue::from_static("Basic bWU6aGVsbG8=");
    request.headers.insert("authorization", basic);
    request
}

#[tokio::test]
async fn nothing_is_bought_that_could_not_be_presented() {
    let world = World::new().await;
    let seller = Foreign::open(&world.sandbox);
    for _ in 0..2 {
        let error = world.client().send(logged_in(&seller)).await.unwrap_err();
        assert_eq!(error.code(), "authorization_taken", "{error}");
        assert!(error.no_money_moved());
        let error = world.client().price(logged_in(&seller)).await.unwrap_err();
        assert_eq!(error.code(), "authorization_taken", "{error}");
    }
    assert_eq!(world.spent().await, Msat::ZERO);
    assert!(world.states().is_empty());
    // Without a price it is a request as any other.
    seller.plan().is_free = true;
    let answer = world.client().send(logged_in(&seller)).await.unwrap();
    assert_eq!(answer.bytes(100).await.unwrap(), "free");
}

#[tokio::test]
async fn a_server_that_says_so_gets_the_credential_beside_it() {
    let world = World::new().await;
    let seller = Foreign::open(&world.sandbox);
    seller.plan().says_accepted = true;
    for reused in [false, true] {
        let answer = world.client().send(logged_in(&seller)).await.unwrap();
        assert_eq!(answer.receipt().unwrap().reused, reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "an answer");
    }
    assert_eq!(seller.plan().presented.len(), 2);
    assert!(seller.plan().own_kept);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// A token that was bought without an `Authorization` of the caller's own.
#[tokio::test]
async fn a_kept_credential_never_takes_the_place_of_the_callers_own() {
    let world = World::new().await;
    let seller = Foreign::open(&world.sandbox);
    let plain = || Request::get(seller.url("/x"));
    let bought = world.client().send(plain()).await.unwrap();
    bought.bytes(100).await.unwrap();
    let error = world.client().send(logged_in(&seller)).await.unwrap_err();
    assert_eq!(error.code(), "authorization_taken", "{error}");
    assert_eq!(seller.plan().presented.len(), 1);
    // The word of the server makes the kept one good here, too: nothing is bought a second time.
    seller.plan().says_accepted = true;
    let answer = world.client().send(logged_in(&seller)).await.unwrap();
    assert!(answer.receipt().unwrap().reused);
    answer.bytes(100).await.unwrap();
    let answer = world.client().send(plain()).await.unwrap();
    assert!(answer.receipt().unwrap().reused);
    assert!(seller.plan().own_kept);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}
