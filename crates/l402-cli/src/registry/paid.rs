//! The wallet of a registry: `[paid]` of its configuration, and the client that buys what is listed.

use std::time::Duration;

use l402::Msat;
use l402_client::{BudgetName, Client, Journal, Limits};
use l402_lightning::Node;
use l402_registry::{PaidProber, RegistryConfig, RegistryServer};
use toml::{Table, Value};
use url::Url;

use crate::buyer::{ClientConfig, own_addresses, with_hook, with_wallet};
use crate::context::Context;
use crate::error::CliError;
use crate::outgoing;

/// The longest time for one payment.
const PAYMENT_TIME: Duration = Duration::from_secs(60);

/// The longest time for the head of a paid answer.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// The keys of `[paid]`.
const KEYS: &str = "wallet, max_price, per_day, budget";

/// `[paid]`: what the registry buys with, and how much at most.
#[derive(Clone, Debug)]
pub(super) struct PaidProbes {
    wallet: Node,
    /// The most that one purchase may cost, fee included.
    max_price: Msat,
    /// The most in 24 hours, fees included.
    per_day: Msat,
    /// The budget of `l402 budget`; `default` without one.
    budget: BudgetName,
}

/// Reads the table.
///
/// # Errors
/// The first mistake, with its key and the fix.
pub(super) fn read(table: &Table) -> Result<PaidProbes, String> {
    let (mut wallet, mut max_price, mut per_day, mut budget) = (None, None, None, None);
    for (key, value) in table {
        let text = text(key, value)?;
        match &**key {
            "wallet" => wallet = Some(parsed("paid.wallet", text)?),
            "max_price" => max_price = Some(parsed("paid.max_price", text)?),
            "per_day" => per_day = Some(parsed("paid.per_day", text)?),
            "budget" => budget = Some(parsed("paid.budget", text)?),
            _ => {
                return Err(format!(
                    "paid.{key}: there is no such key; there are {KEYS}"
                ));
            }
        }
    }
    // The limits have no default: a registry buys without a person, so its keeper sets them.
    match (wallet, max_price, per_day) {
        (Some(wallet), Some(max_price), Some(per_day)) => Ok(PaidProbes {
            wallet,
            max_price,
            per_day,
            budget: budget.unwrap_or_default(),
        }),
        _ => Err(
            "paid: write wallet, max_price and per_day, such as \"main\", \"100 sat\" and \
                  \"2000 sat\""
                .to_owned(),
        ),
    }
}

fn text<'a>(key: &str, value: &'a Value) -> Result<&'a str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("paid.{key}: write a text in quotation marks"))
}

/// The value is not repeated: a wallet may hold a secret.
pub(super) fn parsed<T>(key: &str, text: &str) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error| format!("{key}: {error}"))
}

/// Opens the wallet, and returns the prober that buys: within the budget, with the journal of this home, and
/// only at addresses that the registry may probe.
///
/// # Errors
/// If journal, hook or wallet cannot be used.
pub(super) async fn prober(
    paid: &PaidProbes,
    config: &RegistryConfig,
    server: &RegistryServer,
    context: &Context,
) -> Result<PaidProber, CliError> {
    let settings = ClientConfig::read(context)?;
    let journal = Journal::open(&context.home.client()?)?;
    // A budget that is not there is a mistake of the configuration, and no reason to spend from another.
    journal.budget(&paid.budget)?;
    let limits = Limits::default()
        .with_ceiling(&settings.limits)
        .with_per_request(paid.max_price)
        .with_per_day(paid.per_day);
    let any = Url::parse("https://localhost").map_err(CliError::internal)?;
    let here = config
        .is_loopback()
        .then_some(["localhost", "127.0.0.0/8", "::1"]);
    let here = here.into_iter().flatten().filter_map(|it| it.parse().ok());
    let allowed = config.allow_addresses.iter().map(|it| it.address.clone());
    // The registry's own ports as well: a redirect must not lead back to it.
    let listeners = server.addresses().iter();
    let listeners = listeners.map(|it| (it.ip().to_string(), it.port()));
    let own = own_addresses(Some(&paid.wallet), context).into_iter();
    let own = own.chain(listeners);
    let client = Client::builder(journal)
        .limits(limits)
        .budget(paid.budget.clone())
        .outgoing(outgoing::to(&any, true)?)
        .clock(context.clock.clone())
        .timeout(ANSWER_TIME)
        .payment_deadline(PAYMENT_TIME)
        .allow_addresses(allowed.chain(here))
        .own_addresses(own);
    let client = with_hook(client, &settings, |url| outgoing::to(url, false))?;
    let client = with_wallet(client, Some(&paid.wallet), context).await?;
    let clock = context.clock.clone();
    Ok(PaidProber::new(client, server.registry().fetcher(), clock)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_given_with_its_budget_or_not_at_all() {
        let table = |text: &str| read(&text.parse().unwrap());
        let whole = "wallet = \"sandbox\"\nmax_price = \"100 sat\"\nper_day = \"2000 sat\"\n";
        let paid = table(whole).unwrap();
        assert_eq!(paid.max_price, Msat::from_sat(100));
        assert!(paid.budget.is_default());
        for (text, told) in [
            (
                "wallet = \"sandbox\"",
                "write wallet, max_price and per_day",
            ),
            ("max_price = 5", "paid.max_price: write a text"),
            ("per_day = \"5\"", "paid.per_day: "),
            ("each = \"5 sat\"", "paid.each: there is no such key"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
