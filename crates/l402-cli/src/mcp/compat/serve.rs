//! The tools of a profile.

use std::fmt;
use std::sync::Arc;

use l402_host::Clock;
use url::Url;

use super::address::Addresses;
use super::form;
use super::narrow::Narrow;
use super::profile::Profile;
use super::run_limits::RunLimits;
use super::tool::CompatTool;
use crate::error::CliError;
use crate::mcp::download::Download;
use crate::mcp::purse::Purse;
use crate::mcp::tool::{Tool, ToolAnswer};

/// The default tool that stands in every profile, since what was paid and not answered is had by it.
const RESUME: &str = "l402_resume";

/// The things that the tools of a profile need besides the default tools.
#[derive(Clone)]
pub(crate) struct Means {
    /// The way to the services behind Lightning addresses.
    pub(super) download: Download,
    /// The limits of this run.
    pub(super) limits: Arc<dyn Narrow>,
    /// Says whether the agent may ask a URL.
    pub(super) reaches: Arc<dyn Fn(&Url) -> bool + Send + Sync>,
    /// True while all money is play money: then services of this machine are asked, too.
    pub(super) plays_here: bool,
    pub(super) clock: Arc<dyn Clock>,
    /// The purse, whose journal knows the calls of earlier runs and of other programs.
    pub(super) purse: Option<Arc<Purse>>,
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").finish_non_exhaustive()
    }
}

impl Means {
    /// Returns the means of an agent's run, which begins now.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub(crate) fn of(purse: &Arc<Purse>) -> Result<Self, CliError> {
        let row = Arc::clone(purse);
        Ok(Self {
            download: purse.download()?,
            limits: Arc::new(RunLimits::begin(purse)?),
            plays_here: purse.is_sandbox(),
            clock: purse.clock(),
            purse: Some(Arc::clone(purse)),
            // Read anew each time: a person may change the agent meanwhile.
            reaches: Arc::new(move |url| row.row().is_ok_and(|agent| agent.reaches(url))),
        })
    }
}

/// Returns the tools of a profile, in their order, over the default tools.
pub(crate) fn tools(
    profile: Profile,
    defaults: &[Arc<dyn Tool>],
    means: &Means,
) -> Vec<Arc<dyn Tool>> {
    let addresses = Arc::new(Addresses::new(means));
    let rows = profile.rows().iter().map(|row| -> Arc<dyn Tool> {
        Arc::new(CompatTool::new(
            profile,
            row,
            defaults,
            &addresses,
            &means.limits,
        ))
    });
    let resume = defaults.iter().filter(|tool| tool.card().name == RESUME);
    rows.chain(resume.cloned()).collect()
}

/// Returns the answer to a call of a tool that the other wallet has and this profile does not serve; `None`
/// if it has none of that name either.
pub(crate) fn absent(profile: Profile, name: &str) -> Option<ToolAnswer> {
    let why = profile.why_absent(name)?;
    let message = format!("not served here: {why}");
    Some(ToolAnswer {
        structured: form::error_of(profile, &message, None).into(),
        line: message,
        is_error: true,
        parts: Vec::new(),
        waiting: None,
    })
}
