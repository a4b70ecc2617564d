//! The chain as a node sees it, through its calls alone.

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version as BlockVersion};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::key::{CompressedPublicKey, Keypair, Secp256k1, TapTweak};
use bitcoin::pow::Work;
use bitcoin::script::Builder;
use bitcoin::secp256k1::{Message, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, Block, BlockHash, CompactTarget, Network, OutPoint, ScriptBuf, Sequence,
    Transaction, TxIn, TxOut, Txid, Witness, ecdsa,
};
use l402_regtest::Chain;
use serde_json::{Value, json};

const COIN: Amount = Amount::from_sat(1_000_000);
const FEE: Amount = Amount::from_sat(500);

#[tokio::test]
async fn its_blocks_prove_their_work_and_commit_to_what_they_hold() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    chain.fund(&[Owner::new(1).address()], COIN);
    chain.mine(50);

    let best = node.result("getblockchaininfo", json!([])).await;
    assert_eq!(best["blocks"], chain.height());
    let mut above: Option<(Header, Work)> = None;
    for height in 0..=chain.height() {
        let hash = node.result("getblockhash", json!([height])).await;
        let answer = node.result("getblockheader", json!([hash])).await;
        let header = header(&answer);
        let work = Work::from_be_bytes(bytes(&answer["chainwork"]));
        assert_eq!(
            header.block_hash().to_string(),
            hash.as_str().expect("text")
        );
        assert!(header.validate_pow(header.target()).is_ok());
        assert_eq!(answer["height"], height);
        if let Some((previous, until_there)) = above {
            assert_eq!(header.prev_blockhash, previous.block_hash());
            assert_eq!(work, until_there + header.work());
            assert!(header.time > previous.time);
            let block = node.result("getblock", json!([hash, 0])).await;
            let block: Block = deserialize_hex(block.as_str().expect("hex")).expect("a block");
            assert_eq!(block.header, header);
            assert!(block.check_merkle_root() && block.check_witness_commitment());
            let number = Builder::new().push_int(height.into()).into_script();
            let script = &block.txdata[0].input[0].script_sig;
            assert!(script.as_bytes().starts_with(number.as_bytes()), "BIP 34");
        }
        above = Some((header, work));
    }
    let (last, _) = above.expect("a block");
    assert_eq!(best["bestblockhash"], last.block_hash().to_string());
}

#[tokio::test]
async fn what_it_gives_is_spent_with_the_key_of_its_owner() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let (alice, bob) = (Owner::new(1), Owner::new(2));
    chain.fund(&[alice.address(), bob.address()], COIN);
    let coin = node.coin_of(&chain, &bob.address()).await;

    let payment = bob.spends(coin, &alice.address(), COIN - FEE);
    let txid = node.send(&payment).await.expect("it is taken");
    assert_eq!(txid, payment.compute_txid().to_string());
    assert_eq!(
        node.result("getrawmempool", json!([false])).await,
        json!([txid])
    );
    assert_eq!(chain.mempool_len(), 1);
    let entry = node.result("getmempoolentry", json!([txid])).await;
    assert_eq!(entry["height"], chain.height());
    let hex = node.result("getrawtransaction", json!([txid])).await;
    assert_eq!(hex, serialize_hex(&payment));
    let in_blocks = json!([coin.txid.to_string(), coin.vout, false]);
    assert_eq!(
        node.result("gettxout", in_blocks.clone()).await["value"],
        0.01
    );
    let with_mempool = json!([coin.txid.to_string(), coin.vout, true]);
    assert_eq!(node.result("gettxout", with_mempool).await, Value::Null);

    let below = chain.height();
    chain.mine(2);

    assert_eq!(chain.height(), below + 2);
    assert_eq!(chain.mempool_len(), 0);
    assert_eq!(node.result("gettxout", in_blocks).await, Value::Null);
    let paid = node.result("gettxout", json!([txid, 0, false])).await;
    assert_eq!(paid["value"], (COIN - FEE).to_btc());
    assert_eq!(paid["confirmations"], 2);
    assert_eq!(node.error("getmempoolentry", json!([txid])).await, -5);
    assert_eq!(node.send(&payment).await, Err(-27));
}

#[tokio::test]
async fn a_child_waits_beside_its_parent_and_both_are_mined() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let alice = Owner::new(1);
    chain.fund(&[alice.address()], COIN);
    let coin = node.coin_of(&chain, &alice.address()).await;
    let parent = alice.spends(coin, &alice.address(), COIN - FEE);
    let made = OutPoint::new(parent.compute_txid(), 0);
    let child = alice.spends_of(made, COIN - FEE, &alice.address(), COIN - FEE - FEE);

    assert_eq!(node.send(&child).await, Err(-25), "before its parent");
    node.send(&parent).await.expect("the parent is taken");
    let txid = node.send(&child).await.expect("the child is taken");
    let mut times = Vec::new();
    for txid in [parent.compute_txid().to_string(), txid.clone()] {
        let entry = node.result("getmempoolentry", json!([txid])).await;
        times.push(entry["time"].as_u64().expect("a time"));
    }
    assert!(times[0] < times[1], "{times:?}");
    chain.mine(1);

    let block = node.last_block().await;
    assert_eq!(block.txdata.len(), 3);
    assert_eq!(block.txdata[2].compute_txid().to_string(), txid);
    let both_fees = block.txdata[0].output[0].value - Amount::from_int_btc(50);
    assert_eq!(both_fees, FEE + FEE);
}

#[tokio::test]
async fn refuses_what_bitcoin_refuses() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let (alice, bob) = (Owner::new(1), Owner::new(2));
    chain.fund(&[alice.address()], COIN);
    let coin = node.coin_of(&chain, &alice.address()).await;
    let to = bob.address();

    let forged = bob.spends(coin, &to, COIN - FEE);
    assert_eq!(node.send(&forged).await, Err(-26), "another's signature");
    let generous = alice.spends(coin, &to, COIN + FEE);
    assert_eq!(node.send(&generous).await, Err(-26), "more out than in");
    let missing = alice.spends(OutPoint::new(coin.txid, 9), &to, COIN - FEE);
    assert_eq!(node.send(&missing).await, Err(-25), "no such coin");
    let mut twice = alice.spends(coin, &to, COIN - FEE);
    twice.input.push(twice.input[0].clone());
    assert_eq!(node.send(&twice).await, Err(-26), "one coin two times");
    assert_eq!(node.error("sendrawtransaction", json!(["00"])).await, -22);

    let good = alice.spends(coin, &to, COIN - FEE);
    let txid = node.send(&good).await.expect("it is taken");
    assert_eq!(node.send(&good).await, Ok(txid), "it stays");
    let rival = alice.spends(coin, &alice.address(), COIN - FEE);
    assert_eq!(node.send(&rival).await, Err(-26), "spent in the mempool");
    chain.mine(1);
    assert_eq!(node.send(&rival).await, Err(-25), "spent in a block");
}

#[tokio::test]
async fn refuses_a_taproot_signature_of_another_key() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let (alice, bob) = (Owner::new(1), Owner::new(2));
    chain.fund(&[alice.taproot()], COIN);
    let coin = node.coin_of(&chain, &alice.taproot()).await;
    let locked = TxOut {
        value: COIN,
        script_pubkey: alice.taproot().script_pubkey(),
    };

    let forged = bob.spends_taproot(coin, &locked);
    assert_eq!(node.send(&forged).await, Err(-26));
    let good = alice.spends_taproot(coin, &locked);
    assert!(node.send(&good).await.is_ok());
}

#[tokio::test]
async fn holds_back_what_is_not_yet_final() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let alice = Owner::new(1);
    chain.fund(&[alice.address()], COIN);
    let coin = node.coin_of(&chain, &alice.address()).await;
    let until = chain.height() + 3;
    let mut absolute = alice.unsigned(coin, &alice.address(), COIN - FEE);
    absolute.lock_time = LockTime::from_height(until).expect("a height");
    absolute.input[0].sequence = Sequence::ENABLE_LOCKTIME_NO_RBF;
    let absolute = alice.signs(absolute, COIN);
    let mut relative = alice.unsigned(coin, &alice.address(), COIN - FEE);
    relative.input[0].sequence = Sequence::from_height(5);
    let relative = alice.signs(relative, COIN);

    for _ in 0..3 {
        assert_eq!(node.send(&absolute).await, Err(-26));
        assert_eq!(node.send(&relative).await, Err(-26));
        chain.mine(1);
    }
    assert_eq!(
        node.send(&relative).await,
        Err(-26),
        "four blocks old in the next"
    );
    chain.mine(1);
    assert!(node.send(&relative).await.is_ok());
    assert_eq!(node.send(&absolute).await, Err(-26), "the coin is spent");
}

#[tokio::test]
async fn a_coinbase_is_spent_after_a_hundred_blocks() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let coinbase = node.last_block().await.txdata[0].clone();
    let reward = coinbase.output[0].value;
    let mut spends = Owner::new(1).unsigned(
        OutPoint::new(coinbase.compute_txid(), 0),
        &Owner::new(1).address(),
        reward - FEE,
    );
    // What it takes to spend a coin that belongs to everybody: the script OP_TRUE.
    spends.input[0].witness = Witness::from_slice(&[[0x51]]);

    chain.mine(98);
    assert_eq!(node.send(&spends).await, Err(-26));
    chain.mine(1);
    assert!(node.send(&spends).await.is_ok());
}

#[tokio::test]
async fn funds_a_hundred_addresses_again_and_again() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let addresses: Vec<Address> = (1..=100).map(|key| Owner::new(key).address()).collect();
    for _ in 0..3 {
        chain.fund(&addresses, COIN);
        let block = node.last_block().await;
        let gifts = block.txdata[1].output.iter().take(100);
        assert!(gifts.clone().all(|gift| gift.value == COIN));
        assert!(
            gifts
                .zip(&addresses)
                .all(|(gift, address)| { gift.script_pubkey == address.script_pubkey() })
        );
    }
}

#[tokio::test]
async fn calls_it_does_not_know_get_the_errors_of_bitcoind() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let nobody = Txid::all_zeros().to_string();

    assert_eq!(node.error("getwalletinfo", json!([])).await, -32_601);
    assert_eq!(node.error("getrawtransaction", json!([nobody])).await, -5);
    assert_eq!(node.error("getmempoolentry", json!([nobody])).await, -5);
    assert_eq!(node.error("getblockheader", json!([nobody])).await, -5);
    assert_eq!(node.error("getblock", json!([nobody, 0])).await, -5);
    let beyond = json!([chain.height() + 1]);
    assert_eq!(node.error("getblockhash", beyond).await, -8);
    assert_eq!(node.error("getblockhash", json!([])).await, -3);
    assert_eq!(node.error("getrawtransaction", json!(["short"])).await, -8);
    assert_eq!(node.error("getrawmempool", json!([true])).await, -8);
    assert_eq!(
        node.error("getblockhash", json!({ "height": 1 })).await,
        -32_600
    );
}

#[tokio::test]
async fn fees_are_known_at_once() {
    let chain = Chain::start().await;
    let node = Rpc::of(&chain);
    let estimate = node
        .result("estimatesmartfee", json!([6, "ECONOMICAL"]))
        .await;
    assert_eq!(estimate["feerate"], 0.000_02);
    let pool = node.result("getmempoolinfo", json!([])).await;
    assert_eq!(pool["mempoolminfee"], 0.000_01);
    assert_eq!(pool["size"], 0);
}

#[tokio::test]
async fn answers_nobody_without_its_password() {
    let chain = Chain::start().await;
    let mut stranger = Rpc::of(&chain);
    stranger.password = "of another process".to_owned();
    let answer = stranger.ask("getblockchaininfo", &json!([])).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.bytes().await.expect("a body").len(), 0);
}

#[tokio::test]
async fn ends_with_its_value() {
    let chain = Chain::start().await;
    let address = chain.access().address;
    let node = Rpc::of(&chain);
    node.result("getblockchaininfo", json!([])).await;

    drop(chain);
    // The port is closed as soon as the runtime has dropped the task.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let url = format!("http://{address}");
    assert!(
        node.http.post(url).send().await.is_err(),
        "its connections are closed"
    );
}

/// A client of one chain.
struct Rpc {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
}

impl Rpc {
    fn of(chain: &Chain) -> Self {
        let access = chain.access().clone();
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("an HTTP client"),
            url: format!("http://{}", access.address),
            user: access.user,
            password: access.password,
        }
    }

    async fn ask(&self, method: &str, parameters: &Value) -> reqwest::Response {
        let call = json!({ "method": method, "params": parameters, "id": "7" });
        let request = self.http.post(&self.url).json(&call);
        let request = request.basic_auth(&self.user, Some(&self.password));
        request.send().await.expect("an answer")
    }

    async fn result(&self, method: &str, parameters: Value) -> Value {
        let answer = self.ask(method, &parameters).await;
        assert_eq!(answer.status(), 200, "{method} {parameters}");
        let mut answer: Value = answer.json().await.expect("JSON");
        assert_eq!(
            (&answer["error"], &answer["id"]),
            (&Value::Null, &json!("7"))
        );
        answer["result"].take()
    }

    /// Calls, and returns the number of the error in the answer.
    async fn error(&self, method: &str, parameters: Value) -> i64 {
        let answer = self.ask(method, &parameters).await;
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["result"], Value::Null, "{method} {parameters}");
        let code = answer["error"]["code"].as_i64().expect("a number");
        let expected = match code {
            -32_600 => 400,
            -32_601 => 404,
            _ => 500,
        };
        assert_eq!(status, expected, "{answer}");
        code
    }

    async fn send(&self, transaction: &Transaction) -> Result<String, i64> {
        let parameters = json!([serialize_hex(transaction)]);
        let answer = self.ask("sendrawtransaction", &parameters).await;
        let answer: Value = answer.json().await.expect("JSON");
        match answer["result"].as_str() {
            Some(txid) => Ok(txid.to_owned()),
            None => Err(answer["error"]["code"].as_i64().expect("a number")),
        }
    }

    async fn last_block(&self) -> Block {
        let best = self.result("getblockchaininfo", json!([])).await;
        let block = self
            .result("getblock", json!([best["bestblockhash"], 0]))
            .await;
        deserialize_hex(block.as_str().expect("hex")).expect("a block")
    }

    /// Returns the sum that this address received in the last block.
    async fn coin_of(&self, chain: &Chain, address: &Address) -> OutPoint {
        let block = self.last_block().await;
        assert_eq!(block.bip34_block_height(), Ok(u64::from(chain.height())));
        let gift = &block.txdata[1];
        let script = address.script_pubkey();
        let mut outputs = (0..).zip(&gift.output);
        let (index, output) = outputs
            .find(|(_, output)| output.script_pubkey == script)
            .expect("it was given something");
        assert_eq!(output.value, COIN);
        OutPoint::new(gift.compute_txid(), index)
    }
}

/// An owner of one key.
struct Owner {
    key: SecretKey,
}

impl Owner {
    fn new(number: u8) -> Self {
        let key = SecretKey::from_slice(&[number; 32]).expect("a key");
        Self { key }
    }

    fn public_key(&self) -> CompressedPublicKey {
        CompressedPublicKey(self.key.public_key(&Secp256k1::new()))
    }

    fn address(&self) -> Address {
        Address::p2wpkh(&self.public_key(), Network::Regtest)
    }

    fn taproot(&self) -> Address {
        let secp = Secp256k1::new();
        let (key, _parity) = self.key.x_only_public_key(&secp);
        Address::p2tr(&secp, key, None, Network::Regtest)
    }

    fn spends(&self, coin: OutPoint, to: &Address, value: Amount) -> Transaction {
        self.spends_of(coin, COIN, to, value)
    }

    fn spends_of(&self, coin: OutPoint, of: Amount, to: &Address, value: Amount) -> Transaction {
        self.signs(self.unsigned(coin, to, value), of)
    }

    fn unsigned(&self, coin: OutPoint, to: &Address, value: Amount) -> Transaction {
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: coin,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value,
                script_pubkey: to.script_pubkey(),
            }],
        }
    }

    /// Signs the only input, whose coin of this value is locked to this owner's key.
    fn signs(&self, mut transaction: Transaction, coin: Amount) -> Transaction {
        let script = self.address().script_pubkey();
        let kind = EcdsaSighashType::All;
        let hash = SighashCache::new(&transaction)
            .p2wpkh_signature_hash(0, &script, coin, kind)
            .expect("an input");
        let message = Message::from_digest(hash.to_byte_array());
        let signature = ecdsa::Signature {
            signature: Secp256k1::new().sign_ecdsa(&message, &self.key),
            sighash_type: kind,
        };
        transaction.input[0].witness = Witness::p2wpkh(&signature, &self.public_key().0);
        transaction
    }

    fn spends_taproot(&self, coin: OutPoint, locked: &TxOut) -> Transaction {
        let secp = Secp256k1::new();
        let mut transaction = self.unsigned(coin, &self.address(), locked.value - FEE);
        let hash = SighashCache::new(&transaction)
            .taproot_key_spend_signature_hash(
                0,
                &Prevouts::All(std::slice::from_ref(locked)),
                TapSighashType::Default,
            )
            .expect("an input");
        let pair = Keypair::from_secret_key(&secp, &self.key).tap_tweak(&secp, None);
        let message = Message::from_digest(hash.to_byte_array());
        let signature = secp.sign_schnorr_no_aux_rand(&message, &pair.to_keypair());
        transaction.input[0].witness = Witness::from_slice(&[signature.as_ref()]);
        transaction
    }
}

/// Reads a header as a client of bitcoind puts it together.
fn header(answer: &Value) -> Header {
    let number = |name: &str| {
        let number = answer[name].as_i64().expect("a number");
        u32::try_from(number).expect("32 bits")
    };
    let text = |name: &str| answer[name].as_str().expect("text").to_owned();
    let version = i32::try_from(number("version")).expect("31 bits");
    let previous = answer["previousblockhash"].as_str();
    Header {
        version: BlockVersion::from_consensus(version),
        prev_blockhash: previous
            .map_or_else(BlockHash::all_zeros, |hash| hash.parse().expect("a hash")),
        merkle_root: text("merkleroot").parse().expect("a hash"),
        time: number("time"),
        bits: CompactTarget::from_consensus(u32::from_be_bytes(bytes(&answer["bits"]))),
        nonce: number("nonce"),
    }
}

fn bytes<const N: usize>(hex: &Value) -> [u8; N] {
    let bytes = hex::decode(hex.as_str().expect("hex")).expect("hex");
    bytes.try_into().expect("so many bytes")
}
