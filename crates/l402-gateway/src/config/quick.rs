//! A gateway that a command line describes, without a file: as the text of a file, so that flags and files have
//! the same rules and the same errors.

use core::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use l402::{Msat, Policy, Service};
use sha2::{Digest as _, Sha256};

use super::{Config, ConfigError, Overrides, UpstreamUrl, read};

/// The paths of everything behind the upstream.
const EVERYTHING: [&str; 2] = ["/", "/{*rest}"];

/// The digits that tell a service from another one whose name would be the same.
const DIGITS: usize = 8;

/// The flag that each key of the text comes from, where it is the same for all routes.
const FLAGS: [(&str, &str); 9] = [
    ("danger_spending_node", "--danger-spending-node"),
    ("hosts", "--domain"),
    ("listen", "--listen"),
    ("node", "--node"),
    ("publish.name", "--name"),
    ("publish.url", "--domain"),
    ("tls.acme.agree", "--acme-agree"),
    ("tls", "--domain"),
    ("workers", "--workers"),
];

/// A gateway before one upstream, as the flags of `l402 serve` describe it.
///
/// ```
/// use l402_gateway::{Config, QuickConfig};
///
/// let mut quick = QuickConfig::new("http://127.0.0.1:3000", "50 sat".parse()?);
/// quick.free = vec!["/favicon.ico".to_owned()];
/// quick.also = vec![("/video/{*rest}".to_owned(), "900 sat".parse()?)];
/// let config = quick.config().map_err(|mistakes| mistakes[0].to_string())?;
/// assert_eq!(config.routes().len(), 4);
///
/// // The file that means the same.
/// let file = Config::from_toml(&quick.file(), "l402.toml");
/// assert_eq!(file.map_err(|mistakes| mistakes[0].to_string())?, config);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct QuickConfig {
    /// The address of the upstream, such as `http://127.0.0.1:3000`.
    pub upstream: String,
    /// The price of everything behind the upstream that no other field names.
    pub price: Msat,
    /// The policy of all that is sold.
    pub policy: Policy,
    /// The memo of the invoices, at most 639 bytes; `None` takes [`Overrides::name`].
    pub memo: Option<String>,
    /// Paths and patterns that cost nothing.
    pub free: Vec<String>,
    /// Paths and patterns with a price of their own.
    pub also: Vec<(String, Msat)>,
    /// The names to get certificates for, by ACME. With one, the gateway listens on port 443 of all
    /// addresses, and redirects from port 80, unless [`Overrides::listen`] says otherwise.
    pub domains: Vec<String>,
    /// True if the operator agrees to the terms of the authority that makes the certificates.
    pub agree: bool,
    /// Further settings of the command line.
    pub overrides: Overrides,
}

impl QuickConfig {
    /// The settings for one upstream with one price for everything behind it.
    #[must_use]
    pub fn new(upstream: impl Into<String>, price: Msat) -> Self {
        Self {
            upstream: upstream.into(),
            price,
            policy: Policy::default(),
            memo: None,
            free: Vec::new(),
            also: Vec::new(),
            domains: Vec::new(),
            agree: false,
            overrides: Overrides::default(),
        }
    }

    /// Returns the text of the file that means the same.
    #[must_use]
    pub fn file(&self) -> String {
        let mut text =
            "# What these flags mean; `l402 serve --print-config` alone shows every key.\n"
                .to_owned();
        self.write_head(&mut text);
        self.write_tables(&mut text);
        for route in self.routes() {
            self.write_route(&mut text, &route);
        }
        text
    }

    /// Reads and checks the settings as those of a file are.
    ///
    /// # Errors
    /// As [`Config::from_file`], with the flag in place of the key.
    pub fn config(&self) -> Result<Config, Vec<ConfigError>> {
        for (flag, text) in [("--name", &self.overrides.name), ("--memo", &self.memo)] {
            if text.as_ref().is_some_and(String::is_empty) {
                let text = "empty; write what the payer reads, such as \"Jokes\"".to_owned();
                return Err(vec![ConfigError::flag(flag, text)]);
            }
        }
        let text = self.file();
        let read = read::read(&text, "command line", Path::new(""), &self.overrides);
        read.map_err(|mistakes| self.of_flags(&mistakes))
    }

    fn write_head(&self, text: &mut String) {
        let overrides = &self.overrides;
        let listen = self.listen();
        if !listen.is_empty() {
            let _ = writeln!(text, "listen = {}", List(&listen));
        }
        if let Some(workers) = overrides.workers {
            let _ = writeln!(text, "workers = {workers}");
        }
        if let Some(node) = &overrides.node {
            let _ = writeln!(text, "node = {}", Quoted(&node.to_string()));
        }
        if overrides.danger_spending_node {
            text.push_str("danger_spending_node = true\n");
        }
        if !self.domains.is_empty() {
            // Other names lead to no certificate, so no buyer comes by them.
            let _ = writeln!(text, "hosts = {}", List(&self.domains));
        }
    }

    fn write_tables(&self, text: &mut String) {
        if let Some(domain) = self.domains.first() {
            text.push_str("\n[tls]\n");
            if self.overrides.listen.is_empty() {
                text.push_str("redirect_from = \"0.0.0.0:80\"\n");
            }
            let (domains, agree) = (List(&self.domains), self.agree);
            let _ = write!(
                text,
                "\n[tls.acme]\ndomains = {domains}\n# The terms of the authority that makes the \
                 certificates.\nagree = {agree}\n\n[publish]\nurl = {}\n",
                Quoted(&format!("https://{domain}"))
            );
        } else if self.overrides.name.is_some() {
            text.push_str("\n[publish]\n");
        }
        if let Some(name) = &self.overrides.name {
            let _ = writeln!(text, "name = {}", Quoted(name));
        }
    }

    fn write_route(&self, text: &mut String, route: &QuickRoute<'_>) {
        let (path, upstream) = (Quoted(route.path), Quoted(&self.upstream));
        let _ = write!(text, "\n[[route]]\npath = {path}\nupstream = {upstream}\n");
        let Some(price) = route.price else {
            text.push_str("free = true\n");
            return;
        };
        let service = self.service(route);
        let memo = self.memo.as_ref().or(self.overrides.name.as_ref());
        let _ = write!(
            text,
            "price = \"{price}\"\npolicy = \"{}\"\nservice = {}\n",
            self.policy,
            Quoted(service.as_str())
        );
        if let Some(memo) = memo {
            let _ = writeln!(text, "memo = {}", Quoted(memo));
        }
    }

    /// Returns the addresses to listen on; empty for the default.
    fn listen(&self) -> Vec<String> {
        let listen = &self.overrides.listen;
        if listen.is_empty() && !self.domains.is_empty() {
            return vec!["0.0.0.0:443".to_owned()];
        }
        listen.iter().map(SocketAddr::to_string).collect()
    }

    /// Returns the service of a route. It is named after the upstream, so that a token of one quick gateway
    /// opens no other. The name for people has no part in it: two gateways may bear the same one.
    fn service(&self, route: &QuickRoute<'_>) -> Service {
        let (server, base) = self.server();
        let (name, path) = match (route.flag, route.path) {
            // Of a slash alone no name could be made.
            (Flag::Also, "/") => (format!("{server}{base}/root"), "/"),
            (Flag::Also, path) => (format!("{server}{base}{path}"), path),
            _ => (format!("{server}{base}"), ""),
        };
        let name = Service::from_lossy(&name);
        if base.is_empty() {
            return name;
        }
        // A name has no slash and few bytes. Without the digits `/a/b` would be `/a-b`, and the base of this
        // gateway a path of another one.
        let exact = Sha256::digest([server.as_str(), &base, path].join("\0"));
        let digits = &hex::encode(exact)[..DIGITS];
        let room = name.as_str().len().min(Service::MAX_LEN - 1 - DIGITS);
        Service::from_lossy(&format!("{}-{digits}", &name.as_str()[..room]))
    }

    /// Returns the authority of the upstream, and the path before all of its paths.
    fn server(&self) -> (String, String) {
        match self.upstream.parse::<UpstreamUrl>() {
            Ok(url) => (url.authority(), url.base().to_owned()),
            Err(_) => (self.upstream.clone(), String::new()),
        }
    }

    /// Returns the routes in the order of the text.
    fn routes(&self) -> Vec<QuickRoute<'_>> {
        let free = self.free.iter().map(|path| (path, None, Flag::Free));
        let also = self.also.iter();
        let also = also.map(|(path, price)| (path, Some(*price), Flag::Also));
        // Last, for a mistake of two routes is blamed on the later one.
        let own: Vec<_> = also
            .chain(free)
            .map(|(path, price, flag)| QuickRoute { path, price, flag })
            .collect();
        // What has a flag of its own is not priced as well.
        let is_named = |path: &str| own.iter().any(|route| route.path == path);
        let usual = EVERYTHING.into_iter().filter(|path| !is_named(path));
        let usual = usual.map(|path| QuickRoute {
            path,
            price: Some(self.price),
            flag: Flag::Price,
        });
        usual.chain(own.iter().copied()).collect()
    }

    /// Returns the mistakes of the text as mistakes of the flags, each once: an upstream stands in every route.
    fn of_flags(&self, mistakes: &[ConfigError]) -> Vec<ConfigError> {
        let routes = self.routes();
        let mut found = Vec::new();
        // A name stands in three places, and this one says the most.
        let is_of_name = mistakes.iter().any(|it| it.key() == "tls.acme.domains");
        for mistake in mistakes {
            if is_of_name && matches!(mistake.key(), "hosts" | "publish.url") {
                continue;
            }
            let flag = self.flag_of(mistake.key(), &routes);
            let text = match flag {
                Some("--acme-agree") => mistake
                    .text()
                    .replace("write agree = true", "add --acme-agree"),
                _ => mistake.text().to_owned(),
            };
            let told = ConfigError::flag(flag.unwrap_or(mistake.key()), text);
            if !found.contains(&told) {
                found.push(told);
            }
        }
        found
    }

    fn flag_of(&self, key: &str, routes: &[QuickRoute<'_>]) -> Option<&'static str> {
        let Some((index, rest)) = key.strip_prefix("route[").and_then(|it| it.split_once(']'))
        else {
            let is_of = |known: &str| key == known || key.starts_with(&format!("{known}."));
            let (_, flag) = FLAGS.iter().find(|(known, _)| is_of(known))?;
            let has_own = self.overrides.listen.is_empty() && !self.domains.is_empty();
            return Some(if *flag == "--listen" && has_own {
                "--domain"
            } else {
                flag
            });
        };
        Some(match rest {
            ".upstream" => "--upstream",
            ".policy" => "--policy",
            ".memo" if self.memo.is_some() => "--memo",
            ".memo" => "--name",
            _ => routes.get(index.parse::<usize>().ok()?)?.flag.name(),
        })
    }
}

/// One route of the text, and where it comes from.
#[derive(Clone, Copy, Debug)]
struct QuickRoute<'a> {
    path: &'a str,
    /// `None` for a free one.
    price: Option<Msat>,
    flag: Flag,
}

/// The flag that a route comes from.
#[derive(Clone, Copy, Debug)]
enum Flag {
    Also,
    Free,
    Price,
}

impl Flag {
    const fn name(self) -> &'static str {
        match self {
            Self::Also => "--also",
            Self::Free => "--free",
            Self::Price => "--price",
        }
    }
}

/// A text as TOML writes it in quotation marks.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                // The escapes of Rust have braces, which TOML does not know.
                control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
                plain => f.write_char(plain)?,
            }
        }
        f.write_char('"')
    }
}

/// A list of texts as TOML writes it.
struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|it| Quoted(it).to_string()).collect();
        write!(f, "[{}]", quoted.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_from_its_quotation_marks() {
        for text in [
            "",
            "Jokes",
            "a \"b\" \\c",
            "\u{0}\t\n\u{7f}\u{85}",
            "ümlaut 🎬",
        ] {
            let toml = format!("x = {}", Quoted(text));
            let read: toml::Table = toml.parse().expect(&toml);
            assert_eq!(read["x"].as_str(), Some(text), "{toml}");
        }
    }
}
