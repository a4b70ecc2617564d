//! Systems on which no process hands its sockets to another.

use std::convert::Infallible;
use std::net::SocketAddr;

use crate::listen::Bound;
use crate::run::Home;
use crate::run::books::OpenBooks;
use crate::{Config, GatewayError, GatewayErrorKind};

/// A running gateway that hands its sockets over. There is none on this system.
#[derive(Debug)]
pub struct Upgrade(Infallible);

/// The sockets of a running gateway. There are none on this system.
#[derive(Debug)]
pub(in crate::run) struct Inherited(Infallible);

impl Upgrade {
    /// Finds nothing on this system.
    ///
    /// # Errors
    /// [`GatewayErrorKind::Upgrade`], always.
    pub fn find(_config: &Config, _home: &Home) -> Result<Self, GatewayError> {
        let text = "an upgrade needs Linux; stop the running gateway, and start this one";
        Err(GatewayError::new(GatewayErrorKind::Upgrade, text))
    }

    /// The process of the running gateway.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        match self.0 {}
    }

    /// The version of the program that runs.
    #[must_use]
    pub const fn version(&self) -> &str {
        match self.0 {}
    }

    pub(in crate::run) fn receive(self) -> Result<Inherited, GatewayError> {
        match self.0 {}
    }
}

impl Inherited {
    pub(in crate::run) fn take(&mut self, _purpose: &str, _named: SocketAddr) -> Option<Bound> {
        match self.0 {}
    }

    pub(in crate::run) fn finish(self, _books: Option<&OpenBooks>) {
        match self.0 {}
    }
}
