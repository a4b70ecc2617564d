//! What the free server answers, by the path. Header names are in lower case, for `get` writes them so.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::server::Heard;

/// Returns the whole answer to a request before which so many came in this run.
pub(super) fn answer(heard: &Heard, earlier: usize) -> Vec<u8> {
    let (path, query) = heard.target.split_once('?').unwrap_or((&heard.target, ""));
    // As a proxy hears it.
    let path = path.strip_prefix("http://shop.example").unwrap_or(path);
    match path {
        "/attached" => {
            let head = format!("content-disposition: attachment; filename=\"{query}\"\r\n");
            with_head(heard, "200 OK", &head, FILE)
        }
        "/busy" => with_head(heard, "503 Busy", "retry-after: 60\r\n", b"busy"),
        "/round" => with_head(heard, "302 Found", "location: /round\r\n", b""),
        // Never answered: the server waits for the client to go.
        "/silent" => Vec::new(),
        "/tired" if earlier == 0 => with_head(heard, "503 Tired", "", b"tired"),
        "/redirect" => with_head(heard, "302 Found", "location: /echo\r\n", b"moved"),
        "/file" if heard.header("range").is_empty() => with_head(heard, "200 OK", "", FILE),
        "/file" => range(heard),
        "/all" => with_head(heard, "200 OK", "", FILE),
        "/gzip" => packed(heard, "gzip", &gzip()),
        "/deflate" => packed(heard, "deflate", &zlib()),
        "/broken" => packed(heard, "gzip", b"this is no gzip"),
        "/unknown" => packed(heard, "x-none", b"this is nothing"),
        "/cookies" => with_head(heard, "302 Found", COOKIES, b"cookies"),
        "/away" => {
            let port = heard
                .header("host")
                .rsplit_once(':')
                .map_or("", |(_, port)| port);
            let head = format!("set-cookie: first=1\r\nlocation: http://localhost:{port}/echo\r\n");
            with_head(heard, "302 Found", &head, b"away")
        }
        "/missing" => with_head(heard, "404 Not Found", "", b"nothing here"),
        _ => with_head(
            heard,
            "200 OK",
            "content-type: text/plain\r\n",
            &echo(heard),
        ),
    }
}

/// What stands at `/file`.
const FILE: &[u8] = b"0123456789abcdef";

/// Cookies of each kind, and a way on.
const COOKIES: &str = "set-cookie: session=1\r\nset-cookie: hidden=2; Path=/; HttpOnly\r\n\
                       set-cookie: far=3; Path=/far\r\nset-cookie: kept=new; Path=/\r\n\
                       location: /echo\r\n";

fn gzip() -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(FILE).expect("memory");
    packer.finish().expect("memory")
}

fn zlib() -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(FILE).expect("memory");
    packer.finish().expect("memory")
}

fn packed(heard: &Heard, encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("content-encoding: {encoding}\r\n");
    with_head(heard, "200 OK", &head, body)
}

/// The bytes of [`FILE`] that were asked for.
fn range(heard: &Heard) -> Vec<u8> {
    let range = heard.header("range").trim_start_matches("bytes=");
    let (from, to) = range.split_once('-').unwrap_or_default();
    let (from, to): (Option<usize>, Option<usize>) = (from.parse().ok(), to.parse().ok());
    let end = FILE.len();
    let (from, to) = match (from, to) {
        (Some(from), to) => (from, to.map_or(end, |to| end.min(to + 1))),
        (None, last) => (end - last.unwrap_or(0), end),
    };
    if from >= to {
        let head = format!("content-range: bytes */{end}\r\n");
        return with_head(heard, "416 Range Not Satisfiable", &head, b"beyond the end");
    }
    let head = format!("content-range: bytes {from}-{}/{end}\r\n", to - 1);
    with_head(heard, "206 Partial Content", &head, &FILE[from..to])
}

/// The request without what two programs may write differently.
fn echo(heard: &Heard) -> Vec<u8> {
    let mut heard = heard.clone();
    heard.same_boundary();
    let mut text = format!("{} {}\n", heard.method, heard.target).into_bytes();
    text.extend_from_slice(&heard.body);
    text
}

/// Writes a head with a length, and the body unless HEAD was asked.
pub(super) fn with_head(heard: &Heard, status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes();
    if heard.method != "HEAD" {
        answer.extend_from_slice(body);
    }
    answer
}
