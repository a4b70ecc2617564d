//! A call of Core Lightning, over whichever of the two transports is configured.

use core::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::rest_api::ClnRest;
use super::socket::Socket;
use super::wire::Info;
use crate::Error;
use crate::transport::{Failure, Transport};

/// The time limit of a call for which a buyer or a seller waits.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The longest time limit of any call, so that no sum of times overflows.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A method of Core Lightning, written as its path at clnrest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method(pub(super) &'static str);

impl Method {
    /// Returns the name alone, as the socket takes it.
    pub(super) fn name(self) -> &'static str {
        self.0.trim_start_matches("/v1/")
    }
}

/// The way to one node. `Debug` does not show the rune.
#[derive(Debug)]
pub(super) enum Rpc {
    Rest(Transport<ClnRest>),
    Socket(Socket),
}

impl Rpc {
    /// Calls a method with parameters by name, and waits for its answer up to the time limit.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        params: Value,
        time_limit: Duration,
    ) -> Result<T, Failure> {
        let time_limit = time_limit.min(LONGEST);
        match self {
            Self::Rest(rest) => rest.post(method.0, &params).within(time_limit).json().await,
            Self::Socket(socket) => socket.call(method.name(), params, time_limit).await,
        }
    }

    /// Asks the node for its identity and its network.
    pub(super) async fn info(&self) -> Result<Info, Error> {
        let answer = self.call(Method("/v1/getinfo"), json!({}), TIME_LIMIT);
        Ok(answer.await?)
    }
}
