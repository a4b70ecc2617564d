//! A sale and a purchase over Core Lightning; a double of it, whose clock stands at the present.

use std::path::Path;

use l402_host::{Clock, SystemClock};
use l402_testkit::cln::{FakeCln, rune};
use l402_testkit::{START, TestHome};

use crate::program::Home;

const SELLS: &str = "method=invoice|method=listinvoices|method=waitanyinvoice|method=getinfo";
const PAYS: &str = "method=xpay|method=listpays|method=listpeerchannels|method=getinfo";

/// Starts the double, and keeps the programs' clock and its own together.
async fn node() -> FakeCln {
    let home = TestHome::new();
    home.clock
        .advance(SystemClock::default().wall().since(START));
    FakeCln::on(home).await
}

fn written(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sold_through_clnrest_is_bought_through_it_and_the_socket() {
    let fake = node().await;
    let tested = tokio::task::spawn_blocking(move || sell_and_buy(&fake));
    tested.await.expect("no panic");
}

fn sell_and_buy(fake: &FakeCln) {
    let home = Home::new();
    let ca = home.file("ca.pem", &fake.authority.pem);
    let sells = home.file("sells.rune", &rune(SELLS));
    let pays = home.file("pays.rune", &rune(PAYS));
    let rest = |rune: &Path| {
        let (address, rune, ca) = (&fake.rest, written(rune), written(&ca));
        format!("cln+https://{address}?rune={rune}&ca={ca}")
    };
    let socket = format!("cln://{}", written(&fake.socket));

    let demo = home.serve(&["demo", "--listen", "127.0.0.1:0"]);
    let upstream = demo.url("");
    let start = ["serve", "--upstream", &upstream, "--price", "7 sat"];
    let listen = ["--listen", "127.0.0.1:0", "--node"];
    // A credential that can spend sells nothing.
    for (node, says) in [
        (&rest(&pays), "createrune"),
        (&socket, "can spend everything"),
    ] {
        let ran = home.run_start(&[&start[..], &listen, &[node]].concat());
        assert!(ran.status.is_some_and(|status| status != 0), "{ran:#?}");
        assert!(ran.stderr.contains(says), "{ran:#?}");
    }
    let shop = home.serve(&[&start[..], &listen, &[&rest(&sells)]].concat());
    for wallet in [rest(&pays), socket] {
        let url = shop.url("/health");
        let shown = "%{http_code} %{l402_price_msat}";
        let ran = home.run(&["get", &url, "--wallet", &wallet, "-w", shown]);
        let ran = ran.expect(0);
        assert!(ran.stdout.ends_with("200 7000"), "{ran:#?}");
    }
    assert_eq!(fake.cln.xpays(), 2);
}
