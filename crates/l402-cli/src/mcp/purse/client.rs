//! The client of one call: with the limits, the hosts and the addresses of the agent.

use std::sync::Arc;
use std::time::Duration;

use l402::Msat;
use l402_client::{
    Agent, AllowedAddress, BudgetLimit, BudgetLimits, Client, Error, Limits, Outgoing,
};
use l402_host::Clock;
use l402_lightning::Pay;
use url::Url;

use super::agent::{Purse, no_agent};
use super::progress::CallProgress;
use crate::buyer::{RegistrySettings, own_addresses, with_hook};
use crate::error::CliError;
use crate::mcp::download::Download;
use crate::mcp::registry::on_this_machine;
use crate::outgoing;

/// The most redirects that one call follows.
const REDIRECTS_MAX: usize = 5;

/// The time limit for the head of an answer.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The wishes of one call for its client.
#[derive(Default)]
pub(crate) struct Wish<'a> {
    /// The URL that is asked first; `None` if no URL is.
    pub(crate) url: Option<&'a Url>,
    /// The most that the call may cost. It lowers the limits and raises none.
    pub(crate) max_cost: Option<Msat>,
    /// The wallet. Without one, nothing can be paid.
    pub(crate) wallet: Option<Arc<dyn Pay>>,
    /// Says the last word. Must be there if there is a wallet.
    pub(crate) progress: Option<Arc<CallProgress>>,
}

/// The reason why a call cannot begin. Nothing was asked and nothing was paid.
#[derive(Debug)]
pub(crate) enum NotReady {
    /// The host is none of those of the agent.
    Host(String),
    /// The address may not be asked, or the journal cannot be read.
    Client(Error),
    /// Something of the program's own.
    Program(CliError),
}

impl From<Error> for NotReady {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<CliError> for NotReady {
    fn from(error: CliError) -> Self {
        Self::Program(error)
    }
}

impl Purse {
    /// Returns the client of one call, after it has checked the URL: no request has left before.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub(crate) async fn client(&self, wish: Wish<'_>) -> Result<Client, NotReady> {
        let agent = self.row()?;
        if agent.removed.is_some() {
            // Its payments are refused elsewhere. What it has bought is not for it any more, either.
            return Err(NotReady::Program(no_agent(&self.agent)));
        }
        let way = match wish.url {
            Some(url) if !agent.reaches(url) => {
                return Err(NotReady::Host(
                    url.host_str().unwrap_or_default().to_owned(),
                ));
            }
            Some(url) => outgoing::to(url, true)?,
            None => Outgoing::default(),
        };
        let mut client = Client::builder(self.journal.clone())
            .budget(self.agent.clone())
            .own_purchases_only(true)
            .limits(self.limits(wish.max_cost))
            .outgoing(way)
            .clock(self.context.clock.clone())
            .follow_redirects(true)
            .max_redirects(REDIRECTS_MAX)
            .timeout(ANSWER_TIME)
            .keep_answers(self.config.vault.limits())
            .own_addresses(own_addresses(self.named_wallet(), &self.context))
            .allow_addresses(self.allowed(&agent));
        client = with_hook(client, &self.config, |url| outgoing::to(url, false))?;
        // A wallet without a last word is never handed to a client.
        if let (Some(wallet), Some(progress)) = (wish.wallet, wish.progress) {
            client = client.wallet(wallet).progress(progress);
        }
        // For redirects as well: above, only the first URL was checked.
        if agent.hosts.is_some() {
            client = client.ask_only(move |url| agent.reaches(url));
        }
        let client = client.build()?;
        if let Some(url) = wish.url {
            // A model has written the URL, so no address in it counts as named by a person.
            client.check_address(url, Vec::new(), false).await?;
        }
        Ok(client)
    }

    /// Returns the limits of a call: nothing here raises one that is stored or that holds by default.
    pub(crate) fn limits(&self, max_cost: Option<Msat>) -> Limits {
        let of_call = BudgetLimits::default().with(BudgetLimit::PerRequest, max_cost);
        let limits = Limits::default()
            .with_ceiling(&self.config.limits)
            .with_ceiling(&self.limits_of_run())
            .with_ceiling(&of_call);
        self.max_fee.map_or(limits, |fee| fee.apply(limits))
    }

    /// Returns the clock of the program.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.context.clock)
    }

    /// Returns the way to documents of others that the agent does not fetch itself: lists of registries,
    /// and what stands behind Lightning addresses. Nothing is paid on it, and no credential is sent.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(crate) fn download(&self) -> Result<Download, Error> {
        let client = Client::builder(self.journal.clone());
        let own = own_addresses(self.named_wallet(), &self.context);
        Ok(Download::new(client.build()?, own))
    }

    /// Returns the way to services that a registry lists, for a look at their price: to the addresses of this
    /// agent and no others. Nothing is paid on it, and no credential is sent.
    ///
    /// # Errors
    /// If the journal cannot be read, or TLS cannot be set up.
    pub(crate) fn look(&self) -> Result<(Download, Agent), Error> {
        let agent = self.row()?;
        let client = Client::builder(self.journal.clone()).allow_addresses(self.allowed(&agent));
        let own = own_addresses(self.named_wallet(), &self.context);
        Ok((Download::new(client.build()?, own), agent))
    }

    /// Returns the registries that a person has named, or else the one that runs on this home, if any.
    pub(crate) fn registries(&self) -> Vec<RegistrySettings> {
        let named = &self.config.registries;
        if named.is_empty() {
            return on_this_machine(&self.context).into_iter().collect();
        }
        named.clone()
    }

    /// Returns the private addresses that may be asked: this machine while all money is play money, and
    /// what a person has named as a host of the agent. A rule for all below a name names none of them:
    /// whoever has one may let it lead anywhere.
    fn allowed(&self, agent: &Agent) -> Vec<AllowedAddress> {
        let here = self
            .is_sandbox()
            .then_some(["localhost", "127.0.0.0/8", "::1"]);
        let mut texts: Vec<String> = here.into_iter().flatten().map(str::to_owned).collect();
        let named = agent.hosts.iter().flatten();
        for host in named.filter(|host| !host.starts_with("*.")) {
            // A rule may name a port, and an address with colons stands in brackets.
            let name = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
                _ => host,
            };
            texts.push(name.to_owned());
        }
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use l402_client::BudgetName;

    use super::*;

    // ATTACKS A-07: who has a name below one that a person has named leads nobody into the house.
    #[test]
    fn a_rule_for_many_names_lets_none_of_them_lead_to_a_private_address() {
        let home = tempfile::tempdir().expect("a folder");
        let purse = Purse::for_tests(home.path());
        let mut agent = Agent::new(BudgetName::default(), purse.now());
        let hosts = ["*.example", "printer.lan", "[fd00::1]:8402", "10.1.2.3:80"];
        agent.hosts = Some(hosts.map(str::to_owned).to_vec());
        let allowed = purse.allowed(&agent);
        let named = |text: &str| allowed.contains(&text.parse().expect("an address"));
        for text in ["printer.lan", "fd00::1", "10.1.2.3", "127.0.0.0/8"] {
            assert!(named(text), "{text}");
        }
        for text in ["*.example", "evil.example", "example", "lan"] {
            assert!(!named(text), "{text}");
        }
    }
}
