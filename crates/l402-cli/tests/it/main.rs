//! The program from outside: real processes, each with a home folder of its own, on loopback.

#[cfg(all(feature = "mcp", target_os = "linux"))]
mod agents;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod approve;
mod budget;
#[cfg(unix)]
mod cln;
mod contract;
mod cookies;
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
mod get_saving;
mod guards;
mod login;
#[cfg(feature = "mcp")]
mod mcp;
mod mcp_compat;
#[cfg(feature = "mcp")]
mod mcp_tools;
mod offers;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod operator;
mod outgoing;
mod packaging;
mod payments;
mod program;
mod proxy;
mod proxy_attacks;
mod receipts;
mod reload;
mod replay;
mod resumed;
mod sandbox;
mod secret;
mod seller;
mod selling;
mod skill;
mod stranger;
mod token;
mod tokens;
mod transport;
#[cfg(target_os = "linux")]
mod uploading;
mod usage;
mod wallet;
mod wallet_mistakes;
mod wallet_names;
mod wallet_pages;
mod wallet_pay;
