//! The flags of curl that give a name and a password.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::HeaderValue;
use url::Url;

use super::netrc::{self, Login};
use crate::error::CliError;
use crate::terminal::Hidden;

/// The longest file of `-n`, and the longest password that is typed, in bytes.
const MAX: u64 = 1024 * 1024;

/// The flags that give a name and a password.
#[derive(Args, Default)]
pub(super) struct LoginArgs {
    /// Log in (Basic) with "NAME:PASSWORD"; NAME alone asks for the password at the terminal
    #[arg(short, long, value_name = "LOGIN", allow_hyphen_values = true)]
    user: Option<String>,

    /// Log in with what ~/.netrc says of the host
    #[arg(short, long)]
    netrc: bool,

    /// As -n, with this file
    #[arg(long, value_name = "FILE")]
    netrc_file: Option<PathBuf>,

    /// The password that was typed, for another try.
    #[arg(skip)]
    typed: OnceLock<String>,
}

/// Leaves the login out.
impl std::fmt::Debug for LoginArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginArgs").finish_non_exhaustive()
    }
}

impl LoginArgs {
    pub(super) const fn is_empty(&self) -> bool {
        self.user.is_none() && !self.netrc && self.netrc_file.is_none()
    }

    /// Returns the header that logs in at a URL, `None` if no flag gives a login. Blocks while a
    /// person types.
    pub(super) fn header(&self, url: &Url) -> Result<Option<HeaderValue>, CliError> {
        let Some(login) = self.login(url)? else {
            return Ok(None);
        };
        let pair = format!("{}:{}", login.user, login.password);
        let text = format!("Basic {}", STANDARD.encode(pair));
        let mut value = HeaderValue::try_from(text).map_err(CliError::internal)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn login(&self, url: &Url) -> Result<Option<Login>, CliError> {
        let given = self.user.as_deref();
        if let Some((user, password)) = given.and_then(|given| given.split_once(':')) {
            return Ok(Some(Login {
                user: user.to_owned(),
                password: password.to_owned(),
            }));
        }
        if self.netrc || self.netrc_file.is_some() {
            let user = given.or_else(|| Some(url.username()).filter(|name| !name.is_empty()));
            let found = self.netrc(url, user)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        match given {
            Some(user) => Ok(Some(Login {
                user: user.to_owned(),
                password: self.typed_password(user)?,
            })),
            None => Ok(None),
        }
    }

    fn typed_password(&self, user: &str) -> Result<String, CliError> {
        if let Some(typed) = self.typed.get() {
            return Ok(typed.clone());
        }
        let password = password_of(user)?;
        Ok(self.typed.get_or_init(|| password).clone())
    }

    /// Looks the host up. As with curl, a file that is not there says nothing.
    fn netrc(&self, url: &Url, user: Option<&str>) -> Result<Option<Login>, CliError> {
        let usual = || std::env::home_dir().map(|home| home.join(".netrc"));
        let Some(path) = self.netrc_file.clone().or_else(usual) else {
            return Ok(None);
        };
        let failed = |error: std::io::Error| {
            CliError::local_io(format!("{} cannot be read: {error}", path.display()))
        };
        let file = match std::fs::File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mut text = String::new();
        file.take(MAX).read_to_string(&mut text).map_err(failed)?;
        let host = url.host_str().unwrap_or_default();
        // Of an address as `[::1]` the file has `::1`.
        let host = host.trim_matches(['[', ']']);
        Ok(netrc::find(&text, host, user))
    }
}

/// Asks for the password at the terminal, also if stdin is something else.
fn password_of(user: &str) -> Result<String, CliError> {
    let refused = |error: std::io::Error| {
        CliError::usage(format!(
            "no password for -u, and no terminal to ask for it: {error}"
        ))
        .with_hint("write -u NAME:PASSWORD, or use -n and keep it in ~/.netrc")
    };
    let terminal = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(refused)?;
    let hidden = Hidden::start(&terminal).map_err(refused)?;
    let mut line = String::new();
    let user = crate::text::plain::escape(user);
    let asked = (&terminal)
        .write_all(format!("Enter host password for user '{user}':").as_bytes())
        .and_then(|()| BufReader::new(&terminal).take(MAX).read_line(&mut line));
    drop(hidden);
    // The line feed that was typed is not shown either.
    let _ = (&terminal).write_all(b"\n");
    asked.map_err(refused)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(user: Option<&str>, file: Option<PathBuf>, url: &str) -> Option<String> {
        let args = LoginArgs {
            user: user.map(str::to_owned),
            netrc: false,
            netrc_file: file,
            typed: OnceLock::new(),
        };
        assert!(!format!("{args:?}").contains("secret"));
        let value = args.header(&url.parse().unwrap()).unwrap();
        assert!(value.iter().all(HeaderValue::is_sensitive));
        value.map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_login_is_taken_from_the_flag_and_then_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netrc");
        std::fs::write(&path, "machine ::1 login me password secret\n").unwrap();
        let file = || Some(path.clone());
        let basic = |pair: &str| Some(format!("Basic {}", STANDARD.encode(pair)));
        assert_eq!(
            header(Some("a:secret:b"), file(), "http://[::1]/"),
            basic("a:secret:b")
        );
        assert_eq!(header(Some(":"), None, "http://a/"), basic(":"));
        assert_eq!(header(None, file(), "http://[::1]:80/"), basic("me:secret"));
        assert_eq!(
            header(Some("me"), file(), "http://[::1]/"),
            basic("me:secret")
        );
        assert_eq!(header(None, file(), "http://you@[::1]/"), None);
        assert_eq!(header(None, file(), "http://a.example/"), None);
        let none = folder.path().join("none");
        assert_eq!(header(None, Some(none), "http://[::1]/"), None);
    }
}
