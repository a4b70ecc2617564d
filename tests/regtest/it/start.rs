//! The start of a node, and the reasons why one does not start.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use l402::Network;
use l402_host::SystemClock;
use l402_lightning::ldk::{ChainSource, Ldk, LdkConfig};
use l402_lightning::{Error, ErrorKind};
use l402_regtest::{Access, Chain};

fn config(folder: &Path, access: &Access) -> LdkConfig {
    LdkConfig {
        storage: folder.join("ldk"),
        network: Network::Regtest,
        chain: ChainSource::Bitcoind {
            address: access.address.to_string(),
            user: access.user.clone(),
            password: access.password.clone(),
        },
        listen: Vec::new(),
        alias: None,
    }
}

async fn start(config: LdkConfig) -> Result<Ldk, Error> {
    Ldk::start(config, Arc::new(SystemClock::default())).await
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_folder_runs_one_node_and_is_the_same_node_again() {
    let (folder, chain) = (temporary(), Chain::start().await);
    let config = || config(folder.path(), chain.access());
    let first = start(config()).await.expect("starts");
    let id = first.node().node_id();
    let error = start(config()).await.expect_err("it runs already");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    first.stop().await.expect("stops");
    let second = start(config()).await.expect("starts again");
    assert_eq!(second.node().node_id(), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_keeps_to_its_network() {
    let (folder, chain) = (temporary(), Chain::start().await);
    let first = start(config(folder.path(), chain.access())).await;
    drop(first.expect("starts"));
    let other = LdkConfig {
        network: Network::Signet,
        ..config(folder.path(), chain.access())
    };
    let error = start(other).await.expect_err("it is of regtest");
    assert_eq!(error.kind(), ErrorKind::Local);
    let simnet = LdkConfig {
        network: Network::Simnet,
        ..config(folder.path(), chain.access())
    };
    let error = start(simnet).await.expect_err("LDK has no simnet");
    assert!(error.to_string().contains("simnet"), "{error}");
}

/// On networks other than the main one LDK Node starts nevertheless, and keeps asking.
#[tokio::test(flavor = "multi_thread")]
async fn with_real_money_a_chain_that_cannot_be_asked_is_unavailable() {
    let (folder, chain) = (temporary(), Chain::start().await);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let nobody = Access {
        address,
        ..chain.access().clone()
    };
    let stranger = Access {
        password: "wrong".into(),
        ..chain.access().clone()
    };
    for access in [nobody, stranger] {
        let config = LdkConfig {
            network: Network::Bitcoin,
            ..config(folder.path(), &access)
        };
        let error = start(config).await.expect_err("nobody answers");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_nobody_waits_for_leaves_the_folder_free() {
    let (folder, chain) = (temporary(), Chain::start().await);
    let config = || config(folder.path(), chain.access());
    let given_up = tokio::time::timeout(Duration::from_millis(1), start(config())).await;
    given_up.expect_err("a start takes longer");
    let started = async {
        loop {
            match start(config()).await {
                Ok(ldk) => return ldk,
                Err(error) if error.to_string().contains("already runs") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let started = tokio::time::timeout(Duration::from_secs(30), started).await;
    started.expect("in time").stop().await.expect("stops");
}

/// A node has threads of its own, so a program with a single thread can run one, too.
#[test]
fn runs_beside_a_runtime_of_one_thread() {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime for the chain");
    let chain = threads.block_on(Chain::start());
    let folder = temporary();
    let single = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    single.block_on(async {
        let ldk = start(config(folder.path(), chain.access())).await;
        let ldk = ldk.expect("starts");
        assert_eq!(seed(folder.path()).len(), 64);
        assert!(!format!("{ldk:?}").contains(&hex::encode(seed(folder.path()))));
        // Not stopped first: a node that is dropped in async code must stop all the same.
        drop(ldk);
    });
}

fn seed(folder: &Path) -> Vec<u8> {
    let path: PathBuf = folder.join("ldk").join("keys_seed");
    std::fs::read(path).expect("a seed")
}
