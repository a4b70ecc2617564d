//! Any lines as caveats that a holder appends to a minted token: nothing panics, and each
//! generation is worth no more than the one before it.
#![no_main]

use std::sync::LazyLock;

use l402::{
    Capability, Conditions, Credential, KeyNumber, KeyRing, Macaroon, MasterKey, Msat, Network,
    Policy, Preimage, Proven, Service, Target, Terms, UnixTime, UnknownCaveats, mint,
};
use libfuzzer_sys::fuzz_target;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const END: UnixTime = UnixTime::from_secs(1_790_003_600);

static KEYS: LazyLock<KeyRing> = LazyLock::new(|| {
    let key = "8f3a61c2d4470be95a1f60d2c97e38b4016d5fa2e8c34b79d1a60f5be2937c48";
    KeyRing::new(
        "shop",
        KeyNumber(1),
        MasterKey::from_hex(key).expect("a good key"),
    )
});

static SERVICES: LazyLock<[Service; 2]> =
    LazyLock::new(|| ["api", "other"].map(|name| name.parse().expect("a name")));

static TOKEN: LazyLock<Macaroon> = LazyLock::new(|| {
    let terms = Terms {
        service: SERVICES[0].clone(),
        tier: 1,
        capabilities: vec!["read".into(), "write".into()],
        price: Msat::from_sat(50),
        policy: "uses=10".parse().expect("a policy"),
        network: Network::Regtest,
        valid_until: END,
        lookup: None,
    };
    mint(&KEYS, &terms, preimage().payment_hash(), [7; 30], NOW).expect("good terms")
});

fn preimage() -> Preimage {
    Preimage::from_bytes([0x5d; 32])
}

/// What a token is worth at a door: nothing, or the limits it comes with.
type Worth = Option<(Option<UnixTime>, Policy, Option<Msat>)>;

fuzz_target!(|data: &[u8]| {
    let mut token = TOKEN.clone();
    let mut before = worth_everywhere(&token);
    assert!(before.iter().any(Option::is_some));
    for caveat in data.split(|byte| *byte == b'\n').take(3) {
        let Ok(child) = token.with_caveat(caveat) else {
            return;
        };
        let after = worth_everywhere(&child);
        for (child, parent) in after.iter().zip(&before) {
            assert!(is_within(child, parent), "{}", caveat.escape_ascii());
        }
        (token, before) = (child, after);
    }
});

fn worth_everywhere(token: &Macaroon) -> Vec<Worth> {
    let credential = Credential::new(token.clone(), preimage());
    let proven = credential
        .prove(&KEYS, NOW)
        .expect("a caveat takes nothing from the signature");
    let mut worth = Vec::new();
    for service in SERVICES.iter() {
        for tier in [0, 1] {
            for capability in [
                Capability::Upstream,
                Capability::Named("read"),
                Capability::Named("admin"),
            ] {
                for (now, unknown_caveats, required) in [
                    (NOW, UnknownCaveats::Skip, Conditions::MINTED),
                    (NOW, UnknownCaveats::Reject, Conditions::NONE),
                    (END, UnknownCaveats::Skip, Conditions::NONE),
                ] {
                    let network = Network::Regtest;
                    let min_price = None;
                    worth.push(worth_at(
                        &proven,
                        &{
let mut target = Target::new(service, network, now);
target.tier = tier;
target.capability = capability;
target.min_price = min_price;
target.required = required;
target.unknown_caveats = unknown_caveats;
target
},
                    ));
                }
            }
        }
    }
    worth
}

fn worth_at(proven: &Proven, target: &Target<'_>) -> Worth {
    let verified = proven.authorize(target).ok()?;
    Some((verified.valid_until(), verified.policy(), verified.price()))
}

fn is_within(child: &Worth, parent: &Worth) -> bool {
    let Some((end, policy, price)) = child else {
        return true;
    };
    let Some((parent_end, parent_policy, parent_price)) = parent else {
        return false;
    };
    end <= parent_end && policy.is_within(*parent_policy) && price <= parent_price
}
