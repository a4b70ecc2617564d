//! The program `l402`, as a library: everything but `main`.
//!
//! This crate holds no protocol and no payment logic. It reads the command line, calls the
//! crates below, and reports the outcome to people and machines. The contract that stays the same
//! between versions is in [`exit_code`].
//!
//! ```text
//!   sell:  serve ─── l402-gateway         buy:  get, proxy, mcp, payments, tokens, budget ─ l402-client
//!   both:  demo                                 wallet, sandbox, doctor ─────────────────── l402-lightning
//!   both:  registry ─ l402-registry (feature `registry`)
//!   none:  token inspect, skill, completions
//! ```
//!
//! Arrows between the files point down:
//!
//! ```text
//!   run usage   from the arguments to the exit status
//!   cli         the command line: one variant per command
//!   command/    one file per command: its flags, its help, the order of its steps
//!   admin/      a client of the listener for operators
//!   mcp/        tools for agents and the server that offers them
//!   agent/      agents, and payments that wait for a person: agent, approve
//!   registry/   the work of `registry`: a client of a registry, and a registry itself
//!   demo/ get/ node/ proxy/ token/ wallet/ budget/ doctor/   the work of the commands of these names
//!   purchases/  the work of payments, tokens, receipts and replay
//!   operator/   the passphrase that is asked before more may be spent
//!   buyer seller                 a wallet and its limits; a gateway on its own threads
//!   note        where a command listens, so that no purchase of this home goes there
//!   context     home folder, clock, and the name that the program was called by
//!   environment home logging     the variables of other programs that name a wallet, state, log
//!   outgoing port                certificates and proxies, a taken port
//!   access_token header owner    who asks a listener: a program, a page, another user
//!   signal terminal              Ctrl-C, typing that is not shown
//!   text/       output for people and for machines
//!   error exit_code              the reason that a command ended
//! ```
//!
//! Features: `sell` and `buy`, both on by default. `mcp` (needs `buy`, on by default): agents and their
//! tools. `registry` (needs `sell` and `buy`, off by default): a directory of paid services. `ldk`: a Lightning
//! node in the program. A build with `sell` alone holds no code that spends.

#[cfg(feature = "buy")]
mod access_token;
#[cfg(feature = "sell")]
mod admin;
#[cfg(feature = "mcp")]
mod agent;
#[cfg(feature = "sell")]
mod backup;
#[cfg(feature = "sell")]
mod books;
#[cfg(feature = "buy")]
mod budget;
#[cfg(feature = "buy")]
mod buyer;
mod cli;
mod command;
#[cfg(any(feature = "buy", feature = "sell"))]
mod confirm;
mod context;
#[cfg(all(feature = "sell", feature = "buy"))]
mod demo;
#[cfg(feature = "buy")]
mod doctor;
mod environment;
mod error;
pub mod exit_code;
#[cfg(feature = "buy")]
mod get;
#[cfg(feature = "buy")]
mod header;
mod home;
#[cfg(feature = "sell")]
mod keys;
mod logging;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(all(feature = "ldk", feature = "buy"))]
mod node;
#[cfg(feature = "buy")]
mod note;
#[cfg(feature = "buy")]
mod operator;
#[cfg(feature = "buy")]
mod outgoing;
#[cfg(feature = "buy")]
mod owner;
mod port;
#[cfg(feature = "buy")]
mod proxy;
#[cfg(feature = "buy")]
mod purchases;
#[cfg(feature = "registry")]
mod registry;
#[cfg(feature = "sell")]
mod revoke;
mod run;
#[cfg(feature = "sell")]
mod seller;
mod signal;
#[cfg(feature = "buy")]
mod terminal;
mod text;
mod token;
mod usage;
#[cfg(feature = "buy")]
mod wallet;
#[cfg(feature = "sell")]
mod webhooks;

pub use cli::{Cli, command_line};
pub use error::CliError;
pub use run::run;
