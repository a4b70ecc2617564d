//! Fills a store as a registry does that has run for a month.

use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, PaymentHash, UnixTime};
use l402_client::examine::READERS;
use l402_registry::{
    Added, ClaimedPrice, Edit, Evidence, Health, Hidden, ListingId, NewListing, Observed, Owner,
    OwnerProof, PaidProbe, Probed, Reason, RequestSchema, Review, State, Store, Words, WordsFrom,
};
use serde_json::json;

use crate::Failure;
use crate::listings::Sketch;

/// The time at which the clock stands.
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_796_040_000);

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Adds the listings, each with its past.
pub(crate) async fn fill(
    store: &Arc<l402_registry::SqliteStore>,
    sketches: &[Sketch],
) -> Result<(), Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    for (number, sketch) in (1..).zip(sketches.iter().cloned()) {
        let store = Arc::clone(store);
        tasks.spawn(async move { one(&*store, &sketch, number).await });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

fn before(secs: u64) -> UnixTime {
    UnixTime::from_secs(NOW.secs() - secs)
}

async fn one(store: &dyn Store, sketch: &Sketch, number: u64) -> Result<(), Failure> {
    let added = before(sketch.days * DAY + 20 * HOUR);
    let added = store.add(vec![listing(sketch)?], added).await?;
    let id = added
        .first()
        .map(|added: &Added| added.id())
        .ok_or("nothing was added")?;
    if sketch.state != State::Unknown {
        past(store, id, sketch, number).await?;
    }
    purchase(store, id, sketch).await?;
    owner(store, id, sketch, number).await?;
    reviews(store, id, sketch, number).await?;
    if let Some(reason) = sketch.hidden {
        let hidden = Hidden {
            reason: reason.to_owned(),
            merged_into: None,
        };
        store.hide(id, Some(hidden), NOW).await?;
    }
    Ok(())
}

/// Returns the newest price.
fn price(sketch: &Sketch) -> Msat {
    Msat::from_sat(sketch.prices.last().map_or(1, |price| price.1))
}

async fn purchase(store: &dyn Store, id: ListingId, sketch: &Sketch) -> Result<(), Failure> {
    let Some(works) = sketch.paid else {
        return Ok(());
    };
    let reason = (!works).then(|| "it answered 402 again <b>after</b> it was paid".to_owned());
    let probe = PaidProbe {
        at: before(5 * HOUR),
        works,
        paid: price(sketch),
        latency_ms: 640,
        reason,
    };
    Ok(store.record_paid(id, probe).await?)
}

async fn owner(
    store: &dyn Store,
    id: ListingId,
    sketch: &Sketch,
    number: u64,
) -> Result<(), Failure> {
    let Some(proof) = sketch.owner else {
        return Ok(());
    };
    let since = before(sketch.days * DAY);
    let owner = Owner {
        proof,
        key_hash: format!("{number:064x}"),
        node: (proof == OwnerProof::Node).then(|| hex::encode(node(number))),
        since,
        checked: before(2 * DAY),
        failed: 0,
    };
    let key = owner.key_hash.clone();
    store.set_owner(id, None, Some(owner), None, since).await?;
    if sketch.from == WordsFrom::Owner {
        let edit = Edit {
            words: Some(listing(sketch)?.words),
            ..Edit::default()
        };
        store.edit(id, key, edit, since).await?;
    }
    Ok(())
}

async fn reviews(
    store: &dyn Store,
    id: ListingId,
    sketch: &Sketch,
    number: u64,
) -> Result<(), Failure> {
    for (at, (stars, text, answer)) in (1..).zip(sketch.reviews) {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&(number * 100 + at).to_be_bytes());
        let review = Review {
            payment_hash: PaymentHash::from_bytes(hash),
            listing: id,
            at: before(at * 3 * DAY),
            invoice_at: before(at * 3 * DAY + 60),
            paid: price(sketch),
            stars: *stars,
            text: (*text).to_owned(),
            answer: answer.map(str::to_owned),
            abuse: 0,
            counts: true,
            hidden: false,
        };
        store.add_review(review).await?;
    }
    Ok(())
}

fn listing(sketch: &Sketch) -> Result<NewListing, Failure> {
    let schema = json!({
        "type": "object",
        "required": ["text"],
        "properties": { "text": { "type": "string", "example": "it's a \"test\" of $HOME" } },
    });
    Ok(NewListing {
        url: sketch
            .url
            .parse()
            .map_err(|error| format!("{}: {error}", sketch.url))?,
        method: sketch.method.to_owned(),
        words: Words {
            name: sketch.name.to_owned(),
            description: sketch.description.to_owned(),
            category: sketch.category.map(str::to_owned),
            tags: sketch.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            provider: sketch.provider.to_owned(),
            docs: (!sketch.provider.is_empty()).then(|| "https://docs.example/start".to_owned()),
            price: ClaimedPrice {
                price_msat: sketch.said.map(|sat| sat * 1000),
                other: None,
            },
            request_schema: (sketch.method == "POST").then_some(RequestSchema(schema)),
        },
        words_from: sketch.from.min(WordsFrom::Document),
        no_probe: false,
    })
}

/// Records a probe an hour, the oldest first. The last one leaves the state of the sketch.
async fn past(
    store: &dyn Store,
    id: ListingId,
    sketch: &Sketch,
    number: u64,
) -> Result<(), Failure> {
    let step = if sketch.reviews.len() > 2 {
        HOUR
    } else {
        6 * HOUR
    };
    let hours = sketch.days * DAY / step;
    let mut dice = fastrand::Rng::with_seed(number);
    for back in (0..=hours).rev() {
        let at = before(back * step + 240);
        let fails = back > 0 && dice.u64(0..1000) < sketch.failing;
        let state = match (back, fails) {
            (0, _) => sketch.state,
            (_, true) => State::Down,
            (_, false) if sketch.state == State::Not402 => State::Not402,
            (_, false) => State::Up,
        };
        // A change that lasts begins a week ago.
        let state = if back > 0 && back * step < 2 * DAY && sketch.state != State::Up {
            sketch.state
        } else {
            state
        };
        let noise = dice.u32(0..sketch.latency.max(4) / 3);
        let latency = sketch.latency
            + noise
            + if dice.u32(0..40) == 0 {
                sketch.latency
            } else {
                0
            };
        let probed = Probed {
            at,
            health: health(sketch, state, at),
            observed: (state != State::Down && state != State::Not402)
                .then(|| observed(sketch, number, at, latency)),
            no_probe: false,
        };
        store.record(id, probed).await?;
    }
    Ok(())
}

fn health(sketch: &Sketch, state: State, at: UnixTime) -> Health {
    let (code, text) = sketch
        .reason
        .unwrap_or(("timeout", "no whole answer within 5 s"));
    let since = if state == sketch.state {
        before(46 * HOUR).min(at)
    } else {
        at
    };
    Health {
        state,
        reason: (state != State::Up).then(|| Reason {
            code: code.to_owned(),
            text: text.to_owned(),
        }),
        since,
        failures: if state == State::Down { 3 } else { 0 },
        last_probe: Some(at),
        next_probe: Some(at.saturating_add(Duration::from_secs(900))),
    }
}

fn observed(sketch: &Sketch, number: u64, at: UnixTime, latency_ms: u32) -> Observed {
    let age = NOW.since(at).as_secs().div_ceil(DAY);
    let sat = sketch
        .prices
        .iter()
        .rfind(|(days, _)| *days >= age)
        .or(sketch.prices.first());
    let sat = sat.map_or(1, |(_, sat)| *sat);
    let is_whole = sketch.state != State::Degraded;
    let clients = READERS.iter().map(|reader| reader.client.to_owned());
    Observed {
        at,
        price: Some(Msat::from_sat(sat)),
        network: Some(sketch.network),
        expiry_secs: Some(HOUR),
        node: Some(node(number)),
        payment_hash: Some(PaymentHash::from_bytes([number.to_le_bytes()[0]; 32])),
        hash_matches: Some(is_whole),
        forms: sketch.forms.to_vec(),
        clients: clients
            .filter(|client| !sketch.misses.contains(&client.as_str()))
            .collect(),
        latency_ms,
        tls_until: Some(NOW.saturating_add(Duration::from_secs(64 * DAY))),
        evidence: evidence(sketch, is_whole),
    }
}

fn node(number: u64) -> [u8; 33] {
    let mut dice = fastrand::Rng::with_seed(number);
    let mut node = [2; 33];
    dice.fill(&mut node[1..]);
    node
}

fn evidence(sketch: &Sketch, is_whole: bool) -> Evidence {
    let invoice = format!(
        "lnbc{}0n1p5example{}",
        sketch.said.unwrap_or(1),
        "qyqszqgpqyqszqgp".repeat(14)
    );
    let finding = |rule: &str, verdict: &str, text: &str| {
        (rule.to_owned(), verdict.to_owned(), text.to_owned())
    };
    let hash = if is_whole {
        finding(
            "payment-hash",
            "sound",
            "token and invoice name the same payment",
        )
    } else {
        finding(
            "payment-hash",
            "unsound",
            "the token names another payment than the invoice",
        )
    };
    Evidence {
        method: "GET".to_owned(),
        url: sketch.url.to_owned(),
        status: 402,
        challenges: vec![format!(
            "L402 version=\"0\", token=\"AgELbDQwMi5leGFtcGxl…\", invoice=\"{invoice}\""
        )],
        invoice: Some(invoice),
        findings: vec![
            finding("status", "sound", "402 Payment Required"),
            finding("challenge", "sound", "one challenge of the scheme L402"),
            finding(
                "invoice",
                "sound",
                "signed, on the bitcoin network, for a fixed amount",
            ),
            finding("expiry", "sound", "it can be paid for 1 h"),
            hash,
            finding(
                "cache",
                "remark",
                "the answer has no Cache-Control: no-store",
            ),
        ],
    }
}
