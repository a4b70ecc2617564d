//! Another configuration while serving: taken whole or not at all, and nobody notices but by prices.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use l402_gateway::GatewayErrorKind;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::sync::mpsc;

use crate::harness::{GatewayUnderTest, describe, gated, request, routes, send, serve, upstream};
use crate::tls::{certificate, connect, https_upstream};

/// Any number of challenges, some of them from a stock of invoices.
const BUSY: &str = "[challenges]\nper_peer_per_second = 0\nper_prefix_per_second = 0\n\
                    total_per_second = 0\ninvoices_ahead = 4\n";

/// Asks until nobody counts its rounds any more, in all ways that a request can go. Panics at the
/// first request that fails.
async fn load(server: Arc<GatewayUnderTest>, hourly: String, rounds: mpsc::Sender<()>) {
    while rounds.send(()).await.is_ok() {
        let free = server.get("/free", None).await;
        assert_eq!(free.status(), 200, "{}", free.text());
        let known = server.get("/hourly", Some(&hourly)).await;
        assert_eq!(known.status(), 200, "{}", known.text());
        // The price may change between the challenge and the paid request.
        let challenge = server.get("/x", None).await;
        assert_eq!(challenge.status(), 402, "{}", challenge.text());
        let price = challenge.json()["price_msat"].clone();
        assert!(price == 50_000 || price == 70_000, "{price}");
        let credential = server.pay(&challenge).await;
        let paid = server.get("/x", Some(&credential)).await;
        assert_eq!(paid.status(), 200, "{}", paid.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_reloads_under_load_change_the_price_and_fail_no_request() {
    let upstream = upstream(false, describe).await;
    let hourly = format!(
        "[[route]]\npath = \"/hourly\"\nupstream = \"http://{upstream}\"\nprice = \"9 sat\"\n\
         policy = \"time=1h\"\n"
    );
    let text = routes(upstream, "") + &hourly + BUSY;
    let server = Arc::new(serve(&text).await);
    let pass = server.buy("/hourly").await;
    let (round, mut rounds) = mpsc::channel(1);
    let buyer = || tokio::spawn(load(Arc::clone(&server), pass.clone(), round.clone()));
    let buyers: Vec<_> = (0..3).map(|_| buyer()).collect();
    drop(round);
    for turn in 0..10 {
        // Enough for each buyer to be anywhere in a round. None if all of them have failed.
        for _ in 0..6 {
            rounds.recv().await.expect("a buyer that has not failed");
        }
        let (sat, msat) = [("70 sat", 70_000), ("50 sat", 50_000)][turn % 2];
        let reloaded = server.reload(&text.replace("50 sat", sat)).unwrap();
        assert_eq!(reloaded.waiting_for_restart(), [""; 0]);
        assert_eq!(server.get("/x", None).await.json()["price_msat"], msat);
    }
    drop(rounds);
    for buyer in buyers {
        buyer.await.expect("no request failed");
    }
}

/// ATTACKS D-10, O-14.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_ends_by_the_configuration_that_it_began_with() {
    let (upstream, mut arrivals, gate) = gated().await;
    let text = routes(upstream, "");
    let server = serve(&text).await;
    let address = server.address;
    let slow = tokio::spawn(async move { send(address, request("GET", "/free", None, b"")).await });
    arrivals.recv().await.unwrap();
    assert!(server.reload(&text.replace("/free", "/gratis")).is_ok());
    assert_eq!(server.get("/free", None).await.status(), 402);
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn fixed_values_are_named_and_keep_the_rest_from_nothing() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "");
    let server = serve(&text).await;
    let credential = server.buy("/x").await;
    let fixed = "listen = [\"127.0.0.1:1\"]\nworkers = 3\ndeployment = \"other\"\n\
                 node = \"lnd://127.0.0.1:1?tls_cert=a&macaroon=b\"\n\
                 danger_spending_macaroon = true\ninvalid_credential = 402\nlsat_line = true\n\
                 keys.file = \"other.key\"\nchallenges.invoices_ahead = 9\n";
    let every_one = format!("{fixed}{}", text.replace("50 sat", "70 sat"));
    // Twice: what waits is compared with the start, not with the last reload.
    for _ in 0..2 {
        let reloaded = server.reload(&every_one).unwrap();
        assert_eq!(
            reloaded.waiting_for_restart(),
            [
                "listen",
                "workers",
                "deployment",
                "node",
                "danger_spending_node",
                "invalid_credential",
                "lsat_line",
                "keys",
                "challenges.invoices_ahead"
            ]
        );
    }
    let dearer = server.get("/x", None).await;
    assert_eq!(dearer.json()["price_msat"], 70_000);
    assert_eq!(
        dearer
            .head
            .headers
            .get_all("www-authenticate")
            .iter()
            .count(),
        1
    );
    let bad = server.get("/x", Some("L402 garbage")).await;
    assert_eq!(bad.status(), 401, "answered as at the start");
    let paid = server.get("/x", Some(&credential)).await;
    assert_eq!(paid.status(), 200, "the keys are those of the start");
    assert_eq!(server.reload(&text).unwrap().waiting_for_restart(), [""; 0]);
}

/// ATTACKS O-13.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_cannot_be_taken_changes_nothing() {
    let upstream = upstream(false, describe).await;
    let text = routes(upstream, "");
    let server = serve(&format!("listen = [\"127.0.0.1:0\"]\n{text}")).await;
    let dearer = text.replace("50 sat", "70 sat");
    let no_file = "[tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n";
    let no_authority = "upstream_ca = \"none.pem\"\n";
    let secure = dearer.replace("http://", "https://");
    for unusable in [
        format!("{dearer}{no_file}"),
        secure.replace("service", &format!("{no_authority}service")),
    ] {
        let error = server.reload(&unusable).unwrap_err();
        assert_eq!(error.kind(), GatewayErrorKind::Certificate);
        assert!(error.to_string().contains("none.pem"), "{error}");
        assert_eq!(server.get("/x", None).await.json()["price_msat"], 50_000);
    }
}

/// The port of the file waits for a restart; until then the old one would be asked in a circle.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_is_the_running_gateway_is_refused() {
    let upstream = upstream(false, describe).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let listen = |port: u16| format!("listen = [\"127.0.0.1:{port}\"]\n");
    let server = serve(&(listen(free.port()) + &routes(upstream, ""))).await;
    let circle = listen(1) + &routes(free, "");
    let error = server.reload(&circle).unwrap_err();
    assert_eq!(error.kind(), GatewayErrorKind::Configuration);
    assert!(error.to_string().contains("circle"), "{error}");
    assert_eq!(server.get("/free", None).await.status(), 200);
}

/// Asks on a connection that is open already, and returns the status.
async fn ask(sender: &mut hyper::client::conn::http1::SendRequest<Empty<Bytes>>) -> u16 {
    let get = http::Request::get("/free").header("host", "localhost");
    let get = get.body(Empty::new()).expect("a request");
    let answer = sender.send_request(get).await.expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a body");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_served_to_new_connections() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let files = folder.path().display();
    let text = format!(
        "{}[tls]\ncertificate = \"{files}/cert.pem\"\nkey = \"{files}/key.pem\"\n",
        routes(upstream(false, describe).await, "")
    );
    let server = serve(&text).await;
    let served = |folder: &Path| CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let first = connect(folder.path(), server.address, b"http/1.1").await;
    let (mut open, connection) = hyper::client::conn::http1::handshake(TokioIo::new(first))
        .await
        .unwrap();
    tokio::spawn(connection);
    assert_eq!(ask(&mut open).await, 200);

    // Half of a pair: the certificate is there before its key.
    let next = tempfile::tempdir().unwrap();
    certificate(next.path());
    let before = folder.path().join("before.pem");
    std::fs::copy(folder.path().join("cert.pem"), &before).unwrap();
    std::fs::copy(next.path().join("cert.pem"), folder.path().join("cert.pem")).unwrap();
    let error = server.reload(&text).unwrap_err();
    assert_eq!(error.kind(), GatewayErrorKind::Certificate);
    std::fs::copy(&before, folder.path().join("cert.pem")).unwrap();
    connect(folder.path(), server.address, b"http/1.1").await;

    for name in ["cert.pem", "key.pem"] {
        std::fs::copy(next.path().join(name), folder.path().join(name)).unwrap();
    }
    assert!(server.reload(&text).is_ok());
    // It trusts the new certificate alone, and so would not take the old one.
    let fresh = connect(next.path(), server.address, b"http/1.1").await;
    let shown = fresh.get_ref().1.peer_certificates().unwrap();
    assert_eq!(shown, [served(next.path())]);
    assert_eq!(ask(&mut open).await, 200, "an open connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_authorities_in_the_same_file_are_those_an_upstream_is_judged_by() {
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificate(own.path());
    certificate(other.path());
    let port = https_upstream(own.path()).await.port();
    let file = tempfile::tempdir().unwrap();
    let file = file.path().join("ca.pem");
    let text = format!(
        "[[route]]\npath = \"/free\"\nfree = true\nupstream = \"https://localhost:{port}\"\n\
         upstream_ca = \"{}\"\n",
        file.display()
    );
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::copy(own.path().join("cert.pem"), &file).unwrap();
    let server = serve(&text).await;
    for (folder, status) in [(&own, 200), (&other, 502), (&own, 200)] {
        std::fs::copy(folder.path().join("cert.pem"), &file).unwrap();
        assert!(server.reload(&text).is_ok());
        assert_eq!(server.get("/free", None).await.status(), status);
    }
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_those_of_the_new_file() {
    let upstream = upstream(false, describe).await;
    let one = "[challenges]\nper_peer_per_second = 1\nper_peer_burst = 1\n";
    let server = serve(&(routes(upstream, "") + one)).await;
    assert_eq!(server.get("/x", None).await.status(), 402);
    assert_eq!(server.get("/x", None).await.status(), 429);
    // The same limits again: nobody gains by a reload.
    assert!(server.reload(&(routes(upstream, "") + one)).is_ok());
    assert_eq!(server.get("/x", None).await.status(), 429);
    let none = one.replace("= 1", "= 0") + "[http]\nbody_max_bytes = 3\n";
    assert!(server.reload(&(routes(upstream, "") + &none)).is_ok());
    assert_eq!(server.get("/x", None).await.status(), 402);
    let long = request("POST", "/free", None, b"four");
    assert_eq!(send(server.address, long).await.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_flight_are_counted_across_a_reload() {
    let (upstream, mut arrivals, gate) = gated().await;
    let text = format!(
        "[[route]]\npath = \"/free\"\nupstream = \"http://{upstream}\"\nfree = true\n\
         max_in_flight = 1\n"
    );
    let server = serve(&text).await;
    let address = server.address;
    let slow = tokio::spawn(async move { send(address, request("GET", "/free", None, b"")).await });
    arrivals.recv().await.unwrap();
    assert!(server.reload(&text).is_ok());
    tokio::select! {
        answer = server.get("/free", None) => assert_eq!(answer.status(), 503),
        _ = arrivals.recv() => panic!("two requests are in flight"),
    }
    gate.add_permits(2);
    assert_eq!(slow.await.unwrap().status(), 200);
    assert_eq!(server.get("/free", None).await.status(), 200);
}
