//! The gateway from outside: real clients, raw sockets, and upstreams made for each test.

mod access_log;
mod answers_to_head;
mod available;
mod config;
mod early_answers;
mod empty_frames;
mod exchange;
mod flood;
mod frames;
mod grpc;
mod harness;
mod hygiene;
mod keys;
mod lifecycle;
mod old_http;
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
