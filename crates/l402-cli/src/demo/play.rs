//! The course of the demo: the sandbox's API, the first purchase, and hints at next commands.

use std::net::SocketAddr;

use l402_lightning::sandbox::{Sandbox, serve_api};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::purchase::buy_a_joke;
use super::upstream::GOODS;
use crate::buyer::open_sandbox;
use crate::context::Context;
use crate::error::CliError;
use crate::signal::Stop;
use crate::text::output::Output;
use crate::text::output::style::{self, paint};

/// The usual address of the sandbox's HTTP API.
const SANDBOX_API: &str = "127.0.0.1:8403";

/// The part of the demo's report that is not about its purchase.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Further fields of the JSON.
    pub(crate) fields: serde_json::Map<String, Value>,
    /// The last words for people.
    pub(crate) text: Option<String>,
    /// The address of the dashboard.
    pub(crate) dashboard: Option<String>,
}

/// Buys one joke at the gateway and shows each step. Unless `once` is set, also serves the sandbox's
/// API, and goes on until Ctrl-C, or until `ended` is there.
pub(crate) async fn play(
    address: SocketAddr,
    once: bool,
    beside: &Beside,
    ended: impl Future<Output = ()>,
    out: Output,
    context: &Context,
) -> Result<(), CliError> {
    let sandbox = open_sandbox(context)?;
    let page = page(address);
    let title = paint(style::TITLE, "a paid API");
    out.tell(&format!(
        "{title} on http://{address}, before an ordinary HTTP service. Play money throughout."
    ));
    if !once {
        out.tell(&format!("In a browser: {page}"));
    }
    out.tell("");
    let api = if once {
        None
    } else {
        Some(offer_api(sandbox.clone()).await?)
    };
    let mut report = buy_a_joke(address, &sandbox, out, context).await?;
    if let Value::Object(fields) = &mut report {
        fields.insert("listening".to_owned(), json!([address.to_string()]));
        fields.insert("page".to_owned(), json!((!once).then_some(page)));
        fields.insert(
            "sandbox_api".to_owned(),
            json!(api.map(|api| format!("http://{api}"))),
        );
        fields.extend(beside.fields.clone());
    }
    // Before the report is printed: a script that has read it may send a signal at once.
    let stop = Stop::listen()?;
    out.machine(&report)?;
    if let Some(api) = api {
        out.tell(&what_next(
            address,
            api,
            beside.dashboard.as_deref(),
            context,
        ));
        if let Some(text) = &beside.text {
            out.tell(text);
        }
        stop.requested_or(ended).await;
        out.tell("stopping (Ctrl-C again stops at once)");
    }
    Ok(())
}

/// Returns the address of a priced page that a person can open.
fn page(address: SocketAddr) -> String {
    format!("http://{address}{}", GOODS[0].path())
}

/// Serves the sandbox's API for as long as the program runs, on its own port or a free one.
async fn offer_api(sandbox: Sandbox) -> Result<SocketAddr, CliError> {
    let listener = match TcpListener::bind(SANDBOX_API).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(CliError::internal)?,
    };
    let address = listener.local_addr().map_err(CliError::internal)?;
    tokio::spawn(async move {
        if let Err(error) = serve_api(sandbox, listener, std::future::pending()).await {
            tracing::warn!(%error, "the sandbox's API ended");
        }
    });
    Ok(address)
}

/// Returns the commands to type next, in another terminal.
fn what_next(
    address: SocketAddr,
    api: SocketAddr,
    dashboard: Option<&str>,
    context: &Context,
) -> String {
    let Context { program, home, .. } = context;
    let home = home.as_option();
    let prices: Vec<String> = GOODS
        .iter()
        .map(|good| {
            format!(
                "  http://{address}{:<20} {:>3} sat",
                good.path(),
                good.price_sat
            )
        })
        .collect();
    // The examples look for the API on its usual port unless they are told.
    let sandbox_at = if api.to_string() == SANDBOX_API {
        String::new()
    } else {
        format!("L402_SANDBOX=http://{api} ")
    };
    let title = |text: &str| paint(style::TITLE, text);
    let watch = dashboard.map_or_else(String::new, |dashboard| {
        let token = context.home.path().join("admin.token");
        let title = title("Watch what is sold");
        format!(
            "\n\n{title}\n  {dashboard} (the token to sign in with is in {})",
            token.display()
        )
    });
    let page = page(address);
    format!(
        "\n{}\n{}\n\n{}\n  {page}\n  copy the invoice that the page shows, and pay it with play money:\n  \
         {program} {home}wallet pay INVOICE --wallet sandbox\n\n{} (in another terminal)\n  \
         {program} {home}get http://{address}/api/l402/joke --dry-run\n  \
         {program} {home}get http://{address}/api/l402/fortune --wallet sandbox\n  \
         curl -i http://{address}/api/l402/quote\n  \
         {program} {home}doctor http://{address}/api/l402/quote\n  \
         {program} {home}payments{watch}\n\n\
         {}\n  cd examples/python && pip install -r requirements.txt && \
         {sandbox_at}python l402_client.py http://{address}/api/l402/joke\n\n\
         {}\n  {program} {home}serve --upstream http://127.0.0.1:3000 --price \"50 sat\" \
         --listen 127.0.0.1:8404\n\n\
         The sandbox's API is http://{api}. Ctrl-C ends the demo.",
        title("For sale"),
        prices.join("\n"),
        title("Buy in a browser"),
        title("Try"),
        title("From another language"),
        title("Sell something of your own"),
    )
}
