//! Both sides of the codec against each other, and against what wallets write.

use l402::{Preimage, UnixTime};
use nostr::{EventBuilder, Keys, Kind, Tag};
use serde_json::json;

use super::event::new_tag;
use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn request(encryption: Encryption, client: &Keys, wallet: &Keys) -> nostr::Event {
    let parties = Addressed {
        from: client,
        to: &wallet.public_key(),
        encryption,
    };
    let asked = Request::MakeInvoice(MakeInvoice {
        amount: 2500,
        description: Some("a joke".to_owned()),
        expiry: Some(600),
    });
    new_request(
        parties,
        &asked,
        NOW,
        Some(UnixTime::from_secs(1_790_000_060)),
    )
    .unwrap()
}

#[test]
fn a_request_and_its_answer_come_through_in_both_encryptions() {
    let (client, wallet) = (Keys::generate(), Keys::generate());
    for encryption in [Encryption::Nip44, Encryption::Nip04] {
        let asked = request(encryption, &client, &wallet);
        let read: IncomingRequest = open_request(&wallet, &asked).unwrap();
        assert_eq!(read.client, client.public_key());
        assert_eq!(read.encryption, encryption);
        assert_eq!(read.expiration.unwrap().secs(), 1_790_000_060);
        assert_eq!(read.method, "make_invoice");
        let Ok(Request::MakeInvoice(made)) = &read.request else {
            panic!("{read:?}")
        };
        assert_eq!((made.amount, made.expiry), (2500, Some(600)));
        let answer =
            new_response(&wallet, &read, Ok(json!({ "invoice": "lnbcrt1" })), NOW).unwrap();
        let (id, response) =
            open_response(&client, &wallet.public_key(), encryption, &answer).unwrap();
        assert_eq!(id, asked.id);
        assert_eq!(response.result_type, "make_invoice");
        let made: Transaction = response.result().unwrap();
        assert_eq!(made.invoice.as_deref(), Some("lnbcrt1"));
    }
}

/// ATTACKS C-33.
#[test]
fn what_is_not_for_us_or_not_of_the_wallet_does_not_open() {
    let (client, wallet, stranger) = (Keys::generate(), Keys::generate(), Keys::generate());
    let asked = request(Encryption::Nip44, &client, &wallet);
    let read = open_request(&wallet, &asked).unwrap();
    let answer = new_response(&wallet, &read, Ok(json!({})), NOW).unwrap();
    let open = |keys: &Keys, author: &Keys, event: &nostr::Event| {
        open_response(keys, &author.public_key(), Encryption::Nip44, event).unwrap_err()
    };
    assert_eq!(open(&client, &stranger, &answer), EventError::Author);
    assert_eq!(open(&stranger, &wallet, &answer), EventError::Addressee);
    assert_eq!(open(&client, &wallet, &asked), EventError::Kind);
    let mut forged = answer.clone();
    forged.content = new_response(&wallet, &read, Ok(json!({"a": 1})), NOW)
        .unwrap()
        .content;
    assert_eq!(open(&client, &wallet, &forged), EventError::Signature);
    let mut resigned = answer.clone();
    resigned.sig = asked.sig;
    assert_eq!(open(&client, &wallet, &resigned), EventError::Signature);
    let other = open_response(&client, &wallet.public_key(), Encryption::Nip04, &answer);
    assert_eq!(other.unwrap_err(), EventError::Encryption);
    let bare = EventBuilder::new(Kind::from_u16(kind::RESPONSE), answer.content.clone())
        .tag(Tag::public_key(client.public_key()))
        .sign_with_keys(&wallet)
        .unwrap();
    assert_eq!(open(&client, &wallet, &bare), EventError::RequestId);
    assert_eq!(
        open_request(&stranger, &asked).unwrap_err(),
        EventError::Addressee
    );
}

#[test]
fn the_encryption_is_the_best_that_the_wallet_says() {
    let wallet = Keys::generate();
    let info = |tags: Vec<Tag>| {
        let event = EventBuilder::new(Kind::from_u16(kind::INFO), "get_info  make_invoice")
            .tags(tags)
            .sign_with_keys(&wallet)
            .unwrap();
        Info::read(&event, &wallet.public_key()).unwrap()
    };
    let chosen = |names: &str| info(vec![new_tag("encryption", names)]).encryption();
    assert_eq!(info(vec![]).encryption(), Some(Encryption::Nip04));
    assert_eq!(chosen("nip04 nip44_v2"), Some(Encryption::Nip44));
    assert_eq!(chosen("nip44_v2"), Some(Encryption::Nip44));
    assert_eq!(chosen("nip04"), Some(Encryption::Nip04));
    assert_eq!(chosen("nip99"), None);
    assert_eq!(info(vec![]).methods, ["get_info", "make_invoice"]);
    let values = Tag::parse(["encryption", "nip04", "nip44_v2"]).unwrap();
    assert_eq!(info(vec![values]).encryption(), Some(Encryption::Nip44));
}

#[test]
fn an_info_event_comes_through() {
    let wallet = Keys::generate();
    let info = Info {
        methods: vec!["get_info".to_owned()],
        notifications: vec![Notification::RECEIVED.to_owned()],
        encryptions: vec![Encryption::Nip44, Encryption::Nip04],
    };
    let event = new_info(&wallet, &info, true, NOW).unwrap();
    let read = Info::read(&event, &wallet.public_key()).unwrap();
    assert_eq!(read, info);
    assert!(read.notifies("payment_received") && !read.notifies("payment_sent"));
    let older = new_info(&wallet, &info, false, NOW).unwrap();
    let read = Info::read(&older, &wallet.public_key()).unwrap();
    assert_eq!(read.encryption(), Some(Encryption::Nip04));
    let stranger = Keys::generate().public_key();
    assert_eq!(
        Info::read(&event, &stranger).unwrap_err(),
        EventError::Author
    );
}

#[test]
fn a_notification_comes_through_in_both_encryptions() {
    let (client, wallet) = (Keys::generate(), Keys::generate());
    let preimage = Preimage::from_bytes([7; 32]);
    let told = Notification {
        notification_type: Notification::RECEIVED.to_owned(),
        notification: Transaction {
            direction: Some(Direction::Incoming),
            payment_hash: Some(preimage.payment_hash()),
            preimage: Some(preimage.clone()),
            amount: 1000,
            settled_at: Some(1_790_000_000),
            ..Transaction::default()
        },
    };
    assert!(!format!("{told:?}").contains(&preimage.to_hex()));
    for encryption in [Encryption::Nip44, Encryption::Nip04] {
        let to = client.public_key();
        let parties = Addressed {
            from: &wallet,
            to: &to,
            encryption,
        };
        let event = new_notification(parties, &told, NOW).unwrap();
        let read = open_notification(&client, &wallet.public_key(), &event).unwrap();
        assert_eq!(read, told);
    }
}

#[test]
fn answers_are_read_as_wallets_write_them() {
    let read = |text: &str| serde_json::from_str::<Response>(text).unwrap();
    let error =
        read(r#"{"result_type":"x","error":{"code":"BUDGET","message":"m"},"result":null}"#);
    assert_eq!(error.error.unwrap().code, ErrorCode::Other);
    let error = read(r#"{"error":{"code":"QUOTA_EXCEEDED"}}"#);
    assert_eq!(error.error.unwrap().code, ErrorCode::QuotaExceeded);
    let unpaid = read(
        r#"{"result_type":"lookup_invoice","result":{"type":"incoming","state":"SOON",
            "preimage":"","payment_hash":"00","amount":5,"settled_at":null,"metadata":{"a":[]}}}"#,
    );
    let unpaid: Transaction = unpaid.result().unwrap();
    assert_eq!(unpaid.state, Some(TransactionState::Unknown));
    assert_eq!(
        (unpaid.preimage, unpaid.payment_hash, unpaid.settled_at),
        (None, None, None)
    );
    assert!(read("{}").result::<Balance>().is_none());
    let held = r#"{"result":{"preimage":"aa","secret":"bb"}}"#;
    assert!(!format!("{:?}", read(held)).contains("bb"));
}

#[test]
fn a_request_that_cannot_be_read_is_answered() {
    let (client, wallet) = (Keys::generate(), Keys::generate());
    let open = |text: &str| {
        let to = wallet.public_key();
        let parties = Addressed {
            from: &client,
            to: &to,
            encryption: Encryption::Nip44,
        };
        let tags = [new_tag("encryption", "nip44_v2")];
        let event = parties.event(kind::REQUEST, text, NOW, tags).unwrap();
        open_request(&wallet, &event)
    };
    let code = |text: &str| open(text).unwrap().request.unwrap_err().code;
    assert_eq!(
        code(r#"{"method":"fly","params":{}}"#),
        ErrorCode::NotImplemented
    );
    assert_eq!(
        code(r#"{"method":"make_invoice","params":{}}"#),
        ErrorCode::Other
    );
    let bare = open(r#"{"method":"get_balance"}"#).unwrap();
    assert_eq!(bare.request, Ok(Request::GetBalance {}));
    assert_eq!(Request::GetBalance {}.method(), bare.method);
    assert_eq!(open("[]").unwrap_err(), EventError::Payload);
}

#[test]
fn a_uri_that_was_written_is_read() {
    let connection = Connection {
        wallet: Keys::generate().public_key(),
        relays: vec!["ws://127.0.0.1:7777".parse().unwrap()],
        keys: Keys::generate(),
    };
    let read: Connection = write_uri(&connection).parse().unwrap();
    assert_eq!(read.wallet, connection.wallet);
    assert_eq!(read.relays, connection.relays);
    assert_eq!(read.keys.public_key(), connection.keys.public_key());
}
