//! Calls that take any certificate, that lead connections elsewhere, and that are watched.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use l402::{Msat, Policy};
use l402_client::{ClientBuilder, Head, Outgoing, Request, RequestHead, Watch};

use crate::world::{World, fetch};

fn unverified(world: &World) -> ClientBuilder {
    let outgoing = Outgoing::default().danger_accept_any_certificate(true);
    world.builder().outgoing(outgoing)
}

#[tokio::test]
async fn nothing_is_paid_and_no_credential_sent_to_a_server_that_nobody_verifies() {
    let world = World::new().await;
    world.server.plan().policy = Policy::Uses(NonZeroU32::new(5).unwrap());
    let client = unverified(&world).build().unwrap();
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert_eq!(error.code(), "unverified_server", "{error}");
    assert!(error.to_string().ends_with("no money moved"), "{error}");
    assert_eq!(world.spent().await, Msat::ZERO);
    // Nor is what was bought before shown to it.
    world.fetch(&world.client(), "/joke").await.unwrap();
    let presented = world.server.seen().presented;
    let error = world.fetch(&client, "/joke").await.unwrap_err();
    assert_eq!(error.code(), "unverified_server", "{error}");
    assert_eq!(world.server.seen().presented, presented);
    // A price is only a price.
    let url = world.server.url("/joke");
    let quote = client.quote(Request::get(url)).await.unwrap();
    assert!(quote.is_some());
    let client = unverified(&world)
        .danger_pay_unverified(true)
        .build()
        .unwrap();
    let fetched = world.fetch(&client, "/joke").await.unwrap();
    assert_eq!((fetched.status, fetched.reused), (200, Some(true)));
}

#[tokio::test]
async fn a_detour_leads_to_the_server_and_does_not_make_its_url_private() {
    let world = World::new().await;
    let url = world.server.url("/joke");
    let port = url.port().unwrap();
    let here = Some("127.0.0.1");
    let led = Outgoing::default().with_connect_to((Some("shop.example"), None), (here, Some(port)));
    let named = Outgoing::default().with_addresses("shop.example", port, [[127, 0, 0, 1].into()]);
    for (outgoing, url) in [
        (led.clone(), "http://shop.example/joke".to_owned()),
        (led.clone(), "http://shop.example:81/joke".to_owned()),
        (named, format!("http://shop.example:{port}/joke")),
    ] {
        let builder = world.builder().outgoing(outgoing);
        let error = fetch(&builder.build().unwrap(), url.parse().unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.code(), "insecure_origin", "{url}");
    }
    let own = world
        .builder()
        .outgoing(led)
        .own_addresses([("127.0.0.1".to_owned(), port)]);
    let url = "http://shop.example/joke".parse().unwrap();
    let error = fetch(&own.build().unwrap(), url).await.unwrap_err();
    assert_eq!(error.code(), "own_address");
    // From an address, for which no resolver is asked.
    let led = Outgoing::default().with_connect_to((None, Some(81)), (None, Some(port)));
    let client = world.builder().outgoing(led).build().unwrap();
    let request = Request::get("http://127.0.0.1:81/joke".parse().unwrap());
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.url().as_str(), "http://127.0.0.1:81/joke");
}

#[derive(Default)]
struct Heads(Mutex<Vec<String>>);

impl Watch for Heads {
    fn sent(&self, head: &RequestHead) {
        self.0
            .lock()
            .expect("no panic before")
            .push(format!("{head:?}"));
    }

    fn received(&self, head: &Head) {
        let text = format!("{} {:?}", head.status, head.headers);
        self.0.lock().expect("no panic before").push(text);
    }
}

#[tokio::test]
async fn a_watcher_sees_each_head_and_no_secret() {
    let world = World::new().await;
    let heads = Arc::new(Heads::default());
    let client = world.builder().watch(heads.clone()).build().unwrap();
    world.fetch(&client, "/joke").await.unwrap();
    let heads = heads.0.lock().unwrap().clone();
    let [asked, price, paid, served] = heads.as_slice() else {
        panic!("{heads:#?}");
    };
    assert!(asked.contains("accept-authenticate"), "{asked}");
    assert!(
        price.starts_with("402") && price.contains("characters)"),
        "{price}"
    );
    assert!(paid.contains("L402 [redacted]"), "{paid}");
    assert!(served.starts_with("200"), "{served}");
    assert!(
        heads
            .iter()
            .all(|it| !it.contains("lnbcrt") || it.len() < 2000)
    );
}
