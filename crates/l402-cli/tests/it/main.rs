//! The program from outside: real processes, each with a home folder of its own, on loopback.

#[cfg(all(feature = "mcp", target_os = "linux"))]
mod admin;
mod agents;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod agents_pages;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod approve;
#[cfg(unix)]
mod backup;
mod budget;
mod check_deep;
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
mod examples_in_errors;
mod exchanges;
mod failed_start;
mod get;
mod get_saving;
mod guards;
mod hook;
mod keys;
mod login;
#[cfg(feature = "mcp")]
mod mcp;
#[cfg(feature = "mcp")]
mod mcp_compat;
#[cfg(feature = "mcp")]
mod mcp_hostile;
#[cfg(feature = "mcp")]
mod mcp_session;
#[cfg(feature = "mcp")]
mod mcp_tools;
mod offers;
#[cfg(unix)]
mod operate_page;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod operator;
mod outgoing;
mod packaging;
mod payments;
mod program;
mod proxy;
mod proxy_attacks;
mod quick;
mod receipts;
#[cfg(feature = "registry")]
mod registry;
mod reload;
mod replay;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod restored;
mod resumed;
mod revoke;
mod sales;
mod sandbox;
mod secret;
mod seller;
mod seller_pages;
mod selling;
#[cfg(all(feature = "mcp", target_os = "linux"))]
mod shell_model;
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
mod webhooks;
