//! reqwest, with a middleware that pays: `middleware URL`.

use l402_client::{PayingMiddleware, Receipt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // It must follow no redirect: a credential belongs to one origin.
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let http = reqwest_middleware::ClientBuilder::new(http)
        .with(PayingMiddleware::new(l402_example_rust::client().await?))
        .build();
    let answer = http.get(l402_example_rust::url()?).send().await?;
    if let Some(receipt) = answer.extensions().get::<Receipt>() {
        eprintln!("paid {}, fee {}", receipt.paid, receipt.fee);
    }
    let status = answer.status();
    let text = answer.text().await?;
    print(&format!("{status}: {text}"))
}

fn print(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
