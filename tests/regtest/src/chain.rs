//! A regtest chain in this process, which answers the calls of bitcoind's JSON-RPC that LDK makes.

mod block;
mod mempool;
mod rpc;
mod server;
mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bitcoin::{Address, Amount};

use self::server::Server;
use self::state::State;

/// The number of blocks at the start: ten coinbases can be spent in the next block.
const FIRST_BLOCKS: u32 = 109;

/// The address and login at which a [`Chain`] answers bitcoind's JSON-RPC (HTTP, basic
/// authentication).
#[derive(Clone, Debug)]
pub struct Access {
    /// The address, on loopback.
    pub address: SocketAddr,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// A regtest chain that ends with this value.
///
/// It answers on the runtime that started it, so a test that blocks in a call of a node has to
/// leave a thread of that runtime free (`flavor = "multi_thread"`, or `spawn_blocking`).
#[derive(Debug)]
pub struct Chain {
    access: Access,
    state: Arc<Mutex<State>>,
    _server: Server,
}

impl Chain {
    /// Starts a chain with a few mature blocks.
    ///
    /// # Panics
    /// If no loopback port is free.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::new(seconds_since_1970())));
        lock(&state).mine(FIRST_BLOCKS);
        let (user, password) = ("regtest", "of this process");
        let server = Server::start(user, password, Arc::clone(&state)).await;
        let access = Access {
            address: server.address(),
            user: user.to_owned(),
            password: password.to_owned(),
        };
        Self {
            access,
            state,
            _server: server,
        }
    }

    /// Returns address and login of the JSON-RPC.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Mines `blocks`, the first with everything in the mempool.
    pub fn mine(&self, blocks: u32) {
        lock(&self.state).mine(blocks);
    }

    /// Gives `amount` to each of `addresses` in one confirmed transaction.
    ///
    /// Everything else in the mempool is confirmed with it. Each block makes one more coin of
    /// 50 BTC spendable, and less after the 150th.
    ///
    /// # Panics
    /// If the chain has mined too few coins for that.
    pub fn fund(&self, addresses: &[Address], amount: Amount) {
        let mut state = lock(&self.state);
        let payment = state.payment(addresses, amount);
        state
            .accept(payment)
            .unwrap_or_else(|refusal| panic!("the chain refuses its own payment: {refusal}"));
        state.mine(1);
    }

    /// Returns the height of the last block.
    #[must_use]
    pub fn height(&self) -> u32 {
        lock(&self.state).height()
    }

    /// Returns the number of transactions that wait for a block.
    #[must_use]
    pub fn mempool_len(&self) -> usize {
        lock(&self.state).mempool().len()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state
        .lock()
        .expect("nothing panics while it changes the chain")
}

/// Returns the time at which a chain starts; afterwards it counts on its own.
#[expect(
    clippy::disallowed_methods,
    reason = "nodes compare the times of blocks with the clock of the machine"
)]
fn seconds_since_1970() -> u32 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    let seconds = since.expect("a clock after 1970").as_secs();
    u32::try_from(seconds).expect("a clock before 2106")
}
