//! The things that a holder can do to a token of ours: narrow it, and nothing else.

use l402::{
    Authorized, Capability, Condition, Conditions, Credential, KeyNumber, KeyRing, Macaroon,
    MasterKey, Msat, Network, Policy, Preimage, Proven, Service, Target, Terms, UnixTime,
    UnknownCaveats, VerifyError, mint, verify,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const NOW: u64 = 1_790_000_000;
const END: u64 = NOW + 3600;

fn keys() -> KeyRing {
    let key = "8f3a61c2d4470be95a1f60d2c97e38b4016d5fa2e8c34b79d1a60f5be2937c48";
    let key = MasterKey::from_hex(key).expect("a good key");
    KeyRing::new("shop", KeyNumber(1), key)
}

fn preimage() -> Preimage {
    Preimage::from_bytes([0x5d; 32])
}

fn service(name: &str) -> Service {
    name.parse().expect("a name")
}

fn terms() -> Terms {
    Terms {
        service: service("api"),
        tier: 1,
        capabilities: vec!["read".into(), "write".into()],
        price: Msat::from_sat(50),
        policy: "uses=10".parse().expect("a policy"),
        network: Network::Regtest,
        valid_until: UnixTime::from_secs(END),
        lookup: None,
    }
}

fn token() -> Macaroon {
    let now = UnixTime::from_secs(NOW);
    mint(
        &keys(),
        &terms(),
        preimage().payment_hash(),
        [0xa1; 30],
        now,
    )
    .expect("good terms")
}

fn with(caveats: &[&str]) -> Macaroon {
    let append = |token: Macaroon, caveat: &&str| token.with_caveat(caveat.as_bytes());
    caveats
        .iter()
        .try_fold(token(), append)
        .expect("there is room")
}

fn target(service: &Service) -> Target<'_> {
    {
        let mut target = Target::new(service, Network::Regtest, UnixTime::from_secs(NOW));
        target.tier = 1;
        target.capability = Capability::Named("read");
        target
    }
}

fn ask(token: Macaroon, target: &Target<'_>) -> Result<Authorized, VerifyError> {
    verify(&Credential::new(token, preimage()), &keys(), target)
}

/// Returns the verdict on the minted token with these caveats appended.
fn verdict(caveats: &[&str]) -> Result<(), VerifyError> {
    ask(with(caveats), &target(&service("api"))).map(drop)
}

#[test]
fn the_proof_says_what_was_bought() {
    let api = service("api");
    let authorized = ask(token(), &target(&api)).unwrap();
    assert_eq!(authorized.payment_hash(), preimage().payment_hash());
    assert_eq!(authorized.identifier().token_id.key_number(), KeyNumber(1));
    assert_eq!(authorized.service(), &api);
    assert_eq!(authorized.price(), Some(Msat::from_sat(50)));
    assert_eq!(authorized.policy(), terms().policy);
    assert_eq!(authorized.valid_until(), Some(UnixTime::from_secs(END)));
    assert_eq!(
        authorized.checked(),
        Conditions::MINTED.with(Condition::Capabilities)
    );
}

/// ATTACKS T-06, T-08, T-09, T-20, T-28.
#[test]
fn widening_and_nonsense_in_our_own_vocabulary_are_refused() {
    for caveat in [
        "services=api:1,other:0",
        "services=api:2",
        "service=other",
        "services=api:01",
        "api_capabilities=read,admin",
        "capabilities=admin",
        "api_valid_until=1790003601",
        "expiry=1790003601",
        "expiry=1790000060000",
        "expiry=never",
        "api_price_msat=50001",
        "api_price_msat=0",
        "api_policy=uses=11",
        "api_policy=time=1",
        "api_network=mainnet",
        "payment_hash=0000000000000000000000000000000000000000000000000000000000000000",
        "preimage=0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        assert_eq!(verdict(&[caveat]), Err(VerifyError::Invalid), "{caveat}");
        assert_eq!(
            verdict(&["foo=bar", caveat]),
            Err(VerifyError::Invalid),
            "{caveat}"
        );
    }
    assert_eq!(
        verdict(&[
            "expiry=1790000100",
            "expiry=1790000200",
            "expiry=1790000050"
        ]),
        Err(VerifyError::Invalid)
    );
}

#[test]
fn narrowing_is_allowed_and_counts() {
    let api = service("api");
    let hash = format!("payment_hash={}", preimage().payment_hash());
    let preimage = format!("preimage={}", preimage().to_hex());
    let narrowed = with(&[
        "service=api",
        "services=api:1",
        "capabilities=read",
        "expiry=1790000100",
        "api_policy=uses=3",
        "api_price_msat=40000",
        "api_network=regtest",
        "other_valid_until=1",
        &hash,
        &preimage,
        &preimage,
    ]);
    let authorized = ask(narrowed.clone(), &target(&api)).unwrap();
    assert_eq!(
        authorized.valid_until(),
        Some(UnixTime::from_secs(1_790_000_100))
    );
    assert_eq!(authorized.policy().to_string(), "uses=3");
    assert_eq!(authorized.price(), Some(Msat::from_sat(40)));
    let mut late = target(&api);
    late.now = UnixTime::from_secs(1_790_000_100);
    assert_eq!(
        ask(narrowed.clone(), &late).map(drop),
        Err(VerifyError::Expired)
    );
    let mut write = target(&api);
    write.capability = Capability::Named("write");
    assert_eq!(
        ask(narrowed, &write).map(drop),
        Err(VerifyError::Insufficient)
    );
    assert_eq!(verdict(&["services="]), Err(VerifyError::WrongService));
    assert_eq!(verdict(&["capabilities="]), Err(VerifyError::Insufficient));
}

/// ATTACKS T-27, T-28, T-31, R-12: the verdict says what the holder may do next.
#[test]
fn a_genuine_token_for_another_time_or_place_says_so() {
    let (api, other) = (service("api"), service("other"));
    let ask = |change: &dyn Fn(&mut Target<'_>)| {
        let mut target = target(&api);
        change(&mut target);
        ask(token(), &target).map(drop)
    };
    assert_eq!(ask(&|t| t.now = UnixTime::from_secs(END - 1)), Ok(()));
    for late in [END, END + 1, u64::MAX] {
        let verdict = ask(&|t| t.now = UnixTime::from_secs(late));
        assert_eq!(verdict, Err(VerifyError::Expired), "{late}");
    }
    assert_eq!(ask(&|t| t.tier = 0), Err(VerifyError::WrongService));
    assert_eq!(
        ask(&|t| t.network = Network::Bitcoin),
        Err(VerifyError::Invalid)
    );
    for now in [NOW, END] {
        let now = UnixTime::from_secs(now);
        let mut elsewhere = target(&other);
        elsewhere.now = now;
        let verdict = verify(&Credential::new(token(), preimage()), &keys(), &elsewhere);
        assert_eq!(verdict.map(drop), Err(VerifyError::WrongService));
    }
}

/// ATTACKS T-07, T-29.
#[test]
fn a_genuine_token_that_says_too_little_is_insufficient() {
    let api = service("api");
    let ask = |change: &dyn Fn(&mut Target<'_>)| {
        let mut target = target(&api);
        change(&mut target);
        ask(token(), &target).map(drop)
    };
    assert_eq!(ask(&|t| t.capability = Capability::Upstream), Ok(()));
    assert_eq!(ask(&|t| t.min_price = Some(Msat::from_sat(50))), Ok(()));
    let insufficient = Err(VerifyError::Insufficient);
    assert_eq!(ask(&|t| t.capability = Capability::None), insufficient);
    assert_eq!(
        ask(&|t| t.capability = Capability::Named("admin")),
        insufficient
    );
    assert_eq!(
        ask(&|t| t.min_price = Some(Msat::from_sat(51))),
        insufficient
    );
    let preimage = Conditions::MINTED.with(Condition::Preimage);
    assert_eq!(ask(&|t| t.required = preimage), insufficient);
}

#[test]
fn each_verdict_has_its_problem() {
    for (error, code) in [
        (VerifyError::Expired, "expired"),
        (VerifyError::Insufficient, "insufficient"),
        (VerifyError::Invalid, "invalid_token"),
        (VerifyError::WrongService, "wrong_service"),
    ] {
        assert_eq!(error.problem().code(), code);
    }
}

/// ATTACKS T-22, P-08, T-01, T-02, T-26, T-31, P-01, P-02, P-03.
#[test]
fn what_is_not_ours_is_invalid() {
    let api = service("api");
    let ours = token();
    let now = UnixTime::from_secs(NOW);
    let identifier = ours.identifier_bytes().to_vec();
    let forged = Macaroon::new(&l402::RootKey::from_root(b"mine"), "l402", &identifier);
    assert_eq!(
        ask(forged, &target(&api)).map(drop),
        Err(VerifyError::Invalid)
    );
    let other = Credential::new(ours.clone(), Preimage::from_bytes([1; 32]));
    assert_eq!(
        other.prove(&keys(), now).map(drop),
        Err(VerifyError::Invalid)
    );

    let key =
        MasterKey::from_hex("8f3a61c2d4470be95a1f60d2c97e38b4016d5fa2e8c34b79d1a60f5be2937c48");
    let elsewhere = KeyRing::new("another shop", KeyNumber(1), key.clone().unwrap());
    let renumbered = KeyRing::new("shop", KeyNumber(2), key.clone().unwrap());
    let credential = Credential::new(ours, preimage());
    for ring in [&elsewhere, &renumbered] {
        assert_eq!(
            credential.prove(ring, now).map(drop),
            Err(VerifyError::Invalid)
        );
    }
    let rotated = renumbered.with_old(KeyNumber(1), key.unwrap(), UnixTime::from_secs(NOW + 1));
    assert!(credential.prove(&rotated, now).is_ok());
    let ended = UnixTime::from_secs(NOW + 1);
    assert_eq!(
        credential.prove(&rotated, ended).map(drop),
        Err(VerifyError::Expired)
    );
    let forged = Credential::new(
        credential.macaroon().clone().with_caveat(b"a=b").unwrap(),
        Preimage::from_bytes([1; 32]),
    );
    assert_eq!(
        forged.prove(&rotated, ended).map(drop),
        Err(VerifyError::Invalid)
    );

    let root = l402::RootKey::from_root(b"root");
    let zeros = Preimage::from_bytes([0; 32]);
    let mut known = vec![0; 66];
    known[2..34].copy_from_slice(zeros.payment_hash().as_bytes());
    for identifier in [
        known,
        vec![0; 66],
        identifier[..65].to_vec(),
        [&identifier[..], &[0]].concat(),
    ] {
        let credential = Credential::new(Macaroon::new(&root, "", &identifier), zeros.clone());
        assert_eq!(
            credential.prove_with(&root).map(drop),
            Err(VerifyError::Invalid)
        );
    }
}

/// ATTACKS T-07: what was bought is believed only where the mint always states it.
#[test]
fn a_holder_cannot_supply_the_statements_of_the_mint() {
    let root = l402::RootKey::from_root(b"other software");
    let bare = Macaroon::new(&root, "lsat", token().identifier_bytes());
    let api = service("api");
    let mut lax = target(&api);
    lax.required = Conditions::NONE;
    lax.capability = Capability::None;
    let ask = |token: &Macaroon, target: &Target<'_>| {
        Credential::new(token.clone(), preimage())
            .prove_with(&root)
            .unwrap()
            .authorize(target)
    };
    assert_eq!(ask(&bare, &lax).unwrap().policy(), Policy::Request);
    let mut missing = lax;
    missing.required = Conditions::MINTED;
    assert_eq!(
        ask(&bare, &missing).map(drop),
        Err(VerifyError::Insufficient)
    );
    let bold = bare.with_caveat(b"api_policy=uses=1000").unwrap();
    let bold = bold.with_caveat(b"api_price_msat=9000000").unwrap();
    assert_eq!(ask(&bold, &lax).unwrap().policy(), Policy::Request);
    let mut dear = lax;
    dear.min_price = Some(Msat::from_sat(1));
    assert_eq!(ask(&bold, &dear).map(drop), Err(VerifyError::Insufficient));
}

/// Another implementation reads our tokens, and we read its tokens.
#[test]
fn the_crate_macaroon_agrees() {
    use macaroon::{Format, MacaroonKey, Verifier};
    let (root, identifier) = (
        b"a root key of 29 bytes length",
        token().identifier_bytes().to_vec(),
    );
    let key = MacaroonKey::generate(root);
    let mut theirs =
        macaroon::Macaroon::create(Some("l402".into()), &key, identifier.clone().into()).unwrap();
    let mut ours = Macaroon::new(&l402::RootKey::from_root(root), "l402", &identifier);
    for caveat in [
        "services=api:1",
        "api_valid_until=1790003600",
        &"x".repeat(300),
    ] {
        theirs.add_first_party_caveat(caveat.into());
        ours = ours.with_caveat(caveat.as_bytes()).unwrap();
        let text = theirs.serialize(Format::V2).unwrap();
        assert_eq!(Macaroon::from_base64(&text).as_ref(), Ok(&ours));
        let back = macaroon::Macaroon::deserialize(ours.to_base64()).unwrap();
        assert_eq!(back, theirs);
        let mut verifier = Verifier::default();
        verifier.satisfy_general(|_| true);
        verifier.verify(&back, &key, Default::default()).unwrap();
    }
}

/// The place of the location in the bytes: tag, length, `l402`.
fn is_location(byte: usize) -> bool {
    (1..7).contains(&byte)
}

/// ATTACKS T-03, T-04, T-05: every bit, one after another.
#[test]
fn any_flipped_bit_outside_the_location_is_refused() {
    let api = service("api");
    let bytes = token().to_bytes();
    let mut read = 0;
    for byte in (0..bytes.len()).filter(|byte| !is_location(*byte)) {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << bit;
            let Ok(token) = Macaroon::from_bytes(&flipped) else {
                continue;
            };
            read += 1;
            assert_eq!(
                ask(token, &target(&api)).map(drop),
                Err(VerifyError::Invalid),
                "{byte}"
            );
        }
    }
    assert!(read > 1000, "most of them still decode: {read}");
    let mut moved = bytes;
    moved[3..7].copy_from_slice(b"evil");
    assert!(
        ask(Macaroon::from_bytes(&moved).unwrap(), &target(&api)).is_ok(),
        "T-32"
    );
}

#[test]
fn dropped_and_swapped_caveats_are_refused() {
    let api = service("api");
    let credential = Credential::new(token(), preimage());
    let root = keys()
        .root_key(&token().identifier().unwrap(), UnixTime::from_secs(NOW))
        .unwrap();
    assert!(credential.prove_with(&root).is_ok());
    let parts: Vec<Vec<u8>> = token().caveats().map(<[u8]>::to_vec).collect();
    let signature = *token().signature();
    let rebuilt = |parts: &[Vec<u8>]| {
        let bare = Macaroon::new(&root, "l402", token().identifier_bytes());
        let append = |token: Macaroon, part: &Vec<u8>| token.with_caveat(part);
        let mut bytes = parts.iter().try_fold(bare, append).unwrap().to_bytes();
        let at = bytes.len() - 32;
        bytes[at..].copy_from_slice(&signature);
        Macaroon::from_bytes(&bytes).unwrap()
    };
    assert_eq!(rebuilt(&parts), token());
    for drop_at in 0..parts.len() {
        let mut fewer = parts.clone();
        fewer.remove(drop_at);
        let mut swapped = parts.clone();
        swapped.swap(drop_at, (drop_at + 1) % parts.len());
        for other in [rebuilt(&fewer), rebuilt(&swapped)] {
            assert_eq!(
                ask(other, &target(&api)).map(drop),
                Err(VerifyError::Invalid)
            );
        }
    }
}

/// Caveats that a holder might try: of the vocabulary with any value, and anything at all.
fn caveat() -> impl Strategy<Value = Vec<u8>> {
    let name = "(services|service|capabilities|expiry|payment_hash|preimage|(api|other|b)_\
                (capabilities|valid_until|price_msat|policy|network|volume))( ?)";
    let value = prop_oneof![
        "(api|other|b):[0-3](,(api|other):[0-3]){0,2}",
        "(read|write|admin)?(,(read|write|admin)){0,2}",
        "1(789999|790000|790003)[0-9]{3}",
        "[1-9][0-9]{0,16}",
        "(request|uses=[0-9]{1,3}|time=[0-9]{1,4})",
        "(regtest|mainnet|api|other)?",
        "[0-9a-f]{64}",
        ".{0,12}",
    ];
    let sensible = "(services=(api|other):[0-2](,(api|other):[0-2]){0,2}|service=(api|other)\
                    |(api_|)capabilities=(read|write|admin)(,(read|write|admin)){0,2}\
                    |(api_valid_until|expiry)=179000[0-9]{4}\
                    |api_price_msat=[3-6][0-9]{4}|api_network=(regtest|mainnet)\
                    |api_policy=(request|uses=[1-9][0-9]?|time=[1-9]))";
    prop_oneof![
        4 => sensible.prop_map(String::into_bytes),
        4 => (name, value).prop_map(|(name, value)| format!("{name}={value}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// The worth of a token at a route: nothing, or the limits that it comes with.
type Worth = Option<(Option<UnixTime>, Policy, Option<Msat>)>;

/// Asks at many routes, in a fixed order.
fn worth_everywhere(token: &Macaroon) -> Vec<Worth> {
    let credential = Credential::new(token.clone(), preimage());
    let proven = credential
        .prove(&keys(), UnixTime::from_secs(NOW))
        .expect("it is genuine");
    let mut worth = Vec::new();
    for name in ["api", "other", "b"] {
        let service = service(name);
        for tier in 0..4 {
            for capability in [
                Capability::None,
                Capability::Upstream,
                Capability::Named("read"),
                Capability::Named("write"),
                Capability::Named("admin"),
            ] {
                for (now, min_price) in [(NOW, None), (NOW, Some(Msat::from_sat(45))), (END, None)]
                {
                    let now = UnixTime::from_secs(now);
                    let mut target = target(&service);
                    target.tier = tier;
                    target.capability = capability;
                    target.now = now;
                    target.min_price = min_price;
                    let authorized = proven.authorize(&target).ok();
                    worth.push(authorized.map(|v| (v.valid_until(), v.policy(), v.price())));
                }
            }
        }
    }
    worth
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

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(402),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// ATTACKS T-06: each generation is worth no more than the one before it, for anything that a
    /// holder may append.
    #[test]
    fn attenuation_never_widens(caveats in prop::collection::vec(caveat(), 1..5)) {
        let mut parent = token();
        let mut before = worth_everywhere(&parent);
        prop_assert!(before.iter().any(Option::is_some));
        for caveat in caveats {
            let child = parent.with_caveat(&caveat).unwrap();
            let after = worth_everywhere(&child);
            for (child, parent) in after.iter().zip(&before) {
                prop_assert!(is_within(child, parent), "{}", caveat.escape_ascii());
            }
            (parent, before) = (child, after);
        }
    }

    #[test]
    fn what_is_printed_reads_back(
        root in any::<[u8; 32]>(),
        location in ".{0,40}",
        identifier in prop::collection::vec(any::<u8>(), 1..200),
        caveats in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..50),
    ) {
        let key = l402::RootKey::from_root(&root);
        let bare = Macaroon::new(&key, &location, &identifier);
        let append = |token: Macaroon, caveat: &Vec<u8>| token.with_caveat(caveat);
        let token = caveats.iter().try_fold(bare, append).unwrap();
        prop_assert!(token.is_signed_by(&key));
        prop_assert_eq!(&Macaroon::from_bytes(&token.to_bytes()).unwrap(), &token);
        prop_assert_eq!(&Macaroon::from_base64(&token.to_base64()).unwrap(), &token);
        prop_assert_eq!(&Macaroon::from_hex(&hex::encode(token.to_bytes())).unwrap(), &token);
    }

    /// ATTACKS T-17: bytes that read are the bytes that are written, but for an empty location.
    #[test]
    fn there_is_one_spelling(edits in prop::collection::vec((0..250_usize, any::<u8>()), 0..4)) {
        let mut bytes = token().to_bytes();
        for (at, byte) in edits {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(token) = Macaroon::from_bytes(&bytes) {
            prop_assert!(token.to_bytes() == bytes || bytes[1..3] == [1, 0]);
        }
    }
}

/// Targets that differ from the usual one in one field each, for every field.
fn targets(service: &Service) -> Vec<Target<'_>> {
    let changes: [fn(&mut Target<'_>); 13] = [
        |_| {},
        |t| t.tier = 0,
        |t| t.capability = Capability::Named("write"),
        |t| t.capability = Capability::None,
        |t| t.capability = Capability::Upstream,
        |t| t.network = Network::Bitcoin,
        |t| t.required = Conditions::NONE,
        |t| t.required = Conditions::MINTED.with(Condition::Capabilities),
        |t| t.unknown_caveats = UnknownCaveats::Reject,
        |t| t.min_price = Some(Msat::from_sat(45)),
        |t| t.min_price = Some(Msat::from_sat(60)),
        |t| t.now = UnixTime::from_secs(NOW + 1000),
        |t| t.now = UnixTime::from_secs(END),
    ];
    let pairs = changes.iter().flat_map(|a| changes.map(|b| (a, b)));
    let changed = pairs.map(|(a, b)| {
        let mut target = target(service);
        a(&mut target);
        b(&mut target);
        target
    });
    changed.collect()
}

/// A proof caches the verdict of its first route. The answer at any later one must be that of a
/// proof without a cache.
#[test]
fn a_proof_that_has_opened_a_door_judges_every_other_alike() {
    let (api, other) = (service("api"), service("other"));
    let targets: Vec<_> = targets(&api).into_iter().chain(targets(&other)).collect();
    let until = format!("api_valid_until={}", NOW + 1000);
    let tokens = [
        with(&[]),
        with(&["api_capabilities=read"]),
        with(&["api_price_msat=40000", &until]),
        with(&["services=api:1", "foreign=1", "other_policy=request"]),
        with(&["api_capabilities="]),
    ];
    let verdict = |proven: &Proven, target| format!("{:?}", proven.authorize(target));
    let mut opened = 0;
    for token in tokens {
        let credential = Credential::new(token, preimage());
        let fresh = credential.prove(&keys(), UnixTime::from_secs(NOW));
        let fresh = fresh.expect("genuine");
        let verdicts: Vec<_> = targets.iter().map(|t| verdict(&fresh.clone(), t)).collect();
        for first in &targets {
            let used = fresh.clone();
            opened += usize::from(used.authorize(first).is_ok());
            for (second, expected) in targets.iter().zip(&verdicts) {
                assert_eq!(&verdict(&used, second), expected, "{first:?}, {second:?}");
            }
        }
    }
    assert!(opened > 100, "{opened}");
}
