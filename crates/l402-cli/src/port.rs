//! A port that another program has: which kind of program that is, and what to type instead.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The longest wait for each step of the other program.
const PATIENCE: Duration = Duration::from_millis(500);

/// The most that is read of its answer, in bytes.
const ANSWER_MAX: u64 = 16 * 1024;

/// The ports that are tried for a suggestion: behind 8402 and the sandbox's 8403.
const OTHERS: core::ops::Range<u16> = 8404..8500;

/// Returns the error for an address that cannot be listened on, which `option` names. Blocks for a
/// moment to find out who has it.
#[cfg(feature = "buy")]
pub(crate) fn cannot_listen(
    address: SocketAddr,
    error: &std::io::Error,
    option: &str,
) -> crate::error::CliError {
    use crate::error::CliError;
    use crate::exit_code;

    let text = format!("{address} cannot be listened on: {error}");
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return CliError::new(exit_code::CONFIGURATION, "cannot_listen", text);
    }
    CliError::new(exit_code::ADDRESS_IN_USE, "cannot_listen", text).with_hint(hint(address, option))
}

/// Says who has an address and what to type instead.
pub(crate) fn hint(address: SocketAddr, option: &str) -> String {
    let free = OTHERS.map(|port| SocketAddr::new(address.ip(), port));
    // Bound for a moment, to suggest nothing that is taken, too.
    let free = free
        .into_iter()
        .find(|other| TcpListener::bind(other).is_ok());
    let other = free.unwrap_or(SocketAddr::new(address.ip(), 0));
    format!(
        "{} has it: end that one (Ctrl-C where it runs), or add {option} {other}",
        holder(address)
    )
}

/// Returns the kind of program that listens at an address.
fn holder(address: SocketAddr) -> &'static str {
    let Some(answer) = ask(address) else {
        return "a program that does not answer HTTP";
    };
    let has = |text: &str| answer.contains(text);
    // What our own programs answer at `/`; the demo first, which is a gateway, too.
    if has("/api/l402/joke") {
        "`l402 demo`"
    } else if has("\"no_such_path\"") {
        "`l402 sandbox`, or the sandbox of `l402 demo`,"
    } else if has("www-authenticate: l402 ") || has("urn:l402:problem:") {
        "another `l402 serve`"
    } else if answer.starts_with("http/") {
        "a web server"
    } else {
        "a program that does not answer HTTP"
    }
}

/// Asks for `/`, and returns the beginning of the answer in lower case.
fn ask(address: SocketAddr) -> Option<String> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, address.port());
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    // One that sends on and on is cut off at the limit; one that stops, at the time-out.
    let _ = socket.take(ANSWER_MAX).read_to_end(&mut answer);
    Some(String::from_utf8_lossy(&answer).to_lowercase())
}
