//! The start, use, stop and restart of one lnd.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::{Address, Network};
use l402_lightning::{LndNode, Node};
use serde_json::{Value, json};

use crate::chain::Access;
use crate::{Program, built, free_port, http, until};

/// An lnd with a wallet and ports of its own, which survive a restart.
#[derive(Debug)]
pub struct Lnd {
    name: &'static str,
    folder: PathBuf,
    options: Vec<String>,
    peer_port: u16,
    rpc_port: u16,
    rest_port: u16,
    http: reqwest::Client,
    program: Option<Program>,
}

impl Lnd {
    pub(crate) async fn start(name: &'static str, folder: &Path, chain: Access) -> Self {
        let (peer_port, rpc_port, rest_port) = (free_port(), free_port(), free_port());
        let lnd_folder = folder.join(name);
        let mut options = chain.options();
        options.extend([
            format!("--lnddir={}", lnd_folder.display()),
            format!("--alias={name}"),
            format!("--listen=127.0.0.1:{peer_port}"),
            format!("--rpclisten=127.0.0.1:{rpc_port}"),
            format!("--restlisten=127.0.0.1:{rest_port}"),
        ]);
        // No seed to write down, no peers of the real network, and short timers: a channel is ready
        // within seconds.
        let quick = "--noseedbackup --nobootstrap --bitcoin.defaultchanconfs=1 \
                     --trickledelay=50 --gossip.sub-batch-delay=5ms --maxbackoff=1s";
        options.extend(quick.split_whitespace().map(str::to_owned));
        let mut lnd = Self {
            name,
            folder: lnd_folder,
            options,
            peer_port,
            rpc_port,
            rest_port,
            http: http(),
            program: None,
        };
        lnd.resume().await;
        lnd
    }

    /// Returns the node as configuration and command line name it, with the macaroon of this name.
    #[must_use]
    pub fn node(&self, macaroon: &str) -> Node {
        Node::Lnd(LndNode {
            address: format!("127.0.0.1:{}", self.rest_port),
            tls_cert: Some(self.tls_cert()),
            macaroon: self.macaroon(macaroon),
            network: None,
            proxy: None,
        })
    }

    /// Makes a macaroon for the calls that this `lncli bakemacaroon` names, and saves it to a file as lnd
    /// answers it: in hexadecimal.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub async fn bake(&self, command: &str, file: &Path) {
        let calls = command.split(" uri:").skip(1);
        let permissions: Vec<_> = calls
            .map(|call| json!({ "entity": "uri", "action": call }))
            .collect();
        let body = json!({ "permissions": permissions });
        let made = self.post("/v1/macaroon", &body).await;
        let hex = made["macaroon"].as_str().expect("a macaroon");
        std::fs::write(file, hex).expect("a file can be written");
    }

    /// Returns an invoice whose payment lnd holds until it is told the preimage, or to give it back.
    ///
    /// # Panics
    /// If lnd answers something else.
    pub async fn hold_invoice(&self, hash: &[u8; 32], sat: u64) -> String {
        let body = json!({ "hash": STANDARD.encode(hash), "value": sat, "expiry": 600 });
        let made = self.post("/v2/invoices/hodl", &body).await;
        let bolt11 = made["payment_request"].as_str().expect("an invoice");
        bolt11.to_owned()
    }

    /// Takes the payment that it holds for this preimage.
    pub async fn settle(&self, preimage: &[u8; 32]) {
        let body = json!({ "preimage": STANDARD.encode(preimage) });
        self.post("/v2/invoices/settle", &body).await;
    }

    /// Gives the payment back that it holds for this payment hash.
    pub async fn give_back(&self, hash: &[u8; 32]) {
        let body = json!({ "payment_hash": STANDARD.encode(hash) });
        self.post("/v2/invoices/cancel", &body).await;
    }

    /// Returns the address of its gRPC interface, for programs that use gRPC.
    pub(crate) fn rpc_address(&self) -> String {
        format!("127.0.0.1:{}", self.rpc_port)
    }

    pub(crate) fn tls_cert(&self) -> PathBuf {
        self.folder.join("tls.cert")
    }

    /// Returns the folder of its macaroons.
    pub(crate) fn macaroons(&self) -> PathBuf {
        self.folder.join("data/chain/bitcoin/regtest")
    }

    /// Stops lnd in order and waits for the end.
    pub async fn stop(&mut self) {
        if let Some(program) = self.program.take() {
            program.end().await;
        }
    }

    /// Starts lnd again, and waits until it knows the chain.
    ///
    /// # Panics
    /// If lnd ends at once, or takes longer than a minute.
    pub async fn resume(&mut self) {
        assert!(self.program.is_none(), "{} runs already", self.name);
        let mut command = Command::new(program());
        command.args(&self.options);
        let home = self.folder.parent().expect("it lies in the test's folder");
        let mut program = Program::start(self.name, home, command);
        until("lnd knows the chain", async || {
            program.must_run();
            let info = self.get("/v1/getinfo").await?;
            (info["synced_to_chain"] == true).then_some(())
        })
        .await;
        self.program = Some(program);
    }

    pub(crate) fn ask_to_end(&self) {
        if let Some(program) = &self.program {
            program.ask_to_end();
        }
    }

    /// Returns an address of its on-chain wallet.
    pub(crate) async fn address(&self) -> Address {
        let text = until("lnd gives an address", async || {
            let answer = self.get("/v1/newaddress").await?;
            answer["address"].as_str().map(str::to_owned)
        });
        let address = Address::from_str(&text.await).expect("an address");
        address
            .require_network(Network::Regtest)
            .expect("of regtest")
    }

    /// Waits for confirmed coins.
    pub(crate) async fn has_coins(&self) {
        until("lnd has coins", async || {
            let synced = self.get("/v1/getinfo").await?["synced_to_chain"] == true;
            let balance = self.get("/v1/balance/blockchain").await?;
            (synced && balance["confirmed_balance"] != "0").then_some(())
        })
        .await;
    }

    /// Waits for a channel that is active and whose fees are known in both directions; without them
    /// there is no route through it.
    pub(crate) async fn has_channel(&self) {
        until("the channel is active", async || {
            let answer = self.get("/v1/channels?active_only=true").await?;
            let channel = answer["channels"].get(0)?["chan_id"].as_str()?;
            let edge = self.get(&format!("/v1/graph/edge/{channel}")).await?;
            let known = edge["node1_policy"].is_object() && edge["node2_policy"].is_object();
            known.then_some(())
        })
        .await;
    }

    /// Returns its public key, and the address for its peers.
    pub(crate) async fn peer(&self) -> (String, String) {
        let info = self.get("/v1/getinfo").await.expect("it runs");
        let key = info["identity_pubkey"].as_str().expect("a public key");
        (key.to_owned(), format!("127.0.0.1:{}", self.peer_port))
    }

    /// Posts to its REST interface.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        until(path, async || {
            self.send(self.http.post(self.url(path)).json(body)).await
        })
        .await
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.send(self.http.get(self.url(path))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Option<Value> {
        let macaroon = std::fs::read(self.macaroon("admin")).ok()?;
        let request = request.header("grpc-metadata-macaroon", hex::encode(macaroon));
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        answer.json().await.ok()
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.rest_port)
    }

    fn macaroon(&self, name: &str) -> PathBuf {
        self.macaroons().join(format!("{name}.macaroon"))
    }
}

/// Returns the path of lnd: the version that CI runs, or another that `tests/interop/build.sh` builds.
#[expect(
    clippy::disallowed_methods,
    reason = "the version is chosen from outside"
)]
fn program() -> PathBuf {
    let chosen = std::env::var("L402_INTEROP_LND");
    built(chosen.as_deref().unwrap_or("lnd"))
}
