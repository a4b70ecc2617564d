//! The program from outside: real processes, each with a home folder of its own, on loopback.

mod budget;
#[cfg(unix)]
mod cln;
mod contract;
mod credential;
mod crowd;
mod curl;
mod cut_short;
mod demo;
mod descriptors;
mod doctor;
mod exchanges;
mod failed_start;
mod get;
mod offers;
mod outgoing;
mod payments;
mod program;
mod receipts;
mod reload;
mod replay;
mod sandbox;
mod secret;
mod seller;
mod selling;
mod stranger;
mod token;
mod tokens;
mod usage;
mod wallet;
mod wallet_mistakes;
mod wallet_names;
mod wallet_pages;
