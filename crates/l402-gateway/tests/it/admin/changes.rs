//! What operators change: in the file, in the ledger, and in the audit log.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::stage::{Stage, shop, stage, stage_with};
use crate::harness::{Answer, describe, upstream};

async fn a_stage() -> Stage {
    stage(&shop(upstream(false, describe).await)).await
}

async fn set_price(stage: &Stage, body: &Value) -> Answer {
    let path = "/api/v1/prices";
    stage.ask("PATCH", path, &body.to_string()).await
}

async fn price(stage: &Stage, path: &str) -> u64 {
    let challenge = stage.server.get(path, None).await;
    assert_eq!(challenge.status(), 402, "{}", challenge.text());
    challenge.json()["price_msat"].as_u64().expect("a price")
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.code())
}

/// ATTACKS O-13.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_served_and_stands_in_the_file_with_all_its_comments() {
    let stage = a_stage().await;
    let before = stage.text();
    let done = set_price(&stage, &json!({ "route": "/joke", "price": "70 sat" })).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(done.json()["prices"][0]["price_msat"], 70_000);
    // The whole service: tokens of one are good at all of its routes.
    assert_eq!(stage.text(), before.replace("50 sat", "70 sat"));
    assert_eq!(
        (price(&stage, "/joke").await, price(&stage, "/joke/1").await),
        (70_000, 70_000)
    );
    assert_eq!(price(&stage, "/three").await, 9000);
    let put = json!({ "service": "three", "price": "10500 msat" }).to_string();
    let done = stage.ask("PUT", "/api/v1/prices", &put).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let after = before.replace("50 sat", "70 sat");
    assert_eq!(stage.text(), after.replace("'9 sat'", "\"10500 msat\""));
    let audit = stage.audit().await;
    assert_eq!(audit.len(), 2);
    let first = &audit[1];
    assert_eq!(
        (&first["what"], &first["result"]),
        (&json!("price"), &json!("done"))
    );
    assert_eq!(
        first["before"],
        json!({ "/joke": "50 sat", "/joke/{id}": "50 sat" })
    );
    assert_eq!(first["after"]["price"], "70 sat");
    assert_eq!(first["via"], "api");
    assert!(first["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_served_and_written_where_they_belong() {
    let stage = a_stage().await;
    let before = stage.text();
    let body = json!({ "challenges": { "per_peer_burst": 2, "per_peer_per_second": 1 } });
    let done = stage
        .ask("PATCH", "/api/v1/limits", &body.to_string())
        .await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(done.json()["challenges"]["per_peer_burst"], 2);
    let added = "\n[challenges]\nper_peer_burst = 2\n";
    assert!(stage.text().starts_with(&before), "what was there stays");
    assert!(stage.text().contains("per_peer_burst = 2\n") && stage.text().contains(&added[..14]));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(stage.server.get("/joke", None).await.status());
    }
    assert_eq!(answers, [402, 402, 429], "the clock stands still");
    let wrong = json!({ "challenges": { "per_peer_burst": 2_000_000 } }).to_string();
    let text = stage.text();
    let mistake = stage.ask("PATCH", "/api/v1/limits", &wrong).await;
    assert_eq!(refused(&mistake), (422, "configuration".to_owned()));
    assert_eq!(
        mistake.json()["mistakes"][0]["key"],
        "challenges.per_peer_burst"
    );
    assert_eq!(stage.text(), text);
    let unknown = json!({ "http": { "header_max_bytes": 1 } }).to_string();
    let answer = stage.ask("PATCH", "/api/v1/limits", &unknown).await;
    assert_eq!(refused(&answer), (400, "bad_body".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_served_leaves_file_and_prices_as_they_were() {
    let stage = a_stage().await;
    let before = stage.text();
    for (body, status, code) in [
        (
            json!({ "route": "/joke", "price": "70" }),
            400,
            "bad_parameter",
        ),
        (
            json!({ "route": "/joke", "price": "0 sat" }),
            422,
            "configuration",
        ),
        (
            json!({ "route": "/nothing", "price": "7 sat" }),
            404,
            "not_found",
        ),
        (
            json!({ "route": "/free", "price": "7 sat" }),
            404,
            "not_found",
        ),
        (json!({ "price": "7 sat" }), 400, "bad_body"),
        (
            json!({ "route": "/joke", "service": "joke", "price": "7 sat" }),
            400,
            "bad_body",
        ),
        (
            json!({ "route": "/joke", "prise": "7 sat" }),
            400,
            "bad_body",
        ),
    ] {
        let answer = set_price(&stage, &body).await;
        assert_eq!(refused(&answer), (status, code.to_owned()), "{body}");
    }
    stage.program.reload_fails.store(true, Ordering::SeqCst);
    let answer = set_price(&stage, &json!({ "route": "/joke", "price": "70 sat" })).await;
    assert_eq!(refused(&answer), (422, "configuration".to_owned()));
    assert_eq!(stage.text(), before, "put back");
    assert_eq!(price(&stage, "/joke").await, 50_000);
    let files = std::fs::read_dir(stage.folder.path()).unwrap().count();
    assert_eq!(files, 1, "no draft is left");
    let audit = stage.audit().await;
    assert_eq!(audit[0]["result"], "refused");
    assert!(audit[0]["why"].as_str().unwrap().contains("configuration"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_or_with_one_that_is_read_only_nothing_changes() {
    let body = json!({ "route": "/joke", "price": "70 sat" });
    let none = stage_with(&shop(upstream(false, describe).await), "", false).await;
    assert_eq!(
        refused(&set_price(&none, &body).await),
        (409, "no_file".to_owned())
    );
    assert_eq!(
        refused(&none.post("reload", "").await),
        (409, "no_file".to_owned())
    );
    let stage = a_stage().await;
    let mut mode = std::fs::metadata(stage.file()).unwrap().permissions();
    mode.set_readonly(true);
    std::fs::set_permissions(stage.file(), mode).unwrap();
    let answer = set_price(&stage, &body).await;
    assert_eq!(refused(&answer), (409, "read_only".to_owned()));
    assert_eq!(
        (price(&stage, "/joke").await, price(&none, "/joke").await),
        (50_000, 50_000)
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn mode_and_link_of_the_file_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = a_stage().await;
    let own = stage.folder.path().join("real.toml");
    std::fs::rename(stage.file(), &own).unwrap();
    std::os::unix::fs::symlink("real.toml", stage.file()).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o640)).unwrap();
    let done = set_price(&stage, &json!({ "route": "/joke", "price": "70 sat" })).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    let link = std::fs::symlink_metadata(stage.file()).unwrap();
    assert!(link.is_symlink());
    let mode = std::fs::metadata(&own).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(std::fs::read_to_string(&own).unwrap().contains("70 sat"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_writes_meanwhile_is_not_lost() {
    let stage = a_stage().await;
    // Somebody has edited the file, and nobody has reloaded it yet.
    let edited = stage.text().replace("'9 sat'", "'8 sat'") + "# mine\n";
    std::fs::write(stage.file(), &edited).unwrap();
    let done = set_price(&stage, &json!({ "route": "/joke", "price": "70 sat" })).await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(stage.text(), edited.replace("50 sat", "70 sat"));
    assert_eq!(price(&stage, "/three").await, 8000);
    // An edit with a mistake is for its author to fix.
    let broken = stage.text() + "nothing = 1\n";
    std::fs::write(stage.file(), &broken).unwrap();
    let answer = set_price(&stage, &json!({ "route": "/joke", "price": "60 sat" })).await;
    assert_eq!(refused(&answer), (422, "configuration".to_owned()));
    assert_eq!(stage.text(), broken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_is_whole_or_names_all_mistakes() {
    let stage = a_stage().await;
    let sound = stage.text();
    std::fs::write(stage.file(), sound.replace("50 sat", "60 sat")).unwrap();
    let done = stage.post("reload", "{}").await;
    assert_eq!(done.status(), 200, "{}", done.text());
    assert_eq!(price(&stage, "/joke").await, 60_000);
    let two = sound.replace("'9 sat'", "\"9\"") + "colour = 1\n";
    std::fs::write(stage.file(), two).unwrap();
    let answer = stage.post("reload", "").await;
    assert_eq!(refused(&answer), (422, "configuration".to_owned()));
    let mistakes = answer.json()["mistakes"].as_array().unwrap().clone();
    let keys: Vec<_> = mistakes
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["route[2].price", "route[3].colour"]);
    assert!(mistakes[0]["line"].as_u64().unwrap() > 1);
    assert_eq!(price(&stage, "/joke").await, 60_000);
    std::fs::write(stage.file(), sound.replace("workers = 1", "workers = 2")).unwrap();
    let waiting = stage.post("reload", "").await.json();
    assert!(
        waiting["waiting_for_restart"]
            .as_array()
            .unwrap()
            .contains(&json!("workers"))
    );
    let outcomes: Vec<_> = stage
        .audit()
        .await
        .iter()
        .map(|one| one["result"].clone())
        .collect();
    assert_eq!(outcomes, ["done", "refused", "done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_nobody_asked_the_api_for_is_written_down_too() {
    let stage = a_stage().await;
    stage.admin.note_reload(Ok(()));
    stage.admin.note_reload(Err("line 7"));
    let audit = stage.audit().await;
    assert_eq!(
        (&audit[1]["via"], &audit[1]["result"]),
        (&json!("file"), &json!("done"))
    );
    assert_eq!(
        (&audit[0]["why"], &audit[0]["result"]),
        (&json!("line 7"), &json!("refused"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_and_found() {
    let stage = a_stage().await;
    let credential = stage.server.buy("/three").await;
    assert_eq!(
        stage.server.get("/three", Some(&credential)).await.status(),
        200
    );
    let found = stage
        .until("tokens", |all| {
            !all["tokens"].as_array().unwrap().is_empty()
        })
        .await;
    let id = found["tokens"][0]["token"].as_str().unwrap().to_owned();
    assert_eq!(found["tokens"][0]["revoked"], false);
    let done = stage.post(&format!("tokens/{id}/revoke"), "").await;
    assert_eq!((done.status(), &done.json()["new"]), (200, &json!(true)));
    let again = stage.post(&format!("tokens/{id}/revoke"), "").await;
    assert_eq!(again.json()["new"], false);
    let path = format!("tokens/{id}");
    stage.until(&path, |token| token["revoked"] == true).await;
    let refusal = stage.server.get("/three", Some(&credential)).await;
    assert_eq!(refused(&refusal), (402, "revoked".to_owned()));
    let list = stage.get("revocations").await;
    assert_eq!(list["revocations"][0]["token"], id);

    let hash = found["tokens"][0]["payment_hash"].as_str().unwrap();
    let of_payment = json!({ "payment_hash": hash }).to_string();
    assert_eq!(stage.post("revocations", &of_payment).await.status(), 200);
    let of_service = json!({ "service": "joke", "before": "2020-01-01T00:00:00Z" }).to_string();
    let done = stage.post("revocations", &of_service).await;
    assert_eq!(done.json()["revoked"]["service"], "joke", "{}", done.text());
    for body in [
        json!({ "payment_hash": "12" }),
        json!({ "payment_hash": hash, "service": "joke" }),
        json!({ "before": "2999-01-01T00:00:00Z" }),
        json!({ "service": "" }),
    ] {
        let answer = stage.post("revocations", &body.to_string()).await;
        assert_eq!(answer.status(), 400, "{body}: {}", answer.text());
    }
    let page = stage.get("revocations?limit=2").await;
    assert_eq!(page["revocations"][1]["payment_hash"], hash);
    let next = page["next"].as_i64().expect("there is more");
    let last = stage
        .get(&format!("revocations?limit=2&after={next}"))
        .await;
    assert_eq!(last["revocations"][0]["service"], "joke");
    assert_eq!(last["next"], json!(null));
    assert_eq!(stage.audit().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_retire() {
    let stage = a_stage().await;
    let keys = stage.get("keys").await;
    assert_eq!(
        (&keys["keys"][0]["number"], &keys["keys"][0]["state"]),
        (&json!(1), &json!("mints"))
    );
    let first = stage.post("keys/1/retire", "").await;
    assert_eq!(refused(&first), (409, "conflict".to_owned()), "it mints");
    let next = stage.post("keys/rotate", "").await;
    assert_eq!(
        (next.status(), &next.json()["number"]),
        (200, &json!(2)),
        "{}",
        next.text()
    );
    let mints = |keys: &Value| keys["keys"][1]["state"] == "mints";
    stage.until("keys", mints).await;
    let until = json!({ "until": "2030-01-01T00:00:00Z" }).to_string();
    let retired = stage.post("keys/1/retire", &until).await;
    assert_eq!(
        retired.json()["until"],
        "2030-01-01T00:00:00Z",
        "{}",
        retired.text()
    );
    let own = stage.post("keys/rotate", "{\"new_master\": true}").await;
    assert_eq!(own.status(), 200, "{}", own.text());
    assert!(stage.server.home.path().join("master-3.key").exists());
    let audit = stage.audit().await;
    assert_eq!(audit[0]["after"]["new_master"], true);
    assert!(!own.text().contains("key\""), "no key is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_done() {
    let stage = a_stage().await;
    // A folder in the place of the log: also the superuser cannot write there.
    std::fs::create_dir(stage.server.home.path().join("audit.log")).unwrap();
    let before = stage.text();
    let never = "0001".to_owned() + &"ab".repeat(30);
    for answer in [
        set_price(&stage, &json!({ "route": "/joke", "price": "70 sat" })).await,
        stage.post("reload", "").await,
        stage.post("drain", "").await,
        stage.post("keys/rotate", "").await,
        stage.post(&format!("tokens/{never}/revoke"), "").await,
    ] {
        assert_eq!(
            refused(&answer),
            (503, "audit_log".to_owned()),
            "{}",
            answer.text()
        );
    }
    assert_eq!(stage.text(), before);
    assert!(!stage.program.is_stopped());
    assert_eq!(stage.get("revocations").await["revocations"], json!([]));
    assert_eq!(stage.get("keys").await["keys"].as_array().unwrap().len(), 1);
}

/// ATTACKS O-12.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_for_its_owner_alone_and_names_no_token() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = a_stage().await;
    stage.post("reload", "").await;
    let path = stage.server.home.path().join("audit.log");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2, "begun, and done");
    assert!(!text.contains(&stage.token));
    let token = std::fs::metadata(stage.server.home.path().join("admin.token")).unwrap();
    assert_eq!(token.permissions().mode() & 0o777, 0o600);
}
