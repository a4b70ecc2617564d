//! `l402 serve` under paid load, killed at moments of the seed and started again.

mod sum;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use l402::{Challenge, Challenges, Msat};
use l402_host::{Clock, SystemClock};
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use l402_lightning::{Pay, PayRequest, Payment};
use tokio::runtime::Runtime;

use crate::exchange::Connection;
use crate::load::{BUYERS, Load, Ticket};
use crate::program::{Home, Serving};
use crate::run::{NO_LIMITS, PATIENCE, alone, number, report, route, seed, wait_until};
use crate::upstream::{LOADED, Upstream};
use sum::{Kill, Sum};

/// Uses that wait to be had when the load begins: more than one life of the gateway serves.
const STOCK: usize = 120;

/// The most that a start may take until the first answer is had. It is far less; the figure that
/// counts is printed, and this is for machines that have much else to do.
const START_MAX: Duration = Duration::from_secs(10);

#[test]
fn a_killed_gateway_loses_no_paid_use_and_serves_none_again_that_was_due() {
    let _alone = alone();
    let mut rng = fastrand::Rng::with_seed(seed("gateway"));
    let cycles = number("CRASH_CYCLES", 50);
    let upstream = Upstream::start(rng.u64(..));
    let machine = Machine::new(upstream.address);
    let mut gateway = machine.serve("127.0.0.1:0");
    let address: SocketAddr = gateway.address().parse().expect("an address");
    let load = Load::new(address);
    let buyers = load.buyers();
    let (mut kills, mut starts) = (Vec::new(), Vec::new());
    for life in 0..cycles {
        machine.stock(&load, address, &mut rng);
        load.start();
        kills.push(kill(&mut gateway, &load, &mut rng));
        let began = load.clock.monotonic();
        gateway = machine.serve(&address.to_string());
        load.open(life + 1);
        starts.push(load.clock.monotonic() - began);
    }
    load.sweep();
    load.start();
    wait_until("every token is used up", || load.is_swept());
    load.end();
    for buyer in buyers {
        buyer.join().expect("no buyer panicked");
    }
    let sum = Sum::of(&load.take(), &kills, &upstream.delivered());
    report(&sum.to_json(&starts, load.clock.monotonic()));
    sum.check(BUYERS);
    let slowest = starts.iter().max().copied().unwrap_or_default();
    assert!(slowest < START_MAX, "it served again after {slowest:?}");
}

/// Lets the load run for a while, then kills the gateway in the middle of it.
fn kill(gateway: &mut Serving, load: &Load, rng: &mut fastrand::Rng) -> Kill {
    let enough = rng.usize(5..30);
    let late = Duration::from_micros(rng.u64(0..10_000));
    wait_until("the load is served", || load.served_in_life() >= enough);
    std::thread::sleep(late);
    let kill = Kill {
        in_flight: load.in_flight(),
        at: load.clock.monotonic(),
    };
    gateway.end();
    load.close();
    kill
}

/// The parts that outlive the gateway: its home, its configuration and its node.
struct Machine {
    home: Home,
    config: PathBuf,
    wallet: SandboxWallet,
    runtime: Runtime,
}

impl Machine {
    fn new(upstream: SocketAddr) -> Self {
        let home = Home::new();
        let config = home.file("l402.toml", &config(upstream));
        let clock = Arc::new(SystemClock::default());
        let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
        let wallet = SandboxWallet::open(&sandbox, "default").expect("an account");
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        Self {
            home,
            config,
            wallet,
            runtime,
        }
    }

    fn serve(&self, listen: &str) -> Serving {
        let config = self.config.to_str().expect("a path");
        let options = ["--config", config, "--listen", listen];
        self.home.serve(&[&["serve"][..], &options].concat())
    }

    /// Buys ahead until there is enough to be had.
    fn stock(&self, load: &Load, address: SocketAddr, rng: &mut fastrand::Rng) {
        let mut connection = Connection::open(address).expect("the gateway listens");
        let mut ticket = |kind, uses| {
            let path = format!("{LOADED}{kind}/{:016x}", rng.u64(..));
            let authorization = self.buy(&mut connection, &path);
            Ticket {
                path,
                authorization,
                uses,
            }
        };
        load.keep(ticket("one", 1));
        while load.waiting() < STOCK {
            load.add(ticket("one", 1));
            load.add(ticket("three", 3));
        }
    }

    fn buy(&self, connection: &mut Connection, path: &str) -> String {
        let answer = connection.get(path, None).expect("a challenge");
        assert_eq!(answer.status, 402, "{}", answer.body);
        let lines = answer.values("www-authenticate");
        let lines = lines.into_iter().map(str::as_bytes);
        let challenges = Challenges::parse(lines).expect("challenges");
        let challenge = challenges.payable().expect("one to pay").remove(0);
        self.pay(&challenge)
    }

    fn pay(&self, challenge: &Challenge) -> String {
        let payment = self.wallet.pay(PayRequest::new(
            challenge.invoice().to_owned(),
            Msat::ZERO,
            PATIENCE,
        ));
        match self.runtime.block_on(payment) {
            Payment::Settled { preimage, .. } => challenge.authorization(&preimage),
            other => panic!("not paid: {other:?}"),
        }
    }
}

/// Single answers and three at a time.
fn config(upstream: SocketAddr) -> String {
    let routes = [("one", "request"), ("three", "uses=3")]
        .map(|(kind, policy)| route(&format!("{LOADED}{kind}/{{id}}"), upstream, kind, policy));
    NO_LIMITS.to_owned() + &routes.concat()
}
