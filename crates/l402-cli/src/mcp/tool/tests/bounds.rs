//! What an agent may not do: other hosts, other addresses, wild arguments.

use serde_json::{Value, json};

use super::shop::{Shop, notes, outcome, text};

// ATTACKS A-07: no request leaves for a host that is not the agent's, also behind a redirect.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_hosts_of_the_agent_are_asked() {
    let shop = Shop::open();
    shop.add_agent("scout", Some(&["localhost"]));
    let agent = shop.agent(Some("scout"));
    let other = agent.fetch(&shop.url("/pay/50/joke")).await;
    assert_eq!(
        text(&other, "/error/code"),
        "host_not_allowed",
        "{}",
        other.line
    );
    assert_eq!((shop.asked(), outcome(&other)), (0, "refused"));

    let host = shop.url("").trim_start_matches("http://").to_owned();
    let away = agent
        .fetch(&shop.url_at("localhost", &format!("/away/{host}")))
        .await;
    assert_eq!(
        text(&away, "/error/code"),
        "redirected_across_origins",
        "{}",
        away.line
    );
    assert_eq!(shop.asked(), 1);

    let bought = agent.fetch(&shop.url_at("localhost", "/pay/50/joke")).await;
    assert_eq!(outcome(&bought), "served", "{}", bought.line);
    let preview = agent
        .call("l402_preview", json!({ "url": shop.url("/pay/50/x") }))
        .await;
    assert_eq!(
        text(&preview, "/error/code"),
        "host_not_allowed",
        "{}",
        preview.line
    );
}

// ATTACKS A-07: addresses of this machine and its network are not asked for a model.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_names_no_private_address() {
    let shop = Shop::open();
    let sandbox = shop.agent(None);
    for (url, code) in [
        ("http://127.0.0.1:8403/v1/pay", "own_address"),
        ("http://[::ffff:127.0.0.1]:8405/", "own_address"),
        (
            "http://169.254.169.254/latest/meta-data/",
            "private_address",
        ),
        ("http://10.0.0.1/", "private_address"),
        ("http://[fd00::1]/", "private_address"),
        ("http://0x0a000001/", "private_address"),
    ] {
        let answer = sandbox.fetch(url).await;
        assert_eq!(text(&answer, "/error/code"), code, "{url}: {}", answer.line);
    }
    let real = "lnd://127.0.0.1:1?tls_cert=a&macaroon=b".parse().unwrap();
    let real = shop.agent_with(None, real);
    for url in [
        shop.url("/free"),
        shop.url_at("localhost", "/free"),
        shop.url_at("127.1", "/free"),
        shop.url_at("[::1]", "/free"),
    ] {
        let answer = real.fetch(&url).await;
        assert_eq!(
            text(&answer, "/error/code"),
            "private_address",
            "{url}: {}",
            answer.line
        );
    }
    assert_eq!(shop.asked(), 0);
}

// ATTACKS A-05: each tool answers wild arguments, and pays nothing.
#[tokio::test(flavor = "multi_thread")]
async fn wild_arguments_are_refused_by_every_tool() {
    let shop = Shop::open();
    let agent = shop.agent(None);
    let wild = [
        json!(-1),
        json!(0),
        json!(1e308),
        json!("NaN"),
        json!("10 sats"),
        json!("9".repeat(400)),
        json!("x".repeat(10 * 1024 * 1024)),
        json!([[[[]]]]),
        json!({ "a": { "b": {} } }),
        json!(true),
        json!("\u{0}\u{202e}"),
    ];
    for tool in agent.tools.clone() {
        let card = tool.card();
        let fields = card.input["properties"].as_object().unwrap();
        let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
        names.push("no_such_argument");
        for name in names {
            for value in &wild {
                let mut arguments = json!({});
                if fields.contains_key("url") {
                    arguments["url"] = json!(shop.url("/free"));
                }
                arguments[name] = value.clone();
                let answer = agent.call(card.name, arguments).await;
                assert!(answer.line.len() < 2000, "{}", answer.line.len());
            }
        }
    }
    assert_eq!(shop.payments(), 0);
}

// ATTACKS: without a URL, an agent with hosts pays nothing that no person has seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_without_a_url_needs_a_person_for_an_agent_with_hosts() {
    let shop = Shop::open();
    shop.add_agent("scout", Some(&["api.example"]));
    shop.add_agent("free", None);
    let made = shop
        .agent(Some("free"))
        .call("create_invoice", json!({ "amount_sat": 5 }))
        .await;
    let invoice = text(&made, "/invoice").to_owned();
    let scout = shop.agent(Some("scout"));
    let asked = scout
        .call(
            "pay_invoice",
            json!({ "invoice": invoice, "confirm": true }),
        )
        .await;
    assert_eq!(outcome(&asked), "waiting_for_approval", "{}", asked.line);
    assert!(notes(&asked).contains("`confirm` is ignored"));
    assert_eq!(shop.payments(), 0);

    let approval = asked.waiting.expect("an approval").approval;
    let decided = shop
        .journal()
        .decide_approval(approval, true, scout.purse.now());
    decided.expect("a decision");
    let paid = scout
        .call("pay_invoice", json!({ "invoice": invoice }))
        .await;
    assert_eq!(outcome(&paid), "paid", "{}", paid.line);
    let again = scout
        .call("pay_invoice", json!({ "invoice": invoice }))
        .await;
    assert_eq!(again.structured["replayed"], true, "{}", again.line);
    assert_eq!(shop.payments(), 1);

    // The amount is that of the invoice, whatever the model says.
    let made = shop
        .agent(Some("free"))
        .call("create_invoice", json!({ "amount_sat": 500 }))
        .await;
    let invoice = text(&made, "/invoice").to_owned();
    let call = json!({ "invoice": invoice, "max_cost_sat": 1 });
    let over = shop.agent(Some("free")).call("pay_invoice", call).await;
    assert_eq!(outcome(&over), "refused", "{}", over.line);
    let broken = json!({ "invoice": "lnbc1 not one" });
    let broken = scout.call("pay_invoice", broken).await;
    assert_eq!(text(&broken, "/error/code"), "invoice_malformed");
    assert_eq!(broken.structured["payment"], Value::Null);
    assert_eq!(shop.payments(), 1);
}

// ATTACKS A-07: an agent that is removed while its program runs asks nobody, and uses nothing it bought.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_removed_asks_nobody() {
    let shop = Shop::open();
    shop.add_agent("scout", None);
    let scout = shop.agent(Some("scout"));
    let url = shop.url("/pay/50/joke");
    assert_eq!(outcome(&scout.fetch(&url).await), "served");
    let (name, now) = (scout.purse.agent(), scout.purse.now());
    assert!(shop.journal().remove_agent(name, now).unwrap());
    let asked = shop.asked();
    for url in [url, shop.url("/free"), shop.url("/pay/50/other")] {
        for tool in ["l402_fetch", "l402_preview"] {
            let answer = scout.call(tool, json!({ "url": url })).await;
            assert_eq!(
                text(&answer, "/error/code"),
                "unknown_agent",
                "{tool} {url}: {}",
                answer.line
            );
        }
    }
    assert_eq!((shop.asked(), shop.payments()), (asked, 1));
}
