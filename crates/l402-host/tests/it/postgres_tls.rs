//! TLS towards a real PostgreSQL, by each `sslmode`.

use std::path::Path;

use l402_host::postgres::{PostgresErrorKind, Target, connect};
use l402_testkit::postgres::{CutProxy, PostgresServer};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority, and a certificate of it for `localhost`, in PEM.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

fn certificates() -> Certificates {
    let authority_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).expect("an authority");
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    Certificates {
        authority: authority.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

/// Connects, and returns true if the server says that the connection is encrypted.
async fn is_encrypted(url: &str) -> Result<bool, (PostgresErrorKind, String)> {
    let target = Target::read(&url.parse().expect("an address"));
    let connected = connect(&target.expect("a target")).await;
    let (client, _) = connected.map_err(|error| (error.kind(), error.to_string()))?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(client.query_one(sql, &[]).await.expect("an answer").get(0))
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[tokio::test]
async fn each_mode_takes_the_certificates_that_it_should() {
    let ours = certificates();
    let (server, port) = PostgresServer::start_tls(&ours.certificate, &ours.key);
    let folder = tempfile::tempdir().unwrap();
    let trusted = write(folder.path(), "ours.pem", &ours.authority);
    let others = write(folder.path(), "others.pem", &certificates().authority);
    let url =
        |host: &str, options: &str| format!("postgres://l402:secret@{host}:{port}/l402?{options}");

    let ours = format!("&sslrootcert={trusted}");
    let of_others = format!("&sslrootcert={others}");
    for (host, options) in [
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        (
            "127.0.0.1",
            "sslmode=require&channel_binding=require".to_owned(),
        ),
        ("127.0.0.1", format!("sslmode=require{ours}")),
        ("127.0.0.1", format!("sslmode=verify-ca{ours}")),
        ("localhost", format!("sslmode=verify-full{ours}")),
    ] {
        assert_eq!(
            is_encrypted(&url(host, &options)).await,
            Ok(true),
            "{host} {options}"
        );
    }
    for (host, options) in [
        // Another authority, the system's, and another name.
        ("127.0.0.1", format!("sslmode=require{of_others}")),
        ("127.0.0.1", format!("sslmode=verify-ca{of_others}")),
        ("localhost", format!("sslmode=verify-full{of_others}")),
        ("127.0.0.1", format!("sslmode=verify-full{ours}")),
    ] {
        let (kind, text) = is_encrypted(&url(host, &options)).await.unwrap_err();
        assert_eq!(kind, PostgresErrorKind::Refused, "{host} {options}: {text}");
        assert!(text.contains("certificate"), "{host} {options}: {text}");
    }
    // The server's rules ask for TLS, and for the password.
    let wrong = format!("postgres://l402:other@localhost:{port}/l402?sslmode=require");
    for refused in [url("127.0.0.1", "sslmode=disable"), wrong] {
        let (kind, text) = is_encrypted(&refused).await.unwrap_err();
        assert_eq!(kind, PostgresErrorKind::Denied, "{text}");
        assert!(
            !text.contains("secret") && !text.contains("other\""),
            "{text}"
        );
    }
    assert_eq!(server.sql("SELECT 1"), "1");
}

#[tokio::test]
async fn a_server_without_tls_is_no_way_around_it() {
    let server = PostgresServer::start();
    let proxy = CutProxy::before(&server.socket());
    let plain = proxy.url();
    assert_eq!(is_encrypted(&plain).await, Ok(false));
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = plain.replace("sslmode=disable", &format!("sslmode={mode}"));
        let (kind, text) = is_encrypted(&url).await.unwrap_err();
        assert_eq!(kind, PostgresErrorKind::Refused, "{text}");
    }
}

#[tokio::test]
async fn a_server_that_stands_still_is_not_waited_for() {
    let server = PostgresServer::start();
    server.freeze(true);
    let url = format!("{}?connect_timeout=1", server.url());
    let (kind, text) = is_encrypted(&url).await.unwrap_err();
    assert_eq!(kind, PostgresErrorKind::Refused, "{text}");
    server.freeze(false);
    assert_eq!(is_encrypted(&server.url()).await, Ok(false));
}
