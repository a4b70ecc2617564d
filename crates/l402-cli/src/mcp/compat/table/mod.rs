//! The tools of other wallets, a table for each wallet and a row for each tool.

mod alby;
mod lightning_enable;
mod lightning_wallet;
mod lnget;
mod phrases;
mod rows;
