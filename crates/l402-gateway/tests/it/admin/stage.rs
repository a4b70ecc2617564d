//! A gateway with a configuration file and a listener for operators.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use l402_gateway::{
    AdminListener, AdminServer, Config, Gateway, Home, NotReloaded, Overrides, Program, Reloaded,
};
use serde_json::Value;

use crate::harness::{Answer, GatewayUnderTest, send, serve};

/// The program of a test: a file, or none.
#[derive(Debug, Default)]
pub(crate) struct TestProgram {
    file: Option<PathBuf>,
    overrides: Overrides,
    stopped: AtomicBool,
    /// Lets each reload fail, as a certificate would that has gone.
    pub(crate) reload_fails: AtomicBool,
}

impl TestProgram {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

impl Program for TestProgram {
    fn file(&self) -> Option<(&Path, &Overrides)> {
        let file = self.file.as_deref()?;
        Some((file, &self.overrides))
    }

    fn reload(&self, gateway: &Gateway) -> Result<Reloaded, NotReloaded> {
        let file = self.file.as_ref().ok_or(NotReloaded::NoFile)?;
        if self.reload_fails.load(Ordering::SeqCst) {
            return Err(NotReloaded::Mistakes(Vec::new()));
        }
        let config = Config::from_file_with(file, &self.overrides);
        let config = config.map_err(NotReloaded::Mistakes)?;
        gateway.reload(config).map_err(NotReloaded::Refused)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

/// A gateway, its file, and its listener for operators.
pub(crate) struct Stage {
    // Dropped in this order: the listener holds the gateway.
    pub(crate) admin: AdminServer,
    pub(crate) program: Arc<TestProgram>,
    pub(crate) server: GatewayUnderTest,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) token: String,
}

/// Starts a gateway with these routes and a listener with these further keys of `[admin]`.
pub(crate) async fn stage_with(routes: &str, admin: &str, has_file: bool) -> Stage {
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nworkers = 1\n\n# for operators\n[admin]\n\
         listen = \"127.0.0.1:0\"\n{admin}\n{routes}"
    );
    let server = serve(&text).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("l402.toml");
    std::fs::write(&file, &text).expect("written");
    let home = Home::at(server.home.path()).expect("a home");
    let config = Config::from_file(&file).expect("a sound configuration");
    let listener = AdminListener::bind(&config, &home, server.clock.clone());
    let listener = listener.expect("bound").expect("there is a table");
    let program = Arc::new(TestProgram {
        file: has_file.then_some(file),
        ..TestProgram::default()
    });
    let admin = listener.serve(server.gateway(), program.clone());
    let token = std::fs::read_to_string(home.path().join("admin.token")).expect("a token");
    Stage {
        admin: admin.expect("served"),
        program,
        server,
        folder,
        token: token.trim().to_owned(),
    }
}

pub(crate) async fn stage(routes: &str) -> Stage {
    stage_with(routes, "", true).await
}

impl Stage {
    pub(crate) fn address(&self) -> SocketAddr {
        self.admin.local_addr().expect("an address")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("l402.toml")
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.file()).expect("the file")
    }

    /// Sends a request with these headers alone.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        send(self.address(), request.body(body).expect("a request")).await
    }

    /// Sends a request as an operator does.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let (host, token) = (self.address().to_string(), format!("Bearer {}", self.token));
        let headers = [("host", &*host), ("authorization", &*token)];
        self.send(method, path, &headers, body).await
    }

    /// Returns the JSON of an answer that is to be good.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", &format!("/api/v1/{path}"), "").await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", &format!("/api/v1/{path}"), body).await
    }

    /// Asks until an answer is as it should be. The number of times is a time-out alone.
    pub(crate) async fn until(&self, path: &str, is_right: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let answer = self.get(path).await;
            if is_right(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{path}: {}", self.get(path).await);
    }

    /// Returns the audit log, as the API shows it.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let audit = self.get("audit").await;
        audit["changes"].as_array().expect("a list").clone()
    }
}

/// Two services, one of them on two routes, and a comment in each place where one can stand.
pub(crate) fn shop(upstream: SocketAddr) -> String {
    let route = |path: &str, access: &str| {
        format!(
            "# {path}\n[[route]] # a route\npath = \"{path}\"\nupstream = \"http://{upstream}\" # here\n\
             {access} # for {path}\n"
        )
    };
    let joke = "service = \"joke\"\nprice = \"50 sat\"";
    "[log]\naccess = \"off\" # quiet\n\n".to_owned()
        + &route("/joke", joke)
        + &route("/joke/{id}", joke)
        + &route(
            "/three",
            "service = \"three\"\npolicy = \"uses=3\"\nprice = '9 sat'",
        )
        + &route("/free", "free = true")
}
