//! The bytes of one answer.

use std::time::Duration;

/// What happens on the connection after the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Close,
    /// Nothing more comes for a while, then the connection ends.
    Hang,
    /// The next request is read.
    Next,
    /// The connection is reset.
    Reset,
}

/// The time that a connection hangs: longer than a buyer waits for the body of a 402.
pub(super) const HANG: Duration = Duration::from_secs(4);

/// An answer that is put together.
pub(super) struct Answer {
    status: u16,
    headers: Vec<u8>,
    body: Vec<u8>,
    /// The length that the head promises, if it is not that of the body.
    promised: Option<usize>,
    pub(super) after: After,
}

impl Answer {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            promised: None,
            after: After::Next,
        }
    }

    pub(super) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.extend_from_slice(name.as_bytes());
        self.headers.extend_from_slice(b": ");
        self.headers.extend_from_slice(value.as_ref());
        self.headers.extend_from_slice(b"\r\n");
        self
    }

    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Promises more than the body has, and ends in this way.
    pub(super) fn short(mut self, after: After) -> Self {
        self.promised = Some(self.body.len() + 100);
        self.after = after;
        self
    }

    pub(super) fn after(mut self, after: After) -> Self {
        self.after = after;
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = self.promised.unwrap_or(self.body.len());
        let close = if self.after == After::Close {
            "connection: close\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {} X\r\ncontent-length: {length}\r\n{close}",
            self.status
        );
        [head.as_bytes(), &self.headers, b"\r\n", &self.body].concat()
    }
}
