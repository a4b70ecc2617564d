use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use tempfile::TempDir;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const RECEIPT: [u8; 32] = [9; 32];

fn vault(limits: Option<VaultLimits>) -> (TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::new(folder.path(), limits);
    (folder, vault)
}

fn at(secs: u64) -> UnixTime {
    NOW.saturating_add(Duration::from_secs(secs))
}

fn id(payment: u8, request: u8) -> AnswerId {
    AnswerId {
        payment_hash: PaymentHash::from_bytes([payment; 32]),
        request: hex::encode([request; 32]),
        receipt: RECEIPT,
    }
}

fn answer(body: &[u8]) -> KeptAnswer {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-a", &b"1"[..]), ("x-a", b"2"), ("x-b", b"\xff")] {
        let value = HeaderValue::from_bytes(value).expect("a value");
        headers.append(HeaderName::from_static(name), value);
    }
    KeptAnswer {
        head: AnswerHead {
            status: StatusCode::OK,
            version: Version::HTTP_11,
            headers,
            url: "https://a.example/x?y".parse().expect("a url"),
        },
        body: body.to_vec(),
    }
}

/// Keeps an answer that is delivered.
fn have(vault: &Vault, id: &AnswerId, body: &[u8], now: UnixTime) -> io::Result<()> {
    let keeping = vault.begin(id, &answer(b"").head, now)?;
    let mut keeping = keeping.expect("answers are kept");
    keeping.add(body)?;
    keeping.finish()
}

#[test]
fn what_is_owed_comes_back_as_it_was_within_a_day() {
    let (_folder, vault) = vault(None);
    assert!(vault.owes_nothing());
    let kept = answer(b"two\nlines\n\xff");
    let id = id(1, 1);
    vault.owe(&id, &kept, NOW).unwrap();
    assert!(!vault.owes_nothing());
    assert!(vault.owed("other", NOW).unwrap().is_empty());
    let name = vault.owed(&id.request, at(86_399)).unwrap().remove(0);
    assert_eq!(name.payment_hash, id.payment_hash);
    let found = vault.read(&name, RECEIPT).unwrap();
    assert_eq!((&found.head, &found.body), (&kept.head, &kept.body));
    // Another receipt is another payment.
    assert!(vault.read(&name, [8; 32]).is_err());
    assert!(vault.owed(&id.request, at(86_400)).unwrap().is_empty());
    assert!(vault.owes_nothing());
}

#[test]
fn nothing_on_the_disk_shows_an_answer_or_is_open_to_others() {
    let (folder, vault) = vault(None);
    vault
        .owe(&id(1, 1), &answer(b"a secret answer"), NOW)
        .unwrap();
    let name = vault.owed(&id(1, 1).request, NOW).unwrap().remove(0);
    for path in [
        vault.path(Place::Owed, &name),
        folder.path().join("vault.key"),
    ] {
        let bytes = std::fs::read(&path).unwrap();
        for text in ["secret", "a.example", "x-a"] {
            let is_there = bytes.windows(text.len()).any(|it| it == text.as_bytes());
            assert!(!is_there, "{text}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}

#[test]
fn the_oldest_make_way_and_so_do_the_old() {
    let day = Duration::from_secs(86_400);
    let limits = VaultLimits {
        total_max_bytes: 1200,
        keep: day * 2,
        ..VaultLimits::default()
    };
    let (_folder, vault) = vault(Some(limits));
    // Two files fit, of about 500 bytes each.
    for (payment, secs) in [(1, 0), (3, 2), (2, 1)] {
        have(&vault, &id(payment, 1), &[0; 300], at(secs)).unwrap();
    }
    let is_kept = |payment: u8| vault.newest(&id(payment, 1).payment_hash, None).is_some();
    assert_eq!([1, 2, 3].map(is_kept), [false, true, true]);
    let two_days_later = at(2 * 86_400 + 2);
    have(&vault, &id(4, 1), b"x", two_days_later).unwrap();
    assert_eq!([2, 3, 4].map(is_kept), [false, false, true]);
    // A clock that was far ahead for a while.
    have(&vault, &id(5, 1), b"x", NOW).unwrap();
    assert_eq!([4, 5].map(is_kept), [false, true]);
}

#[test]
fn a_draft_of_a_crash_goes_and_a_living_one_stays() {
    let (folder, vault) = vault(Some(VaultLimits::default()));
    let begin = |payment| {
        vault
            .begin(&id(payment, 1), &answer(b"").head, NOW)
            .unwrap()
    };
    let files = || vault.at(Place::Had).read_dir().unwrap().count();
    // A file and its lock.
    let mut living = begin(1).expect("answers are kept");
    assert_eq!(files(), 2);
    std::fs::write(vault.at(Place::Had).join("draft-0"), "half").unwrap();
    std::fs::create_dir(folder.path().join("answers")).unwrap();
    have(&vault, &id(2, 1), b"x", NOW).unwrap();
    assert_eq!(files(), 3);
    assert!(!folder.path().join("answers").exists());
    living.add(b"late").unwrap();
    living.finish().unwrap();
    assert_eq!(files(), 2);
    drop(begin(3));
    assert_eq!(files(), 2);
}

#[test]
fn a_newer_answer_to_the_same_request_takes_the_place() {
    let (_folder, vault) = vault(Some(VaultLimits::default()));
    have(&vault, &id(1, 1), b"first", NOW).unwrap();
    have(&vault, &id(1, 1), b"second", at(5)).unwrap();
    have(&vault, &id(1, 2), b"other", at(3)).unwrap();
    assert_eq!(vault.names(Place::Had).len(), 2);
    let (_, newest) = vault.newest(&id(1, 1).payment_hash, None).unwrap();
    assert_eq!(newest.kept, at(5));
}

#[test]
fn what_is_too_long_is_not_kept() {
    let limits = VaultLimits {
        answer_max_bytes: 10,
        ..VaultLimits::default()
    };
    let (_folder, vault) = vault(Some(limits));
    assert!(vault.takes(10) && !vault.takes(11));
    have(&vault, &id(1, 1), &[0; 10], NOW).unwrap();
    let error = have(&vault, &id(2, 1), &[0; 11], NOW).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(vault.at(Place::Had).read_dir().unwrap().count(), 1);
    let off = Vault::new(Path::new("/none"), None);
    assert!(
        off.begin(&id(1, 1), &answer(b"").head, NOW)
            .unwrap()
            .is_none()
    );
}

/// A server that never ends its answers fills no disk, and takes no thread that others need.
#[test]
fn answers_that_never_end_are_bounded_together() {
    let limits = VaultLimits {
        total_max_bytes: 100,
        ..VaultLimits::default()
    };
    let (_folder, vault) = vault(Some(limits));
    let begin = |request| {
        vault
            .begin(&id(1, request), &answer(b"").head, NOW)
            .unwrap()
    };
    let mut first = begin(1).expect("a draft");
    let mut second = begin(2).expect("a draft");
    first.add(&[0; 60]).unwrap();
    let full = second.add(&[0; 41]).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::QuotaExceeded);
    second.add(&[0; 40]).unwrap();
    // The place of one that is given up is free again.
    drop(first);
    second.add(&[0; 60]).unwrap();
    let further: Vec<_> = (0..127).map(begin).collect();
    assert!(further.iter().all(Option::is_some));
    assert!(begin(200).is_none(), "one too many");
    drop(second);
    assert!(begin(200).is_some());
}
