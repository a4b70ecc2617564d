//! The program from outside: real processes, each with a home folder of its own, on loopback.

mod contract;
mod curl;
mod cut_short;
mod demo;
mod doctor;
mod failed_start;
mod get;
mod outgoing;
mod payments;
mod program;
mod reload;
mod secret;
mod selling;
mod stranger;
mod token;
mod usage;
mod wallet;
