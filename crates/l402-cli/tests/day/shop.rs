//! The gateway of the day with everything on, what stands behind it, and its operator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use l402::Msat;
use l402_host::SystemClock;
use l402_lightning::sandbox::{Sandbox, SandboxWallet};
use serde_json::Value;

use crate::program::{Home, Serving};
use crate::receiver::Receiver;
use crate::run::{NO_LIMITS, PRICE_MSAT};
use crate::upstream::Upstream;
use crate::wire::{Answer, Line};

/// What is sold, with the policy and the price of one payment.
pub(crate) const SOLD: [(&str, &str, u64); 6] = [
    ("one", "request", PRICE_MSAT),
    ("three", "uses=3", 3 * PRICE_MSAT),
    ("time", "time=1h", 5 * PRICE_MSAT),
    ("twin", "request", PRICE_MSAT),
    ("stream", "request", PRICE_MSAT),
    ("slow", "request", PRICE_MSAT),
];

const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";

pub(crate) struct Shop {
    pub(crate) receiver: Receiver,
    pub(crate) one: Upstream,
    /// The second upstream of what is free, and of `twin`.
    pub(crate) other: Upstream,
    pub(crate) home: Home,
    pub(crate) gateway: Serving,
    pub(crate) address: SocketAddr,
    /// The listener for operators, and its token.
    pub(crate) admin: SocketAddr,
    pub(crate) token: String,
    config: PathBuf,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let (home, receiver) = (Home::new(), Receiver::start());
        let (one, other) = (Upstream::start(), Upstream::start());
        l402_host::private::create(&home.path().join("webhook.key"), SECRET).expect("a secret");
        let text = text(one.address, other.address, receiver.address);
        let config = home.file("l402.toml", &text);
        let file = config.to_str().expect("a path");
        let options = ["serve", "--log", "info", "--config", file];
        let gateway = home.serve(&[&options[..], &["--listen", "127.0.0.1:0"]].concat());
        let admin = gateway.announced["admin"].as_str().expect("an address");
        let admin = admin.trim_start_matches("http://").trim_end_matches('/');
        let token = std::fs::read_to_string(home.path().join("home").join("admin.token"));
        Self {
            address: gateway.address().parse().expect("an address"),
            admin: admin.parse().expect("an address"),
            token: token.expect("a token").trim().to_owned(),
            receiver,
            one,
            other,
            home,
            gateway,
            config,
        }
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        let clock = Arc::new(SystemClock::default());
        Sandbox::open(&self.home.path().join("home"), clock).expect("a sandbox")
    }

    /// Returns an account with enough for a long day.
    pub(crate) fn wallet(&self) -> SandboxWallet {
        let wallet = SandboxWallet::open(&self.sandbox(), "default").expect("an account");
        wallet.fund(Msat::from_sat(100_000)).expect("play money");
        wallet
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator {
            line: Line::to(self.admin),
            own: format!("origin: http://{}\r\n", self.admin),
            bearer: format!("authorization: Bearer {}\r\n", self.token),
            token: self.token.clone(),
        }
    }

    /// Returns what stands in the configuration file now.
    pub(crate) fn file(&self) -> String {
        std::fs::read_to_string(&self.config).expect("a file")
    }

    pub(crate) fn write_file(&self, text: &str) {
        self.home.file("l402.toml", text);
    }

    /// Returns the requests that the access log names, and forgets nothing.
    pub(crate) fn logged(&self) -> usize {
        let log = std::fs::read_to_string(self.home.path().join("access.log"));
        log.expect("a log").lines().count()
    }

    /// Verifies the books beside the gateway.
    pub(crate) fn books(&self) -> Value {
        let config = self.config.to_str().expect("a path");
        let verify = ["books", "verify", "--json", "--config", config];
        self.home.run(&verify).expect(0).json()
    }
}

fn text(one: SocketAddr, other: SocketAddr, receiver: SocketAddr) -> String {
    let mut text = format!(
        "{NO_LIMITS}[admin]\nlisten = \"127.0.0.1:0\"\n\
         [http]\nupstream_timeout_secs = 5\n\
         [log]\naccess = \"all\"\nformat = \"json\"\nfile = \"access.log\"\n\
         [[webhook]]\nurl = \"http://{receiver}/\"\nsecret_file = \"webhook.key\"\nallow_private = true\n\
         events = [\"sale\", \"settled\", \"upstream_down\", \"upstream_up\", \"configuration_rejected\"]\n\
         [[route]]\npath = \"/free/{{id}}\"\nfree = true\n\
         upstream = [\"http://{one}\", \"http://{other}\"]\n"
    );
    for (service, policy, price) in SOLD {
        let upstream = match service {
            "twin" => format!("[\"http://{one}\", \"http://{other}\"]"),
            _ => format!("\"http://{one}\""),
        };
        text += &format!(
            "[[route]]\npath = \"/{service}/{{id}}\"\nupstream = {upstream}\nservice = \"{service}\"\n\
             price = \"{price} msat\"\npolicy = \"{policy}\"\n"
        );
    }
    text
}

/// Somebody with the admin token.
pub(crate) struct Operator {
    line: Line,
    own: String,
    bearer: String,
    token: String,
}

impl Operator {
    /// Asks the API, and returns what it says.
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let answer = self.line.get(&format!("/api/v1/{path}"), &self.bearer);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Makes a change by the API, and returns what it says.
    pub(crate) fn change(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let headers = format!("{}content-type: application/json\r\n", self.bearer);
        let path = format!("/api/v1/{path}");
        let answer = self.line.send(method, &path, &headers, &body.to_string());
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.body
        );
        answer.json()
    }

    /// Returns the samples of the metrics, by their names with labels.
    pub(crate) fn metrics(&mut self) -> Vec<(String, f64)> {
        let answer = self.line.get("/metrics", "");
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let read = |text: &str| text.parse().expect("a number");
        samples
            .map(|(name, value)| (name.to_owned(), read(value)))
            .collect()
    }

    /// Returns one sample of the metrics, 0 if there is none.
    pub(crate) fn sample(&mut self, name: &str) -> f64 {
        let samples = self.metrics();
        let found = samples.iter().find(|(found, _)| found == name);
        found.map_or(0.0, |(_, value)| *value)
    }

    /// Signs in at the dashboard, and returns the header with the cookie.
    pub(crate) fn sign_in(&mut self) -> String {
        let headers = format!(
            "{}content-type: application/x-www-form-urlencoded\r\n",
            self.own
        );
        let form = format!("token={}", self.token);
        let answer = self.line.send("POST", "/login", &headers, &form);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.values("set-cookie")[0];
        let pair = cookie.split(';').next().expect("a pair");
        format!("cookie: {pair}\r\n")
    }

    /// Asks for a page of the dashboard.
    pub(crate) fn page(&mut self, path: &str, cookie: &str) -> Answer {
        self.line.get(path, cookie)
    }
}
