//! Reviews by payment.

use std::time::Duration;

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use l402::{Msat, PaymentHash, UnixTime};
use l402_registry::{DeskError, ListingId, NewReview, Review, Store as _};
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};

use super::owner_world::{DAY, World};

/// A paid invoice: what somebody knows who has paid it. By default it is over 10 sat on regtest, made now
/// by the seller.
#[derive(Clone)]
struct Bought {
    node: SecretKey,
    currency: Currency,
    amount: Option<u64>,
    at: UnixTime,
    preimage: [u8; 32],
}

impl Bought {
    fn new(world: &World, number: u8) -> Self {
        Self {
            node: seller(),
            currency: Currency::Regtest,
            amount: Some(10_000),
            at: world.now(),
            preimage: [number; 32],
        }
    }

    fn hash(&self) -> PaymentHash {
        PaymentHash::from_bytes(sha256::Hash::hash(&self.preimage).to_byte_array())
    }

    fn invoice(&self) -> String {
        let mut invoice = InvoiceBuilder::new(self.currency.clone())
            .description("a joke".to_owned())
            .expiry_time(Duration::from_secs(600))
            .duration_since_epoch(Duration::from_secs(self.at.secs()))
            .payment_hash(sha256::Hash::hash(&self.preimage))
            .payment_secret(PaymentSecret([9; 32]))
            .min_final_cltv_expiry_delta(18);
        if let Some(amount) = self.amount {
            invoice = invoice.amount_milli_satoshis(amount);
        }
        let context = Secp256k1::new();
        let signed = invoice.build_signed(|it| context.sign_ecdsa_recoverable(it, &self.node));
        signed.expect("an invoice").to_string()
    }

    fn review(&self) -> NewReview {
        NewReview {
            invoice: self.invoice(),
            preimage: hex::encode(self.preimage),
            stars: 4,
            text: "It works.".to_owned(),
        }
    }
}

fn seller() -> SecretKey {
    SecretKey::from_slice(&[1; 32]).expect("a key")
}

fn public(node: &SecretKey) -> [u8; 33] {
    PublicKey::from_secret_key(&Secp256k1::new(), node).serialize()
}

/// Adds a service whose invoices the seller signs.
async fn sold(world: &World, path: &str) -> ListingId {
    let id = world.add(&world.url(path)).await;
    world.seen(id, public(&seller())).await;
    id
}

async fn add(world: &World, id: ListingId, new: NewReview) -> Result<Review, DeskError> {
    world.registry.review(id, new, None).await
}

/// Returns the code and the text of an error that must be one.
fn refused(result: Result<Review, DeskError>) -> (&'static str, String) {
    let error = result.expect_err("an error");
    (error.code(), error.to_string())
}

#[tokio::test]
async fn somebody_who_has_paid_writes_a_review() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let bought = Bought::new(&world, 1);
    let review = add(
        &world,
        id,
        NewReview {
            invoice: format!(" lightning:{}\n", bought.invoice()),
            text: format!("Good\u{202e}!\n<b>{}", "x".repeat(2000)),
            ..bought.review()
        },
    );
    let review = review.await.unwrap();
    assert_eq!(review.payment_hash, bought.hash());
    assert_eq!(review.paid, Msat::from_sat(10));
    assert!(review.counts);
    assert!(review.text.starts_with("Good! <b>x"), "{}", review.text);
    assert_eq!(review.text.chars().count(), 1000);
    assert_eq!(world.store.reviews(id, false).await.unwrap(), [review]);
    let listing = world.listing(id).await;
    assert_eq!((listing.reviews.count, listing.reviews.stars), (1, 4));
}

// ATTACKS G-09: one payment is one review, and of one listing.
#[tokio::test]
async fn a_payment_is_reviewed_once_over_all_listings() {
    let world = World::new().await;
    let [one, two] = [sold(&world, "/a").await, sold(&world, "/b").await];
    let bought = Bought::new(&world, 1);
    add(&world, one, bought.review()).await.unwrap();
    for id in [one, two] {
        let again = NewReview {
            stars: 5,
            ..bought.review()
        };
        assert_eq!(refused(add(&world, id, again).await).0, "taken");
    }
    assert_eq!(world.store.reviews(two, true).await.unwrap(), []);
    // The same payment hash in another invoice is the same payment.
    let other = Bought {
        amount: Some(20_000),
        ..bought
    };
    assert_eq!(refused(add(&world, two, other.review()).await).0, "taken");
}

// ATTACKS G-09: a payment to somebody else is no purchase here.
#[tokio::test]
async fn the_invoice_is_of_a_node_that_was_seen_at_the_listing() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let stranger = SecretKey::from_slice(&[2; 32]).unwrap();
    let foreign = Bought {
        node: stranger,
        ..Bought::new(&world, 1)
    };
    assert_eq!(
        refused(add(&world, id, foreign.review()).await).0,
        "not_proved"
    );
    // A listing that was never probed has no node at all.
    let unseen = world.add(&world.url("/unseen")).await;
    let own = Bought::new(&world, 2);
    assert_eq!(
        refused(add(&world, unseen, own.review()).await).0,
        "not_proved"
    );
    // A node that signed earlier is in the history.
    world.clock.advance(DAY);
    world.seen(id, public(&stranger)).await;
    add(&world, id, own.review()).await.unwrap();
    add(&world, id, foreign.review()).await.unwrap();
}

// ATTACKS G-09: an invoice that is old, from the future, free or of play money counts for nothing.
#[tokio::test]
async fn the_invoice_is_recent_and_of_the_right_network() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let good = Bought::new(&world, 1);
    let (now, month) = (world.now().secs(), 30 * DAY.as_secs());
    let made_at = |secs| Bought {
        at: UnixTime::from_secs(secs),
        ..good.clone()
    };
    let amountless = Bought {
        amount: None,
        ..good.clone()
    };
    let on_mainnet = Bought {
        currency: Currency::Bitcoin,
        ..good.clone()
    };
    for (bad, word) in [
        (made_at(now - month - 1), "30 days"),
        (made_at(now + 601), "future"),
        (amountless, "no amount"),
        (on_mainnet, "service sells on regtest"),
    ] {
        let (code, text) = refused(add(&world, id, bad.review()).await);
        assert!(code == "bad_input" && text.contains(word), "{code} {text}");
    }
    add(&world, id, made_at(now - month).review())
        .await
        .unwrap();
}

// ATTACKS G-09: an invoice without its preimage is not paid.
#[tokio::test]
async fn a_field_that_proves_nothing_is_named() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let good = Bought::new(&world, 1);
    let is_refused = async |field: &str, change: &dyn Fn(&mut NewReview)| {
        let mut review = good.review();
        change(&mut review);
        let (code, text) = refused(add(&world, id, review).await);
        let is_named = text.starts_with(&format!("{field}: "));
        assert!(code == "bad_input" && is_named, "{field}: {code} {text}");
    };
    for preimage in ["", "zz", &"00".repeat(32), &good.hash().to_string()] {
        is_refused("preimage", &|it| it.preimage = preimage.to_owned()).await;
    }
    let invoice = good.invoice();
    for invoice in [
        "",
        "lnbc1",
        &invoice.replace('q', "p"),
        &"l".repeat(100_000),
    ] {
        is_refused("invoice", &|it| it.invoice = invoice.to_owned()).await;
    }
    for stars in [0, 6, 255] {
        is_refused("stars", &|it| it.stars = stars).await;
    }
    add(&world, id, good.review()).await.unwrap();
}

// ATTACKS G-09: a seller who pays himself all day moves the count by three.
#[tokio::test]
async fn of_a_flood_of_paid_reviews_three_a_day_count() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let mut counted = 0;
    for number in 1..=12 {
        let stars = NewReview {
            stars: 5,
            ..Bought::new(&world, number).review()
        };
        counted += u32::from(add(&world, id, stars).await.unwrap().counts);
    }
    assert_eq!(counted, 3);
    let listing = world.listing(id).await;
    assert_eq!((listing.reviews.count, listing.reviews.stars), (3, 15));
    world.clock.advance(DAY);
    let next = add(&world, id, Bought::new(&world, 13).review()).await;
    assert!(next.unwrap().counts);
    // From one address they do not even come.
    let peer = Some("198.51.100.1".parse().unwrap());
    let mut refusal = None;
    for number in 20..60 {
        let new = Bought::new(&world, number).review();
        if let Err(error) = world.registry.review(id, new, peer).await {
            refusal = Some((number, error.code()));
            break;
        }
    }
    assert_eq!(refusal, Some((40, "too_many")));
}

#[tokio::test]
async fn the_owner_answers_a_review() {
    let world = World::new().await;
    let id = world.listed("/joke").await;
    let key = world.own_by_file(id).await;
    world.seen(id, public(&seller())).await;
    let bought = Bought::new(&world, 1);
    add(&world, id, bought.review()).await.unwrap();
    let registry = &world.registry;
    let answer = async |key: &str, text| registry.answer_review(id, key, bought.hash(), text).await;
    let stranger = "0".repeat(64);
    assert_eq!(
        answer(&stranger, Some("no")).await.unwrap_err().code(),
        "not_proved"
    );
    answer(&key, Some("Thank\u{200b} you,\n all"))
        .await
        .unwrap();
    let shown = async || {
        world.store.reviews(id, false).await.unwrap()[0]
            .answer
            .clone()
    };
    assert_eq!(shown().await.as_deref(), Some("Thank you, all"));
    answer(&key, None).await.unwrap();
    assert_eq!(shown().await, None);
    let nobody = PaymentHash::from_bytes([7; 32]);
    let answered = registry.answer_review(id, &key, nobody, Some("x")).await;
    assert_eq!(answered.unwrap_err().code(), "not_found");
    // The owner of one listing has no word at another.
    let other = sold(&world, "/other").await;
    let answered = registry.answer_review(other, &key, bought.hash(), Some("x"));
    assert_eq!(answered.await.unwrap_err().code(), "not_proved");
}

#[tokio::test]
async fn one_address_marks_a_review_once_a_day() {
    let world = World::new().await;
    let id = sold(&world, "/joke").await;
    let bought = Bought::new(&world, 1);
    add(&world, id, bought.review()).await.unwrap();
    let report = async |peer: &str| {
        let peer = Some(peer.parse().unwrap());
        world.registry.report_review(id, bought.hash(), peer).await
    };
    report("198.51.100.1").await.unwrap();
    assert_eq!(report("198.51.100.1").await.unwrap_err().code(), "too_many");
    report("198.51.100.2").await.unwrap();
    assert_eq!(world.store.reviews(id, false).await.unwrap()[0].abuse, 2);
    world.clock.advance(DAY);
    report("198.51.100.1").await.unwrap();
}
