//! The books of a gateway, compared with its ledger and its node.

use std::future::poll_fn;
use std::time::Duration;

use l402_gateway::Config;
use l402_lightning::{Open, Settlement, SettlementIndex};
use l402_server::books::{Books, BooksError, Counts, Listed, Report, verify as compare};

use super::{StoreArgs, failure};
use crate::context::Context;
use crate::error::CliError;

/// The longest pause of a node that lists its payments.
const PAUSE: Duration = Duration::from_secs(10);

/// Verifies the books. Returns the report, and the names of what could not be compared.
///
/// # Errors
/// If books or ledger cannot be read.
pub(crate) async fn verify(
    stores: &StoreArgs,
    context: &Context,
    tell: impl Fn(&str),
) -> Result<(Report, Vec<String>), CliError> {
    let (_, config) = stores.open(context)?;
    let name = config.node().to_string();
    let node = name.clone();
    let place = stores
        .with_books(context, move |books| place(books, &node))
        .await?;
    let mut left_out = Vec::new();
    let listed = match place {
        // Books that have read nothing of the node yet leave nothing to compare.
        None => None,
        Some(place) => {
            tell("reading the payments of the node ...");
            match list(&config, place, context).await {
                Ok(listed) => Some((place, listed.into_iter())),
                Err(why) => {
                    // Books and ledger can be compared without the node, so this is no error.
                    left_out.push(format!("the node {name}: {why}"));
                    None
                }
            }
        }
    };
    let clock = context.clock.clone();
    let (opened, _) = stores.open(context)?;
    let verified = tokio::task::spawn_blocking(move || {
        // Without it, a gateway could correct the books while they are compared.
        let _alone = opened.lock_books()?;
        let mut counts = opened.counts();
        let mut listed = listed;
        let listed = listed.as_mut().map(|(up_to, settlements)| Listed {
            node: &name,
            up_to: *up_to,
            settlements,
        });
        let counted = match &mut counts {
            Ok(counts) => Some(&mut **counts as &mut dyn Counts),
            Err(_) => None,
        };
        let report = opened.with_books(|books| compare(books, counted, listed, &*clock))?;
        Ok((report, counts.err()))
    });
    let verified = verified.await.map_err(CliError::internal)?;
    let (report, uncounted) = verified.map_err(|error| failure::of_gateway(&error, &[]))?;
    if let Some(error) = uncounted {
        left_out.push(format!("the ledger: {error}"));
    }
    Ok((report, left_out))
}

/// Returns the place up to which the books have read a node.
fn place(books: &dyn Books, node: &str) -> Result<Option<SettlementIndex>, BooksError> {
    let mut place = None;
    books.view(&mut |view| {
        place = view.settlement_index(node)?;
        Ok(())
    })?;
    Ok(place)
}

/// Lists the payments of the configuration's node up to a place. The node is opened for receiving alone.
async fn list(
    config: &Config,
    place: SettlementIndex,
    context: &Context,
) -> Result<Vec<Settlement>, String> {
    let open = Open::new(context.home.path(), context.clock.clone())
        .with_danger_spending_node(config.danger_spending_node());
    let opened = config.node().receiver(open).await;
    let opened = opened.map_err(|error| error.to_string())?;
    let listed = read(&*opened.receive, place).await;
    // Before an error is returned, so that the node is ended in any case.
    opened.lifecycle.shutdown().await;
    listed
}

async fn read(
    node: &dyn l402_lightning::Receive,
    place: SettlementIndex,
) -> Result<Vec<Settlement>, String> {
    let mut listed = Vec::new();
    if place == SettlementIndex::default() {
        return Ok(listed);
    }
    let mut stream = node.settlements(SettlementIndex::default());
    loop {
        let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
        let next = tokio::time::timeout(PAUSE, next).await;
        let next = next.map_err(|_| "it does not list what it has told before".to_owned())?;
        let settlement = next.ok_or("its list has ended early")?;
        let settlement = settlement.map_err(|error| error.to_string())?;
        let is_last = settlement.index >= place;
        listed.push(settlement);
        if is_last {
            return Ok(listed);
        }
    }
}
