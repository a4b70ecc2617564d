//! The cookies of a call, through payment and redirects.

use std::sync::{Arc, Mutex};

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use l402_client::{Cookies, Request};
use url::Url;

use crate::world::World;

/// Sends the number of cookies that it has taken, to whatever host.
#[derive(Default)]
struct Counted(Mutex<Vec<Url>>);

impl Cookies for Counted {
    fn header(&self, _url: &Url) -> Option<HeaderValue> {
        let taken = self.0.lock().expect("no panic before").len();
        HeaderValue::try_from(format!("taken={taken}")).ok()
    }

    fn take(&self, url: &Url, headers: &HeaderMap) {
        if headers.contains_key(SET_COOKIE) {
            self.0.lock().expect("no panic before").push(url.clone());
        }
    }
}

/// The `Cookie` of each request, empty without one.
fn sent(world: &World) -> Vec<String> {
    let seen = world.server.seen();
    let cookies = seen.headers.iter().map(|headers| headers.get(COOKIE));
    let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
    cookies
        .map(|value| value.map_or_else(String::new, text))
        .collect()
}

#[tokio::test]
async fn the_cookie_of_a_challenge_goes_along_with_the_payment() {
    let world = World::new().await;
    world.server.alter(|_, answer| {
        let cookie = HeaderValue::from_static("session=1");
        answer.headers.insert(SET_COOKIE, cookie);
    });
    let jar = Arc::new(Counted::default());
    let client = world.builder().cookies(jar.clone()).build().unwrap();
    let url = world.server.url("/joke");
    let answer = client.send(Request::get(url.clone())).await.unwrap();
    assert_eq!(answer.bytes(100).await.unwrap(), "a joke");
    assert_eq!(sent(&world), ["", "taken=1"]);
    assert_eq!(*jar.0.lock().unwrap(), [url]);
}

/// ATTACKS C-12.
#[tokio::test]
async fn cookies_stay_with_the_host_that_the_caller_named() {
    let world = World::new().await;
    let jar = Arc::new(Counted::default());
    let client = world.builder().follow_redirects(true).cookies(jar).build();
    let client = client.unwrap();
    let here = |path: &str| world.server.url(path).to_string();
    let elsewhere = |path: &str| here(path).replace("127.0.0.1", "localhost");
    // Within the host, then away, and back by the word of a stranger.
    let back = here("/free");
    let away = elsewhere(&format!("/to/302?{back}"));
    let start = here(&format!("/to/302?{}", here(&format!("/to/302?{away}"))));
    let mut request = Request::get(start.parse().unwrap());
    let own = HeaderValue::from_static("own=1");
    request.headers.insert(COOKIE, own);
    let answer = client.send(request).await.unwrap();
    assert_eq!(answer.bytes(100).await.unwrap(), "free");
    assert_eq!(sent(&world), ["own=1", "taken=0", "", ""]);
}
