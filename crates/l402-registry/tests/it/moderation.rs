//! What moderators do, and that nobody else does it.

use serde_json::json;

use crate::world::{ADMIN, World};

#[tokio::test]
async fn a_hidden_listing_says_why_and_comes_back() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let path = format!("/api/v1/services/{id}");

    let body = json!({"id": id.to_string(), "reason": "it sells nothing"});
    let hidden = world.send("POST", "/api/v1/admin/hide", ADMIN, &body).await;
    assert_eq!(hidden.status, 200, "{hidden:?}");
    let gone = world.get(&path).await;
    assert_eq!(gone.problem(), (410, "hidden".to_owned()));
    assert_eq!(gone.json()["detail"], "it sells nothing");
    assert_eq!(world.get("/api/v1/services").await.json()["total"], 0);

    let body = json!({"id": id.to_string()});
    let shown = world
        .send("POST", "/api/v1/admin/unhide", ADMIN, &body)
        .await;
    assert_eq!(shown.json(), json!({"done": "shown", "of": id.to_string()}));
    assert_eq!(world.get(&path).await.status, 200);
}

#[tokio::test]
async fn a_ban_holds_for_names_below_the_host_and_for_new_listings() {
    let world = World::new();
    let old = world.add("https://a.shop.example/one", "One", 1_000).await;
    let other = world
        .add("https://othershop.example/two", "Two", 1_000)
        .await;
    let body = json!({"host": "SHOP.example.", "reason": "it imitates others"});
    let banned = world.send("POST", "/api/v1/admin/ban", ADMIN, &body).await;
    assert_eq!(
        banned.json(),
        json!({"done": "banned", "of": "shop.example"})
    );

    let new = world
        .add("https://shop.example/three", "Three", 1_000)
        .await;
    for id in [old, new] {
        let gone = world.get(&format!("/api/v1/services/{id}")).await;
        assert_eq!(gone.problem(), (410, "hidden".to_owned()));
    }
    assert_eq!(
        world.get(&format!("/api/v1/services/{other}")).await.status,
        200
    );
    let request = crate::world::request("GET", "/api/v1/admin/bans").header("authorization", ADMIN);
    let bans = world.ask(request, "").await.json();
    assert_eq!(bans["bans"][0]["host"], "shop.example");

    let body = json!({"host": "shop.example"});
    let allowed = world
        .send("POST", "/api/v1/admin/unban", ADMIN, &body)
        .await;
    assert_eq!(allowed.status, 200);
    let again = world
        .send("POST", "/api/v1/admin/unban", ADMIN, &body)
        .await;
    assert_eq!(again.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_merged_listing_leads_to_the_other_one() {
    let world = World::new();
    let from = world
        .add("https://api.example.com/joke?v=1", "Jokes", 50_000)
        .await;
    let into = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let body = json!({"from": from.to_string(), "into": into.to_string()});
    let merged = world
        .send("POST", "/api/v1/admin/merge", ADMIN, &body)
        .await;
    assert_eq!(merged.status, 200);
    let gone = world.get(&format!("/api/v1/services/{from}")).await;
    assert_eq!(gone.json()["merged_into"], into.to_string());

    // Neither in a circle nor with itself.
    let back = json!({"from": into.to_string(), "into": from.to_string()});
    let refused = world
        .send("POST", "/api/v1/admin/merge", ADMIN, &back)
        .await;
    assert_eq!(refused.problem(), (422, "bad_input".to_owned()));
    assert_eq!(refused.json()["field"], "into");
    let own = json!({"from": into.to_string(), "into": into.to_string()});
    let refused = world.send("POST", "/api/v1/admin/merge", ADMIN, &own).await;
    assert_eq!(refused.problem(), (422, "bad_input".to_owned()));
}

#[tokio::test]
async fn nobody_moderates_without_the_token() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await;
    let body = json!({"id": id.to_string(), "reason": "none"});
    for (key, refusal) in [
        ("", (401, "key_missing")),
        ("Bearer", (401, "key_missing")),
        ("Basic a-token-of-moderators", (401, "key_missing")),
        ("Bearer a-token-of-moderatorS", (403, "admin_only")),
        ("Bearer a-token-of-moderators0", (403, "admin_only")),
    ] {
        let refused = world.send("POST", "/api/v1/admin/hide", key, &body).await;
        assert_eq!(
            refused.problem(),
            (refusal.0, refusal.1.to_owned()),
            "{key}"
        );
    }
    assert_eq!(world.get("/api/v1/admin/counters").await.status, 401);
    assert_eq!(
        world.get(&format!("/api/v1/services/{id}")).await.status,
        200
    );
}

#[tokio::test]
async fn reasons_and_hosts_are_bounded() {
    let world = World::new();
    let id = world
        .add("https://api.example.com/joke", "Jokes", 50_000)
        .await
        .to_string();
    for reason in ["", "  ", "two\nlines", &"long".repeat(100)] {
        let body = json!({"id": id, "reason": reason});
        let refused = world.send("POST", "/api/v1/admin/hide", ADMIN, &body).await;
        assert_eq!(refused.json()["field"], "reason", "{reason}");
    }
    for host in [
        "",
        "a b",
        "https://shop.example/",
        "shop.example/path",
        &"a.".repeat(200),
    ] {
        let body = json!({"host": host, "reason": "none"});
        let refused = world.send("POST", "/api/v1/admin/ban", ADMIN, &body).await;
        assert_eq!(refused.json()["field"], "host", "{host}");
    }
}
