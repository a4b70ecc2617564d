//! Paying from the sandbox of another home, through its HTTP API.

mod pay;

pub(crate) use pay::SandboxHttp;
