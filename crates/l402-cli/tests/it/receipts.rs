//! `get --receipt` and `l402 receipts verify`.

use std::path::Path;

use crate::program::Home;
use crate::seller::Seller;

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn a_receipt_is_private_and_proves_the_payment_and_the_answer() {
    let home = Home::new();
    let seller = Seller::open(&home, OK, b"an answer");
    let (receipt, answer) = (home.path().join("receipt.json"), home.path().join("answer"));
    let url = seller.url("/x?key=mysecret");
    let get = [
        "get",
        &url,
        "--wallet",
        "sandbox",
        "-o",
        text(&answer),
        "--receipt",
        text(&receipt),
    ];
    home.run(&get).expect(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = receipt.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let written = std::fs::read_to_string(&receipt).expect("a receipt");
    assert!(!written.contains("mysecret"), "{written}");
    let verify = [
        "receipts",
        "verify",
        text(&receipt),
        "--answer",
        text(&answer),
    ];
    let verified = home.run(&verify).expect(0);
    let json = verified.json();
    assert_eq!(
        (&json["valid"], &json["answer_checked"]),
        (&true.into(), &true.into())
    );
    assert_eq!(
        (&json["price_msat"], &json["url"]),
        (&50_000.into(), &seller.url("/x").into())
    );
    let fields: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let preimage = fields["preimage"].as_str().expect("a preimage");
    assert!(!verified.stdout.contains(preimage) && !verified.stderr.contains(preimage));
    // Another home knows nothing of the payment, and needs to know nothing.
    Home::new().run(&verify).expect(0);

    std::fs::write(&answer, b"another").expect("a file");
    let ran = home.run(&verify).expect(74);
    assert_eq!(ran.json()["error"], "receipt_invalid");
    assert!(ran.stderr.contains("is not the answer"), "{ran:#?}");
    std::fs::write(&receipt, written.replacen("50000", "50001", 1)).expect("a file");
    let ran = home.run(&verify).expect(74);
    assert!(ran.stderr.contains("does not hold"), "{ran:#?}");
    assert!(!ran.stderr.contains(preimage), "{ran:#?}");
    assert_eq!(
        home.run(&["receipts", "verify", "missing"])
            .expect(74)
            .json()["error"],
        "local_io"
    );
}

/// The answer that nobody took has its receipt at once, without a digest, and once more with one.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_was_not_had_has_a_receipt_of_its_payment() {
    let home = Home::new();
    let seller = Seller::open(&home, OK, b"an answer");
    let (url, receipt) = (seller.url("/x"), home.path().join("receipt.json"));
    let get = |output: &str| {
        home.run(&[
            "get",
            &url,
            "--wallet",
            "sandbox",
            "-o",
            output,
            "--receipt",
            text(&receipt),
        ])
    };
    get("/dev/full").expect(74);
    let answer = home.path().join("answer");
    let verify = [
        "receipts",
        "verify",
        text(&receipt),
        "--answer",
        text(&answer),
    ];
    let first = home.run(&verify[..3]).expect(0).json();
    assert!(first["answer_sha256"].is_null(), "{first}");
    get(text(&answer)).expect(0);
    let second = home.run(&verify).expect(0).json();
    assert_eq!(
        (&first["reused"], &second["reused"]),
        (&false.into(), &true.into())
    );
    assert_eq!((seller.seen(), seller.income()), ((1, 1), 50_000));
}
