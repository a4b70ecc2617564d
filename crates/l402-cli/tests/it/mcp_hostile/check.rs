//! The rules that every session is held against.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use l402::{Msat, Preimage};
use l402_client::{Entry, Journal, State};
use l402_lightning::sandbox::SandboxWallet;
use l402_lightning::{Pay, Payment};
use serde_json::{Value, json};

use super::draw::Drawn;
use crate::mcp_session::{Ended, structured};

/// The most that one payment may move without a person, fee included.
const APPROVE_ABOVE: Msat = Msat::from_sat(100);

/// The most that a session may move.
const PER_DAY: Msat = Msat::from_sat(400);

/// The outcomes that a paying tool may name.
const OUTCOMES: [&str; 7] = [
    "served",
    "paid",
    "free",
    "pending",
    "refused",
    "failed",
    "waiting_for_approval",
];

pub(super) fn must(holds: bool, fault: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault()) }
}

/// What the answers of a session have said of payments.
pub(super) struct Told {
    paying: BTreeSet<String>,
    /// The payments that were named for a tool and a key.
    by_key: HashMap<(String, String), BTreeSet<String>>,
}

impl Told {
    /// Reads from the cards which tools can pay: those whose result has an outcome.
    pub(super) fn new(tools: &[Value]) -> Self {
        let pays = |card: &&Value| card["outputSchema"]["properties"].get("outcome").is_some();
        let paying = tools.iter().filter(pays);
        let paying = paying.filter_map(|card| card["name"].as_str());
        Self {
            paying: paying.map(str::to_owned).collect(),
            by_key: HashMap::new(),
        }
    }

    /// Holds one answer against its form, and notes what it says.
    pub(super) fn take(&mut self, drawn: &Drawn, answer: &Value, hashes: &mut Vec<String>) {
        let Some(result) = answer.get("result") else {
            // An unknown tool, or a call that could not be read.
            return;
        };
        let said = structured(result);
        if let Some(outcome) = said.get("outcome") {
            let known = outcome.as_str().is_some_and(|it| OUTCOMES.contains(&it));
            assert!(known, "{}: {answer}", drawn.tool);
        } else {
            let may_lack = !self.paying.contains(&drawn.tool) || said.contains_key("error");
            assert!(may_lack, "{}: no outcome: {answer}", drawn.tool);
        }
        let hash = said.get("payment_hash").and_then(Value::as_str);
        let Some(hash) = hash else { return };
        if !hashes.iter().any(|known| known == hash) {
            hashes.push(hash.to_owned());
        }
        // A payment that came to nothing leaves its key free.
        let is_pending = said.get("outcome").is_some_and(|it| it == "pending");
        let may_have_paid = is_pending || said.get("payment").is_some_and(Value::is_object);
        if let (true, Some(key)) = (may_have_paid, drawn.arguments["idempotency_key"].as_str()) {
            let call = (drawn.tool.clone(), key.to_owned());
            self.by_key.entry(call).or_default().insert(hash.to_owned());
        }
    }

    pub(super) fn pays_once_for_each_key(&self) -> Result<(), String> {
        let twice = self.by_key.iter().find(|(_, hashes)| hashes.len() > 1);
        must(twice.is_none(), || {
            format!("two payments for one key: {twice:?}")
        })
    }
}

/// What has been written down of payments: by the program, and by the wallet.
pub(super) struct Books {
    entries: Vec<Entry>,
    /// What has left the wallet.
    moved: Msat,
    preimages: Vec<Preimage>,
}

impl Books {
    pub(super) async fn read(folder: &Path, wallet: &SandboxWallet, moved: Msat) -> Self {
        let journal = Journal::open(&folder.join("client")).expect("a journal");
        let entries = journal.entries(10_000).expect("entries");
        let mut preimages = Vec::new();
        for entry in &entries {
            let looked_up = wallet.lookup(entry.payment_hash).await;
            if let Ok(Some(Payment::Settled { preimage, .. })) = looked_up {
                preimages.push(preimage);
            }
        }
        Self {
            entries,
            moved,
            preimages,
        }
    }

    /// Returns the number of payments that have moved money for certain.
    pub(super) fn payments(&self) -> u64 {
        let moved = self.entries.iter().filter(|it| it.moved() > Msat::ZERO);
        moved.count() as u64
    }

    pub(super) fn keep_the_limits(&self) -> Result<(), String> {
        let tell = || format!("{} moved, and {:#?}", self.moved, self.entries);
        let sum = |amounts: Vec<Msat>| amounts.into_iter().fold(Msat::ZERO, Msat::saturating_add);
        let certain = sum(self.entries.iter().map(Entry::moved).collect());
        let possible: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|it| may_have_moved(it))
            .collect();
        let most = |entry: &&Entry| entry.amount.max(entry.paid).saturating_add(entry.fee);
        let highest = sum(possible.iter().map(most).collect());
        must(self.moved <= PER_DAY, || {
            format!("over the day's limit: {}", tell())
        })?;
        must(certain <= self.moved && self.moved <= highest, || {
            format!("the books differ: {certain} to {highest}: {}", tell())
        })?;
        let over = possible.iter().find(|entry| most(entry) > APPROVE_ABOVE);
        must(over.is_none(), || format!("nobody approved {over:#?}"))
    }

    /// Every payment is named in an answer.
    pub(super) fn are_told(&self, ended: &Ended) -> Result<(), String> {
        let stdout = String::from_utf8_lossy(&ended.stdout);
        let moved = self.entries.iter().filter(|it| it.moved() > Msat::ZERO);
        let untold: Vec<&Entry> = moved
            .filter(|it| !stdout.contains(&it.payment_hash.to_string()))
            .collect();
        // One that was cancelled is told by the journal alone.
        must(untold.len() <= 3, || format!("never told: {untold:#?}"))
    }

    /// Returns every secret of the payments, in the forms in which it could come out.
    pub(super) fn secrets(&self, tokens: &[String]) -> Vec<Vec<u8>> {
        let mut all: Vec<String> = tokens.to_vec();
        for preimage in &self.preimages {
            let hex = preimage.to_hex();
            all.push(hex.to_uppercase());
            all.push(hex.to_string());
            let bytes = preimage.as_bytes();
            all.extend([STANDARD_NO_PAD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]);
        }
        for token in tokens {
            if let Ok(bytes) = STANDARD.decode(token).or_else(|_| URL_SAFE.decode(token)) {
                all.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
            }
        }
        all.into_iter().map(String::into_bytes).collect()
    }
}

fn may_have_moved(entry: &Entry) -> bool {
    entry.moved() > Msat::ZERO || matches!(entry.state, State::Intent | State::Unknown)
}

/// Returns the content of every file of secrets in a home, as it is and in text.
pub(super) fn secret_files(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let kind = path.extension().and_then(|it| it.to_str());
            if !matches!(kind, Some("key" | "token" | "wallet")) {
                continue;
            }
            let bytes = std::fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            found.push(text.into_bytes());
            found.push(STANDARD_NO_PAD.encode(&bytes).into_bytes());
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            found.push(hex.into_bytes());
        }
    }
    found
}

/// The program ended by itself, without a panic.
pub(super) fn alive(ended: &Ended) -> Result<(), String> {
    let stderr = String::from_utf8_lossy(&ended.stderr);
    must(
        ended.status == Some(0) && !stderr.contains("panicked"),
        || format!("it did not end well: {:?}: {stderr}", ended.status),
    )
}

/// No secret stands in what it wrote.
pub(super) fn silent(ended: &Ended, secrets: &[Vec<u8>]) -> Result<(), String> {
    for (stream, bytes) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        for secret in secrets.iter().filter(|it| it.len() >= 16) {
            let at = bytes.windows(secret.len()).position(|it| it == secret);
            let Some(at) = at else { continue };
            let before = String::from_utf8_lossy(&bytes[at.saturating_sub(300)..at]);
            return Err(format!("a secret on {stream}, after {}", json!(before)));
        }
    }
    Ok(())
}
