//! An invoice that nobody paid in time.

use std::sync::Arc;

use l402::Invoice;
use l402_host::ManualClock;
use l402_interop::{L402, Regtest, until};
use l402_lightning::{InvoiceState, Open, Payment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::backend::Nodes;
use crate::contract::order;
use crate::gateway::TestGateway;

/// Starts a server that answers every request with the same old challenge, and returns its URL.
async fn replay(challenges: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a loopback port");
    let address = listener.local_addr().expect("an address");
    let mut answer = String::from("HTTP/1.1 402 Payment Required\r\n");
    for line in challenges {
        answer += &format!("www-authenticate: {line}\r\n");
    }
    answer += "content-length: 0\r\nconnection: close\r\n\r\n";
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            // The head of a request without a body ends with an empty line.
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => read.push(byte),
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/thing")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_left_to_expire_is_cancelled_and_refused_and_moves_no_money() {
    let net = Regtest::start().await;
    let nodes = Nodes::of(&net).await;
    let gateway = TestGateway::open(&net, "invoice_expiry_secs = 10").await;
    let answer = gateway.ask(None).await;
    let challenge = answer.challenge();
    let invoice = Invoice::decode(challenge.invoice()).expect("BOLT 11");
    let lookup = async || nodes.receive.lookup(invoice.payment_hash).await;
    assert_eq!(lookup().await.expect("a state"), InvoiceState::Open);
    let before = nodes.pay.balance().await.expect("a balance");

    until("lnd lets the invoice expire", async || {
        (lookup().await.expect("a state") == InvoiceState::Cancelled).then_some(())
    })
    .await;

    let buyer = L402::new("buyer-home", net.folder());
    let wallet = net.buyer.node("admin").to_string();
    let url = replay(answer.challenges).await;
    let ran = buyer.run(&["get", &url, "--wallet", &wallet]).await;
    assert_eq!(ran.status, Some(35), "{ran:#?}");
    assert!(ran.stderr.contains("expired"), "{ran:#?}");
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");

    // A wallet whose clock is behind asks its lnd all the same, and learns the same.
    let behind = Arc::new(ManualClock::new(invoice.created));
    let slow = net.buyer.node("admin");
    let slow = slow.wallet(Open::new(net.folder(), behind)).await;
    let slow = slow.expect("pays").pay;
    let payment = slow.pay(order(challenge.invoice())).await;
    assert!(matches!(payment, Payment::Failed(_)), "{payment:?}");
    assert_eq!(nodes.pay.balance().await.expect("a balance"), before);
    let state = lookup().await.expect("a state");
    assert_eq!(state, InvoiceState::Cancelled);
    assert_eq!(gateway.upstream.delivered(), 0);
}
