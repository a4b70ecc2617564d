//! The heads that `-v` shows on stderr, as curl shows them.

use std::sync::Arc;

use http::HeaderMap;
use l402_client::{Head, RequestHead, Watch};

use super::answer::status_line;
use super::ask::Asking;
use crate::text::output::tell;
use crate::text::plain::escape;

/// Shows each head, that of a request behind `> `, that of an answer behind `< `.
#[derive(Debug)]
pub(super) struct Trace(Arc<Asking>);

impl Trace {
    pub(super) fn beside(asking: &Arc<Asking>) -> Self {
        Self(Arc::clone(asking))
    }

    fn show(&self, mark: char, first: &str, headers: &HeaderMap) {
        // A line of progress that is still open would stand before it.
        self.0.clear();
        let mut text = format!("{mark} {}\n", escape(first));
        for (name, value) in headers {
            let value = escape(&String::from_utf8_lossy(value.as_bytes()));
            text += &format!("{mark} {name}: {value}\n");
        }
        tell(&format!("{text}{mark} "));
    }
}

impl Watch for Trace {
    fn sent(&self, head: &RequestHead) {
        // The version is agreed upon later; the answer tells it.
        let first = format!("{} {} HTTP/1.1", head.method, head.target);
        self.show('>', &first, &head.headers);
    }

    fn received(&self, head: &Head) {
        let first = status_line(head);
        self.show('<', &String::from_utf8_lossy(&first), &head.headers);
    }
}
