//! The selling side of the program: a gateway, the node that it is paid by, and its file.
//!
//! `serving` starts and stops gateway and node, and `failure` says with which exit status a start
//! fails. While the gateway serves, `reload` takes over what its file says anew: asked by SIGHUP,
//! or because `watch` saw the file or a certificate change. `stores` opens the gateway's stores for other
//! commands, and `verify` compares its books with ledger and node. `admin_note` says in the home where it listens
//! for operators.
//!
//! ```text
//!   SIGHUP ──────────────────────────────▶ read the file ──▶ sound ──▶ Gateway::reload
//!   once a second: mtime, size ─▶ watch ──▶       │
//!                                (500 ms quiet)   └──▶ mistakes ──▶ log; the old one goes on
//! ```

mod admin_note;
mod failure;
mod program;
mod reload;
mod serving;
mod stores;
mod verify;
mod watch;

pub(crate) use admin_note::noted_places;
pub(crate) use failure::{of_configuration, of_gateway};
pub(crate) use reload::ConfigFile;
pub(crate) use serving::{Serving, start};
pub(crate) use stores::StoreArgs;
pub(crate) use verify::verify;
