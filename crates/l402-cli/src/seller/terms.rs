//! The terms of the authority that makes certificates: a person agrees to them once.

use std::path::PathBuf;

use l402_host::private;

use crate::confirm::{confirm, is_person};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::Output;

/// The page that leads to the terms.
const TERMS: &str = "https://letsencrypt.org/repository/";

/// The file in `acme/` of the home folder that is there if somebody has agreed.
const AGREED: &str = "terms-agreed";

/// The names of the command line that a certificate is wanted for, and the agreement to the terms.
pub(crate) struct Domains<'a> {
    names: &'a [String],
    flag: bool,
    /// True if a person can be asked.
    is_person: bool,
    context: &'a Context,
}

impl<'a> Domains<'a> {
    pub(crate) fn new(names: &'a [String], flag: bool, context: &'a Context) -> Self {
        Self {
            names,
            flag,
            is_person: is_person(),
            context,
        }
    }

    /// Returns true if the flag, or an earlier start, agrees. Asks nobody.
    pub(crate) fn has_agreed(&self) -> bool {
        self.flag || self.file().is_file()
    }

    /// Asks a person to agree, unless somebody has. The home remembers a yes. Does nothing without names.
    ///
    /// # Errors
    /// If nobody agrees, or the home cannot remember it.
    pub(crate) async fn agree(&self, out: Output) -> Result<(), CliError> {
        if self.names.is_empty() || self.file().is_file() {
            return Ok(());
        }
        if !self.flag {
            self.ask(out).await?;
        }
        self.remember()
    }

    async fn ask(&self, out: Output) -> Result<(), CliError> {
        let names = self.names.join(", ");
        let missing = CliError::new(
            exit_code::CONFIGURATION,
            "terms_not_agreed",
            format!("the certificate for {names} comes from Let's Encrypt, whose terms nobody has agreed to"),
        )
        .with_hint(format!(
            "read them at {TERMS}, and add --acme-agree; this home remembers it"
        ));
        if !self.is_person {
            return Err(missing);
        }
        out.tell(&format!(
            "The certificate for {names} comes from Let's Encrypt. Its terms are at {TERMS}"
        ));
        let agrees = confirm("Do you agree to them? [y/N]", "--acme-agree is missing").await?;
        if agrees { Ok(()) } else { Err(missing) }
    }

    fn remember(&self) -> Result<(), CliError> {
        self.context.home.create()?;
        let file = self.file();
        let failed = |error: l402_host::FileError| {
            let (exit, code) = exit_code::of_file(error.fault());
            CliError::new(exit, code, error.to_string())
        };
        if let Some(folder) = file.parent() {
            private::create_folder(folder).map_err(failed)?;
        }
        let now = self.context.clock.wall().to_rfc3339();
        private::replace(&file, format!("{now} {TERMS}\n").as_bytes()).map_err(failed)
    }

    fn file(&self) -> PathBuf {
        self.context.home.path().join("acme").join(AGREED)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::home::HomeFolder;
    use crate::text::output::OutputArgs;

    fn context(folder: &Path) -> Context {
        let home = HomeFolder::choose(Some(folder.join("home"))).expect("a home");
        Context::new("l402".to_owned(), home)
    }

    #[tokio::test]
    async fn an_agreement_is_asked_for_once_and_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = context(folder.path());
        let out = OutputArgs { json: true }.open();
        let names = ["api.example".to_owned()];
        let without = Domains {
            // Whatever the tests are run at.
            is_person: false,
            ..Domains::new(&names, false, &context)
        };
        let error = without.agree(out).await.expect_err("nobody agrees");
        assert_eq!(error.exit_code(), exit_code::CONFIGURATION);
        let hint = error.hint().expect("a hint");
        assert!(
            hint.contains("--acme-agree") && hint.contains(TERMS),
            "{hint}"
        );
        assert!(!without.has_agreed() && !folder.path().join("home").exists());

        let with = Domains::new(&names, true, &context);
        with.agree(out).await.expect("the flag agrees");
        assert!(without.has_agreed());
        without.agree(out).await.expect("it is remembered");
    }

    #[tokio::test]
    async fn without_names_nothing_is_asked_or_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let context = context(folder.path());
        let out = OutputArgs { json: true }.open();
        Domains::new(&[], true, &context)
            .agree(out)
            .await
            .expect("no question");
        assert!(!folder.path().join("home").exists());
    }
}
