//! The transactions that wait for a block, and the rules by which they are accepted.

use std::collections::HashSet;
use std::fmt;

use bitcoin::consensus::serialize;
use bitcoin::{OutPoint, Transaction, TxOut, Txid};
use bitcoinconsensus::Utxo;

/// Transactions in the order of their arrival, which puts parents before children.
#[derive(Debug, Default)]
pub(super) struct Mempool {
    entries: Vec<Entry>,
    spent: HashSet<OutPoint>,
}

/// A waiting transaction.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) txid: Txid,
    pub(super) transaction: Transaction,
    /// The time of arrival in seconds since 1970; later than that of every entry before.
    pub(super) time: u64,
    /// The height of the last block when the transaction arrived.
    pub(super) height: u32,
}

impl Mempool {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn entry(&self, txid: &Txid) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.txid == *txid)
    }

    pub(super) fn output(&self, point: &OutPoint) -> Option<&TxOut> {
        let outputs = &self.entry(&point.txid)?.transaction.output;
        outputs.get(usize::try_from(point.vout).ok()?)
    }

    pub(super) fn spends(&self, point: &OutPoint) -> bool {
        self.spent.contains(point)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let inputs = entry.transaction.input.iter();
        self.spent.extend(inputs.map(|input| input.previous_output));
        self.entries.push(entry);
    }

    /// Empties the mempool.
    pub(super) fn take(&mut self) -> Vec<Transaction> {
        self.spent.clear();
        let entries = self.entries.drain(..);
        entries.map(|entry| entry.transaction).collect()
    }
}

/// The reason why a transaction is not accepted. The text is bitcoind's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    AlreadyConfirmed,
    Coinbase,
    Conflict,
    DuplicateInputs,
    Empty,
    MissingInputs,
    NonFinal,
    NonFinalSequence,
    OutputsTooLarge,
    PrematureCoinbase,
    Script,
}

impl Refusal {
    /// Returns bitcoind's number for the reason.
    pub(super) fn code(self) -> i64 {
        match self {
            Self::MissingInputs => -25,
            Self::AlreadyConfirmed => -27,
            Self::Coinbase
            | Self::Conflict
            | Self::DuplicateInputs
            | Self::Empty
            | Self::NonFinal
            | Self::NonFinalSequence
            | Self::OutputsTooLarge
            | Self::PrematureCoinbase
            | Self::Script => -26,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyConfirmed => "Transaction outputs already in utxo set",
            Self::Coinbase => "coinbase",
            Self::Conflict => "txn-mempool-conflict",
            Self::DuplicateInputs => "bad-txns-inputs-duplicate",
            Self::Empty => "bad-txns-vin-empty or bad-txns-vout-empty",
            Self::MissingInputs => "bad-txns-inputs-missingorspent",
            Self::NonFinal => "non-final",
            Self::NonFinalSequence => "non-BIP68-final",
            Self::OutputsTooLarge => "bad-txns-in-belowout",
            Self::PrematureCoinbase => "bad-txns-premature-spend-of-coinbase",
            Self::Script => "mandatory-script-verify-flag-failed",
        })
    }
}

/// Checks everything that a transaction shows by itself.
pub(super) fn check_form(transaction: &Transaction) -> Result<(), Refusal> {
    if transaction.is_coinbase() {
        return Err(Refusal::Coinbase);
    }
    if transaction.input.is_empty() || transaction.output.is_empty() {
        return Err(Refusal::Empty);
    }
    let mut seen = HashSet::new();
    let mut points = transaction.input.iter().map(|input| input.previous_output);
    if !points.all(|point| seen.insert(point)) {
        return Err(Refusal::DuplicateInputs);
    }
    Ok(())
}

/// Checks that the outputs are not worth more than the inputs.
pub(super) fn check_values(transaction: &Transaction, spent: &[TxOut]) -> Result<(), Refusal> {
    let sum = |outputs: &[TxOut]| -> Option<u64> {
        let mut values = outputs.iter().map(|output| output.value.to_sat());
        values.try_fold(0_u64, u64::checked_add)
    };
    match (sum(spent), sum(&transaction.output)) {
        (Some(comes_in), Some(goes_out)) if goes_out <= comes_in => Ok(()),
        _ => Err(Refusal::OutputsTooLarge),
    }
}

/// Runs the scripts of all inputs, taproot included, as Bitcoin's consensus does.
pub(super) fn check_scripts(transaction: &Transaction, spent: &[TxOut]) -> Result<(), Refusal> {
    let bytes = serialize(transaction);
    let coins: Vec<Utxo> = spent.iter().map(coin).collect();
    for (index, output) in spent.iter().enumerate() {
        bitcoinconsensus::verify(
            output.script_pubkey.as_bytes(),
            output.value.to_sat(),
            &bytes,
            Some(&coins),
            index,
        )
        .map_err(|_| Refusal::Script)?;
    }
    Ok(())
}

fn coin(output: &TxOut) -> Utxo {
    let script = output.script_pubkey.as_bytes();
    Utxo {
        script_pubkey: script.as_ptr(),
        script_pubkey_len: u32::try_from(script.len()).expect("a script is below 4 GiB"),
        value: i64::try_from(output.value.to_sat()).expect("below 21 million BTC"),
    }
}
