//! The buyer's configuration, `client.toml` in the home folder.
//!
//! The file is read once, when a command that pays starts. It can make such a command more careful and
//! never less: its limits only lower, its hook only denies.

use std::io;
use std::ops::Range;
use std::path::Path;

use l402_client::{BudgetLimit, BudgetLimits, Error, VaultLimits};
use l402_host::{FileFault, private};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;

/// The name of the file in the home folder.
pub(crate) const FILE: &str = "client.toml";

/// The settings of `client.toml`, with the defaults for what it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientConfig {
    /// `[limits]`: lowers the limits of every payment.
    pub(crate) limits: BudgetLimits,
    /// `[hook]`: the program or address that is asked before each payment; `None` without one.
    pub(crate) hook: Option<HookSettings>,
    /// `[vault]`: the paid answers that are kept.
    pub(crate) vault: VaultSettings,
}

/// The hook that is asked before each payment. Its `Debug` shows neither arguments nor address, since both may
/// hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum HookSettings {
    /// `command = ["PROGRAM", "ARGUMENT", ...]`, never empty.
    Command(Vec<String>),
    /// `url = "https://..."`, or plain HTTP to this machine.
    Url(Url),
}

impl std::fmt::Debug for HookSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "Command(..)",
            Self::Url(_) => "Url(..)",
        })
    }
}

/// The settings of kept answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VaultSettings {
    /// `enabled = true`: answers are kept for `l402 replay`. True by default.
    pub(crate) enabled: bool,
}

impl VaultSettings {
    /// Returns the bounds of what is kept, or `None` if nothing is.
    pub(crate) fn limits(self) -> Option<VaultLimits> {
        self.enabled.then(VaultLimits::default)
    }
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl ClientConfig {
    /// Reads `client.toml` of the home folder. Without that file, every setting has its default.
    ///
    /// # Errors
    /// If others can read or write the file, it cannot be read, or it holds a mistake: the error
    /// names the file and the line.
    pub(crate) fn read(context: &Context) -> Result<Self, CliError> {
        let path = context.home.path().join(FILE);
        let bytes = match private::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if is_missing(error.fault()) => return Ok(Self::default()),
            Err(error) => {
                let (exit, code) = exit_code::of_file(error.fault());
                return Err(CliError::new(exit, code, error.to_string()));
            }
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| mistaken(&path, 1, "the file is not text in UTF-8"))?;
        Self::parse(text).map_err(|mistake| {
            let line = text.get(..mistake.at).unwrap_or_default();
            mistaken(&path, line.matches('\n').count() + 1, &mistake.text)
        })
    }

    /// Returns the hint for an error of the client whose cause is a limit of this file.
    pub(crate) fn hint(&self, error: &Error) -> Option<String> {
        match error {
            Error::OverBudget {
                which,
                limit,
                budget: None,
                ..
            } if self.limits.of(*which) == Some(*limit) => Some(format!(
                "{FILE} in the home folder has {which}; no flag raises it"
            )),
            _ => None,
        }
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let document = DeTable::parse(text).map_err(|error| Mistake {
            at: error.span().unwrap_or_default().start,
            // The parser names what it expected, and repeats no value.
            text: error.message().lines().collect::<Vec<_>>().join("; "),
        })?;
        let mut config = Self::default();
        for (key, value) in entries(document.get_ref()) {
            match key.name {
                "limits" => config.limits = limits(table(&key, value)?)?,
                "hook" => config.hook = Some(hook(&key, table(&key, value)?)?),
                "vault" => config.vault = vault(table(&key, value)?)?,
                _ => return Err(key.unknown("limits, hook, vault")),
            }
        }
        Ok(config)
    }
}

fn is_missing(fault: &FileFault) -> bool {
    matches!(fault, FileFault::System(error) if error.kind() == io::ErrorKind::NotFound)
}

/// A mistake, and the byte of the text at which it stands.
struct Mistake {
    at: usize,
    text: String,
}

fn mistaken(path: &Path, line: usize, text: &str) -> CliError {
    let text = format!("{}:{line}: {text}", path.display());
    CliError::new(exit_code::CONFIGURATION, "configuration", text)
        .with_hint("docs/examples/client.toml shows every key; without the file nothing is set")
}

/// A key with its place in the text.
struct Key<'a> {
    name: &'a str,
    span: Range<usize>,
}

impl Key<'_> {
    fn mistake(&self, text: &str) -> Mistake {
        Mistake {
            at: self.span.start,
            text: format!("{}: {text}", l402::text::escape(self.name)),
        }
    }

    fn unknown(&self, known: &str) -> Mistake {
        self.mistake(&format!("there is no such key; there are {known}"))
    }
}

type Value<'a> = &'a Spanned<DeValue<'a>>;

fn entries<'a>(table: &'a DeTable<'a>) -> impl Iterator<Item = (Key<'a>, Value<'a>)> {
    table.iter().map(|(key, value)| {
        let (name, span) = (key.get_ref().as_ref(), key.span());
        (Key { name, span }, value)
    })
}

fn table<'a>(key: &Key<'_>, value: Value<'a>) -> Result<&'a DeTable<'a>, Mistake> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(key.mistake("write a table, such as [limits]")),
    }
}

fn string<'a>(key: &Key<'_>, value: Value<'a>) -> Result<&'a str, Mistake> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err(key.mistake("write a text in quotation marks")),
    }
}

fn limits(table: &DeTable<'_>) -> Result<BudgetLimits, Mistake> {
    entries(table).try_fold(BudgetLimits::default(), |limits, (key, value)| {
        let Some(which) = BudgetLimit::from_name(key.name) else {
            return Err(key.unknown(&BudgetLimit::ALL.map(BudgetLimit::name).join(", ")));
        };
        let most = string(&key, value)?.parse();
        let most = most.map_err(|error: l402::AmountError| key.mistake(&error.to_string()))?;
        Ok(limits.with(which, Some(most)))
    })
}

fn hook(hook: &Key<'_>, table: &DeTable<'_>) -> Result<HookSettings, Mistake> {
    let mut settings = Vec::new();
    for (key, value) in entries(table) {
        settings.push(match key.name {
            "command" => HookSettings::Command(command(&key, value)?),
            "url" => HookSettings::Url(address(&key, string(&key, value)?)?),
            _ => return Err(key.unknown("command, url")),
        });
    }
    match settings.len() {
        1 => Ok(settings.remove(0)),
        _ => Err(hook.mistake("name one of the two, command or url")),
    }
}

fn command(key: &Key<'_>, value: Value<'_>) -> Result<Vec<String>, Mistake> {
    let wrong =
        || key.mistake("write a list of texts, such as [\"/usr/local/bin/check\", \"--strict\"]");
    let DeValue::Array(items) = value.get_ref() else {
        return Err(wrong());
    };
    let words: Result<Vec<_>, _> = items.iter().map(|item| string(key, item)).collect();
    let words = words.map_err(|_| wrong())?;
    if words.first().is_none_or(|program| program.is_empty()) {
        return Err(wrong());
    }
    Ok(words.into_iter().map(str::to_owned).collect())
}

/// The text of the address is not repeated, for it may hold a secret.
fn address(key: &Key<'_>, text: &str) -> Result<Url, Mistake> {
    let url: Url = text.parse().map_err(|_| {
        key.mistake("write an address, such as \"https://policy.example/payments\"")
    })?;
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local => Ok(url),
        _ => Err(key.mistake("write an https address, or a plain one of this machine")),
    }
}

fn vault(table: &DeTable<'_>) -> Result<VaultSettings, Mistake> {
    let mut settings = VaultSettings::default();
    for (key, value) in entries(table) {
        match (key.name, value.get_ref()) {
            ("enabled", DeValue::Boolean(enabled)) => settings.enabled = *enabled,
            ("enabled", _) => return Err(key.mistake("write true or false")),
            _ => return Err(key.unknown("enabled")),
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use l402::Msat;

    use super::*;
    use crate::home::HomeFolder;

    /// The error of a file with this text, whose folder is taken away.
    fn mistake(text: &str) -> String {
        read(text, 0o600).unwrap_err().to_string()
    }

    fn read(text: &str, mode: u32) -> Result<ClientConfig, CliError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let told = format!("{}/", folder.path().display());
        ClientConfig::read(&context(folder.path())).map_err(|error| {
            let text = error.to_string().replace(&told, "");
            CliError::new(error.exit_code(), error.code(), text)
        })
    }

    fn context(home: &Path) -> Context {
        let home = HomeFolder::choose(Some(home.to_owned())).unwrap();
        Context::new("l402".to_owned(), home)
    }

    #[test]
    fn without_a_file_every_setting_has_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let config = ClientConfig::read(&context(folder.path())).unwrap();
        assert_eq!(config, ClientConfig::default());
        assert!(config.vault.enabled && config.hook.is_none());
        // Reading makes nothing.
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn the_settings_are_read() {
        let text = "[limits]\nper_hour = \"5 sat\"\n[hook]\ncommand = [\"/bin/check\", \"-s\"]\n[vault]\nenabled = false\n";
        let config = read(text, 0o600).unwrap();
        let most = config.limits.of(BudgetLimit::PerHour);
        assert_eq!(most, Some(Msat::from_sat(5)));
        let command = vec!["/bin/check".to_owned(), "-s".to_owned()];
        assert_eq!(config.hook, Some(HookSettings::Command(command)));
        assert!(!config.vault.enabled);
        for url in [
            "https://policy.example/a",
            "http://127.0.0.1:8000/",
            "http://[::1]:1/",
        ] {
            let config = read(&format!("[hook]\nurl = \"{url}\""), 0o600).unwrap();
            assert_eq!(config.hook, Some(HookSettings::Url(url.parse().unwrap())));
        }
    }

    /// Texts of the file with a mistake, and the beginning of what is told of each.
    const MISTAKES: [(&str, &str); 19] = [
        (
            "\n[limit]\n",
            "client.toml:2: limit: there is no such key; there are limits, hook, vault",
        ),
        (
            "[limits]\nper_week = \"1 sat\"",
            "client.toml:2: per_week: there is no such key; there are per_request, ",
        ),
        (
            "[limits]\nper_day = \"5\"",
            "client.toml:2: per_day: the unit is missing",
        ),
        (
            "[limits]\nper_day = 5",
            "client.toml:2: per_day: write a text in quotation marks",
        ),
        (
            "[limits]\nper_day = \"-5 sat\"",
            "client.toml:2: per_day: not an amount",
        ),
        (
            "[limits]\nper_day = nan",
            "client.toml:2: per_day: write a text",
        ),
        ("limits = 1", "client.toml:1: limits: write a table"),
        ("[hook]\n", "client.toml:1: hook: name one of the two"),
        (
            "[hook]\nurl = \"https://a.example\"\ncommand = [\"a\"]",
            "client.toml:1: hook: name one of the two",
        ),
        (
            "[hook]\ncommand = []",
            "client.toml:2: command: write a list of texts",
        ),
        (
            "[hook]\ncommand = [\"\"]",
            "client.toml:2: command: write a list of texts",
        ),
        (
            "[hook]\ncommand = \"a\"",
            "client.toml:2: command: write a list of texts",
        ),
        (
            "[hook]\nport = 1",
            "client.toml:2: port: there is no such key",
        ),
        (
            "[hook]\nurl = \"http://policy.example/\"",
            "client.toml:2: url: write an https address",
        ),
        (
            "[hook]\nurl = \"http://127.0.0.1.example/\"",
            "client.toml:2: url: write an https address",
        ),
        (
            "[vault]\nenabled = \"no\"",
            "client.toml:2: enabled: write true or false",
        ),
        (
            "[vault]\n\nenable = true",
            "client.toml:3: enable: there is no such key; there are enabled",
        ),
        (
            "[limits]\nper_day = \"1 sat\"\nper_day = \"2 sat\"",
            "client.toml:3: duplicate key",
        ),
        ("[limits\n", "client.toml:1: "),
    ];

    #[test]
    fn a_mistake_is_told_with_its_line_and_what_to_write() {
        for (text, told) in MISTAKES {
            let found = mistake(text);
            assert!(found.starts_with(told), "{text}: {found}");
        }
        let error = read("[limit]", 0o600).unwrap_err();
        assert_eq!(error.exit_code(), exit_code::CONFIGURATION);
    }

    #[test]
    fn no_error_and_no_debug_repeats_a_secret() {
        for text in [
            "[hook]\nurl = \"http://u:hidden@policy.example/hidden\"",
            "[hook]\nurl = \"hidden\"",
            "[hook]\ncommand = [\"a\", \"hidden\", 5]",
            "[vault]\nenabled = \"hidden\"",
        ] {
            let found = mistake(text);
            assert!(!found.contains("hidden"), "{found}");
        }
        let config = read("[hook]\nurl = \"https://policy.example/hidden\"", 0o600).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        for mode in [0o644, 0o640, 0o606] {
            let error = read("[vault]\nenabled = false\n", mode).unwrap_err();
            assert_eq!(error.exit_code(), exit_code::UNSAFE_FILE, "{mode:o}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(FILE)).unwrap();
        assert!(ClientConfig::read(&context(folder.path())).is_err());
    }

    /// The example is a file that works, and every key stands in it.
    #[test]
    fn the_example_is_sound_and_names_every_key() {
        let example = include_str!("../../../../docs/examples/client.toml");
        assert_eq!(read(example, 0o600).unwrap(), ClientConfig::default());
        let live = |without: &str| {
            let lines = example.lines().filter(|line| !line.starts_with(without));
            let lines = lines.map(|line| line.strip_prefix('#').unwrap_or(line));
            // What begins with "# " is prose.
            let lines = lines.filter(|line| !line.starts_with(' '));
            lines.collect::<Vec<_>>().join("\n")
        };
        let config = read(&live("#url"), 0o600).unwrap();
        for which in BudgetLimit::ALL {
            assert!(config.limits.of(which).is_some(), "{which}");
        }
        assert!(matches!(config.hook, Some(HookSettings::Command(_))));
        let config = read(&live("#command"), 0o600).unwrap();
        assert!(matches!(config.hook, Some(HookSettings::Url(_))));
        assert_eq!(live("#url").matches("enabled").count(), 1);
    }
}
