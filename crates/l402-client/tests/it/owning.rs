//! A client that uses what its own budget has paid for, and nothing else.

use std::time::Duration;

use l402::{Msat, Policy};
use l402_client::{Client, InvoicePayment, Request, VaultLimits};

use crate::server::Trouble;
use crate::world::World;

const PRICE: Msat = Msat::from_sat(50);

impl World {
    /// A client of a budget, which is made below `default`.
    fn own(&self, budget: &str) -> Client {
        let name = budget.parse().expect("a name");
        let made = self.journal().change_budget(&name, |_| true);
        assert!(made.expect("a budget"));
        let builder = self.builder().budget(name).own_purchases_only(true);
        builder.build().expect("a client")
    }
}

async fn reused(world: &World, client: &Client, path: &str) -> bool {
    let fetched = world.fetch(client, path).await.expect("an answer");
    fetched.reused.expect("a receipt")
}

#[tokio::test]
async fn a_token_of_another_budget_is_not_used_up() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Time(Duration::from_secs(3600));
    let (ann, bob, person) = (world.own("ann"), world.own("bob"), world.client());
    assert!(!reused(&world, &person, "/a/joke").await);
    // Neither at the same path, nor at another one that the token covers.
    assert!(!reused(&world, &ann, "/a/joke").await);
    assert!(!reused(&world, &bob, "/a/other").await);
    assert_eq!(world.spent().await, Msat::from_sat(150));
    for client in [&ann, &bob] {
        assert!(reused(&world, client, "/a/joke").await);
        assert!(reused(&world, client, "/a/other").await);
    }
    assert_eq!(world.spent().await, Msat::from_sat(150));
    let journal = world.journal();
    for name in ["default", "ann", "bob"] {
        let name = name.parse().unwrap();
        let tokens = journal.tokens_of_budget(&name, None, 10).unwrap();
        let budgets: Vec<_> = tokens.iter().map(|token| &token.budget).collect();
        assert_eq!(budgets, [&name]);
    }
    assert_eq!(journal.tokens(None, 10).unwrap().len(), 3);
}

#[tokio::test]
async fn what_another_budget_has_paid_and_not_had_stays_its_own() {
    let world = World::new().await;
    let (ann, person) = (world.own("ann"), world.client());
    world.server.plan().troubles = vec![Trouble::Reset];
    let broken = world.fetch(&person, "/joke").await;
    assert!(broken.is_err(), "{broken:?}");
    let hash = world.entries()[0].payment_hash;
    let request = || Request::get(world.server.url("/joke"));
    assert!(ann.resume(hash, request()).await.unwrap().is_none());
    assert!(!reused(&world, &ann, "/joke").await);
    assert!(person.resume(hash, request()).await.unwrap().is_some());
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_kept_answer_is_handed_to_its_own_budget() {
    let world = World::new().await;
    let ann = world.own("ann");
    world.server.plan().troubles = vec![Trouble::Answer(200, "x-kind", "long")];
    let send = async |client: &Client| {
        let request = Request::get(world.server.url("/joke"));
        client.send(request).await.expect("an answer")
    };
    let mut answer = send(&world.client()).await;
    let begun = answer.chunk().await.unwrap().expect("a piece");
    assert!(answer.keep_rest(begun.to_vec()).await);
    let of_ann = send(&ann).await;
    assert!(!of_ann.receipt().unwrap().reused);
    assert_eq!(of_ann.bytes(100).await.unwrap(), "a joke");
    let redelivered = send(&world.client()).await;
    assert!(redelivered.receipt().unwrap().reused);
    assert_eq!(world.spent().await, Msat::from_sat(100));
}

#[tokio::test]
async fn a_replay_is_of_the_budget_that_paid() {
    let world = World::new().await;
    let client = world.builder().keep_answers(VaultLimits::default());
    world
        .fetch(&client.build().unwrap(), "/joke")
        .await
        .unwrap();
    let (journal, hash) = (world.journal(), world.entries()[0].payment_hash);
    let replay = |name: &str| {
        let name = name.parse().unwrap();
        journal.replay_of_budget(&name, &hash).unwrap().is_some()
    };
    assert!(replay("default") && !replay("ann"));
    assert!(journal.replay(&hash).unwrap().is_some());
}

/// It is not paid again, and its preimage is not given away.
#[tokio::test]
async fn an_invoice_of_another_budget_is_told_as_paid_without_its_proof() {
    let world = World::new().await;
    let (ann, person) = (world.own("ann"), world.client());
    let request = Request::get(world.server.url("/joke"));
    let quote = person.quote(request).await.unwrap().expect("a price");
    let payment = || InvoicePayment::new(quote.invoice.clone());
    person.pay_invoice(payment()).await.unwrap();
    let told = ann.pay_invoice(payment()).await.unwrap();
    assert!(told.paid_before && told.preimage.is_none());
    let told = person.pay_invoice(payment()).await.unwrap();
    assert!(told.paid_before && told.preimage.is_some());
    assert_eq!(world.spent().await, PRICE);
}
