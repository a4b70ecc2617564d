//! The error stream of the process, for threads that write much to it.

use std::io::{self, Write};

/// Opens stderr for one writer alone. The handle of the standard library has a lock, and a write
/// that waits for a reader would hold it against every other line of the process.
///
/// # Errors
/// If the process has no file handle left.
#[cfg(unix)]
pub fn open_stderr() -> io::Result<Box<dyn Write + Send>> {
    use std::os::fd::AsFd as _;
    let handle = io::stderr().as_fd().try_clone_to_owned()?;
    Ok(Box::new(std::fs::File::from(handle)))
}

/// Elsewhere than on Unix the handle of the standard library is all there is.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn open_stderr() -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(io::stderr()))
}
