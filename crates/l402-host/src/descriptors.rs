//! The number of files and sockets that the process may have open at the same time.

use std::io;

/// The limit on open files and sockets of this process, before and after it was raised. `None`
/// stands for no limit, or for a system that does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// The limit that the process was started with (`ulimit -Sn`).
    pub before: Option<u64>,
    /// The limit that holds now.
    pub now: Option<u64>,
}

/// The number that macOS accepts at most if the hard limit is higher or none (`OPEN_MAX`).
#[cfg(unix)]
const OPEN_MAX: u64 = 10_240;

/// Raises the soft limit on open files and sockets to the hard limit, as far as the system lets it.
/// Does nothing where there is no such limit.
///
/// The low soft limit of most systems (1,024) is for programs that use `select(2)`. Do not call this
/// in a process that does, or that starts one.
#[must_use]
pub fn raise_descriptor_limit() -> DescriptorLimit {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let Some(before) = limit.current else {
            return DescriptorLimit::default();
        };
        let hard = limit.maximum;
        let accepted = [hard, Some(OPEN_MAX)].into_iter().find(|wanted| {
            let higher = wanted.is_none_or(|wanted| wanted > before);
            let wanted = Rlimit {
                current: *wanted,
                maximum: hard,
            };
            higher && setrlimit(Resource::Nofile, wanted).is_ok()
        });
        DescriptorLimit {
            before: Some(before),
            now: accepted.unwrap_or(Some(before)),
        }
    }
    #[cfg(not(unix))]
    DescriptorLimit::default()
}

/// Returns the number of files and sockets that this process has open. `None` where the system does not
/// tell.
#[must_use]
pub fn open_descriptors() -> Option<u64> {
    let folder = "/proc/self/fd";
    // Newer kernels of Linux say it without listing the folder.
    let told = std::fs::metadata(folder).ok()?.len();
    if told > 0 {
        return Some(told);
    }
    let count = std::fs::read_dir(folder).ok()?.count();
    u64::try_from(count).ok()
}

/// Returns true if a file or socket could not be opened because this process, or the system, has as
/// many open as it may.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let errno = error.raw_os_error().map(Errno::from_raw_os_error);
        matches!(errno, Some(Errno::MFILE | Errno::NFILE))
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_once_and_never_lowered() {
        let first = raise_descriptor_limit();
        let second = raise_descriptor_limit();
        assert_eq!(second.before, first.now);
        assert_eq!(second.now, first.now);
        let below = |limit: DescriptorLimit| limit.now.is_some_and(|now| Some(now) < limit.before);
        assert!(!below(first) && !below(second), "{first:?} {second:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_file_is_counted() {
        let first = open_descriptors().unwrap();
        let files: Vec<_> = (0..50).map(|_| std::fs::File::open("/dev/null")).collect();
        // Tests beside this one open and close some, too.
        assert!(open_descriptors().unwrap() + 25 > first + files.len() as u64);
    }

    #[test]
    fn only_a_lack_of_descriptors_is_one() {
        let of = |errno: rustix::io::Errno| io::Error::from(errno);
        assert!(is_out_of_descriptors(&of(rustix::io::Errno::MFILE)));
        assert!(is_out_of_descriptors(&of(rustix::io::Errno::NFILE)));
        assert!(!is_out_of_descriptors(&of(rustix::io::Errno::CONNREFUSED)));
        assert!(!is_out_of_descriptors(&io::ErrorKind::TimedOut.into()));
    }
}
