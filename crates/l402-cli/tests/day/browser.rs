//! A browser that has the dashboard open all day, if there is one (`tests/interop/day.sh`).

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use crate::shop::Shop;

pub(crate) struct Browser(Child);

impl Browser {
    /// Starts the script that `L402_DAY_BROWSER` names; `None` without one.
    pub(crate) fn open(shop: &Shop) -> Option<Self> {
        let script = std::env::var_os("L402_DAY_BROWSER")?;
        let mut command = Command::new("node");
        command.arg(script).arg(format!("http://{}", shop.admin));
        let mut child = command.stdin(Stdio::piped()).spawn().expect("node");
        let stdin = child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{}", shop.token).expect("it reads");
        Some(Self(child))
    }

    /// Ends it. It fails if a page has failed, or said a word on the console.
    pub(crate) fn close(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it ends").success(), "the dashboard");
    }
}
