//! A home with an operator, an agent and small limits, and the model's shell on it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use l402::Msat;
use l402_client::Journal;
use l402_host::SystemClock;
use l402_lightning::sandbox::Sandbox;
use serde_json::json;
use url::Url;

use super::attempts::Try;
use crate::mcp_session::{Generation, Session};
use crate::program::{AtTerminal, Home, Ran, Serving, copy_environment};

/// The limits that the person has stored for `default`.
pub(super) const PER_REQUEST: Msat = Msat::from_sat(60);
pub(super) const PER_DAY: Msat = Msat::from_sat(200);

/// Known to the person alone.
pub(super) const PASSPHRASE: &str = "xylophone under water";

/// The person's backup, beside the home.
pub(super) const BACKUP: &str = "backup.tar";

/// The home of a person, and what stands around it.
pub(super) struct Shell {
    pub(super) home: Home,
    /// Costs 40 sat, of which a request and a day may have some.
    pub(super) cheap: String,
    pub(super) price_of_cheap: Msat,
    /// Costs more than a request may.
    pub(super) dear: String,
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    _serving: Vec<Serving>,
}

/// What has been spent, by both books.
pub(super) struct Money {
    /// What the sellers had.
    pub(super) moved: Msat,
    /// What the journal counts, with what may still arrive.
    pub(super) spent: Msat,
    payments: Vec<Msat>,
}

impl Money {
    pub(super) fn payments_above(&self, limit: Msat) -> usize {
        self.payments.iter().filter(|paid| **paid > limit).count()
    }
}

impl Shell {
    pub(super) fn open() -> Self {
        let home = Home::new();
        let limits = ["--per-request", "60 sat", "--per-day", "200 sat", "--yes"];
        home.run(&[&["budget", "set", "default"][..], &limits].concat())
            .expect(0);
        let add = ["agent", "add", "shopper", "--per-day", "100sat"];
        let add = [&add[..], &["--approve-above", "20sat"]].concat();
        let mut terminal = AtTerminal::start(&home, &add);
        terminal.answer("New passphrase", PASSPHRASE);
        terminal.answer("once more", PASSPHRASE);
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(0), "{screen}");
        let copy = home.path().join(BACKUP);
        let copy = copy.to_str().expect("UTF-8");
        let mut terminal = AtTerminal::start(&home, &["backup", copy]);
        terminal.answer("passphrase", PASSPHRASE);
        let (status, screen) = terminal.end();
        assert_eq!(status, Some(0), "{screen}");
        let upstream = crate::stranger::server(|_| {
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned()
        });
        let upstream = format!("http://{upstream}");
        let sell = |price: &str| {
            let name = price.replace(' ', "-");
            let args = [
                "serve",
                "--upstream",
                &upstream,
                "--price",
                price,
                "--name",
                &name,
            ];
            home.serve(&[&args[..], &["--listen", "0"]].concat())
        };
        let (cheap, dear) = (sell("40 sat"), sell("90 sat"));
        let clock = Arc::new(SystemClock::default());
        let sandbox = Sandbox::open(&home.path().join("home"), clock).expect("a sandbox");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            cheap: cheap.url("/"),
            price_of_cheap: Msat::from_sat(40),
            dear: dear.url("/"),
            _serving: vec![cheap, dear],
            home,
            sandbox,
            runtime: runtime.expect("a runtime"),
        }
    }

    /// Returns the path of a file beside the home.
    pub(super) fn beside(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    fn journal(&self) -> Journal {
        let folder = self.home.path().join("home/client");
        Journal::open(&folder).expect("a journal")
    }

    /// Returns everything that says what may be spent.
    pub(super) fn stored(&self) -> String {
        let journal = self.journal();
        let agents = journal.agents().expect("agents");
        let mandates: Vec<_> = agents
            .iter()
            .map(|agent| journal.mandates(&agent.name).expect("mandates"))
            .collect();
        let wallets = self
            .home
            .run(&["wallet", "list", "--json"])
            .expect(0)
            .stdout;
        let hash = journal.operator_hash().expect("a hash");
        let budgets = journal.budgets().expect("budgets");
        format!("{budgets:#?}{agents:#?}{mandates:#?}{wallets}{hash:?}")
    }

    pub(super) fn money(&self) -> Money {
        let entries = self.journal().entries(10_000).expect("entries");
        let open = |entry: &&l402_client::Entry| entry.moved() > Msat::ZERO || is_open(entry);
        let costs = entries.iter().filter(open);
        let costs = costs.map(|it| it.amount.max(it.paid).saturating_add(it.fee));
        let payments: Vec<Msat> = costs.collect();
        Money {
            moved: self.sandbox.income().expect("the sandbox's file"),
            spent: payments
                .iter()
                .fold(Msat::ZERO, |sum, it| sum.saturating_add(*it)),
            payments,
        }
    }

    /// An agent's wallet on this home.
    pub(super) fn mcp(&self, args: &[&str]) -> Command {
        self.home
            .command(&[&["mcp", "--wallet", "sandbox"][..], args].concat())
    }

    /// Lets the agent ask for a payment that needs a yes; returns its number.
    pub(super) fn let_a_payment_wait(&self) -> i64 {
        let command = self.mcp(&["--agent", "shopper"]);
        let mut session = Session::open(command, Generation::Modern);
        let asked = session.call("l402_fetch", json!({ "url": self.cheap }));
        let said = &asked["structuredContent"];
        assert_eq!(said["outcome"], "waiting_for_approval", "{asked}");
        said["approval"].as_i64().expect("a number")
    }

    /// Returns a new invoice over so many satoshi.
    pub(super) fn invoice(&self, sat: u64) -> String {
        use l402_lightning::{InvoiceRequest, Receive as _};
        let hour = std::time::Duration::from_secs(3_600);
        let request = InvoiceRequest::new(Msat::from_sat(sat), hour, "to the model");
        let made = self.runtime.block_on(self.sandbox.create_invoice(request));
        made.expect("an invoice").bolt11().to_owned()
    }

    /// Makes an attempt, and holds what has moved by then against the limits.
    pub(super) fn run(&self, attempt: &Try) {
        let args: Vec<&str> = attempt.args.iter().map(String::as_str).collect();
        let variables = attempt.variables.iter();
        let variables = variables.map(|(name, value)| (name, value));
        if let Some(through) = attempt.through {
            let mut command = self.home.command(&args);
            command.envs(variables);
            through(self, attempt, command);
        } else {
            let mut command = self.detached(&args);
            let ran = command
                .envs(variables)
                .output()
                .expect("the program starts");
            let ran = Ran::of(ran);
            let is_misused = attempt.is_odd && ran.status == Some(64);
            let is_as_it_should = !attempt.is_refused || is_misused || ran.status == Some(54);
            assert!(is_as_it_should, "{attempt:?}: {ran:#?}");
        }
        let money = self.money();
        assert!(
            money.moved <= PER_DAY && money.payments_above(PER_REQUEST) == 0,
            "{attempt:?}: {} moved",
            money.moved
        );
    }

    /// The program without a terminal, as an agent starts it, wherever the test has been started.
    fn detached(&self, args: &[&str]) -> Command {
        let program = self.home.command(args);
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(program.get_program());
        command.args(program.get_args()).stdin(Stdio::null());
        copy_environment(&program, &mut command);
        command
    }

    pub(super) fn run_with_stdin(&self, args: &[&str], typed: &str) -> Ran {
        let mut command = self.detached(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // It need not be read.
        let _ = stdin.write_all(typed.as_bytes());
        drop(stdin);
        Ran::of(child.wait_with_output().expect("the program ends"))
    }

    pub(super) fn run_with_variable(&self, args: &[&str], name: &str, value: &str) -> Ran {
        let mut command = self.detached(args);
        Ran::of(
            command
                .env(name, value)
                .output()
                .expect("the program starts"),
        )
    }
}

fn is_open(entry: &l402_client::Entry) -> bool {
    matches!(
        entry.state,
        l402_client::State::Intent | l402_client::State::Unknown
    )
}

/// Loads the page, or sends its form; returns the whole answer.
pub(super) fn ask_page(url: &Url, form: Option<&str>) -> String {
    let address = format!("127.0.0.1:{}", url.port().expect("a port"));
    let mut socket = TcpStream::connect(&address).expect("the page");
    let request = match form {
        None => format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
        Some(form) => format!(
            "POST / HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        ),
    };
    socket.write_all(request.as_bytes()).expect("the page");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Returns the first ticket of a page.
pub(super) fn ticket(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"ticket\" value=\"")
        .expect("a ticket");
    let (ticket, _) = rest.split_once('"').expect("its end");
    url::form_urlencoded::byte_serialize(ticket.as_bytes()).collect()
}
