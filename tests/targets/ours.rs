//! Upstreams in this process, each with one way of its own to read a path.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use l402_testkit::TestServer;

use crate::grammar::RESOURCES;

/// The way from a target to the path that is looked up.
pub(crate) type Reader = fn(&str) -> String;

/// All readers. The first believes the bytes; the others are habits of servers that people run.
pub(crate) const OURS: [(&str, Reader); 8] = [
    ("strict", |path| path.to_owned()),
    ("folds case", |path| {
        path.to_ascii_lowercase().replace("/mixed", "/Mixed")
    }),
    ("cuts parameters", cut_parameters),
    ("merges slashes", |path| resolve(path, false)),
    ("decodes and resolves", |path| resolve(&decode(path), true)),
    ("drops the end", drop_end),
    ("stops at its script", stop_at_script),
    ("serves the name without its extension", without_extension),
];

/// Starts an upstream that runs as long as the program.
pub(crate) fn start(reader: Reader) -> SocketAddr {
    let (tell, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let server = TestServer::start(move |request| {
                let answer = answer(reader, &request);
                async move { answer }
            });
            tell.send(server.address()).expect("the test waits");
            std::future::pending::<Infallible>().await
        })
    });
    address.recv().expect("an address")
}

fn answer<B>(reader: Reader, request: &http::Request<B>) -> Response<Full<Bytes>> {
    let path = reader(request.uri().path());
    // A folder is its index, as at most servers.
    let path = path.strip_suffix("index.html").unwrap_or(&path);
    let known = RESOURCES.iter().find(|resource| **resource == path);
    let body = known.map_or_else(|| "none".to_owned(), |resource| format!("R:{resource}:END"));
    let route = request.headers().get("x-route").cloned();
    let response = Response::builder().status(if known.is_some() { 200 } else { 404 });
    let response = route
        .into_iter()
        .fold(response, |response, route| response.header("x-seen", route));
    response.body(Full::new(body.into())).expect("an answer")
}

fn cut_parameters(path: &str) -> String {
    let cut = |segment: &str| segment.split(';').next().unwrap_or_default().to_owned();
    let segments: Vec<_> = path.split('/').map(cut).collect();
    resolve(&segments.join("/"), true)
}

/// Decodes all escapes once.
fn decode(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Merges slashes, and resolves dot segments if asked to.
fn resolve(path: &str, dots: bool) -> String {
    let mut left: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment {
            "." if dots => {}
            ".." if dots => {
                left.pop();
            }
            _ => left.push(segment),
        }
    }
    let folder = path.ends_with('/') || (dots && (path.ends_with("/.") || path.ends_with("/..")));
    let slash = if folder && !left.is_empty() { "/" } else { "" };
    format!("/{}{slash}", left.join("/"))
}

/// Drops slashes, dots and spaces, as Windows does, and what follows a question mark or a tilde.
fn drop_end(path: &str) -> String {
    let path = decode(path);
    let path = path.split(['?', '~', '#']).next().unwrap_or_default();
    let bare = path.split("::").next().unwrap_or_default();
    let bare = bare.trim_end_matches(['/', '.', ' ']);
    match RESOURCES
        .iter()
        .find(|known| known.trim_end_matches('/') == bare)
    {
        Some(known) => (*known).to_owned(),
        None => path.to_owned(),
    }
}

/// Takes the first name that is known for the program, and the rest for its argument.
fn stop_at_script(path: &str) -> String {
    let path = decode(path);
    let begins = |known: &&&str| {
        let rest = path.strip_prefix(**known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', ';']))
    };
    // A folder is no program.
    let known = RESOURCES
        .iter()
        .filter(begins)
        .find(|known| !known.ends_with('/'));
    known.map_or(path.clone(), |known| (*known).to_owned())
}

fn without_extension(path: &str) -> String {
    match path.rsplit_once('.') {
        Some((name, extension)) if !extension.contains('/') && !name.ends_with('/') => {
            let exact = RESOURCES.contains(&path);
            if exact { path } else { name }.to_owned()
        }
        _ => path.to_owned(),
    }
}
