//! The client against servers that are honest, broken and hostile, with the sandbox as Lightning.

mod invoice;
mod journal;
mod paying;
mod racing;
mod redirecting;
mod refusing;
mod resuming;
mod secrecy;
mod shop;
mod world;
