//! A btcd whose chain pays its coins to a key of the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use bitcoin::absolute::LockTime;
use bitcoin::key::{CompressedPublicKey, PrivateKey, Secp256k1};
use bitcoin::secp256k1::Message;
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Network, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness, consensus,
};
use serde_json::{Value, json};

use crate::{Program, built, free_port, http, until};

/// The user name and password of its RPC, which listens on loopback for one test.
const USER: &str = "test";

/// The number of blocks at the start. Segwit and taproot begin at block 432; the first coins can be
/// spent from block 101 on.
const BLOCKS: u64 = 560;

/// The reward of each of the first 149 blocks.
const SUBSIDY: Amount = Amount::from_sat(50 * 100_000_000);

/// The fee of a payment; enough for any transaction of the test.
const FEE: Amount = Amount::from_sat(20_000);

/// A running btcd. A start always begins with an empty chain, so it is started once.
#[derive(Debug)]
pub(crate) struct Chain {
    rpc: Rpc,
    access: Access,
    key: PrivateKey,
    _program: Program,
}

/// The RPC of btcd.
#[derive(Debug)]
struct Rpc {
    http: reqwest::Client,
    port: u16,
}

/// The access data that lnd needs.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    port: u16,
    certificate: PathBuf,
}

impl Access {
    /// Returns the options of lnd that name this btcd.
    pub(crate) fn options(&self) -> Vec<String> {
        vec![
            "--bitcoin.regtest".into(),
            "--bitcoin.node=btcd".into(),
            format!("--btcd.rpchost=127.0.0.1:{}", self.port),
            format!("--btcd.rpcuser={USER}"),
            format!("--btcd.rpcpass={USER}"),
            format!("--btcd.rpccert={}", self.certificate.display()),
        ]
    }
}

impl Chain {
    /// Starts btcd in `folder` and mines the blocks that transactions need.
    pub(crate) async fn start(folder: &Path) -> Self {
        let key = PrivateKey::from_slice(&[0x42; 32], Network::Regtest).expect("a key");
        let access = Access {
            port: free_port(),
            certificate: folder.join("btcd.cert"),
        };
        let mut command = Command::new(built("btcd"));
        command.args(options(folder, &access, &address(&key)));
        let mut program = Program::start("btcd", folder, command);
        let rpc = Rpc {
            http: http(),
            port: access.port,
        };
        until("btcd answers", async || {
            program.must_run();
            rpc.try_call("getblockcount", &json!([])).await
        })
        .await;
        let chain = Self {
            rpc,
            access,
            key,
            _program: program,
        };
        chain.mine(BLOCKS).await;
        chain
    }

    pub(crate) fn access(&self) -> Access {
        self.access.clone()
    }

    /// Mines blocks, the first with every waiting transaction.
    pub(crate) async fn mine(&self, blocks: u64) {
        self.rpc.call("generate", &json!([blocks])).await;
    }

    /// Sends the coins of the first block, the same amount to each address.
    pub(crate) async fn pay(&self, to: &[Address], each: Amount) {
        let hash = self.rpc.call("getblockhash", &json!([1])).await;
        let block = self.rpc.call("getblock", &json!([hash, 1])).await;
        let coins = block["tx"][0].as_str().expect("a coinbase transaction");
        let coins = Txid::from_str(coins).expect("its id");
        let payment = self.signed(payment(coins, to, each, address(&self.key)));
        let text = consensus::encode::serialize_hex(&payment);
        self.rpc.call("sendrawtransaction", &json!([text])).await;
    }

    fn signed(&self, mut payment: Transaction) -> Transaction {
        let secp = Secp256k1::new();
        let public_key = CompressedPublicKey::from_private_key(&secp, &self.key);
        let ours = address(&self.key).script_pubkey();
        let kind = EcdsaSighashType::All;
        let hash = SighashCache::new(&payment)
            .p2wpkh_signature_hash(0, &ours, SUBSIDY, kind)
            .expect("an input that pays to a key");
        let signature = bitcoin::ecdsa::Signature {
            signature: secp.sign_ecdsa(&Message::from(hash), &self.key.inner),
            sighash_type: kind,
        };
        let public_key = public_key.expect("a compressed key").0;
        payment.input[0].witness = Witness::p2wpkh(&signature, &public_key);
        payment
    }
}

impl Rpc {
    async fn call(&self, method: &str, parameters: &Value) -> Value {
        let answer = self.try_call(method, parameters).await;
        answer.unwrap_or_else(|| panic!("btcd refuses {method}"))
    }

    async fn try_call(&self, method: &str, parameters: &Value) -> Option<Value> {
        let call = json!({ "jsonrpc": "1.0", "id": 1, "method": method, "params": parameters });
        let request = self
            .http
            .post(format!("https://127.0.0.1:{}/", self.port))
            .basic_auth(USER, Some(USER))
            .json(&call);
        let mut answer: Value = request.send().await.ok()?.json().await.ok()?;
        answer["error"].is_null().then(|| answer["result"].take())
    }
}

fn options(folder: &Path, access: &Access, miner: &Address) -> Vec<String> {
    let empty = folder.join("btcd.conf");
    std::fs::write(&empty, "").expect("a file can be written");
    let path = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--configfile={}", empty.display()),
        "--regtest".into(),
        format!("--datadir={}", path("btcd")),
        format!("--logdir={}", path("btcd-logs")),
        format!("--rpcuser={USER}"),
        format!("--rpcpass={USER}"),
        format!("--rpccert={}", access.certificate.display()),
        format!("--rpckey={}", path("btcd.key")),
        format!("--rpclisten=127.0.0.1:{}", access.port),
        format!("--listen=127.0.0.1:{}", free_port()),
        "--nodnsseed".into(),
        "--nobanning".into(),
        "--nostalldetect".into(),
        "--txindex".into(),
        "--rpcmaxwebsockets=50".into(),
        "--trickleinterval=100ms".into(),
        format!("--miningaddr={miner}"),
    ]
}

fn address(key: &PrivateKey) -> Address {
    let public_key = CompressedPublicKey::from_private_key(&Secp256k1::new(), key);
    Address::p2wpkh(&public_key.expect("a compressed key"), Network::Regtest)
}

fn payment(coins: Txid, to: &[Address], each: Amount, change: Address) -> Transaction {
    let output = |address: &Address, value| TxOut {
        value,
        script_pubkey: address.script_pubkey(),
    };
    let mut left = SUBSIDY - FEE;
    let mut outputs = Vec::new();
    for address in to {
        left -= each;
        outputs.push(output(address, each));
    }
    outputs.push(output(&change, left));
    let input = TxIn {
        previous_output: OutPoint::new(coins, 0),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: outputs,
    }
}
