//! The user who owns the other end of a connection on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a connection that is open at both ends, as the kernel's tables write it.
const ESTABLISHED: &str = "01";

/// The kernel's own choice for a user without a number, "nobody".
const OVERFLOW_USER: u32 = 65534;

/// Returns true if the user who runs this program has the other end of a connection. Where no table says
/// so, everybody on this machine counts as that user.
pub(crate) async fn is_this_user(peer: SocketAddr, own: SocketAddr) -> bool {
    is_this_user_by(peer, own, KernelTables).await
}

async fn is_this_user_by(peer: SocketAddr, own: SocketAddr, owners: impl Owners + 'static) -> bool {
    if !KernelTables::EXIST {
        return true;
    }
    let owner = tokio::task::spawn_blocking(move || owners.owner(peer, own)).await;
    matches!((owner, this_user()), (Ok(Some(owner)), Some(user)) if is_same_user(owner, user, overflow_user()))
}

/// Returns true if the owner of a socket is this user. The overflow user stands for many, so it is nobody's
/// own.
const fn is_same_user(owner: u32, user: u32, overflow: u32) -> bool {
    owner == user && owner != overflow
}

/// A way to find out which user has the other end of a connection.
trait Owners: Send + Sync {
    /// Returns the user id of the process at `peer` whose connection leads to `own`. `None` if it is not
    /// known.
    fn owner(&self, peer: SocketAddr, own: SocketAddr) -> Option<u32>;
}

/// The tables of the kernel. Only Linux has them.
#[derive(Clone, Copy, Debug)]
struct KernelTables;

impl KernelTables {
    /// True if this system has such tables.
    const EXIST: bool = cfg!(target_os = "linux");
}

impl Owners for KernelTables {
    fn owner(&self, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
        // A socket of IPv6 may have an address of IPv4, so both are read.
        ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| std::fs::read_to_string(table).ok())
            .find_map(|table| find(&table, peer, own))
    }
}

/// Returns the user who runs this program. `None` on a system without users of this kind.
fn this_user() -> Option<u32> {
    #[cfg(unix)]
    return Some(rustix::process::geteuid().as_raw());
    #[cfg(not(unix))]
    None
}

/// Returns the user who stands in the kernel's tables for all those whom the namespace of this program
/// has no number for.
fn overflow_user() -> u32 {
    let set = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
    set.ok()
        .and_then(|set| set.trim().parse().ok())
        .unwrap_or(OVERFLOW_USER)
}

/// Finds the owner of the socket at `peer` whose other end is `own` in a table of the kernel.
///
/// ```text
///   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
///    0: 0100007F:D2F0 0100007F:20D5 01 00000000:00000000 00:00000000 00000000  1000        0 34567
/// ```
fn find(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (words.next()?, words.next()?);
        let state = words.next()?;
        let (uid, inode) = (words.nth(3)?, words.nth(1)?);
        // A socket that its process has closed has no inode, and the user 0 stands there for it.
        let is_held = state == ESTABLISHED && inode != "0";
        let is_it = is_held && is_same(address(local)?, peer) && is_same(address(remote)?, own);
        is_it.then(|| uid.parse().ok()).flatten()
    })
}

fn is_same(a: SocketAddr, b: SocketAddr) -> bool {
    (a.ip().to_canonical(), a.port()) == (b.ip().to_canonical(), b.port())
}

/// Reads an address of the table: the words of the address in the order of this machine's bytes, and
/// the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..ip.len()).step_by(8) {
        let word = u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?;
        bytes.extend_from_slice(&word.to_ne_bytes());
    }
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a machine of little-endian bytes writes it.
    const V4: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20D5 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0
   1: 0100007F:D2F0 0100007F:20D5 01 00000000:00000000 00:00000000 00000000  1001        0 12 1 0
   2: 0100007F:D2F1 0100007F:20D5 04 00000000:00000000 00:00000000 00000000     0        0 0 1 0
   3: 0100007F:D2F2 0100007F:20D5 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0
   4: 0100007F:D2F3 0100007F:20D6 01 00000000:00000000 00:00000000 00000000  1000        0 13 1 0
";
    const V6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:D2F0 00000000000000000000000001000000:20D5 01 00000000:00000000 00:00000000 00000000  1002        0 21 1 0
   1: 0000000000000000FFFF00000100007F:D2F4 0000000000000000FFFF00000100007F:20D5 01 00000000:00000000 00:00000000 00000000  1003        0 22 1 0
";

    fn owner(table: &str, peer: &str, own: &str) -> Option<u32> {
        find(table, peer.parse().unwrap(), own.parse().unwrap())
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn both_ends_name_one_socket_and_its_user() {
        const OWN: &str = "127.0.0.1:8405";
        assert_eq!(owner(V4, "127.0.0.1:54000", OWN), Some(1001));
        assert_eq!(owner(V6, "[::1]:54000", "[::1]:8405"), Some(1002));
        assert_eq!(owner(V6, "127.0.0.1:54004", OWN), Some(1003));
        // Closed by its process, in either way; to another port; not there.
        for port in [54001, 54002, 54003, 54005] {
            assert_eq!(owner(V4, &format!("127.0.0.1:{port}"), OWN), None, "{port}");
        }
        assert_eq!(owner("", "127.0.0.1:54000", OWN), None);
        assert_eq!(owner("head\n 1: x y z\n", "127.0.0.1:54000", OWN), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_says_who_connects_here() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(own).unwrap();
        let (_server, peer) = listener.accept().unwrap();
        assert_eq!(KernelTables.owner(peer, own), this_user());
        drop(client);
        assert_eq!(KernelTables.owner(peer, own), None);
    }

    #[cfg(target_os = "linux")]
    struct Says(Option<u32>);

    #[cfg(target_os = "linux")]
    impl Owners for Says {
        fn owner(&self, _: SocketAddr, _: SocketAddr) -> Option<u32> {
            self.0
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_user_who_runs_it_is_its_own() {
        let ends: [SocketAddr; 2] =
            ["127.0.0.1:1", "127.0.0.1:2"].map(|address| address.parse().unwrap());
        let user = this_user().unwrap();
        for (owner, is_own) in [(Some(user), true), (Some(user + 1), false), (None, false)] {
            assert_eq!(is_this_user_by(ends[0], ends[1], Says(owner)).await, is_own);
        }
    }

    #[test]
    fn the_user_who_stands_for_many_is_nobodys_own() {
        assert!(is_same_user(1000, 1000, 65534));
        assert!(!is_same_user(1001, 1000, 65534));
        assert!(!is_same_user(65534, 65534, 65534));
        assert!(!is_same_user(99, 99, 99));
    }
}
