//! A wallet behind a socket whose other side misbehaves: a double of ours serves `pay.sock`.

// BACKENDS ldk double: `pay.sock` of another process, as a program beside `l402 node run` uses it

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402::{Msat, Preimage};
use l402_host::{SystemClock, private};
use l402_lightning::{Node, Open, Pay, PayRequest, Payment, ldk};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::contract::asked;

/// The answer of the double to a request that pays. `None`: nothing, and the connection stays open.
type Say = Option<Vec<u8>>;

/// Serves `pay.sock` in the home: every request but the status is answered with `say`, after which
/// the connection ends.
fn serve(home: &Path, say: Say) -> Double {
    let folder = home.join("ldk");
    private::create_closed_folder(&folder).expect("a folder");
    let listener = UnixListener::bind(folder.join("pay.sock")).expect("a socket");
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.extend(answer(stream, say.clone()).await);
        }
    });
    Double(task)
}

/// Ends the double when it is dropped.
struct Double(tokio::task::JoinHandle<()>);

impl Drop for Double {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Answers one connection, and returns it if it is to stay open.
async fn answer(stream: UnixStream, say: Say) -> Option<BufReader<UnixStream>> {
    const STATUS: &[u8] = b"{\"ok\":{\"node_id\":\"02ab\",\"network\":\"regtest\"}}\n";
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // The client may be gone, as one that only looks if somebody listens.
    stream.read_line(&mut line).await.ok()?;
    let say = match line.contains(r#""do":"status""#) {
        true => Some(STATUS.to_vec()),
        false => say,
    };
    match say {
        Some(text) => {
            // It may be refused before its end.
            let _ = stream.get_mut().write_all(&text).await;
            None
        }
        None => Some(stream),
    }
}

async fn wallet(home: &Path) -> Arc<dyn Pay> {
    let open = Open::new(home, Arc::new(SystemClock::default()));
    Node::Ldk.wallet(open).await.expect("a wallet").pay
}

/// Returns an order to pay an invoice on regtest, which nobody will claim.
async fn request(deadline: Duration) -> PayRequest {
    let home = tempfile::tempdir().expect("a home");
    let open = Open::new(home.path(), Arc::new(SystemClock::default()));
    let sandbox = Node::Sandbox.receiver(open).await.expect("a sandbox");
    let made = sandbox
        .receive
        .create_invoice(asked(Msat::from_sat(5)))
        .await;
    let bolt11 = made.expect("an invoice").bolt11().to_owned();
    PayRequest::new(bolt11, Msat::from_sat(1), deadline)
}

async fn outcome(say: Say, deadline: Duration) -> Payment {
    let home = tempfile::tempdir().expect("a home");
    let _double = serve(home.path(), say);
    let wallet = wallet(home.path()).await;
    assert_eq!(wallet.name(), "ldk node 02ab on regtest");
    wallet.pay(request(deadline).await).await
}

/// Another program asked the node, and this one cannot reach it. ATTACKS C-19.
#[tokio::test]
async fn what_could_not_be_sent_says_nothing_of_an_earlier_attempt() {
    let home = tempfile::tempdir().expect("a home");
    let double = serve(home.path(), None);
    let (one, other) = (wallet(home.path()).await, wallet(home.path()).await);
    let asked = request(Duration::from_millis(300)).await;
    let payment = one.pay(asked.clone()).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    drop(double);
    // Its end comes with the next turn of the runtime.
    while is_served(home.path()).await {
        tokio::task::yield_now().await;
    }
    let payment = other.pay(asked).await;
    assert!(matches!(payment, Payment::Unknown(_)), "{payment:?}");
    let fresh = other.pay(request(Duration::from_secs(5)).await).await;
    assert!(matches!(fresh, Payment::Failed(_)), "{fresh:?}");
}

async fn is_served(home: &Path) -> bool {
    UnixStream::connect(home.join("ldk").join("pay.sock"))
        .await
        .is_ok()
}

// BACKENDS ldk bad_preimage, html_error, huge_answer: double
#[tokio::test]
async fn an_answer_that_proves_nothing_is_unknown() {
    let wrong = Preimage::from_bytes([7; 32]).to_hex().to_string();
    let settled = |preimage: &str| {
        format!(
            "{{\"ok\":{{\"outcome\":\"settled\",\"preimage\":\"{preimage}\",\"paid_msat\":5000,\
             \"fee_msat\":0}}}}\n"
        )
    };
    let huge = vec![b'a'; 5 * 1024 * 1024];
    for say in [
        settled(&wrong).into_bytes(),
        settled("").into_bytes(),
        b"<html><body>502 Bad Gateway</body></html>\n".to_vec(),
        b"{\"ok\":{\"outcome\":\"set".to_vec(),
        b"{\"ok\":null}\n".to_vec(),
        b"{\"failed\":{\"kind\":\"rejected\",\"text\":\"what?\"}}\n".to_vec(),
        b"".to_vec(),
        huge,
    ] {
        let shown = String::from_utf8_lossy(&say[..say.len().min(60)]).into_owned();
        let outcome = outcome(Some(say), Duration::from_secs(20)).await;
        assert!(
            matches!(outcome, Payment::Unknown(_)),
            "{shown}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn the_nodes_own_word_is_taken_and_shown_without_escapes() {
    let say =
        b"{\"ok\":{\"outcome\":\"failed\",\"kind\":\"rejected\",\"text\":\"no \\u001b[31mway\"}}\n";
    let Payment::Failed(failure) = outcome(Some(say.to_vec()), Duration::from_secs(20)).await
    else {
        panic!("the node says that it failed")
    };
    assert!(!failure.error.to_string().contains('\u{1b}'), "{failure:?}");
}

// BACKENDS ldk deadline: double
#[tokio::test]
async fn silence_is_unknown_at_the_deadline() {
    let outcome = outcome(None, Duration::from_millis(100)).await;
    assert!(matches!(outcome, Payment::Unknown(_)), "{outcome:?}");
}

/// The socket of a wallet is never made here: the process that serves it is asked, or nobody.
#[tokio::test]
async fn without_a_node_a_socket_that_nobody_serves_is_no_node() {
    let home = tempfile::tempdir().expect("a home");
    drop(serve(home.path(), None));
    tokio::task::yield_now().await;
    let open = Open::new(home.path(), Arc::new(SystemClock::default()));
    // The task may still hold the socket for a moment.
    l402_regtest::eventually("nobody serves it", || async {
        let found = ldk::NodeOperator::running(open.clone()).await;
        found.expect("can be asked").is_none()
    })
    .await;
    let error = Node::Ldk.wallet(open).await.expect_err("no node");
    assert!(error.to_string().contains("l402 node init"), "{error}");
}
