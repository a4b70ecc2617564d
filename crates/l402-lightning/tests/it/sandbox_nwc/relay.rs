//! The relay: what it stores, passes on and refuses.

use std::time::Duration;

use futures_util::SinkExt;
use l402_testkit::TestHome;
use nostr::{Event, EventBuilder, JsonUtil, Keys, Kind, PublicKey, Tag, Timestamp};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::client::{Socket, parts, start};

fn event(keys: &Keys, kind: u16, at: u64, to: &PublicKey) -> Event {
    EventBuilder::new(Kind::from_u16(kind), format!("{kind} {at}"))
        .tag(Tag::public_key(*to))
        .custom_created_at(Timestamp::from_secs(at))
        .sign_with_keys(keys)
        .expect("signed")
}

#[tokio::test]
async fn the_relay_keeps_infos_for_good_and_requests_for_a_moment() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (wallet, relay, _) = parts(&running.uri);
    let mut socket = Socket::open(&relay).await;
    let info = json!({ "kinds": [13194], "authors": [wallet], "limit": 1 });
    let found = socket.stored(info).await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .as_json()
            .contains(r#"["encryption","nip44_v2 nip04"]"#)
    );

    let (other, to) = (Keys::generate(), Keys::generate().public_key());
    let infos = json!({ "kinds": [13194], "authors": [other.public_key()] });
    for (at, ok) in [(10, ""), (5, "duplicate"), (20, ""), (20, "duplicate")] {
        let message = socket.publish(&event(&other, 13194, at, &to)).await;
        assert_eq!(message[2], true);
        assert!(message[3].as_str().unwrap().starts_with(ok), "{message}");
    }
    let found = socket.stored(infos.clone()).await;
    assert_eq!(
        found
            .iter()
            .map(|one| one.created_at.as_secs())
            .collect::<Vec<_>>(),
        [20]
    );

    let mut sent = Vec::new();
    for (kind, at) in [(23194, 1), (23195, 2), (23194, 3), (23197, 4)] {
        let event = event(&other, kind, at, &to);
        assert_eq!(socket.publish(&event).await[2], true);
        sent.push(event);
    }
    let times = |found: Vec<Event>| -> Vec<u64> {
        found.iter().map(|one| one.created_at.as_secs()).collect()
    };
    let kinds = [23194, 23195, 23196, 23197];
    for (filter, expected) in [
        (json!({ "kinds": kinds }), vec![3, 2, 1]),
        (json!({ "kinds": kinds, "limit": 2 }), vec![3, 2]),
        (json!({ "kinds": kinds, "since": 2 }), vec![3, 2]),
        (json!({ "ids": [sent[1].id] }), vec![2]),
        (json!({ "kinds": [23195], "#p": [to] }), vec![2]),
        (json!({ "kinds": [23195], "#p": [wallet] }), vec![]),
        (json!({ "kinds": [23194], "#e": [sent[0].id] }), vec![]),
    ] {
        let found = socket.stored(filter.clone()).await;
        assert_eq!(times(found), expected, "{filter}");
    }
    home.clock.advance(Duration::from_secs(31));
    assert!(socket.stored(json!({ "kinds": kinds })).await.is_empty());
    assert_eq!(socket.stored(infos).await.len(), 1);
}

#[tokio::test]
async fn the_relay_passes_on_what_is_signed_and_belongs_to_wallets() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (_, relay, _) = parts(&running.uri);
    let (mut one, mut two) = (Socket::open(&relay).await, Socket::open(&relay).await);
    let (keys, to) = (Keys::generate(), Keys::generate().public_key());
    one.send(json!(["REQ", "a", { "#p": [to] }, { "kinds": [23197] }]))
        .await;
    assert_eq!(one.next().await.unwrap(), json!(["EOSE", "a"]));

    let good = event(&keys, 23194, 1, &to);
    let mut forged = good.clone();
    forged.content = "another".to_owned();
    let refused = two.publish(&forged).await;
    assert_eq!(refused[2], false);
    assert!(
        refused[3].as_str().unwrap().starts_with("invalid:"),
        "{refused}"
    );
    let note = two.publish(&event(&keys, 1, 1, &to)).await;
    assert!(note[3].as_str().unwrap().starts_with("blocked:"), "{note}");
    assert_eq!(two.publish(&good).await, json!(["OK", good.id, true, ""]));
    let passed = one.next().await.unwrap();
    assert_eq!((&passed[0], &passed[1]), (&json!("EVENT"), &json!("a")));
    assert_eq!(passed[2]["id"], json!(good.id));

    for (message, answer) in [
        (json!({}), "NOTICE"),
        (json!(["COUNT", "a", {}]), "NOTICE"),
        (json!(["EVENT", {}]), "NOTICE"),
        (json!(["EVENT", { "id": "0".repeat(64) }]), "OK"),
        (json!(["REQ", "b", { "kinds": ["x"] }]), "CLOSED"),
        (json!(["REQ", "b"]), "CLOSED"),
        (json!(["REQ", "", {}]), "CLOSED"),
        (json!(["REQ", "b".repeat(65), {}]), "CLOSED"),
        (json!(["REQ", "b", { "#p": ["b".repeat(5000)] }]), "CLOSED"),
    ] {
        two.send(message.clone()).await;
        assert_eq!(two.next().await.unwrap()[0], answer, "{message}");
    }
    // What was closed is not passed on.
    one.send(json!(["CLOSE", "a"])).await;
    assert!(one.stored(json!({ "kinds": [23196] })).await.is_empty());
    two.publish(&event(&keys, 23197, 2, &to)).await;
    assert!(one.stored(json!({ "kinds": [23196] })).await.is_empty());
}

#[tokio::test]
async fn the_relay_is_bounded() {
    let home = TestHome::new();
    let running = start(&home.sandbox).await;
    let (_, relay, _) = parts(&running.uri);
    let mut socket = Socket::open(&relay).await;
    for number in 0..33 {
        let name = number.to_string();
        socket
            .send(json!(["REQ", name, { "kinds": [23196] }]))
            .await;
        let expected = if number < 32 { "EOSE" } else { "CLOSED" };
        assert_eq!(socket.next().await.unwrap()[0], expected);
    }
    let long = "a".repeat(65 * 1024);
    // The relay may end the connection before it has read all.
    let _ = socket.0.send(Message::text(long)).await;
    assert!(socket.next().await.is_none());

    // One who reads nothing is let go, and nobody else waits for it.
    let mut slow = Socket::with_small_buffer(&relay).await;
    slow.send(json!(["REQ", "all", { "kinds": [23197] }])).await;
    assert_eq!(slow.next().await.unwrap()[0], "EOSE");
    let (keys, to) = (Keys::generate(), Keys::generate().public_key());
    let mut fast = Socket::open(&relay).await;
    for at in 0..220 {
        let big = EventBuilder::new(Kind::from_u16(23197), "x".repeat(60_000))
            .tag(Tag::public_key(to))
            .custom_created_at(Timestamp::from_secs(at))
            .sign_with_keys(&keys)
            .unwrap();
        assert_eq!(fast.publish(&big).await[2], true);
    }
    let mut read = 0;
    while slow.next().await.is_some() {
        read += 1;
    }
    assert!(read < 220, "{read}");
}
