//! The address of a database, read: hosts, user, and how the connection is kept from others.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::{PostgresError, PostgresErrorKind};
use crate::{PostgresUrl, is_loopback_host};

/// The longest wait for a connection to one host, unless the address says another one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A peer that confirms nothing for so long is gone, unless the address says another time.
const SILENCE: Duration = Duration::from_secs(10);

/// How much the connection is kept from others (libpq's `sslmode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    Disable,
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// Encrypted, and the server's certificate is signed by somebody trusted.
    VerifyCa,
    /// Besides, the certificate is for this host.
    VerifyFull,
}

/// A database and the way to it.
#[derive(Clone)]
pub struct Target {
    pub(super) config: Config,
    pub(super) encryption: Encryption,
    /// The authorities that are trusted in place of the system's.
    pub(super) roots: Option<PathBuf>,
    shown: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({}, {:?})", self.shown, self.encryption)
    }
}

impl Target {
    /// The longest that connecting may take in all, whatever the hosts do.
    pub(super) fn connect_timeout(&self) -> Duration {
        let a_host = self.config.get_connect_timeout();
        let hosts = self.config.get_hosts().len();
        let hosts = hosts.max(self.config.get_hostaddrs().len()).max(1);
        a_host.copied().unwrap_or(CONNECT_TIMEOUT) * u32::try_from(hosts).unwrap_or(u32::MAX)
    }

    /// Reads an address. Opens nothing.
    ///
    /// # Errors
    /// [`PostgresErrorKind::Url`] if a part of it cannot be understood, or if it names another machine
    /// and lets anybody between read along: its `sslmode` is `require` at least there, which is the
    /// default then.
    pub fn read(url: &PostgresUrl) -> Result<Self, PostgresError> {
        let (rest, mode, roots) = take_tls(url.as_str())?;
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            wrong(format!("{error}; write it like {EXAMPLE}"))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(wrong(format!("it names no host; write it like {EXAMPLE}")));
        }
        let encryption = encryption(mode, is_local(&config))?;
        config.ssl_mode(match encryption {
            Encryption::Disable => SslMode::Disable,
            Encryption::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("l402");
        }
        notice_silence(&mut config);
        Ok(Self {
            config,
            encryption,
            roots,
            shown: url.to_string(),
        })
    }
}

/// Has the system end a connection behind which no machine is left, within half a minute.
fn notice_silence(config: &mut Config) {
    config.keepalives_idle(SILENCE);
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(Duration::from_secs(3));
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
}

const EXAMPLE: &str = "postgres://l402@db.example/l402?sslmode=verify-full";

fn wrong(text: String) -> PostgresError {
    PostgresError::new(PostgresErrorKind::Url, text)
}

/// Takes out of an address what only this program understands: `sslmode`, with the words of libpq that
/// `tokio-postgres` does not know, and `sslrootcert`.
fn take_tls(url: &str) -> Result<(String, Option<Encryption>, Option<PathBuf>), PostgresError> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    // The rest stays as it was written, for the library that reads it next.
    let (mut mode, mut roots, mut kept) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(read_mode(value)?),
            Some(("sslrootcert", value)) => roots = Some(read_path(value)?),
            _ => kept.push(pair),
        }
    }
    let rest = if kept.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", kept.join("&"))
    };
    Ok((rest, mode, roots))
}

fn read_path(value: &str) -> Result<PathBuf, PostgresError> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    let decoded = decoded.map_err(|_| wrong("sslrootcert: the path is no UTF-8".to_owned()))?;
    Ok(PathBuf::from(decoded.into_owned()))
}

fn read_mode(value: &str) -> Result<Encryption, PostgresError> {
    Ok(match value {
        "disable" => Encryption::Disable,
        "prefer" => Encryption::Prefer,
        "require" => Encryption::Require,
        "verify-ca" => Encryption::VerifyCa,
        "verify-full" => Encryption::VerifyFull,
        _ => {
            let text = "sslmode: write disable, prefer, require, verify-ca or verify-full";
            return Err(wrong(text.to_owned()));
        }
    })
}

/// Returns the encryption that is used, if the address asks for enough of it.
fn encryption(asked: Option<Encryption>, is_local: bool) -> Result<Encryption, PostgresError> {
    match asked {
        None if is_local => Ok(Encryption::Prefer),
        None => Ok(Encryption::Require),
        Some(Encryption::Disable | Encryption::Prefer) if !is_local => Err(wrong(
            "sslmode: to another machine the connection must be encrypted; write require, or better \
             verify-full"
                .to_owned(),
        )),
        Some(asked) => Ok(asked),
    }
}

/// Returns true if every host is this machine. An address beside a name is where the connection goes.
fn is_local(config: &Config) -> bool {
    // An address decides where the bytes go; the name beside it is only what a certificate says.
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(std::net::IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => is_loopback_host(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<Encryption, String> {
        let target = Target::read(&url.parse().unwrap());
        target
            .map(|target| target.encryption)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn another_machine_is_never_spoken_to_in_the_clear() {
        use Encryption::{Disable, Prefer, Require, VerifyCa, VerifyFull};
        for (url, expected) in [
            ("postgres://l402@127.0.0.1/l402", Prefer),
            (
                "postgres://l402@localhost:5433/l402?sslmode=disable",
                Disable,
            ),
            ("postgres://l402@%2Frun%2Fpostgresql/l402", Prefer),
            ("postgres:///l402?host=/run/postgresql", Prefer),
            ("postgresql://l402@db.example/l402", Require),
            (
                "postgres://l402@db.example/l402?sslmode=verify-full",
                VerifyFull,
            ),
            (
                "postgres://l402@10.0.0.1/l402?sslmode=verify-ca&sslrootcert=/a.pem",
                VerifyCa,
            ),
        ] {
            assert_eq!(read(url), Ok(expected), "{url}");
        }
        for url in [
            "postgres://l402@db.example/l402?sslmode=disable",
            "postgres://l402@10.0.0.1/l402?sslmode=prefer",
            "postgres://l402@localhost,db.example/l402?sslmode=prefer",
            "postgres://l402@localhost/l402?hostaddr=10.0.0.1&sslmode=disable",
            "postgres://l402@localhost.evil.example/l402?sslmode=disable",
        ] {
            assert!(read(url).unwrap_err().contains("encrypted"), "{url}");
        }
        for url in [
            "postgres://",
            "postgres://l402@db.example/l402?sslmode=maybe",
            "postgres://l402@db.example/l402?nonsense=1",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_file_of_authorities_is_percent_decoded_and_the_time_to_connect_is_bounded() {
        let read = |url: &str| Target::read(&url.parse().unwrap()).unwrap();
        let url = "postgres://l402@a.example,b.example/l402?sslrootcert=%2Fetc%2Fa%20ca.pem";
        let target = read(url);
        assert_eq!(target.roots, Some(PathBuf::from("/etc/a ca.pem")));
        assert_eq!(target.connect_timeout(), 2 * CONNECT_TIMEOUT);
        let longer = read("postgres://l402@a.example/l402?connect_timeout=60");
        assert_eq!(longer.connect_timeout(), Duration::from_secs(60));
    }

    #[test]
    fn a_password_from_a_file_is_the_one_that_the_server_is_shown() {
        let password = "a&@/?#% \u{e4}".as_bytes();
        for url in [
            "postgres://l402@db.example/l402?sslmode=verify-full&sslrootcert=/a.pem",
            "postgres:///l402?host=/run/postgresql&user=l402",
        ] {
            let url: PostgresUrl = url.parse().unwrap();
            let target = Target::read(&url.with_password(password)).unwrap();
            assert_eq!(target.config.get_password(), Some(password));
            assert_eq!(target.config.get_user(), Some("l402"));
            assert_eq!(target.config.get_dbname(), Some("l402"));
        }
    }

    #[test]
    fn no_password_is_shown() {
        let url = "postgres://l402:hunter2@localhost/l402?sslmode=prefer&password=hunter2";
        let url: PostgresUrl = url.parse().unwrap();
        let target = Target::read(&url).unwrap();
        let shown = format!("{target:?} {url:?} {url}");
        assert!(
            shown.contains("localhost/l402") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
