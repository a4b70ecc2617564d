//! No preimage and no token in anything that can be shown.

use l402_client::{Client, Request};
use rusqlite::Connection;

use crate::server::Trouble;
use crate::world::{Watch, World};

/// ATTACKS C-31.
#[tokio::test]
async fn nothing_that_is_shown_holds_a_secret() {
    let world = World::new().await;
    let watch = Watch::new(true);
    let client: Client = world.builder().progress(watch.clone()).build().unwrap();
    world.server.plan().troubles = vec![Trouble::Status(500)];
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    let mut shown = vec![
        format!("{error} {error:?}"),
        format!("{:?}", world.builder()),
    ];
    let mut request = Request::get(world.server.url("/joke?key=mysecret"));
    request
        .headers
        .insert("x-key", http::HeaderValue::from_static("mysecret"));
    shown.push(format!("{request:?}"));
    let answer = client.send(request).await.unwrap();
    shown.push(format!(
        "{answer:?} {client:?} {:?}",
        answer.receipt().unwrap()
    ));
    shown.push(answer.receipt().unwrap().to_json().to_string());
    shown.push(format!("{:?} {:?}", world.journal(), world.entries()));
    shown.extend(watch.told());

    let db = Connection::open(world.folder().join("client.db")).unwrap();
    let (token, preimage): (String, [u8; 32]) = db
        .query_row("SELECT token, preimage FROM purchase", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    for text in &shown {
        for secret in [&token[20..60], &hex::encode(preimage), "mysecret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
