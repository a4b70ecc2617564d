//! The gateway from outside: real clients, raw sockets, and upstreams made for each test.

mod config;
mod exchange;
mod flood;
mod grpc;
mod harness;
mod hygiene;
mod lifecycle;
mod paid;
mod proof_cache;
mod proxy;
mod reload;
mod smuggling;
mod steering;
mod streams;
mod tls;
mod upstream;
