//! `l402 proxy`, killed at each step of a purchase; then another proxy, and the same request again.

use std::net::SocketAddr;

use crate::buyer::seller::Seller;
use crate::exchange::{Answer, Connection};
use crate::program::Serving;
use crate::run::{PRICE_MSAT, alone};
use crate::upstream::answer;

/// Steps at which a proxy dies, and what must come of it: payments, and the answer's status.
const STEPS: [(&str, u64, u16); 6] = [
    ("intent-written", 1, 200),
    ("intent-durable", 1, 200),
    // Only the wallet could tell, and it has never heard of it: nothing is bought meanwhile.
    ("asked-durable", 0, 503),
    ("asked", 1, 200),
    ("paid-durable", 1, 200),
    // The program had its answer, and the journal does not know. It is told, and nothing is paid.
    ("answered", 1, 502),
];

/// ATTACKS C-18.
#[test]
fn a_killed_proxy_pays_once_and_its_successor_gets_the_answer() {
    let _alone = alone();
    for (step, payments, status) in STEPS {
        let seller = Seller::open();
        let before = seller.income();
        let mut dying = start(&seller, Some(step));
        let killed = ask(&dying);
        assert!(killed.is_err() || step == "answered", "{step}");
        assert_eq!(dying.wait(), None, "{step}: by a signal");
        let next = start(&seller, None);
        let had = ask(&next).unwrap_or_else(|error| panic!("{step}: {error}"));
        assert_eq!(had.status, status, "{step}: {}", had.body);
        assert_eq!(had.body == answer("/page"), status == 200, "{step}");
        assert_eq!((seller.income() - before) / PRICE_MSAT, payments, "{step}");
    }
}

fn start(seller: &Seller, failpoint: Option<&str>) -> Serving {
    let url = seller.url("");
    let args = ["proxy", "127.0.0.1:0", "--to", &url, "--wallet", "sandbox"];
    let mut command = seller.home.command(&args);
    command.env_remove("L402_FAILPOINT");
    command.envs(failpoint.map(|name| ("L402_FAILPOINT", name)));
    seller.home.start(command)
}

fn ask(proxy: &Serving) -> std::io::Result<Answer> {
    let address: SocketAddr = proxy.address().parse().expect("an address");
    Connection::open(address)?.get_as("/page", &address.to_string())
}
