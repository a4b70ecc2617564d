//! The calls of bitcoind's JSON-RPC that LDK makes, with answers of the same form.

use std::str::FromStr;

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use serde_json::{Value, json};

use super::mempool::Refusal;
use super::state::{Coin, Placed, State};

/// The fee estimate in BTC per 1,000 virtual bytes, as bitcoind states it: 2 satoshi a byte.
const FEE_RATE: f64 = 0.000_02;
/// The lowest fee, in the same unit: 1 satoshi a byte.
const LEAST_FEE_RATE: f64 = 0.000_01;

/// The error of bitcoind for a call that it cannot answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
}

impl RpcError {
    pub(super) const PARSE: i64 = -32_700;
    pub(super) const REQUEST: i64 = -32_600;
    pub(super) const METHOD: i64 = -32_601;
    const KIND: i64 = -3;
    const UNKNOWN: i64 = -5;
    const PARAMETER: i64 = -8;
    const DECODING: i64 = -22;

    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<Refusal> for RpcError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

/// Answers one call.
///
/// # Errors
/// The errors of bitcoind, with its codes.
pub(super) fn answer(
    state: &mut State,
    method: &str,
    parameters: &[Value],
) -> Result<Value, RpcError> {
    let parameters = Parameters(parameters);
    match method {
        "estimatesmartfee" => Ok(fee_estimate(&parameters)?),
        "getblock" => block(state, &parameters),
        "getblockchaininfo" => Ok(chain_info(state)),
        "getblockhash" => block_hash(state, &parameters),
        "getblockheader" => block_header(state, &parameters),
        "getmempoolentry" => mempool_entry(state, &parameters),
        "getmempoolinfo" => Ok(mempool_info(state)),
        "getrawmempool" => mempool_ids(state, &parameters),
        "getrawtransaction" => raw_transaction(state, &parameters),
        "gettxout" => unspent_output(state, &parameters),
        "sendrawtransaction" => send(state, &parameters),
        _ => Err(RpcError::new(RpcError::METHOD, "Method not found")),
    }
}

fn fee_estimate(parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let blocks = parameters.number(0)?;
    Ok(json!({ "feerate": FEE_RATE, "blocks": blocks }))
}

fn block(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let placed = find(state, parameters)?;
    match parameters.optional(1, Value::as_u64)? {
        Some(0) => Ok(json!(serialize_hex(placed.block))),
        _ => Err(unsupported("getblock answers with verbosity 0 alone")),
    }
}

fn chain_info(state: &State) -> Value {
    let tip = state.tip();
    json!({
        "chain": "regtest",
        "blocks": tip.height,
        "headers": tip.height,
        "bestblockhash": tip.block.block_hash().to_string(),
        "time": tip.block.header.time,
        "mediantime": state.median_time(),
        "verificationprogress": 1.0,
        "initialblockdownload": false,
        "chainwork": hex::encode(tip.work.to_be_bytes()),
        "pruned": false,
    })
}

fn block_hash(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let height = u32::try_from(parameters.number(0)?).ok();
    let placed = height.and_then(|height| state.at(height));
    let placed = placed.ok_or_else(|| unsupported("Block height out of range"))?;
    Ok(json!(placed.block.block_hash().to_string()))
}

fn block_header(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let placed = find(state, parameters)?;
    let header = &placed.block.header;
    if parameters.optional(1, Value::as_bool)? == Some(false) {
        return Ok(json!(serialize_hex(header)));
    }
    let mut answer = header_fields(header, &placed);
    answer["confirmations"] = json!(state.height() - placed.height + 1);
    if let Some(next) = state.at(placed.height + 1) {
        answer["nextblockhash"] = json!(next.block.block_hash().to_string());
    }
    if placed.height > 0 {
        answer["previousblockhash"] = json!(header.prev_blockhash.to_string());
    }
    Ok(answer)
}

fn header_fields(header: &Header, placed: &Placed<'_>) -> Value {
    json!({
        "hash": header.block_hash().to_string(),
        "height": placed.height,
        "version": header.version.to_consensus(),
        "merkleroot": header.merkle_root.to_string(),
        "time": header.time,
        "nonce": header.nonce,
        "bits": format!("{:08x}", header.bits.to_consensus()),
        "chainwork": hex::encode(placed.work.to_be_bytes()),
        "nTx": placed.block.txdata.len(),
    })
}

fn mempool_entry(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let txid: Txid = parameters.parsed(0)?;
    let entry = state.mempool().entry(&txid);
    let entry = entry.ok_or_else(|| unknown("Transaction not in mempool"))?;
    Ok(json!({
        "vsize": entry.transaction.vsize(),
        "weight": entry.transaction.weight().to_wu(),
        "time": entry.time,
        "height": entry.height,
        "wtxid": entry.transaction.compute_wtxid().to_string(),
    }))
}

fn mempool_info(state: &State) -> Value {
    let entries = state.mempool().iter();
    let bytes: usize = entries.map(|entry| entry.transaction.vsize()).sum();
    json!({
        "loaded": true,
        "size": state.mempool().len(),
        "bytes": bytes,
        "mempoolminfee": LEAST_FEE_RATE,
        "minrelaytxfee": LEAST_FEE_RATE,
    })
}

fn mempool_ids(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    if parameters.optional(0, Value::as_bool)? == Some(true) {
        return Err(unsupported(
            "getrawmempool answers with verbose false alone",
        ));
    }
    let entries = state.mempool().iter();
    let ids: Vec<String> = entries.map(|entry| entry.txid.to_string()).collect();
    Ok(json!(ids))
}

fn raw_transaction(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let txid: Txid = parameters.parsed(0)?;
    let transaction = state.transaction(&txid);
    let transaction =
        transaction.ok_or_else(|| unknown("No such mempool or blockchain transaction"))?;
    match parameters.0.get(1) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(json!(serialize_hex(transaction))),
        Some(number) if number.as_u64() == Some(0) => Ok(json!(serialize_hex(transaction))),
        Some(_) => Err(unsupported(
            "getrawtransaction answers with verbosity 0 alone",
        )),
    }
}

fn unspent_output(state: &State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let index = u32::try_from(parameters.number(1)?);
    let index = index.map_err(|_| unsupported("the index is no index of an output"))?;
    let point = OutPoint::new(parameters.parsed(0)?, index);
    let with_mempool = parameters.optional(2, Value::as_bool)?.unwrap_or(true);
    let coin = if with_mempool {
        state.available(&point).ok()
    } else {
        state.coin(&point).cloned()
    };
    Ok(coin.map_or(Value::Null, |coin| coin_fields(state, &coin)))
}

fn coin_fields(state: &State, coin: &Coin) -> Value {
    json!({
        "bestblock": state.tip().block.block_hash().to_string(),
        "confirmations": (state.height() + 1).saturating_sub(coin.height),
        "value": coin.output.value.to_btc(),
        "scriptPubKey": { "hex": coin.output.script_pubkey.to_hex_string() },
        "coinbase": coin.coinbase,
    })
}

fn send(state: &mut State, parameters: &Parameters<'_>) -> Result<Value, RpcError> {
    let transaction: Transaction = deserialize_hex(parameters.text(0)?)
        .map_err(|_| RpcError::new(RpcError::DECODING, "TX decode failed"))?;
    Ok(json!(state.accept(transaction)?.to_string()))
}

fn find<'a>(state: &'a State, parameters: &Parameters<'_>) -> Result<Placed<'a>, RpcError> {
    let hash: BlockHash = parameters.parsed(0)?;
    state.block(&hash).ok_or_else(|| unknown("Block not found"))
}

fn unknown(message: &str) -> RpcError {
    RpcError::new(RpcError::UNKNOWN, message)
}

fn unsupported(message: &str) -> RpcError {
    RpcError::new(RpcError::PARAMETER, message)
}

/// The parameters of a call, by position.
struct Parameters<'a>(&'a [Value]);

impl<'a> Parameters<'a> {
    fn text(&self, index: usize) -> Result<&'a str, RpcError> {
        self.needed(index, Value::as_str)
    }

    fn number(&self, index: usize) -> Result<u64, RpcError> {
        self.needed(index, Value::as_u64)
    }

    /// Reads a text that is one of these.
    fn parsed<T: FromStr>(&self, index: usize) -> Result<T, RpcError> {
        let text = self.text(index)?;
        let message = || unsupported(&format!("parameter {index} must be a hash"));
        text.parse().map_err(|_| message())
    }

    fn needed<T>(&self, index: usize, read: fn(&'a Value) -> Option<T>) -> Result<T, RpcError> {
        let value = self.optional(index, read)?;
        value.ok_or_else(|| Self::wrong_kind(index))
    }

    fn optional<T>(
        &self,
        index: usize,
        read: fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, RpcError> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| Self::wrong_kind(index)),
        }
    }

    fn wrong_kind(index: usize) -> RpcError {
        let message = format!("parameter {index} is missing or of another kind");
        RpcError::new(RpcError::KIND, message)
    }
}
