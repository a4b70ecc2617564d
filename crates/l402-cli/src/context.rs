//! The surroundings of a command: folder of state, clock, and the name of the program.

use std::sync::Arc;

use l402_host::{Clock, SystemClock};

use crate::home::HomeFolder;

/// The part of a run that every command is given.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The name that the user called the program by, for hints at the next command.
    pub(crate) program: String,
    pub(crate) home: HomeFolder,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Context {
    /// Makes a context with the clock of the machine.
    pub(crate) fn new(program: String, home: HomeFolder) -> Self {
        Self {
            program,
            home,
            clock: Arc::new(SystemClock::default()),
        }
    }
}
