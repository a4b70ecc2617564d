//! The ordinary HTTP service that the demo sells: jokes, fortunes and quotes.
//!
//! This server knows nothing of payment: the gateway passes on only what is paid for or free.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::page;
use crate::error::CliError;
use crate::port;

/// One kind of text that is sold.
pub(super) struct Good {
    /// The name of the service, also the end of the path and the field in the answer.
    pub(super) name: &'static str,
    pub(super) price_sat: u64,
    entries: &'static str,
}

/// All kinds of text that are sold.
pub(super) const GOODS: [Good; 3] = [
    Good {
        name: "joke",
        price_sat: 50,
        entries: include_str!("../../content/jokes.txt"),
    },
    Good {
        name: "fortune",
        price_sat: 50,
        entries: include_str!("../../content/fortunes.txt"),
    },
    Good {
        name: "quote",
        price_sat: 10,
        entries: include_str!("../../content/quotes.txt"),
    },
];

impl Good {
    pub(super) fn path(&self) -> String {
        format!("/api/l402/{}", self.name)
    }

    fn entries(&self) -> Vec<&'static str> {
        self.entries
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// Returns one entry at random, with its number.
    fn pick(&self) -> Value {
        let entries = self.entries();
        let id = fastrand::usize(..entries.len().max(1));
        let text = entries.get(id).copied().unwrap_or_default();
        json!({ "id": id, self.name: text })
    }
}

/// Serves on a free port of this machine until the program ends.
pub(crate) async fn start() -> Result<SocketAddr, CliError> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let failed = |error: std::io::Error| port::cannot_listen(any_port, &error, "--listen");
    let listener = TcpListener::bind(any_port).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tokio::spawn(accept(listener));
    Ok(address)
}

async fn accept(listener: TcpListener) {
    // An error here is mostly a lack of file descriptors, which ends when other connections close.
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(async move {
            let service = service_fn(async |request| Ok::<_, Infallible>(answer(&request)));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a connection to the demo's upstream ended");
            }
        });
    }
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let for_people = page::is_for_people(request.headers());
    let good = GOODS.iter().find(|good| good.path() == path);
    let known_method = matches!(*request.method(), Method::GET | Method::POST | Method::HEAD);
    match (good, path) {
        (Some(good), _) if known_method && for_people => {
            let picked = good.pick();
            let text = picked[good.name].as_str().unwrap_or_default();
            html(page::of_text(good.name, text))
        }
        (Some(good), _) if known_method => document(StatusCode::OK, &good.pick()),
        (None, "/") if for_people => html(page::of_goods()),
        (None, "/" | "/health") => document(StatusCode::OK, &directory()),
        (Some(_), _) => document(
            StatusCode::METHOD_NOT_ALLOWED,
            &json!({ "error": "method_not_allowed" }),
        ),
        (None, _) => document(StatusCode::NOT_FOUND, &json!({ "error": "not_found" })),
    }
}

/// Returns the list of all goods with their prices, which is free to read.
fn directory() -> Value {
    let endpoints = GOODS.iter().map(|good| {
        json!({
            "path": good.path(),
            "methods": ["GET", "POST"],
            "price_msat": l402::Msat::from_sat(good.price_sat).msat(),
            "policy": "request",
        })
    });
    json!({ "status": "ok", "endpoints": endpoints.collect::<Vec<_>>() })
}

fn document(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = body(format!("{value}\n"), "application/json");
    *response.status_mut() = status;
    response
}

fn html(page: String) -> Response<Full<Bytes>> {
    body(page, "text/html; charset=utf-8")
}

fn body(text: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(header::VARY, http::HeaderValue::from_static("accept"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_fifty_different_ones_of_each() {
        for good in GOODS {
            let entries = good.entries();
            let different: HashSet<_> = entries.iter().collect();
            assert!(entries.len() >= 50, "{}", good.name);
            assert_eq!(different.len(), entries.len(), "{}", good.name);
        }
    }

    #[test]
    fn an_answer_names_its_entry() {
        for good in GOODS {
            let picked = good.pick();
            let id = picked["id"].as_u64().unwrap();
            assert_eq!(
                picked[good.name],
                good.entries()[usize::try_from(id).unwrap()]
            );
        }
    }
}
