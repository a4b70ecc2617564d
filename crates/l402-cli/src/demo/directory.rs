//! A registry beside the demo, and registries that are told of it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use super::play::Beside;
use crate::context::Context;
use crate::error::CliError;
use crate::registry::{self, RegistryClient, Running};
use crate::text::address::http_url;
use crate::text::output::style::{self, paint};
use crate::text::plain::escape;

/// The usual port of a registry.
const USUAL_PORT: u16 = 8406;

/// The flags of the demo that are about registries.
#[derive(Args, Debug)]
pub(crate) struct DirectoryArgs {
    /// Start a registry beside it, on 127.0.0.1:8406 or a free port, and list what the demo sells
    #[arg(long, conflicts_with = "once")]
    registry: bool,

    /// List what the demo sells in the registry at this address. Can be repeated
    #[arg(long, value_name = "URL", value_parser = http_url, conflicts_with = "once")]
    announce: Vec<Url>,
}

/// A registry that runs beside the demo.
pub(crate) struct Directory {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Directory {
    /// Ends the registry, and waits for it.
    pub(crate) async fn end(self) {
        // An error means that it has ended already.
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

impl DirectoryArgs {
    /// Starts the registry if it is asked for, tells every registry of the demo's gateway, and says in the
    /// report what came of it. A registry that cannot be told ends nothing.
    ///
    /// # Errors
    /// If the registry cannot start.
    pub(crate) async fn open(
        &self,
        gateway: SocketAddr,
        beside: &mut Beside,
        context: &Context,
    ) -> Result<Option<Directory>, CliError> {
        let gateway = format!("http://{gateway}/");
        let gateway: Url = gateway.parse().map_err(CliError::internal)?;
        let mut directory = None;
        let mut told = self.announce.clone();
        if self.registry {
            let running = start(context).await?;
            let url: Url = running.url().parse().map_err(CliError::internal)?;
            beside.fields.insert("registry".to_owned(), json!(url));
            directory = Some(serve(running));
            told.insert(0, url);
        }
        let mut outcomes = Vec::new();
        let mut lines = Vec::new();
        // A registry that is not told is only a line of the report: the demo works without it.
        for url in &told {
            let (value, line) = announce(url, &gateway).await;
            outcomes.push(value);
            lines.push(line);
        }
        if !told.is_empty() {
            beside
                .fields
                .insert("announced".to_owned(), json!(outcomes));
            beside.text = Some(text(&lines, context));
        }
        Ok(directory)
    }
}

/// Starts the registry on its usual port, or on a free one if that is taken.
async fn start(context: &Context) -> Result<Running, CliError> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, USUAL_PORT));
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => free,
    };
    match registry::start(registry::of_demo(address, context), context).await {
        // Another program may have bound the port since it was tested.
        Err(_) if address != free => {
            registry::start(registry::of_demo(free, context), context).await
        }
        outcome => outcome,
    }
}

fn serve(running: Running) -> Directory {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(running.run(async {
        // An error means that the demo is gone, and so the end, too.
        let _ = stopped.await;
    }));
    Directory { stop, serving }
}

/// Tells one registry. Returns what came of it, for the report and for people.
async fn announce(registry: &Url, gateway: &Url) -> (Value, String) {
    let outcome = async {
        let client = RegistryClient::open(registry)?;
        registry::announced(&client, gateway).await
    };
    let shown = escape(registry.as_str());
    match outcome.await {
        Ok((document, answer)) => {
            let count = answer["listings"].as_array().map_or(0, Vec::len);
            let line = format!("{count} services of the demo are listed at {shown}");
            let value = json!({ "registry": registry, "document": document, "answer": answer });
            (value, line)
        }
        Err(error) => {
            let line = format!("{shown} was not told: {}", escape(&error.to_string()));
            let value = json!({ "registry": registry, "error": error.to_json() });
            (value, line)
        }
    }
}

fn text(lines: &[String], context: &Context) -> String {
    let Context { program, home, .. } = context;
    let home = home.as_option();
    format!(
        "\n{}\n  {}\n  {program} {home}registry search",
        paint(style::TITLE, "In the registry"),
        lines.join("\n  ")
    )
}
