//! Runs a registry on a port of this machine, with one service to list, for programs that test its API.
//!
//! `cargo run -p l402-registry --example registry` writes `REGISTRY_URL SERVICE_URL ADMIN_TOKEN` in one line, and
//! ends when its standard input does.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::routing::get;
use l402_host::SystemClock;
use l402_registry::{Own, RegistryConfig, RegistryServer, ServeParts};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let mut config = RegistryConfig::of_home(home.path());
    config.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    // A program that tests submits more than any seller.
    config.limits.submissions_per_hour = 1_000_000;
    let token = config.admin_token_file.clone();
    let parts = ServeParts {
        clock: Arc::new(SystemClock::default()),
        own: Own::default(),
        more_roots: Vec::new(),
    };
    let server = RegistryServer::bind(config, parts).await?;
    let service = service().await?;
    let submitted = server.registry().submit(service.as_str(), None).await?;
    assert_eq!(submitted.listings.len(), 1, "the service is listed");
    let token = std::fs::read_to_string(token)?;
    let address = server.addresses()[0];
    let line = format!("http://{address} {service} {}\n", token.trim());
    std::io::stdout().write_all(line.as_bytes())?;
    std::io::stdout().flush()?;
    server.run(input_ends()).await;
    Ok(())
}

/// Starts a service that asks for money which nobody could pay, and returns its address.
async fn service() -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let challenge = r#"L402 macaroon="AgEEbHNhdA==", invoice="lnbc1""#;
    let answer = move || async move {
        (
            StatusCode::PAYMENT_REQUIRED,
            [(WWW_AUTHENTICATE, challenge)],
        )
    };
    let routes = Router::new().route("/joke", get(answer).post(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}/joke"))
}

/// Waits until nobody writes to standard input any more.
async fn input_ends() {
    let mut rest = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut rest).await;
}
