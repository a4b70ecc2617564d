//! Prints what a million revocations cost: memory, the longest pause while they are added, and the time of
//! a paid request's decision with and without them in the same run.
//! `cargo run --release -p l402-server --example revoked_cost`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, and takes the time of this machine"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use l402::{
    Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Service, Terms,
    TokenId, UnixTime, mint,
};
use l402_server::revoked::{Revoke, Revoked};
use l402_server::{CanonicalRequest, Decision, Presented, Route, Snapshot, decide};

const REVOKED: u64 = 1_000_000;
const REQUESTS: u32 = 100_000;
const ROUNDS: usize = 20;
const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn main() {
    let request = request();
    let (none, many) = (Arc::default(), Arc::new(Revoked::default()));
    let before = resident_bytes();
    let longest = fill(&many);
    let bytes = resident_bytes().saturating_sub(before);
    println!("{:.1} bytes of resident memory each", ratio(bytes, REVOKED));
    println!("longest pause while one was added: {longest:?}");

    let snapshots = [snapshot(&none), snapshot(&many)];
    let mut times = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (time, snapshot) in times.iter_mut().zip(&snapshots) {
            *time = (*time).min(timed(&request, snapshot));
        }
    }
    let [without, with] = times;
    println!(
        "decision on a paid request whose proof is cached: {without:?}, with a million {with:?}"
    );
    println!("difference: {:?}", with.saturating_sub(without));
}

/// Adds a million, and returns the longest time that one took.
fn fill(revoked: &Revoked) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 0..REVOKED {
        let mut random = [0; 30];
        for (at, byte) in random.iter_mut().enumerate() {
            let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ (at as u64) << 32);
            *byte = (mixed >> (at % 8 * 7)).to_le_bytes()[0];
        }
        random[..8].copy_from_slice(&number.to_be_bytes());
        let start = Instant::now();
        revoked.add(&Revoke::Token(TokenId::new(KeyNumber(1), random)));
        longest = longest.max(start.elapsed());
    }
    longest
}

/// Returns the time of one decision.
fn timed(request: &CanonicalRequest, snapshot: &Snapshot) -> Duration {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        let decision = decide(black_box(request), black_box(snapshot), NOW);
        assert!(matches!(decision, Decision::Granted(..)));
    }
    start.elapsed() / REQUESTS
}

fn keys() -> KeyRing {
    let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
    let master = MasterKey::from_hex(key).expect("a key");
    KeyRing::new("cost", KeyNumber(1), master)
}

fn policy() -> Policy {
    "time=1h".parse().expect("a policy")
}

fn snapshot(revoked: &Arc<Revoked>) -> Snapshot {
    let route = Route::priced("/hour", service(), Msat::from_sat(50)).with_policy(policy());
    let snapshot = Snapshot::new(vec![route], Vec::new(), keys(), Network::Regtest);
    let snapshot = snapshot.expect("a route that compiles");
    snapshot.with_revoked(Arc::clone(revoked))
}

fn service() -> Service {
    "hour".parse().expect("a service")
}

/// A request with a paid token whose proof is cached, as for every one but the first.
fn request() -> CanonicalRequest {
    let preimage = Preimage::from_bytes([0x2f; 32]);
    let terms = Terms {
        service: service(),
        tier: 0,
        capabilities: Vec::new(),
        price: Msat::from_sat(50),
        policy: policy(),
        network: Network::Regtest,
        valid_until: NOW.saturating_add(Duration::from_secs(4200)),
        lookup: None,
    };
    let token = mint(&keys(), &terms, preimage.payment_hash(), [7; 30], NOW);
    let token = token.expect("a token").to_base64();
    let line = format!("L402 {token}:{}", preimage.to_hex());
    let credential = Credential::from_headers([("authorization", line.as_bytes())]);
    let credential = credential.expect("well formed").expect("one");
    let proven = credential.prove(&keys(), NOW).expect("genuine");
    let (head, ()) = http::Request::get("/hour")
        .body(())
        .expect("a request")
        .into_parts();
    let mut request = CanonicalRequest::from_parts(&head, [192, 0, 2, 1].into()).expect("sound");
    request.presented = Presented::Proven(Arc::new(proven));
    request
}

/// The resident memory of this process, 0 if the system does not tell.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

#[expect(clippy::cast_precision_loss, reason = "both are far below 2^52")]
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to as f64
}
