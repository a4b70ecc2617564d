//! The chain itself: its blocks, its unspent coins and its mempool.

use std::collections::HashMap;

use bitcoin::absolute::LockTime;
use bitcoin::constants::genesis_block;
use bitcoin::pow::Work;
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxOut, Txid, relative,
};

use super::block::{Template, key, open_lock};
use super::mempool::{Entry, Mempool, Refusal, check_form, check_scripts, check_values};

/// The number of blocks after which a coinbase can be spent.
const MATURITY: u32 = 100;

/// The age of the first block in seconds. Each block is a second younger than the one before, so an
/// hour of blocks can be mined before one is dated in the future.
const AGE: u32 = 3_600;

/// The fee of [`State::payment`]; its miner is the payer.
const FEE: Amount = Amount::from_sat(10_000);

/// The state that a bitcoind would have.
#[derive(Debug)]
pub(super) struct State {
    /// The blocks, by height.
    blocks: Vec<Block>,
    /// The accumulated work, by height, including that block.
    works: Vec<Work>,
    heights: HashMap<BlockHash, u32>,
    /// The outputs of confirmed transactions that are unspent.
    coins: HashMap<OutPoint, Coin>,
    /// The height at which a transaction was confirmed.
    confirmed: HashMap<Txid, u32>,
    mempool: Mempool,
    /// In seconds since 1970.
    started: u32,
    /// The time of the next transaction, never equal to that of another one: LDK takes two
    /// transactions of the same second for one if it looks between them.
    next_arrival: u64,
}

/// An unspent output.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    pub(super) output: TxOut,
    /// The height of its block; of the next block while it waits in the mempool.
    pub(super) height: u32,
    pub(super) coinbase: bool,
}

/// A block in the chain.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) block: &'a Block,
    pub(super) height: u32,
    pub(super) work: Work,
}

impl State {
    /// Returns a chain of the genesis block alone, at this time in seconds since 1970.
    pub(super) fn new(started: u32) -> Self {
        let genesis = genesis_block(Network::Regtest);
        Self {
            works: vec![genesis.header.work()],
            heights: HashMap::from([(genesis.block_hash(), 0)]),
            blocks: vec![genesis],
            // Nobody may spend the coinbase of the genesis block.
            coins: HashMap::new(),
            confirmed: HashMap::new(),
            mempool: Mempool::default(),
            started,
            next_arrival: started.into(),
        }
    }

    pub(super) fn height(&self) -> u32 {
        u32::try_from(self.blocks.len() - 1).expect("fewer blocks than 2^32")
    }

    pub(super) fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Returns the last block.
    pub(super) fn tip(&self) -> Placed<'_> {
        self.at(self.height())
            .expect("its height is that of a block")
    }

    pub(super) fn at(&self, height: u32) -> Option<Placed<'_>> {
        let index = usize::try_from(height).ok()?;
        Some(Placed {
            block: self.blocks.get(index)?,
            height,
            work: *self.works.get(index)?,
        })
    }

    pub(super) fn block(&self, hash: &BlockHash) -> Option<Placed<'_>> {
        self.at(*self.heights.get(hash)?)
    }

    /// Returns the median of the last eleven block times (BIP 113), in seconds since 1970.
    pub(super) fn median_time(&self) -> u32 {
        let last = self.blocks.iter().rev().take(11);
        let mut times: Vec<u32> = last.map(|block| block.header.time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// Returns a transaction of the mempool or of any block.
    pub(super) fn transaction(&self, txid: &Txid) -> Option<&Transaction> {
        if let Some(entry) = self.mempool.entry(txid) {
            return Some(&entry.transaction);
        }
        let placed = self.at(*self.confirmed.get(txid)?)?;
        let mut transactions = placed.block.txdata.iter();
        transactions.find(|transaction| transaction.compute_txid() == *txid)
    }

    /// Returns an unspent output of a block.
    pub(super) fn coin(&self, point: &OutPoint) -> Option<&Coin> {
        self.coins.get(point)
    }

    /// Returns the outputs that a transaction of the mempool may spend, including those of other
    /// transactions there.
    pub(super) fn available(&self, point: &OutPoint) -> Result<Coin, Refusal> {
        if self.mempool.spends(point) {
            return Err(Refusal::Conflict);
        }
        let confirmed = self.coins.get(point).cloned();
        let waiting = || {
            Some(Coin {
                output: self.mempool.output(point)?.clone(),
                height: self.height() + 1,
                coinbase: false,
            })
        };
        confirmed.or_else(waiting).ok_or(Refusal::MissingInputs)
    }

    /// Takes a transaction into the mempool, if the next block may hold it. One that is there
    /// already stays.
    ///
    /// # Errors
    /// The reason why the transaction is refused. It never replaces one that spends the same coins.
    pub(super) fn accept(&mut self, transaction: Transaction) -> Result<Txid, Refusal> {
        let txid = transaction.compute_txid();
        if self.mempool.entry(&txid).is_some() {
            return Ok(txid);
        }
        if self.confirmed.contains_key(&txid) {
            return Err(Refusal::AlreadyConfirmed);
        }
        self.check(&transaction)?;
        self.mempool.push(Entry {
            txid,
            transaction,
            time: self.next_arrival,
            height: self.height(),
        });
        self.next_arrival += 1;
        Ok(txid)
    }

    /// Mines `blocks`, the first with everything in the mempool.
    pub(super) fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            let height = self.height() + 1;
            let transactions = self.mempool.take();
            let template = Template {
                previous: self.tip().block.block_hash(),
                height,
                time: self.started - AGE + height,
                fees: self.fees(&transactions),
                transactions,
            };
            self.connect(template.block());
        }
    }

    /// Makes a payment to each of these addresses from the oldest coins that the chain mined.
    pub(super) fn payment(&self, addresses: &[Address], each: Amount) -> Transaction {
        let count = u64::try_from(addresses.len()).expect("fewer than 2^64");
        let due = each * count + FEE;
        let (points, found) = self.mined_coins(due);
        let mut outputs: Vec<TxOut> = addresses
            .iter()
            .map(|address| output(each, address.script_pubkey()))
            .collect();
        outputs.push(output(found - due, open_lock()));
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: points.into_iter().map(input).collect(),
            output: outputs,
        }
    }

    /// Returns coins of the chain's own that are worth at least this much together, and their
    /// value.
    fn mined_coins(&self, due: Amount) -> (Vec<OutPoint>, Amount) {
        let ours = open_lock();
        let free = |point: &OutPoint, coin: &Coin| {
            coin.output.script_pubkey == ours
                && !self.mempool.spends(point)
                && (!coin.coinbase || self.is_mature(coin))
        };
        let mut coins: Vec<(&OutPoint, &Coin)> = self.coins.iter().collect();
        coins.retain(|(point, coin)| free(point, coin));
        coins.sort_unstable_by_key(|(point, coin)| (coin.height, **point));
        let (mut points, mut found) = (Vec::new(), Amount::ZERO);
        for (point, coin) in coins {
            if found >= due {
                break;
            }
            points.push(*point);
            found += coin.output.value;
        }
        assert!(found >= due, "{due} are due and {found} mature; mine more");
        (points, found)
    }

    fn check(&self, transaction: &Transaction) -> Result<(), Refusal> {
        check_form(transaction)?;
        let mut spent = Vec::new();
        for input in &transaction.input {
            let coin = self.available(&input.previous_output)?;
            if coin.coinbase && !self.is_mature(&coin) {
                return Err(Refusal::PrematureCoinbase);
            }
            if !self.has_waited(transaction, input, &coin) {
                return Err(Refusal::NonFinalSequence);
            }
            spent.push(coin.output);
        }
        check_values(transaction, &spent)?;
        if !self.is_final(transaction) {
            return Err(Refusal::NonFinal);
        }
        check_scripts(transaction, &spent)
    }

    fn is_mature(&self, coin: &Coin) -> bool {
        coin.height + MATURITY <= self.height() + 1
    }

    /// Returns true if the next block may hold the transaction by its lock time.
    fn is_final(&self, transaction: &Transaction) -> bool {
        let reached = match transaction.lock_time {
            LockTime::Blocks(height) => height.to_consensus_u32() <= self.height(),
            LockTime::Seconds(time) => time.to_consensus_u32() < self.median_time(),
        };
        reached || !transaction.is_lock_time_enabled()
    }

    /// Returns true if the next block may hold the transaction by the age of this input's coin (BIP
    /// 68).
    fn has_waited(&self, transaction: &Transaction, input: &TxIn, coin: &Coin) -> bool {
        if transaction.version < Version::TWO {
            return true;
        }
        match input.sequence.to_relative_lock_time() {
            None => true,
            Some(relative::LockTime::Blocks(blocks)) => {
                coin.height + u32::from(blocks.value()) <= self.height() + 1
            }
            // Lightning counts in blocks alone, so nothing of ours needs the times of coins.
            Some(relative::LockTime::Time(units)) => units.value() == 0,
        }
    }

    fn fees(&self, transactions: &[Transaction]) -> Amount {
        let all = transactions.iter();
        let created: HashMap<OutPoint, Amount> = all.clone().flat_map(created).collect();
        let worth = |input: &TxIn| {
            let point = &input.previous_output;
            let confirmed = self.coins.get(point).map(|coin| coin.output.value);
            let value = confirmed.or_else(|| created.get(point).copied());
            value.expect("the mempool holds spendable transactions alone")
        };
        let comes_in: Amount = all.clone().flat_map(|one| &one.input).map(worth).sum();
        let goes_out: Amount = all.flat_map(|one| &one.output).map(|one| one.value).sum();
        comes_in - goes_out
    }

    fn connect(&mut self, block: Block) {
        let height = self.height() + 1;
        let work = self.tip().work + block.header.work();
        for transaction in &block.txdata {
            self.spend(transaction, height);
        }
        self.heights.insert(block.block_hash(), height);
        self.works.push(work);
        self.blocks.push(block);
    }

    fn spend(&mut self, transaction: &Transaction, height: u32) {
        let txid = transaction.compute_txid();
        for input in &transaction.input {
            self.coins.remove(&input.previous_output);
        }
        for (index, output) in (0_u32..).zip(&transaction.output) {
            let coin = Coin {
                output: output.clone(),
                height,
                coinbase: transaction.is_coinbase(),
            };
            self.coins.insert(OutPoint::new(txid, index), coin);
        }
        self.confirmed.insert(txid, height);
    }
}

fn created(transaction: &Transaction) -> impl Iterator<Item = (OutPoint, Amount)> {
    let txid = transaction.compute_txid();
    let outputs = (0_u32..).zip(&transaction.output);
    outputs.map(move |(index, output)| (OutPoint::new(txid, index), output.value))
}

fn input(coin: OutPoint) -> TxIn {
    TxIn {
        previous_output: coin,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: key(),
    }
}

fn output(value: Amount, script_pubkey: ScriptBuf) -> TxOut {
    TxOut {
        value,
        script_pubkey,
    }
}
