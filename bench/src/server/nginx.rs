//! nginx, as a plain proxy and with a fixed 402.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::tls::Certificate;
use super::{Process, Server, free_address, installed, missing, pinned, subfolder, write};
use crate::error::Result;

/// What nginx is to say with a status of its own.
#[derive(Clone, Debug)]
pub(crate) struct FixedChallenge {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// Where the fixed 402 is; everything else is proxied.
pub(crate) const FIXED: &str = "/fixed";

/// Starts one worker before `upstream`, which listens with TLS.
///
/// # Errors
/// Where it is not installed or does not start.
pub(crate) fn start_tls(
    folder: &Path,
    upstream: SocketAddr,
    certificate: &Certificate,
) -> Result<Server> {
    launch(folder, upstream, None, Some(certificate))
}

/// Starts one worker before `upstream`.
///
/// # Errors
/// Where it is not installed or does not start.
pub(crate) fn start(
    folder: &Path,
    upstream: SocketAddr,
    fixed: Option<&FixedChallenge>,
) -> Result<Server> {
    launch(folder, upstream, fixed, None)
}

fn launch(
    folder: &Path,
    upstream: SocketAddr,
    fixed: Option<&FixedChallenge>,
    certificate: Option<&Certificate>,
) -> Result<Server> {
    let program = installed("nginx").ok_or_else(|| missing("nginx"))?;
    let folder = subfolder(folder, "nginx")?;
    let (address, file) = (free_address()?, folder.join("nginx.conf"));
    write(
        &file,
        &configuration(&folder, address, upstream, (fixed, certificate)),
    )?;
    let mut command = pinned(&program);
    command.arg("-p").arg(&folder).arg("-c").arg(&file);
    Server::listening(address, Process::start("nginx", &folder, command)?)
}

fn configuration(
    folder: &Path,
    address: SocketAddr,
    upstream: SocketAddr,
    (fixed, certificate): (Option<&FixedChallenge>, Option<&Certificate>),
) -> String {
    let mut text = String::new();
    // Without it the worker becomes another user, who may not write into our folder.
    if rustix::process::geteuid().is_root() {
        text.push_str("user root;\n");
    }
    text.push_str("worker_processes 1;\ndaemon off;\npid nginx.pid;\n");
    text.push_str("error_log stderr error;\nevents { worker_connections 10000; }\nhttp {\n");
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "{kind}_temp_path {}/{kind};", folder.display());
    }
    let fixed = fixed.map(location).unwrap_or_default();
    let (ssl, files) = certificate.map(secured).unwrap_or_default();
    let _ = write!(
        text,
        "access_log off;\n\
         keepalive_requests 1000000000;\n\
         keepalive_timeout 600s;\n\
         upstream one {{\n\
         server {upstream};\n\
         keepalive 1024;\n\
         keepalive_requests 1000000000;\n\
         }}\n\
         server {{\n\
         listen {address}{ssl} backlog=4096;\n\
         {files}\
         location / {{\n\
         proxy_pass http://one;\n\
         proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         }}\n\
         {fixed}}}\n\
         }}\n"
    );
    text
}

/// What makes it listen with TLS.
fn secured(certificate: &Certificate) -> (&'static str, String) {
    let (file, key) = (certificate.file.display(), certificate.key.display());
    let files =
        format!("ssl_certificate {file};\nssl_certificate_key {key};\nssl_protocols TLSv1.3;\n");
    (" ssl", files)
}

fn location(fixed: &FixedChallenge) -> String {
    // Within its quotes nginx reads a backslash as C does.
    let quoted = |text: &str| text.replace('\\', "\\\\");
    let (line, body) = (quoted(&fixed.line), quoted(&fixed.body));
    format!(
        "location {FIXED} {{\n\
         default_type application/problem+json;\n\
         add_header Cache-Control no-store always;\n\
         add_header WWW-Authenticate '{line}' always;\n\
         return 402 '{body}';\n\
         }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_balanced_with_and_without_a_fixed_answer() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let fixed = FixedChallenge {
            line: "L402 macaroon=\"A\", invoice=\"B\"".into(),
            body: "[]".into(),
        };
        for fixed in [None, Some(&fixed)] {
            let text = configuration(Path::new("/x"), address, address, (fixed, None));
            let count = |brace| text.matches(brace).count();
            assert_eq!(count('{'), count('}'), "{text}");
            assert_eq!(text.contains("return 402"), fixed.is_some());
        }
    }
}
