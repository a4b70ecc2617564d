//! Answers that the caller had and could not deliver: kept, and handed out again.

use std::time::Duration;

use l402::Msat;
use l402_client::{Request, Response, State};

use crate::server::Trouble;
use crate::world::{Watch, World};

const LONG: Trouble = Trouble::Answer(200, "x-kind", "long");

async fn send(world: &World, path: &str) -> Response {
    let request = Request::get(world.server.url(path));
    world.client().send(request).await.expect("an answer")
}

/// Reads one piece, and gives the rest up to be kept.
async fn keep(mut answer: Response) -> bool {
    let begun = answer.chunk().await.expect("a piece").expect("no end");
    answer.keep_rest(begun.to_vec()).await
}

// FAULTS C9: an answer that was had, and not delivered.
#[tokio::test]
async fn an_answer_that_could_not_be_delivered_is_handed_out_by_the_next_call() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    assert!(keep(send(&world, "/joke?a").await).await);
    assert_eq!(world.states(), [State::Served]);
    let requests = || world.server.seen().methods.len();
    let seen = requests();
    // A second reader who goes away loses nothing either.
    assert!(keep(send(&world, "/joke?a").await).await);
    let watch = Watch::new(true);
    let client = world.builder().progress(watch.clone()).build().unwrap();
    let request = Request::get(world.server.url("/joke?a"));
    let answer = client.send(request).await.unwrap();
    assert!(watch.told()[0].starts_with("Redelivered"));
    assert_eq!(answer.headers()["x-kind"], "long");
    assert_eq!(answer.url(), &world.server.url("/joke?a"));
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.reused, receipt.paid), (true, Msat::from_sat(50)));
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    assert_eq!(requests(), seen);
    // Delivered once, it is bought anew.
    let answer = send(&world, "/joke?a").await;
    assert!(!answer.receipt().unwrap().reused);
}

#[tokio::test]
async fn a_kept_answer_is_for_the_same_request_alone_and_for_a_day() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    assert!(keep(send(&world, "/joke?a").await).await);
    let mut others = vec![
        Request::get(world.server.url("/joke?b")),
        Request::new(http::Method::POST, world.server.url("/joke?a")),
        Request::get(world.server.url("/joke?a")).with_body("x"),
    ];
    let mut with_header = Request::get(world.server.url("/joke?a"));
    let german = http::HeaderValue::from_static("de");
    with_header.headers.insert("accept-language", german);
    others.push(with_header);
    for request in others {
        let answer = world.client().send(request).await.unwrap();
        assert!(!answer.receipt().unwrap().reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    }
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    let answer = send(&world, "/joke?a").await;
    assert!(!answer.receipt().unwrap().reused);
}

/// A library that tries again says so in a header, as OpenAI's does, and traces each try.
#[tokio::test]
async fn the_next_try_of_a_library_gets_what_the_first_one_paid_for() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    let a_try = async |number: u32| {
        let mut request = Request::get(world.server.url("/joke?a"));
        let headers = &mut request.headers;
        headers.insert("x-stainless-retry-count", number.into());
        headers.insert("traceparent", format!("00-{number}").parse().unwrap());
        world.client().send(request).await.expect("an answer")
    };
    assert!(keep(a_try(0).await).await);
    let answer = a_try(1).await;
    assert!(answer.receipt().unwrap().reused);
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// Nothing is kept of an answer that may have no end, breaks off, or leaves the purchase unused.
#[tokio::test]
async fn what_cannot_be_kept_leaves_the_purchase_paid() {
    for trouble in [
        Trouble::Answer(200, "content-type", "text/event-stream; long"),
        Trouble::Reset,
        Trouble::Answer(404, "x-kind", "long"),
    ] {
        let world = World::new().await;
        world.server.plan().troubles = vec![trouble];
        let answer = send(&world, "/joke").await;
        assert!(!answer.keep_rest(Vec::new()).await, "{trouble:?}");
        assert_eq!(world.states(), [State::Paid], "{trouble:?}");
        let answer = send(&world, "/joke").await;
        assert!(answer.receipt().unwrap().reused);
        assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    }
}

#[tokio::test]
async fn a_free_answer_is_not_kept() {
    let world = World::new().await;
    assert!(!send(&world, "/free").await.keep_rest(Vec::new()).await);
    assert!(!world.folder().join("vault").exists());
}

/// An answer behind a redirect that has used the payment up cannot be had again, so it is kept as well.
#[tokio::test]
async fn an_answer_behind_a_used_up_payment_is_kept() {
    let world = World::new().await;
    let client = || world.builder().follow_redirects(true).build().unwrap();
    let get = async |client: l402_client::Client| {
        let request = Request::get(world.server.url("/leads-on?/free-and-long"));
        client.send(request).await.unwrap()
    };
    assert!(keep(get(client()).await).await);
    // Who does not follow redirects has asked for something else.
    let unfollowed = get(world.client()).await;
    assert_eq!(unfollowed.status(), 302);
    drop(unfollowed);
    let spent = world.spent().await;
    let answer = get(client()).await;
    assert!(answer.receipt().unwrap().reused);
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    assert_eq!(world.spent().await, spent);
}

#[tokio::test]
async fn a_kept_answer_is_for_the_same_way_out_alone() {
    let world = World::new().await;
    let url = || world.server.url("/joke?a");
    let at = |port: u16| {
        let here = (Some("127.0.0.1"), url().port());
        let outgoing = l402_client::Outgoing::default();
        let outgoing = outgoing.with_connect_to((Some("127.0.0.1"), Some(port)), here);
        world.builder().outgoing(outgoing).build().unwrap()
    };
    world.server.plan().troubles = vec![LONG];
    assert!(keep(at(1).send(Request::get(url())).await.unwrap()).await);
    for (client, reused) in [(world.client(), false), (at(2), false), (at(1), true)] {
        let answer = client.send(Request::get(url())).await.unwrap();
        assert_eq!(answer.receipt().unwrap().reused, reused);
        drop(answer.bytes(1 << 20).await.unwrap());
    }
}

/// A fault of the machine that passes must not cost a second payment.
#[tokio::test]
async fn a_kept_answer_that_cannot_be_read_now_is_not_bought_again() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    assert!(keep(send(&world, "/joke?a").await).await);
    let (key, aside) = (world.folder().join("vault.key"), world.folder().join("k"));
    std::fs::rename(&key, &aside).unwrap();
    let again = world.fetch(&world.client(), "/joke?a").await;
    assert!(
        matches!(&again, Err(error @ l402_client::Error::Store { .. }) if error.no_money_moved()),
        "{again:?}"
    );
    std::fs::rename(&aside, &key).unwrap();
    let answer = send(&world, "/joke?a").await;
    assert!(answer.receipt().unwrap().reused);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

fn keeping(world: &World) -> l402_client::Client {
    let limits = l402_client::VaultLimits::default();
    world
        .builder()
        .keep_answers(limits)
        .build()
        .expect("a client")
}

/// The body that the vault gives again, or the error.
fn replayed(world: &World) -> Result<Option<Vec<u8>>, l402_client::ReplayError> {
    let hash = world.entries()[0].payment_hash;
    let Some(mut answer) = world.journal().replay(&hash)? else {
        return Ok(None);
    };
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk()? {
        body.extend(piece);
    }
    Ok(Some(body))
}

/// The one file in this folder of the vault.
fn kept_file(world: &World, place: &str) -> std::path::PathBuf {
    let folder = world.folder().join("vault").join(place);
    let mut files = folder.read_dir().expect("a folder");
    files.next().expect("a file").expect("a file").path()
}

#[tokio::test]
async fn a_paid_answer_is_had_again_for_nothing() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    let request = Request::get(world.server.url("/joke"));
    let answer = keeping(&world).send(request).await.unwrap();
    let body = answer.bytes(1 << 20).await.unwrap();
    let spent = world.spent().await;
    let seen = world.server.seen().methods.len();
    assert_eq!(replayed(&world).unwrap().unwrap(), body);
    // The same request again is another purchase: the vault is an archive and no cache.
    assert_eq!(world.server.seen().methods.len(), seen);
    let again = world.fetch(&keeping(&world), "/joke").await.unwrap();
    assert_eq!(
        (again.reused, world.spent().await),
        (Some(false), spent.saturating_add(spent))
    );
    assert_eq!(replayed(&world).unwrap().unwrap(), b"a joke");
}

/// ATTACKS C-30: every place of a file, of which no part is shown once one byte is another.
#[tokio::test]
async fn of_a_changed_answer_no_part_is_shown() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    let request = Request::get(world.server.url("/joke"));
    keeping(&world)
        .send(request)
        .await
        .unwrap()
        .bytes(1 << 20)
        .await
        .unwrap();
    let file = kept_file(&world, "had");
    let whole = std::fs::read(&file).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let found = replayed(&world);
        matches!(found, Err(l402_client::ReplayError::Damaged { .. }))
    };
    for at in (0..whole.len())
        .step_by(whole.len() / 60)
        .chain([whole.len() - 1])
    {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(damaged(&changed), "{at}");
        assert!(damaged(&whole[..at]), "cut at {at}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(replayed(&world).unwrap().unwrap().len(), 300_000);
}

#[tokio::test]
async fn a_lost_key_loses_kept_answers_and_nothing_else() {
    let world = World::new().await;
    world.server.plan().policy = "time=3600".parse().unwrap();
    world.fetch(&keeping(&world), "/joke").await.unwrap();
    let key = world.folder().join("vault.key");
    std::fs::remove_file(&key).unwrap();
    let error = replayed(&world).unwrap_err();
    assert!(
        matches!(error, l402_client::ReplayError::KeyLost { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("not touched"), "{error}");
    // The token works, and what is kept from now on can be had again.
    let fetched = world.fetch(&keeping(&world), "/joke").await.unwrap();
    assert_eq!(fetched.reused, Some(true));
    assert_eq!(replayed(&world).unwrap().unwrap(), b"a joke");
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// What is owed is in the vault, too, and becomes what was had.
#[tokio::test]
async fn an_answer_that_was_owed_can_be_had_again_once_it_is_delivered() {
    let world = World::new().await;
    world.server.plan().troubles = vec![LONG];
    let request = || Request::get(world.server.url("/joke"));
    let answer = keeping(&world).send(request()).await.unwrap();
    assert!(keep(answer).await);
    let owed = std::fs::read(kept_file(&world, "owed")).unwrap();
    assert!(!owed.windows(6).any(|it| it == b"x-kind"));
    assert_eq!(replayed(&world).unwrap().unwrap().len(), 300_000);
    let answer = keeping(&world).send(request()).await.unwrap();
    assert_eq!(answer.bytes(1 << 20).await.unwrap().len(), 300_000);
    kept_file(&world, "had");
    assert_eq!(replayed(&world).unwrap().unwrap().len(), 300_000);
    assert_eq!(world.spent().await, Msat::from_sat(50));
}

/// An answer that breaks off, an error, a free one, and all of them if none are to be kept.
#[tokio::test]
async fn what_was_not_had_in_full_is_not_in_the_vault() {
    for trouble in [Trouble::Reset, Trouble::Status(404)] {
        let world = World::new().await;
        world.server.plan().troubles = vec![trouble];
        let _ = world.fetch(&keeping(&world), "/joke").await;
        assert!(replayed(&world).unwrap().is_none(), "{trouble:?}");
    }
    let world = World::new().await;
    world.fetch(&keeping(&world), "/free").await.unwrap();
    world.fetch(&world.client(), "/joke").await.unwrap();
    assert!(replayed(&world).unwrap().is_none());
    assert!(!world.folder().join("vault").exists());
    assert!(!world.folder().join("vault.key").exists());
}
