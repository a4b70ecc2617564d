//! `l402 proxy`: a proxy that pays for programs with a client of their own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use l402_client::{AllowedAddress, Client, Journal};
use l402_host::ListenAddress;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::access_token::AccessToken;
use crate::buyer::{ClientConfig, SpendingArgs, own_addresses, with_wallet};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::get::parse_url;
use crate::outgoing;
use crate::port;
use crate::proxy::{Mode, Teller, serve};
use crate::signal::Stop;
use crate::text::output::OutputArgs;
use crate::text::span::duration;

/// Pay for another program: a proxy between it and what it asks for
///
/// With --to, the proxy stands for one server: the program takes the proxy's address for the
/// server's. Without it, it is a forward proxy for plain HTTP; an encrypted tunnel (CONNECT)
/// passes through untouched, and nothing can be paid in it.
///
/// It pays what is asked within the limits, without a question, from the same journal as
/// `l402 get`: a token that was bought is used until it ends. Over a limit, the program gets the
/// server's 402 unchanged, with a header L402-Refused that says why. Redirects are the program's
/// to follow. Each payment is a line on stderr.
///
/// Whoever reaches it spends your money. It listens on this machine only, unless --listen and
/// --token-file are given, and on Linux it serves the user who runs it and nobody else. On other
/// systems every user of the machine can ask it: use --token-file there.
#[derive(Args, Debug)]
#[command(after_help = "\
With --token-file every request shows the token: as Proxy-Authorization
(Bearer, or Basic with any name and the token as password), or to a proxy with
--to also as L402-Proxy-Token. It is never passed on.

Examples:
  l402 proxy --wallet sandbox                     for programs that know proxies
  curl -x http://127.0.0.1:8408 http://127.0.0.1:8402/api/l402/joke
  http_proxy=http://127.0.0.1:8408 git clone http://git.example/code.git

  l402 proxy http://127.0.0.1:9000 --to https://api.example --wallet alby
  curl http://127.0.0.1:9000/v1/models
  OPENAI_BASE_URL=http://127.0.0.1:9000/v1 python3 chat.py
  git clone http://127.0.0.1:9000/code.git

  l402 proxy --token-file proxy.token             makes a missing file
  curl -x http://127.0.0.1:8408 -U \"me:$(cat proxy.token)\" http://shop.example
  l402 proxy --listen 0.0.0.0:9000 --to https://api.example --token-file FILE
  curl -H \"L402-Proxy-Token: $(cat FILE)\" http://10.0.0.2:9000/v1/models")]
pub(crate) struct Proxy {
    /// Where it listens, on this machine [default: http://127.0.0.1:8408]
    #[arg(value_name = "ADDR", value_parser = listen_address)]
    address: Option<ListenAddress>,

    /// Stand for this server: a path that is asked for here is appended to it
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// Listen at any address, in place of ADDR; needs --token-file
    #[arg(
        long,
        value_name = "ADDR",
        conflicts_with = "address",
        requires = "token_file"
    )]
    listen: Option<ListenAddress>,

    /// Serve only those who show the token in this file; a missing file is made, with a random one
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Another name of this proxy, for the Host of requests; needs --token-file. Can be repeated
    #[arg(long, value_name = "NAME[:PORT]", requires_all = ["to", "token_file"])]
    host: Vec<String>,

    #[command(flatten)]
    spending: SpendingArgs,

    /// How long the wallet may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    payment_timeout: Duration,

    /// How long the server may take to begin its answer
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    answer_timeout: Duration,

    /// Reach this host or network although it is private: a name leads to no other. Can be repeated
    #[arg(long, value_name = "HOST|NETWORK")]
    allow_address: Vec<AllowedAddress>,

    /// Pay over plain HTTP to other machines: who listens can use what was bought
    #[arg(long)]
    danger_plain_http: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Where it listens unless it is told otherwise.
const USUAL_ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 8408);

impl Proxy {
    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let mode = self.mode()?;
        let token = match &self.token_file {
            Some(file) => Some((AccessToken::of_file(file, "--token-file")?, file)),
            None => None,
        };
        // Before a port is bound, as every configuration.
        let config = ClientConfig::read(context)?;
        let (listener, address) = self.bind().await?;
        let client = self.client(&config, address, context).await?;
        // Before the address is printed: a script that has read it may send a signal at once.
        let stop = Stop::listen()?;
        let told = token.as_ref().filter(|((_, is_new), _)| *is_new);
        let told = told.map(|(_, file)| format!("a new token is in {}", file.display()));
        let proxy = crate::proxy::Proxy {
            listener,
            client,
            mode,
            token: token.map(|((token, _), _)| token),
            own_addresses: {
                let (wallet, context) = (self.spending.wallet.clone(), context.clone());
                Arc::new(move || own_addresses(wallet.as_ref(), &context))
            },
        };
        serve(proxy, stop, context, |address| self.report(address, told)).await?;
        Ok(exit_code::OK)
    }

    fn mode(&self) -> Result<Mode, CliError> {
        let Some(to) = &self.to else {
            return Ok(Mode::Forward);
        };
        let target = parse_url(to)?;
        if target.query().is_some() || target.fragment().is_some() {
            let text = "--to has a query or a fragment, and paths are appended to it";
            return Err(
                CliError::usage(text).with_hint("write it without: --to https://api.example/v1")
            );
        }
        if !target.username().is_empty() || target.password().is_some() {
            let text = "--to holds a user or a password, which a command line shows to others";
            return Err(
                CliError::usage(text).with_hint("let the program send its own Authorization")
            );
        }
        Ok(Mode::Reverse {
            target: Box::new(target),
            hosts: self.host.clone(),
        })
    }

    async fn bind(&self) -> Result<(TcpListener, SocketAddr), CliError> {
        let (address, option) = match (self.listen, self.address) {
            (Some(listen), _) => (listen.0, "--listen"),
            (None, given) => (given.map_or(USUAL_ADDRESS.into(), |given| given.0), "ADDR"),
        };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|error| port::cannot_listen(address, &error, option))?;
        let address = listener.local_addr().map_err(CliError::internal)?;
        Ok((listener, address))
    }

    async fn client(
        &self,
        config: &ClientConfig,
        address: SocketAddr,
        context: &Context,
    ) -> Result<Client, CliError> {
        let target = self.to.as_deref().map(parse_url).transpose()?;
        let plain = Url::parse("http://localhost").map_err(CliError::internal)?;
        // A forward proxy may be asked for any URL.
        let mut outgoing = outgoing::to(target.as_ref().unwrap_or(&plain), target.is_none())?;
        if outgoing.leave_out_proxy_at(address) {
            let text = "a variable such as http_proxy names this proxy itself; what it sends goes out \
                        without one";
            self.output.open().tell(text);
        }
        let own = (address.ip().to_string(), address.port());
        // With its own address: a request that leads back to the proxy would go around in a circle.
        let own = own_addresses(self.spending.wallet.as_ref(), context)
            .into_iter()
            .chain([own]);
        let journal = Journal::open(&context.home.client()?)?;
        let (client, _) = self.spending.client(journal, outgoing, config)?;
        let client = client
            .clock(context.clock.clone())
            .progress(Arc::new(Teller::default()))
            .timeout(self.answer_timeout)
            .payment_deadline(self.payment_timeout)
            .keep_answers(config.vault.limits())
            .allow_addresses(self.allow_address.iter().cloned())
            .own_addresses(own)
            .danger_allow_plain_http(self.danger_plain_http);
        let client = with_wallet(client, self.spending.wallet.as_ref(), context).await?;
        Ok(client.build()?)
    }

    /// Prints where the proxy is to be found.
    fn report(&self, address: SocketAddr, new_token: Option<String>) -> Result<(), CliError> {
        let out = self.output.open();
        let url = format!("http://{address}");
        out.machine(&json!({
            "listening": [address.to_string()],
            "url": url,
            "to": self.to,
            "token_file": self.token_file,
        }))?;
        if let Some(new_token) = new_token {
            out.tell(&new_token);
        }
        out.tell(&match &self.to {
            Some(to) => format!("{url} pays at {to}; Ctrl-C ends it"),
            None => format!("proxy on {url}; Ctrl-C ends it"),
        });
        Ok(())
    }
}

/// Reads an address of this machine, as a URL or bare.
fn listen_address(text: &str) -> Result<ListenAddress, String> {
    let bare = text.strip_prefix("http://").unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let address: ListenAddress = bare.parse().map_err(|error| format!("{error}"))?;
    if address.0.ip().to_canonical().is_loopback() {
        return Ok(address);
    }
    Err(
        "not an address of this machine alone, such as 127.0.0.1:8408; --listen takes any, with \
         --token-file"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listener_is_written_as_url_or_address() {
        for text in [
            "http://127.0.0.1:9000",
            "http://localhost:9000/",
            "9000",
            "127.0.0.1:9000",
        ] {
            let read = listen_address(text).map(|it| it.0.to_string());
            assert_eq!(read.as_deref(), Ok("127.0.0.1:9000"), "{text}");
        }
        for text in [
            "http://0.0.0.0:9000",
            "https://127.0.0.1:9000",
            "http://a.example:1",
            "x",
        ] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
