//! What is sent, written down before the time is taken.

use std::net::SocketAddr;

/// Requests, one behind the other in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    next: usize,
    once: bool,
}

impl Requests {
    /// One request, sent again and again.
    pub(crate) fn same(request: &[u8]) -> Self {
        [request].into_iter().collect()
    }

    /// Each is sent once, and then there are no more.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The next one; the first after the last, unless each is sent once.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        if self.next == self.ends.len() && !self.once {
            self.next = 0;
        }
        let end = *self.ends.get(self.next)?;
        let before = self.next.checked_sub(1);
        let start = before.map_or(0, |before| self.ends[before]);
        self.next += 1;
        Some(&self.bytes[start..end])
    }
}

impl<R: AsRef<[u8]>> FromIterator<R> for Requests {
    fn from_iter<I: IntoIterator<Item = R>>(requests: I) -> Self {
        let mut all = Self::default();
        for request in requests {
            all.bytes.extend_from_slice(request.as_ref());
            all.ends.push(all.bytes.len());
        }
        all
    }
}

/// A request for `path`, with the value of `authorization` if there is one.
pub(crate) fn get(address: SocketAddr, path: &str, authorization: Option<&str>) -> Vec<u8> {
    let credential = authorization.map(|value| format!("authorization: {value}\r\n"));
    let credential = credential.unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{credential}\r\n").into_bytes()
}

/// A request that carries JSON, and one more header line.
pub(crate) fn post(address: SocketAddr, path: &str, header: &str, json: &str) -> Vec<u8> {
    let length = json.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{header}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_again_after_the_last() {
        let mut requests: Requests = ["a", "bc"].into_iter().collect();
        let sent: Vec<_> = (0..5)
            .filter_map(|_| requests.next().map(<[u8]>::to_vec))
            .collect();
        assert_eq!(sent, [&b"a"[..], b"bc", b"a", b"bc", b"a"]);
    }

    #[test]
    fn runs_out_where_each_is_sent_once() {
        let mut requests = ["a"].into_iter().collect::<Requests>().once();
        assert_eq!(requests.next(), Some(&b"a"[..]));
        assert_eq!(requests.next(), None);
        assert_eq!(requests.next(), None);
    }

    #[test]
    fn states_the_length_of_a_body() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let request = String::from_utf8(post(address, "/x", "a: b", "{}")).unwrap();
        assert!(
            request.ends_with("content-length: 2\r\n\r\n{}"),
            "{request}"
        );
        let request = String::from_utf8(get(address, "/x", Some("L402 a:b"))).unwrap();
        assert!(
            request.contains("\r\nauthorization: L402 a:b\r\n\r\n"),
            "{request}"
        );
    }
}
