//! The node that a seller's invoices are signed by, remembered from the first payment on.

use std::sync::{Arc, Mutex};

use l402::Msat;
use l402_client::{Client, Error, Progress, Quote, Refused, Request, State};

use crate::world::{Watch, World};

/// A key that is not the sandbox's.
const OTHER: &str = "02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn pins(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.folder().join("client.db")).expect("what the test made")
}

fn pinned(world: &World) -> Vec<(String, String)> {
    let db = pins(world);
    let mut rows = db
        .prepare("SELECT origin, payee FROM payee_pin ORDER BY origin")
        .expect("what the test made");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("what the test made")
        .map(Result::unwrap)
        .collect()
}

/// Writes down that the seller was paid at another node before.
async fn with_another_node(world: &World) {
    world
        .fetch(&world.client(), "/joke")
        .await
        .expect("what the test made");
    let changed = pins(world).execute("UPDATE payee_pin SET payee = ?1", [OTHER]);
    assert_eq!(changed.expect("what the test made"), 1);
}

/// A person at a terminal, or nobody.
struct Person {
    is_there: bool,
    says: bool,
    asked: Mutex<Vec<Quote>>,
}

impl Progress for Person {
    fn has_person(&self) -> bool {
        self.is_there
    }

    fn approve(&self, quote: &Quote) -> bool {
        self.asked
            .lock()
            .expect("no panic before")
            .push(quote.clone());
        self.says
    }
}

fn person(is_there: bool, says: bool) -> Arc<Person> {
    Arc::new(Person {
        is_there,
        says,
        asked: Mutex::default(),
    })
}

fn is_refused(error: &Error) -> bool {
    let reason = Refused::PayeeChanged;
    matches!(error, Error::Refused { reason: it, .. } if *it == reason)
}

#[tokio::test]
async fn the_first_payment_pins_the_node_and_no_question_does() {
    let world = World::new().await;
    let client = world.client();
    let quote = client.quote(Request::get(world.server.url("/joke")));
    let quote = quote.await.unwrap().unwrap();
    assert_eq!(quote.payee_before, None);
    // Not what was never paid.
    let declined = world.builder().progress(Watch::new(false)).build().unwrap();
    world.fetch(&declined, "/joke").await.unwrap_err();
    assert!(pinned(&world).is_empty());
    world.fetch(&client, "/joke").await.unwrap();
    let pin = (world.server.origin.clone(), quote.payee);
    assert_eq!(pinned(&world), std::slice::from_ref(&pin));
    // The same node again is no change, at whatever path.
    world.fetch(&client, "/other").await.unwrap();
    assert_eq!(pinned(&world), [pin]);
}

/// ATTACKS C-34.
#[tokio::test]
async fn another_node_is_not_paid_unless_somebody_says_so() {
    let world = World::new().await;
    with_another_node(&world).await;
    let nobody = world.builder().progress(person(false, true)).build();
    for client in [world.client(), nobody.unwrap()] {
        let error = world.fetch(&client, "/other").await.unwrap_err();
        assert!(is_refused(&error), "{error}");
        assert!(error.to_string().contains(OTHER), "{error}");
    }
    // Nothing was written down either, so no limit is touched.
    assert_eq!(world.states(), [State::Served]);
    let asking = person(true, false);
    let client = world.builder().progress(asking.clone()).build().unwrap();
    let error = world.fetch(&client, "/other").await.unwrap_err();
    assert!(matches!(error, Error::Declined), "{error}");
    let quotes = asking.asked.lock().unwrap().clone();
    assert_eq!(quotes.len(), 1);
    assert_eq!(quotes[0].payee_before.as_deref(), Some(OTHER));
    assert_eq!(pinned(&world)[0].1, OTHER);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

#[tokio::test]
async fn a_yes_keeps_both_nodes() {
    for by_flag in [true, false] {
        let world = World::new().await;
        with_another_node(&world).await;
        let builder = world.builder();
        let client: Client = if by_flag {
            builder.accept_new_payee(true).build().unwrap()
        } else {
            builder.progress(person(true, true)).build().unwrap()
        };
        world.fetch(&client, "/other").await.unwrap();
        let payees = pinned(&world).remove(0).1;
        assert!(payees.ends_with(&format!(" {OTHER}")), "{payees}");
        // Nobody is asked again.
        world.fetch(&world.client(), "/other?again").await.unwrap();
        assert_eq!(world.spent().await, Msat::from_sat(150));
    }
}

#[tokio::test]
async fn each_seller_has_nodes_of_its_own() {
    let world = World::new().await;
    with_another_node(&world).await;
    // Another host at the same address is another seller, and so is another port.
    let mut request = Request::get(world.server.url("/joke"));
    request
        .headers
        .insert("host", "other.example".parse().unwrap());
    let answer = world.client().send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let sellers: Vec<_> = pinned(&world)
        .into_iter()
        .map(|(seller, _)| seller)
        .collect();
    let origin = &world.server.origin;
    assert_eq!(
        sellers,
        [origin.clone(), format!("{origin} (host other.example)")]
    );
}
