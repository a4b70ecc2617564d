//! The first look at a submitted address: a 402, a document, or neither.

use http::{Method, StatusCode};

use super::error::DeskError;
use crate::fetch::{Arrived, Ask, FetchError, Fetcher, read};
use crate::listing::{CanonicalUrl, Document, DocumentKind, clean, read_document};

/// The largest document, in bytes.
const DOCUMENT_MAX: usize = 1024 * 1024;

/// The find at an address.
pub(super) enum Seen {
    /// A service that asks for money.
    Endpoint {
        /// The address, after permanent redirects.
        url: CanonicalUrl,
        /// The method that a buyer uses.
        method: &'static str,
    },
    /// A document that lists services.
    Document {
        /// The address that answered.
        url: CanonicalUrl,
        /// The services that it lists.
        document: Document,
    },
}

/// Asks an address with the method of its buyers, if it is known, and with GET; with POST as well if GET is
/// none of its methods. Nothing is deleted to see what it costs.
///
/// # Errors
/// `Unlistable`, with what was seen and what to do.
pub(super) async fn look(
    fetcher: &Fetcher,
    url: &CanonicalUrl,
    method: Option<&'static str>,
) -> Result<Seen, DeskError> {
    if DocumentKind::of_path(url.url()).is_some() {
        return Look::new(fetcher, url, "GET").await?.document().await;
    }
    let first = method.filter(|method| *method != "DELETE").unwrap_or("GET");
    let one = Look::new(fetcher, url, first).await?;
    if one.is_paid() {
        return one.endpoint(method.unwrap_or(first));
    }
    let second = match (first, one.status().as_u16()) {
        ("GET", 404 | 405 | 501) if method.is_none() => "POST",
        ("GET", _) => return one.document().await,
        _ => "GET",
    };
    match Look::new(fetcher, url, second).await {
        Ok(other) if other.is_paid() => other.endpoint(method.unwrap_or(second)),
        _ => Err(one.not_402()),
    }
}

/// One answer to a first look.
struct Look<'a> {
    asked: &'a CanonicalUrl,
    method: &'static str,
    arrived: Arrived,
    left: std::time::Duration,
}

impl<'a> Look<'a> {
    async fn new(
        fetcher: &Fetcher,
        asked: &'a CanonicalUrl,
        method: &'static str,
    ) -> Result<Self, DeskError> {
        let name = Method::from_bytes(method.as_bytes()).unwrap_or_default();
        let mut ask = Ask::new(name, asked.url().clone());
        // The price comes before anything is checked, so that an empty object is enough.
        ask.body = (method != "GET").then(|| b"{}".to_vec());
        let mut left = ask.timeout;
        match fetcher.arrive(&ask, &mut left).await {
            Ok(arrived) => Ok(Self {
                asked,
                method,
                arrived,
                left,
            }),
            Err(error) => Err(unanswered(asked, &error)),
        }
    }

    fn status(&self) -> StatusCode {
        self.arrived.response.status()
    }

    fn is_paid(&self) -> bool {
        self.status() == StatusCode::PAYMENT_REQUIRED
    }

    fn endpoint(self, method: &'static str) -> Result<Seen, DeskError> {
        let url = self.place()?;
        Ok(Seen::Endpoint { url, method })
    }

    /// Returns the address to list: the one behind permanent redirects, or the submitted one. What a temporary
    /// redirect to another origin answers is not this address's, and may be somebody else's.
    fn place(&self) -> Result<CanonicalUrl, DeskError> {
        let answered = self.answered()?;
        if self.arrived.is_permanent {
            return Ok(answered);
        }
        if answered.url().origin() == self.asked.url().origin() {
            return Ok(self.asked.clone());
        }
        let text = format!(
            "{} redirects to {}, which is another host, for the time being; submit that address instead, or \
             let the redirect be permanent (301 or 308)",
            short(self.asked),
            short(&answered)
        );
        Err(DeskError::Unlistable("redirects_elsewhere", text))
    }

    fn answered(&self) -> Result<CanonicalUrl, DeskError> {
        CanonicalUrl::new(self.arrived.url.clone()).map_err(|error| {
            let text = format!(
                "{} redirects to an address that is {error}",
                short(self.asked)
            );
            DeskError::Unlistable("redirects", text)
        })
    }

    /// Reads the document that was sent.
    async fn document(mut self) -> Result<Seen, DeskError> {
        let url = self.answered()?;
        let place = DocumentKind::of_path(url.url());
        if self.status() != StatusCode::OK {
            return Err(match place {
                Some(_) => self.no_document(),
                None => self.not_402(),
            });
        }
        // At a path of documents the fault is told as that of a document; anywhere else as that of an endpoint.
        let (body, cut) = read(&mut self.arrived.response, DOCUMENT_MAX, self.left).await;
        if cut.is_some() {
            return Err(match place {
                Some(_) => {
                    bad_document(&url, "it is larger than 1 MiB, or does not come to its end")
                }
                None => self.not_402(),
            });
        }
        let document = read_document(url.url(), &body);
        let document = document.map_err(|error| bad_document(&url, &error.to_string()))?;
        match document {
            None => Err(self.not_402()),
            Some(empty) if empty.listings.is_empty() && empty.skipped.is_empty() => {
                let text = "it lists no endpoint that costs something";
                Err(bad_document(&url, text))
            }
            Some(document) => Ok(Seen::Document { url, document }),
        }
    }

    fn not_402(&self) -> DeskError {
        let status = self.status().as_u16();
        let text = format!(
            "{} {} answered {status} and not 402. Submit the address of a paid endpoint, or of a document that \
             lists some, such as /.well-known/l402-services; if another method is paid, name it; the 402 has to \
             come before the request is validated",
            self.method,
            short(self.asked)
        );
        DeskError::Unlistable("not_402", text)
    }

    fn no_document(&self) -> DeskError {
        let status = self.status().as_u16();
        let text = format!(
            "{} answered {status}; a document that lists services has to be there, and free",
            short(self.asked)
        );
        DeskError::Unlistable("no_document", text)
    }
}

fn bad_document(url: &CanonicalUrl, fault: &str) -> DeskError {
    let text = format!("the document at {} cannot be listed: {fault}", short(url));
    DeskError::Unlistable("bad_document", text)
}

fn unanswered(url: &CanonicalUrl, error: &FetchError) -> DeskError {
    let text = format!("{} could not be asked: {error}", short(url));
    DeskError::Unlistable(error.code(), text)
}

/// Returns as much of an address as an error shows.
fn short(url: &CanonicalUrl) -> String {
    clean(url.as_str(), 200)
}
