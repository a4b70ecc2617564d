//! `serve --check`: what a start would need, looked at without a start.

use std::fmt::Write as _;

use clap::ValueEnum;
use l402_gateway::{Config, Finding, FindingLevel};
use l402_lightning::{Open, Receiver};
use serde_json::{Value, json};

use super::failure;
use super::report::{describe, report_mistakes, table};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code::{self, ExitCode};
use crate::text::output::{self, Output, style};
use crate::text::plain::escape;

/// The depth of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Depth {
    /// The configuration, and the files that it names
    Files,
    /// Also the upstreams, the node, and the authority of certificates
    Deep,
}

/// Checks a configuration that has been read, and prints the result. `name` stands for it in mistakes;
/// `None` for the command line, whose flags are then named.
pub(crate) async fn check(
    config: &Config,
    name: Option<&str>,
    depth: Depth,
    out: Output,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let file = name.unwrap_or("command line");
    let mistakes = config.check_files(file, context.home.path());
    // First, for what is read wrongly would be asked wrongly.
    if !mistakes.is_empty() {
        return report_mistakes(&mistakes, out);
    }
    let mut looks = match depth {
        Depth::Files => Looks::default(),
        Depth::Deep => Looks::at(config, context).await?,
    };
    if name.is_none() {
        looks.name_flags();
    }
    let mut value = sound(config);
    if depth == Depth::Deep
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("ok".to_owned(), json!(looks.exit == exit_code::OK));
        fields.insert("findings".to_owned(), looks.to_json());
    }
    out.result(&value, || looks.text() + &table(config))?;
    if looks.exit != exit_code::OK {
        let text = "not all that a start needs is there";
        let error = CliError::new(looks.exit, "check_failed", text);
        output::tell_error(&error.with_hint("the findings say what, and what helps"));
    }
    Ok(looks.exit)
}

/// Returns a sound configuration, for machines.
fn sound(config: &Config) -> Value {
    let listen: Vec<String> = config.listen().iter().map(ToString::to_string).collect();
    json!({
        "ok": true,
        "errors": [],
        "listen": listen,
        "routes": describe(config),
        "publishes": config.published(),
    })
}

/// The findings of a deep check, and the exit status that follows.
struct Looks {
    findings: Vec<Finding>,
    exit: ExitCode,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            exit: exit_code::OK,
        }
    }
}

impl Looks {
    /// Looks at upstreams, authority and node, all at the same time.
    ///
    /// # Errors
    /// If the home folder cannot be used.
    async fn at(config: &Config, context: &Context) -> Result<Self, CliError> {
        let home = context.home.create()?;
        let open = Open::new(home, context.clock.clone())
            .with_danger_spending_node(config.danger_spending_node());
        let node = async {
            match config.node().receiver(open).await {
                Ok(receiver) => (ask(config, receiver, context).await, None),
                Err(error) => {
                    let error = failure::of_node(config.node(), &error, context);
                    let fix = error.hint().unwrap_or("look at the log of the node");
                    let fault = FindingLevel::Fault;
                    let finding = Finding::new(fault, "node", error.to_string(), fix);
                    (vec![finding], Some(error.exit_code()))
                }
            }
        };
        let (mut findings, authority, (node, failed)) =
            tokio::join!(config.check_upstreams(), config.check_authority(), node);
        if !config.certificate_files().is_empty() {
            let text = "the files of certificates and keys are there, and belong together";
            findings.push(Finding::good("tls", text));
        }
        findings.extend(authority);
        findings.extend(node);
        let has_fault = findings.iter().any(|it| it.level == FindingLevel::Fault);
        let exit = match failed {
            Some(exit) => exit,
            None if has_fault => exit_code::UNAVAILABLE,
            None => exit_code::OK,
        };
        Ok(Self { findings, exit })
    }

    /// Puts the flags in the place of the keys.
    fn name_flags(&mut self) {
        for finding in &mut self.findings {
            let flag = match finding.key.as_str() {
                key if key.ends_with(".upstream") => "--upstream",
                key if key.starts_with("tls.") => "--domain",
                "node" => "--node",
                _ => continue,
            };
            flag.clone_into(&mut finding.key);
        }
    }

    fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({
                "key": finding.key,
                "level": level(finding.level),
                "message": escape(&finding.text),
                "fix": (!finding.fix.is_empty()).then_some(&finding.fix),
            })
        });
        Value::Array(findings.collect())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let (key, what) = (&finding.key, escape(&finding.text));
            let label = level(finding.level);
            let colour = match finding.level {
                FindingLevel::Good => style::GOOD,
                FindingLevel::Warning => style::TITLE,
                FindingLevel::Fault => style::BAD,
            };
            let label = style::paint(colour, &format!("{label:<7}"));
            let _ = writeln!(text, "{label} {key}: {what}");
            if !finding.fix.is_empty() {
                let _ = writeln!(text, "        {}", escape(&finding.fix));
            }
        }
        if self.exit == exit_code::OK {
            text.push_str("ok\n");
        }
        text
    }
}

/// Asks an open node, and ends what it has in this process.
async fn ask(config: &Config, node: Receiver, context: &Context) -> Vec<Finding> {
    let home = context.home.path();
    let resolved = config.node().resolve(home);
    let form = resolved.map_or_else(|_| config.node().form(), |node| node.form());
    let found = config.check_node(&*node.receive, &form).await;
    drop(node.receive);
    node.lifecycle.shutdown().await;
    found
}

const fn level(level: FindingLevel) -> &'static str {
    match level {
        FindingLevel::Good => "ok",
        FindingLevel::Warning => "warning",
        FindingLevel::Fault => "fault",
    }
}
