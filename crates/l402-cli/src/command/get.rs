//! `l402 get`: one request, paid for within the limits.

use clap::Args;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::get::{GetArgs, fetch};

/// Fetch a URL, as curl does, and pay what it asks
///
/// The body, and nothing else, goes to stdout; progress and hints go to stderr. Nothing is paid
/// without --wallet (or a default that `l402 wallet use` has set), beyond the limits, or for a
/// challenge that does not hold together. No request is paid twice: what was paid and not
/// answered is used by the next run.
#[derive(Args, Debug)]
// Of a flag that is given twice the last one counts, as with curl.
#[command(args_override_self = true)]
// The URL may stand in a flag, and still there must be one.
#[command(override_usage = "l402 get [OPTIONS] <URL>")]
#[command(after_help = "\
The flags mean what they mean to curl, so --json takes the data to send;
`docs/curl.md` lists them. Variables of -w, written %{name}:
http_code, url_effective, size_download, content_type, l402_price_msat,
l402_paid_msat, l402_payment_hash.

Certificates and proxies are those that curl takes: the system's store beside
those that are built in, or SSL_CERT_FILE; http_proxy, https_proxy, all_proxy,
no_proxy. What is on this machine is never asked through a proxy.

Examples:
  l402 get http://127.0.0.1:8402/api/l402/joke --dry-run      ask the price
  l402 get http://127.0.0.1:8402/api/l402/joke --wallet sandbox
  l402 get URL --wallet sandbox --max-price \"20 sat\" -o answer.json
  l402 get URL --wallet sandbox --json '{\"q\":\"why\"}' --receipt receipt.json
  l402 get URL --wallet sandbox -sw '%{http_code} %{l402_paid_msat}\\n'
  l402 get -O --retry 3 --max-filesize 50M https://HOST/file --wallet sandbox
  l402 get -v -x socks5h://127.0.0.1:9050 http://ADDRESS.onion/ --dry-run
  l402 wallet add alby; l402 get URL --wallet alby
  export L402_WALLET='lnd://HOST:8080?tls_cert=tls.cert&macaroon=pay.macaroon'")]
pub(crate) struct Get {
    #[command(flatten)]
    args: GetArgs,
}

impl Get {
    /// Returns true if an error is written to stderr as JSON.
    pub(crate) fn has_json_errors(&self) -> bool {
        self.args.has_json_errors()
    }

    /// Returns true if only errors about money are to be shown.
    pub(crate) const fn is_silent(&self) -> bool {
        self.args.is_silent()
    }

    pub(crate) async fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        fetch(&self.args, context).await
    }
}
