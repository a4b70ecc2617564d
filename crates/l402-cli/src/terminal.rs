//! A terminal that does not show what is typed.

/// Hides what is typed at a terminal until this is dropped.
#[cfg(unix)]
pub(crate) struct Hidden<T: std::os::fd::AsFd> {
    terminal: T,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl<T: std::os::fd::AsFd> Hidden<T> {
    /// Stops the echo of a terminal.
    ///
    /// # Errors
    /// Those of the system: it is no terminal, for one.
    pub(crate) fn start(terminal: T) -> std::io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl<T: std::os::fd::AsFd> Drop for Hidden<T> {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        // If it fails, there is no terminal any more.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(not(unix))]
pub(crate) struct Hidden<T>(std::marker::PhantomData<T>);

#[cfg(not(unix))]
impl<T> Hidden<T> {
    pub(crate) fn start(_terminal: T) -> std::io::Result<Self> {
        Err(std::io::Error::from(std::io::ErrorKind::Unsupported))
    }
}
