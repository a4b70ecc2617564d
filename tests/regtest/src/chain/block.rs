//! Blocks that every validation accepts: proof of work, merkle roots, heights, commitments.

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::opcodes::OP_TRUE;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{
    Amount, Block, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode,
    TxOut, Witness, transaction,
};

/// The easiest target there is: every second hash meets it.
const BITS: u32 = 0x207f_ffff;

/// The block version: BIP 9 without any signal.
const VERSION: i32 = 0x2000_0000;

/// The prefix of a commitment to the witnesses (BIP 141).
const COMMITMENT: [u8; 4] = [0xaa, 0x21, 0xa9, 0xed];

/// The reserved value that the commitment covers.
const RESERVED: [u8; 32] = [0; 32];

/// The reward of each of the first [`HALVING`] blocks, in satoshi.
const SUBSIDY: u64 = 50 * 100_000_000;
const HALVING: u32 = 150;

/// The parts of a block.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) previous: bitcoin::BlockHash,
    pub(super) height: u32,
    /// The time in seconds since 1970.
    pub(super) time: u32,
    /// The fees that its transactions pay to the miner.
    pub(super) fees: Amount,
    /// The transactions, parents before children, without a coinbase.
    pub(super) transactions: Vec<Transaction>,
}

impl Template {
    /// Builds the block, with its coinbase and its proof of work.
    pub(super) fn block(self) -> Block {
        let coinbase = coinbase(self.height, subsidy(self.height) + self.fees);
        let mut transactions = vec![coinbase];
        transactions.extend(self.transactions);
        let header = Header {
            version: Version::from_consensus(VERSION),
            prev_blockhash: self.previous,
            merkle_root: TxMerkleNode::all_zeros(),
            time: self.time,
            bits: CompactTarget::from_consensus(BITS),
            nonce: 0,
        };
        let mut block = Block {
            header,
            txdata: transactions,
        };
        commit_to_witnesses(&mut block);
        let root = block.compute_merkle_root();
        block.header.merkle_root = root.expect("there is a coinbase");
        prove_work(&mut block.header);
        block
    }
}

/// Returns a script whose coins anybody may spend, with [`key`] as the whole proof.
pub(super) fn open_lock() -> ScriptBuf {
    anyone().to_p2wsh()
}

/// Returns the script that satisfies [`open_lock`].
pub(super) fn key() -> Witness {
    Witness::from_slice(&[anyone().into_bytes()])
}

fn anyone() -> ScriptBuf {
    Builder::new().push_opcode(OP_TRUE).into_script()
}

fn subsidy(height: u32) -> Amount {
    let left = SUBSIDY.checked_shr(height / HALVING);
    Amount::from_sat(left.unwrap_or(0))
}

fn coinbase(height: u32, value: Amount) -> Transaction {
    // The height makes each coinbase another transaction (BIP 34); the zero after it makes the
    // script of the first sixteen long enough.
    let script = Builder::new().push_int(height.into()).push_int(0);
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig: script.into_script(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[RESERVED]),
        }],
        output: vec![TxOut {
            value,
            script_pubkey: open_lock(),
        }],
    }
}

fn commit_to_witnesses(block: &mut Block) {
    let root = block.witness_root().expect("there is a coinbase");
    let commitment = Block::compute_witness_commitment(&root, &RESERVED);
    let mut bytes = PushBytesBuf::from(COMMITMENT);
    bytes
        .extend_from_slice(commitment.as_byte_array())
        .expect("36 bytes can be pushed");
    let coinbase = block.txdata.first_mut().expect("there is a coinbase");
    coinbase.output.push(TxOut {
        value: Amount::ZERO,
        script_pubkey: ScriptBuf::new_op_return(bytes),
    });
}

fn prove_work(header: &mut Header) {
    while header.validate_pow(header.target()).is_err() {
        header.nonce += 1;
    }
}
