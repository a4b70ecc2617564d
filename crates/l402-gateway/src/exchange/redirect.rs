//! The answer to plain HTTP where there is TLS: the same address with `https`.

use http::header::{CONNECTION, HOST, HeaderValue, LOCATION};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, Version};
use http_body_util::Full;
use l402::Problem;
use l402_server::{Refusal, canonical_authority};

use super::answer::{Answer, refuse};
use super::body::AnswerBody;
use crate::table::RouteTable;

/// The ports of a redirect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirect {
    /// The port on which plain HTTP comes in.
    pub(crate) from: u16,
    /// The port on which TLS is served.
    pub(crate) to: u16,
}

/// The ports of the schemes.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

impl Redirect {
    /// Answers a request, and ends its connection: no further one is to come in plain text.
    pub(super) fn answer(self, parts: &Parts, table: &RouteTable) -> Answer {
        let mut answer = match self.target(parts, table) {
            Ok(target) => {
                let mut answer = Response::new(AnswerBody::Whole(Full::default()));
                *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
                answer.headers_mut().insert(LOCATION, target);
                answer
            }
            Err(problem) => refuse(Refusal::new(problem)),
        };
        if parts.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }

    /// Returns the address to come to. Its host is the one that was asked for: a link cannot make a
    /// redirect to anywhere else of this.
    fn target(self, parts: &Parts, table: &RouteTable) -> Result<HeaderValue, Problem> {
        let (host, port) = host(parts)?;
        if table.tls.is_none() || !table.snapshot.knows_host(Some(&host)) {
            return Err(Problem::Misdirected);
        }
        let path = parts.uri.path_and_query().map(|path| path.as_str());
        let path = path.filter(|path| path.starts_with('/'));
        let path = path.ok_or(Problem::BadRequest)?;
        // A client that came to another port than this one was led here, as by a container that
        // publishes its ports. Then so is TLS, on the port of the scheme.
        let to = match port.unwrap_or(HTTP) == self.from {
            true => self.to,
            false => HTTPS,
        };
        let target = match to {
            HTTPS => format!("https://{host}{path}"),
            to => format!("https://{host}:{to}{path}"),
        };
        HeaderValue::try_from(target).map_err(|_| Problem::BadRequest)
    }
}

/// Returns the only host of a request, in lower case, and its port.
fn host(parts: &Parts) -> Result<(String, Option<u16>), Problem> {
    let named = only_host(&parts.headers)?.map(canonical_authority);
    let target = parts.uri.authority();
    let target = target.map(|authority| canonical_authority(authority.as_str()));
    let both = named.is_some() && target.is_some();
    let is_one = !both || named == target;
    let host = named.or(target).filter(|_| is_one).flatten();
    host.ok_or(Problem::BadRequest)
}

/// Returns the header `Host`, which must not stand there twice.
fn only_host(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut all = headers.get_all(HOST).iter();
    let first = all.next().map(HeaderValue::to_str).transpose();
    match (first, all.next()) {
        (Ok(first), None) => Ok(first),
        _ => Err(Problem::BadRequest),
    }
}
