//! `l402 demo`: the first paid answer, with nothing configured.

use crate::program::Home;

#[test]
fn a_joke_is_sold_and_the_second_run_pays_again() {
    let home = Home::new();
    let runs = [0, 1].map(|_| {
        let args = ["demo", "--once", "--json", "--listen", "127.0.0.1:0"];
        home.run(&args).expect(0).json()
    });
    for run in &runs {
        assert_eq!(run["status"], 200);
        assert_eq!(run["price_msat"], 50_000);
        assert!(run["paid_msat"].as_u64().expect("a number") >= 50_000);
        assert!(!run["answer"]["joke"].as_str().expect("a joke").is_empty());
        let steps: Vec<_> = run["steps"].as_array().expect("steps").iter().collect();
        let names: Vec<_> = steps
            .iter()
            .map(|step| step["step"].as_str().expect("name"))
            .collect();
        assert_eq!(
            names,
            ["challenge", "invoice", "payment", "retry", "answer"]
        );
    }
    assert_ne!(runs[0]["payment_hash"], runs[1]["payment_hash"]);
    let payments = home.run(&["payments"]).expect(0).json();
    let states: Vec<_> = payments
        .as_array()
        .expect("rows")
        .iter()
        .map(|p| &p["state"])
        .collect();
    assert_eq!(states, ["served", "served"]);
}

#[test]
fn people_read_each_step_and_no_secret() {
    let home = Home::new();
    let ran = home
        .run(&["demo", "--once", "--listen", "127.0.0.1:0"])
        .expect(0);
    for word in [
        "402 Payment Required",
        "50 sat",
        "regtest",
        "Pay",
        "The answer, 200",
    ] {
        assert!(ran.stderr.contains(word), "{word}: {ran:#?}");
    }
    assert!(
        !ran.stderr.contains('\u{1b}'),
        "colours without a terminal: {ran:#?}"
    );
    assert_eq!(ran.json()["status"], 200);
}

#[test]
fn a_taken_port_is_no_obstacle_for_one_purchase() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let home = Home::new();
    let ran = home
        .run(&["demo", "--once", "--json", "--listen", &address])
        .expect(0);
    assert_ne!(ran.json()["listening"][0], address);
    let ran = home
        .run(&["demo", "--json", "--listen", &address])
        .expect(23);
    assert_eq!(ran.json()["error"], "cannot_listen");
}

#[test]
fn beside_a_running_demo_everything_can_be_bought() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    assert_eq!(demo.announced["status"], 200);
    for (path, name, price) in [
        ("joke", "joke", 50_000),
        ("fortune", "fortune", 50_000),
        ("quote", "quote", 10_000),
    ] {
        let url = demo.url(&format!("/api/l402/{path}"));
        let format = "\n%{l402_price_msat}";
        let ran = home
            .run(&["get", &url, "--wallet", "sandbox", "-w", format])
            .expect(0);
        let (body, written) = ran.stdout.rsplit_once('\n').expect("two parts");
        let body: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
        assert!(!body[name].as_str().expect("text").is_empty());
        assert_eq!(written, price.to_string());
    }
    let post = demo.url("/api/l402/quote");
    home.run(&["get", &post, "-d", "a=b", "--wallet", "sandbox"])
        .expect(0);
    let listed = home.run(&["get", &demo.url("/")]).expect(0).json();
    assert_eq!(listed["endpoints"].as_array().expect("a list").len(), 3);
}

#[cfg(unix)]
#[test]
fn the_first_interrupt_ends_it_with_0_and_everything_it_began() {
    let home = Home::new();
    let mut demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let api = demo.announced["sandbox_api"].as_str().expect("an address");
    let api = api.trim_start_matches("http://").to_owned();
    let gateway = demo.address().to_owned();
    crate::program::signal("INT", demo.pid());
    assert_eq!(demo.wait(), Some(0));
    for address in [gateway, api] {
        assert!(std::net::TcpStream::connect(&address).is_err(), "{address}");
    }
}

/// Asks as a browser does.
fn ask_for_page(demo: &crate::program::Serving, path: &str, header: &str) -> String {
    crate::selling::ask(
        demo,
        path,
        &format!("accept: text/html,*/*;q=0.8\r\n{header}"),
    )
}

#[test]
fn a_browser_is_sold_a_page_that_a_person_reads() {
    let home = Home::new();
    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let page = demo.announced["page"].as_str().expect("an address");
    assert_eq!(page, demo.url("/api/l402/joke"));
    let told = demo.until("Ctrl-C ends the demo");
    let pay = |line: &String| line.contains("wallet pay INVOICE --wallet sandbox");
    assert!(
        told.iter()
            .any(|line| line.ends_with(&format!("In a browser: {page}"))),
        "{told:?}"
    );
    assert!(told.iter().any(pay), "{told:?}");
    let front = ask_for_page(&demo, "/", "");
    assert!(front.contains("<a href=\"/api/l402/joke\">"), "{front}");
    let unpaid = ask_for_page(&demo, "/api/l402/joke", "");
    assert!(unpaid.starts_with("HTTP/1.1 402 "), "{unpaid}");
    // Paid with what the demo says to type; the browser has the page's cookie instead.
    let bought = crate::selling::credential(&home, &demo, "/api/l402/joke");
    let paid = ask_for_page(&demo, "/api/l402/joke", &bought);
    assert!(paid.starts_with("HTTP/1.1 200 "), "{paid}");
    assert!(paid.contains("content-type: text/html"), "{paid}");
    assert!(paid.contains("<blockquote>"), "{paid}");
}

#[test]
fn one_purchase_has_no_page() {
    let home = Home::new();
    let args = ["demo", "--once", "--listen", "127.0.0.1:0"];
    let ran = home.run(&args).expect(0);
    assert!(!ran.stderr.contains("browser"), "{ran:#?}");
    assert!(ran.json()["page"].is_null());
}
