//! The Unix socket of the fake node.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::ClnFault;
use super::node::Cln;

/// Serves until it is aborted; the connections end with it.
pub(super) async fn serve(cln: Arc<Cln>, listener: UnixListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(Arc::clone(&cln), stream));
    }
}

/// Answers the calls of one connection, one after another. An error ends it.
async fn connection(cln: Arc<Cln>, mut stream: UnixStream) -> Option<()> {
    let mut read = Vec::new();
    loop {
        // Core Lightning takes the end of the JSON as the end of a request, with or without the
        // empty line after it.
        let mut values = serde_json::Deserializer::from_slice(&read).into_iter::<Value>();
        if let Some(Ok(request)) = values.next() {
            let end = values.byte_offset();
            read.drain(..end);
            answer(&cln, &mut stream, request).await?;
            continue;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

async fn answer(cln: &Cln, stream: &mut UnixStream, request: Value) -> Option<()> {
    let method = request["method"].as_str().expect("a method").to_owned();
    let fault = cln.fault(&method);
    match fault {
        ClnFault::Silent => std::future::pending().await,
        ClnFault::Html => return write(stream, b"<html>502 Bad Gateway</html>\n\n").await,
        ClnFault::Endless => {
            write(stream, b"{\"result\":\"").await?;
            loop {
                write(stream, &[b'x'; 65536]).await?;
            }
        }
        _ => {}
    }
    let mut answer = match cln.answer(&method, request["params"].clone()).await {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
        Err(refused) => json!({ "jsonrpc": "2.0", "id": request["id"], "error": refused.wire() }),
    };
    if fault == ClnFault::AnotherId {
        answer["id"] = json!("of another call");
    }
    // As bytes, because the middle may be inside a letter.
    let text = format!("{answer:#}\n\n").into_bytes();
    let (half, rest) = text.split_at(text.len() / 2);
    if fault == ClnFault::Talkative {
        let params = json!({ "message": "a } in \"text\"" });
        let told = json!({ "jsonrpc": "2.0", "method": "message", "params": params });
        write(stream, format!("{told}\n\n").as_bytes()).await?;
    }
    write(stream, half).await?;
    if fault == ClnFault::CutAfterPay && method == "xpay" {
        return None;
    }
    write(stream, rest).await
}

async fn write(stream: &mut UnixStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()
}
