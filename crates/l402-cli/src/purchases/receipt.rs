//! A receipt in a file, verified without asking anybody.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use l402_client::{AnswerDigest, ReceiptDocument};
use l402_host::named_path;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::exit_code;
use crate::text::invoice::columns;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape_short;

/// The longest receipt that is read, in bytes: the longest invoice and the longest URLs fit.
const RECEIPT_MAX: u64 = 256 * 1024;

/// The code of a receipt that does not hold.
const INVALID: &str = "receipt_invalid";

/// Verifies a receipt, and the answer beside it, if it is given.
pub(crate) fn verify(file: &Path, answer: Option<&Path>, out: Output) -> Result<(), CliError> {
    let mut text = Vec::new();
    open(file)?
        .take(RECEIPT_MAX)
        .read_to_end(&mut text)
        .map_err(|error| unreadable(file, &error))?;
    let receipt = ReceiptDocument::verify(&text).map_err(|fault| {
        let text = format!("the receipt {} does not hold: {fault}", file.display());
        CliError::new(exit_code::LOCAL_IO, INVALID, text).with_hint(
            "take another copy of it; the invoice and the preimage in it are what proves a payment",
        )
    })?;
    if let Some(answer) = answer {
        check_answer(&receipt, answer)?;
    }
    let mut value = receipt.summary();
    if let Some(value) = value.as_object_mut() {
        value.insert("valid".to_owned(), json!(true));
        value.insert("answer_checked".to_owned(), json!(answer.is_some()));
    }
    out.result(&value, || describe(&value))
}

fn check_answer(receipt: &ReceiptDocument, file: &Path) -> Result<(), CliError> {
    let mut reader = open(file)?;
    let (mut digest, mut buffer) = (AnswerDigest::default(), vec![0; 64 * 1024]);
    // Piece by piece: an answer may be larger than the memory.
    loop {
        let length = reader
            .read(&mut buffer)
            .map_err(|error| unreadable(file, &error))?;
        if length == 0 {
            break;
        }
        digest.add(buffer.get(..length).unwrap_or_default());
    }
    if receipt.is_of_answer(&digest) {
        return Ok(());
    }
    let text = if receipt.names_an_answer() {
        format!(
            "{} is not the answer that the receipt is for",
            file.display()
        )
    } else {
        "the receipt is for an answer that was not had to its end".to_owned()
    };
    Err(CliError::new(exit_code::LOCAL_IO, INVALID, text)
        .with_hint("the file of -o as it was written, without the head of -i, is the answer"))
}

fn open(file: &Path) -> Result<File, CliError> {
    File::open(named_path(Path::new(""), file)).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> CliError {
    CliError::local_io(format!("{} cannot be read: {error}", file.display()))
}

/// Returns the receipt for people. What it says comes from a file, so each part is escaped.
fn describe(value: &Value) -> String {
    let text = |name: &str| match &value[name] {
        Value::String(text) => escape_short(text, 120),
        Value::Null => "not had to its end".to_owned(),
        other => other.to_string(),
    };
    // Said in any case: a sound receipt proves nothing about a file that was not compared.
    let answer = match value["answer_checked"].as_bool() {
        Some(true) => "the answer is the one that was paid for",
        _ => "the answer was not looked at: --answer FILE does",
    };
    let proven = "the receipt holds: this amount was paid to this node";
    format!(
        "{}\n{}{}\n",
        paint(style::GOOD, proven),
        columns(&[
            ("payment hash", text("payment_hash")),
            ("node", text("payee")),
            ("network", text("network")),
            ("amount", format!("{} msat", text("price_msat"))),
            ("paid at", text("paid_at")),
            ("asked", format!("{} {}", text("method"), text("url"))),
            ("status", text("status")),
            ("answer sha256", text("answer_sha256")),
        ]),
        paint(style::FAINT, answer)
    )
}
