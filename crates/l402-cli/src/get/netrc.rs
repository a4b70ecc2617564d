//! The file of `-n`: names and passwords by host, as ftp, curl and git read it.

/// A name and a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// Leaves the password out.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Returns the login for a host: the first `machine` of its name, or a `default` before it. With a
/// `user`, only an entry of that name counts.
pub(super) fn find(text: &str, host: &str, user: Option<&str>) -> Option<Login> {
    let mut words = split(text).into_iter();
    let mut entry: Option<Login> = None;
    let fits = |entry: &Option<Login>| {
        entry
            .as_ref()
            .is_some_and(|login| user.is_none_or(|user| user == login.user))
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" | "default" => {
                if fits(&entry) {
                    break;
                }
                let name = (word == "machine").then(|| words.next().unwrap_or_default());
                let is_meant = name.is_none_or(|name| name.eq_ignore_ascii_case(host));
                entry = is_meant.then(Login::default);
            }
            // `account` counts for nothing, but its value must not be read as the next word.
            "login" | "password" | "account" => {
                let value = words.next().unwrap_or_default();
                match (&mut entry, word.as_str()) {
                    (Some(login), "login") => login.user = value,
                    (Some(login), "password") => login.password = value,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if fits(&entry) { entry } else { None }
}

/// The words of a file, without comments and macros. A word between `"` may hold spaces, and `\n`,
/// `\r`, `\t`, `\"`.
fn split(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            let (word, after) = word(rest);
            if word == "macdef" {
                // A macro ends with an empty line.
                lines.by_ref().find(|line| line.is_empty());
                break;
            }
            found.push(word);
            rest = after.trim_start();
        }
    }
    found
}

fn word(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let (mut word, mut is_escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match (is_escaped, c) {
            (false, '"') => return (word, &quoted[at + 1..]),
            (false, '\\') => is_escaped = true,
            (is, c) => {
                word.push(match c {
                    'n' if is => '\n',
                    'r' if is => '\r',
                    't' if is => '\t',
                    c => c,
                });
                is_escaped = false;
            }
        }
    }
    (word, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment: machine a.example login no password no
machine a.example login one password \"p 1\\\"\"
machine A.EXAMPLE
  login two
  password p2 account x
macdef init
machine b.example login macro password macro

machine b.example password p3
default login any password p4
machine late.example login never password never
";

    #[test]
    fn the_entry_of_a_host_and_of_a_user_is_found() {
        for (host, user, found) in [
            ("a.example", None, ("one", "p 1\"")),
            ("a.example", Some("two"), ("two", "p2")),
            ("b.example", None, ("", "p3")),
            ("c.example", None, ("any", "p4")),
            ("late.example", None, ("any", "p4")),
        ] {
            let login = find(FILE, host, user).unwrap();
            assert_eq!(
                (login.user.as_str(), login.password.as_str()),
                found,
                "{host}"
            );
        }
        assert_eq!(find(FILE, "a.example", Some("three")), None);
        assert_eq!(find("machine a.example login x", "b.example", None), None);
        assert!(!format!("{:?}", find(FILE, "a.example", None)).contains("p 1"));
    }
}
