//! Connections to a real PostgreSQL.

use l402_host::PostgresUrl;
use l402_host::postgres::{Blocking, PostgresError, PostgresErrorKind, Target, connect, migrate};
use l402_testkit::postgres::{Cut, CutProxy, PostgresServer};

fn target(url: &str) -> Target {
    let url: PostgresUrl = url.parse().expect("an address");
    Target::read(&url).expect("a target")
}

const FIRST: &str = "CREATE TABLE l402_x (a integer); INSERT INTO l402_x VALUES (1);";
const SECOND: &str = "UPDATE l402_x SET a = a + 1;";

#[tokio::test]
async fn each_step_of_a_migration_is_taken_once_by_one_program() {
    let server = PostgresServer::start();
    let target = target(&server.url());
    let at_once = (0..8).map(|_| async {
        let (mut client, _) = connect(&target).await.expect("a connection");
        migrate(&mut client, "x", &[FIRST, SECOND]).await
    });
    for migrated in futures_util::future::join_all(at_once).await {
        migrated.unwrap();
    }
    assert_eq!(server.sql("SELECT a FROM l402_x"), "2");

    let (mut client, _) = connect(&target).await.unwrap();
    // What fails half-way leaves nothing, and can be tried again.
    let broken = migrate(&mut client, "x", &[FIRST, SECOND, SECOND, "nonsense"]).await;
    assert_eq!(broken.unwrap_err().kind(), PostgresErrorKind::Invalid);
    assert_eq!(server.sql("SELECT a FROM l402_x"), "2");
    migrate(&mut client, "x", &[FIRST, SECOND, SECOND])
        .await
        .unwrap();
    assert_eq!(server.sql("SELECT a FROM l402_x"), "3");
    // An old program touches nothing.
    let newer = migrate(&mut client, "x", &[FIRST]).await.unwrap_err();
    assert_eq!(newer.kind(), PostgresErrorKind::Newer);
    assert!(newer.to_string().contains("upgrade"), "{newer}");
    assert_eq!(server.sql("SELECT version FROM l402_schema"), "3");
}

#[tokio::test]
async fn a_lost_connection_is_told_from_a_refused_statement() {
    let mut server = PostgresServer::start();
    let proxy = CutProxy::before(&server.socket());
    let target = target(&proxy.url());
    let (client, mut told) = connect(&target).await.unwrap();
    client
        .batch_execute("CREATE TABLE t (a integer); LISTEN l402")
        .await
        .unwrap();
    let kind = async |client: &tokio_postgres::Client, sql: &str| {
        let failed = client.execute(sql, &[]).await.unwrap_err();
        PostgresError::of_statement(&failed).kind()
    };
    assert_eq!(
        kind(&client, "SELECT nonsense").await,
        PostgresErrorKind::Invalid
    );
    client.batch_execute("NOTIFY l402, 'x'").await.unwrap();
    assert_eq!(told.next().await.as_deref(), Some("x"));

    for (cut, rows) in [(Cut::Before, "0"), (Cut::After, "1")] {
        let (client, mut told) = connect(&target).await.unwrap();
        proxy.arm("INSERT INTO t", cut);
        assert_eq!(
            kind(&client, "INSERT INTO t VALUES (1)").await,
            PostgresErrorKind::Lost
        );
        assert_eq!(server.sql("SELECT count(*) FROM t"), rows, "{cut:?}");
        assert_eq!(told.next().await, None);
    }
    server.restart();
    assert_eq!(
        server.sql("SELECT count(*) FROM t"),
        "1",
        "what was committed is there"
    );
    assert_eq!(kind(&client, "SELECT 1").await, PostgresErrorKind::Lost);
    server.kill();
    let refused = connect(&target).await.expect_err("nothing listens");
    assert_eq!(refused.kind(), PostgresErrorKind::Refused);
}

#[test]
fn a_command_connects_anew_after_a_loss() {
    let server = PostgresServer::start();
    let proxy = CutProxy::before(&server.socket());
    let mut blocking = Blocking::new(target(&proxy.url())).unwrap();
    let mut one = || {
        blocking.run(async |client, _| {
            let row = client.query_one("SELECT 1", &[]).await;
            let row = row.map_err(|error| PostgresError::of_statement(&error))?;
            Ok(row.get::<_, i32>(0))
        })
    };
    assert_eq!(one().unwrap(), 1);
    proxy.arm("SELECT 1", Cut::Before);
    assert_eq!(one().unwrap_err().kind(), PostgresErrorKind::Lost);
    assert_eq!(one().unwrap(), 1);
}

#[test]
fn what_has_failed_leaves_no_lock_behind() {
    let server = PostgresServer::start();
    server.sql("CREATE TABLE t (n integer)");
    let mut blocking = Blocking::new(target(&server.url())).unwrap();
    let failed = blocking.run(async |client, _| {
        let failed = |error: tokio_postgres::Error| PostgresError::of_statement(&error);
        let tx = client.transaction().await.map_err(failed)?;
        tx.batch_execute("LOCK TABLE t").await.map_err(failed)?;
        // Found wrong here: the server knows nothing of it.
        Err::<(), _>(PostgresError::local(&"not what it should be"))
    });
    assert_eq!(failed.unwrap_err().kind(), PostgresErrorKind::Refused);
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass";
    assert_eq!(server.sql(locks), "0");
}
