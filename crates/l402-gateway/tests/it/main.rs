//! The gateway from outside: real clients, raw sockets, and upstreams made for each test.

mod access_log;
mod config;
mod exchange;
mod flood;
mod grpc;
mod harness;
mod hygiene;
mod lifecycle;
mod paid;
mod program_log;
mod proof_cache;
mod proxy;
mod reload;
mod smuggling;
mod stalled;
mod steering;
mod streams;
mod tls;
mod upstream;
