//! Prints what it costs to verify a token that was never seen, beside the crate `macaroon` on the same
//! tokens in the same run. `cargo run --release -p l402 --example verify_cost`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, and takes the time of this machine"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use l402::{
    Credential, KeyNumber, KeyRing, MasterKey, Msat, Network, Policy, Preimage, Service, Target,
    Terms, UnixTime, mint, verify,
};
use macaroon::{ByteString, MacaroonKey, Verifier};

const TOKENS: u64 = 1000;
const ROUNDS: usize = 40;

/// A credential as it comes in, and the key of its chain.
struct Sold {
    header: String,
    token: String,
    key: MacaroonKey,
}

fn main() {
    let now = UnixTime::from_secs(1_790_000_000);
    let key = "5b1fd1bf0c29f3fa9a5fcd9bfc0cf0d4ae0b2c1cd2f7e3ac0c6e1a2f9b3c7d58";
    let master = MasterKey::from_hex(key).expect("a key");
    let keys = KeyRing::new("cost", KeyNumber(1), master);
    let service: Service = "joke".parse().expect("a service");
    let target = Target::new(&service, Network::Regtest, now);
    let sold: Vec<Sold> = (0..TOKENS).map(|n| sell(&keys, &service, now, n)).collect();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        times[0].push(timed(&sold, |sold| {
            let header = [("authorization", sold.header.as_bytes())];
            let credential = Credential::from_headers(header).expect("well-formed");
            verify(&credential.expect("one"), &keys, &target).expect("genuine");
        }));
        times[1].push(timed(&sold, |sold| {
            let token = macaroon::Macaroon::deserialize(&sold.token).expect("a macaroon");
            let mut verifier = Verifier::default();
            verifier.satisfy_general(|_: &ByteString| true);
            verifier
                .verify(&token, &sold.key, Vec::new())
                .expect("genuine");
        }));
    }
    let [ours, theirs] = times.map(smallest);
    println!("l402: {ours:?} a token, with base64, preimage, root key and caveats");
    println!("macaroon: {theirs:?} a token, with base64 and the chain alone");
    println!("ratio: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
}

fn sell(keys: &KeyRing, service: &Service, now: UnixTime, number: u64) -> Sold {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    let preimage = Preimage::from_bytes(bytes);
    let terms = Terms {
        service: service.clone(),
        tier: 0,
        capabilities: Vec::new(),
        price: Msat::from_sat(50),
        policy: Policy::Request,
        network: Network::Regtest,
        valid_until: UnixTime::from_secs(now.secs() + 3600),
        lookup: None,
    };
    let token = mint(keys, &terms, preimage.payment_hash(), [9; 30], now).expect("a token");
    let identifier = token.identifier().expect("ours");
    // A chain of the other crate's own, of the same length: our root keys stay inside.
    let key = MacaroonKey::generate(&number.to_be_bytes());
    let mut other =
        macaroon::Macaroon::create(None, &key, identifier.to_bytes().to_vec().into()).expect("one");
    for caveat in token.caveats() {
        other.add_first_party_caveat(caveat.to_vec().into());
    }
    let other = other.serialize(macaroon::Format::V2).expect("text");
    Sold {
        header: Credential::new(token, preimage).to_header(),
        token: other,
        key,
    }
}

fn timed(sold: &[Sold], mut verify: impl FnMut(&Sold)) -> Duration {
    let start = Instant::now();
    for one in sold {
        verify(black_box(one));
    }
    start.elapsed() / u32::try_from(sold.len()).expect("few")
}

/// Returns the smallest time, which other programs have disturbed least.
fn smallest(times: Vec<Duration>) -> Duration {
    times.into_iter().min().unwrap_or_default()
}
