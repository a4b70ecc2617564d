//! Mistakes that people make with wallets and nodes: the message, the hint, and the exit status.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402::UnixTime;
use l402_host::{Clock, ManualClock, SystemClock};
use l402_lightning::sandbox::Sandbox;
use l402_lightning::{InvoiceRequest, Node, Open};
use l402_testkit::cln::{FakeCln, rune, rune_of_another_node};
use l402_testkit::lnd::FakeLnd;
use l402_testkit::lnurl::LnurlService;
use l402_testkit::macaroon;

use crate::program::{Home, Ran};
use crate::stranger::server;

/// One mistake. `{dir}`, `{lnd}`, `{cln}`, `{lnurl}`, `{mainnet}`, `{regtest}` and `{early}` in the arguments stand
/// for the folder of the files, the addresses of an lnd, a Core Lightning and a service, invoices, and a seller
/// whose clock is ahead.
#[derive(Clone)]
struct Mistake {
    args: &'static str,
    set: &'static [(&'static str, &'static str)],
    stdin: Option<&'static str>,
    /// A part of the message.
    said: &'static str,
    /// A part of the hint; empty if the message says what to write.
    hint: &'static str,
    exit: i32,
}

const fn mistake(args: &'static str, exit: i32, said: &'static str, hint: &'static str) -> Mistake {
    Mistake {
        args,
        set: &[],
        stdin: None,
        said,
        hint,
        exit,
    }
}

impl Mistake {
    const fn set(mut self, set: &'static [(&'static str, &'static str)]) -> Self {
        self.set = set;
        self
    }

    const fn typed(mut self, stdin: &'static str) -> Self {
        self.stdin = Some(stdin);
        self
    }
}

/// The part of every secret here, which nothing may repeat: of a connection, whose secret is a key, the
/// whole.
const SECRETS: [&str; 2] = [
    "hunter2",
    "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c",
];

/// A connection at whose relay nobody listens, and one that was copied in part.
const OFFLINE: &str = "nostr+walletconnect://\
    b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4\
    ?relay=ws%3A%2F%2F127.0.0.1%3A1\
    &secret=71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c";
const NO_SECRET: &str = "nostr+walletconnect://\
    b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4\
    ?relay=ws%3A%2F%2F127.0.0.1%3A1";

#[rustfmt::skip]
fn mistakes() -> Vec<Mistake> {
    vec![
        // How a wallet is written.
        mistake("wallet balance --wallet alby", 64, "no wallet is stored as alby; stored: both, here, open, receives", "wallet add alby"),
        mistake("wallet balance --wallet alby", 64, "no wallet is stored as alby", "wallet add alby --from-env`")
            .set(&[("NWC_URL", "nostr+walletconnect://abc?secret=hunter2")]),
        mistake("wallet balance --wallet lnd", 64, "this is not all of it; write lnd://", ""),
        mistake("wallet balance --wallet phoenixd", 64, "this is not all of it; write phoenixd+http://", ""),
        mistake("wallet balance --wallet Alby", 64, "no Lightning backend is called that", ""),
        mistake("wallet balance --wallet nostr+walletconnect://abc?relay=wss://r&secret=hunter2", 64, "save it to a file", ""),
        mistake("wallet balance --wallet lnd://?tls_cert=a&macaroon=b", 64, "lnd's host is missing", ""),
        mistake("wallet balance --wallet lnd://h:8080?tls_cert=a&macaroon=0201036c6e64hunter2", 64, "it names a file", ""),
        mistake("wallet balance --wallet lnd://me:hunter2@h?tls_cert=a&macaroon=b", 64, "a host and a port", ""),
        mistake("wallet balance --wallet lnbits+http://lnbits.example?key=k", 64, "use https://", ""),
        mistake("wallet balance --wallet lnbits+https://lnbits.example?usr=hunter2", 64, "no parameter", ""),
        mistake("wallet balance --wallet cln://lightning-rpc", 64, "absolute path", ""),
        mistake("wallet balance --wallet lnurl:wallet.example", 64, "you@host", ""),
        // What it is used for.
        mistake("wallet balance --wallet lnurl:you@wallet.example", 17, "only receives", "name a wallet that pays"),
        mistake("wallet balance --wallet lnd://{lnd}?tls_cert={dir}/tls.cert&macaroon={dir}/invoice.macaroon&network=regtest", 17, "permission denied", "the least macaroon that pays: lncli bakemacaroon"),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --listen 127.0.0.1:0 --node lnd://{lnd}?tls_cert={dir}/tls.cert&macaroon={dir}/admin.macaroon", 69, "may do more than receive", "invoice.macaroon"),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --listen 127.0.0.1:0 --node sandbox+http://127.0.0.1:1", 69, "only pays", ""),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --listen 127.0.0.1:0 --node alby", 78, "stored: both, here, open, receives", "wallet add alby"),
        // Where it is.
        mistake("wallet balance --wallet lnd://127.0.0.1:1?tls_cert={dir}/tls.cert&macaroon={dir}/admin.macaroon&network=regtest", 17, "the wallet:", "is lnd running and unlocked"),
        mistake("wallet balance --wallet lnd://127.0.0.1:1?tls_cert={dir}/tls.cert&macaroon={dir}/none", 74, "cannot read the macaroon", "its macaroon and its certificate"),
        mistake("wallet balance --wallet sandbox+http://127.0.0.1:1", 17, "the wallet:", "`l402 sandbox` or `l402 demo` running"),
        mistake("wallet balance --wallet open", 24, "open.toml", "files of the wallet"),
        mistake("wallet balance --wallet cln+https://127.0.0.1:1?rune={dir}/pays.rune&ca={dir}/ca.pem", 17, "the wallet:", "is Core Lightning running with clnrest-port set"),
        mistake("wallet add x --kind nwc --secret-stdin", 17, "the wallet:", "nothing is stored; --no-check").typed(OFFLINE),
        mistake("wallet balance --wallet nwc:{dir}/offline.nwc", 17, "the wallet:", "is the wallet open and online"),
        // Which network, and which time.
        mistake("wallet pay {mainnet}", 44, "the invoice is for", "sandbox is on regtest"),
        mistake("wallet pay {regtest} --wallet lnd://127.0.0.1:1?tls_cert={dir}/tls.cert&macaroon={dir}/admin.macaroon&network=mainnet", 44, "the invoice is for regtest", "sandbox is on regtest"),
        mistake("get {early} --wallet sandbox", 38, "ahead", "date -u"),
        // What is stored.
        mistake("wallet add Main", 64, "a-z, 0-9 and -", ""),
        mistake("wallet add lnd", 64, "means a kind of wallet", ""),
        mistake("wallet add here --kind sandbox", 64, "stored as here already", "wallet remove here"),
        mistake("wallet add x", 64, "the kind of the wallet is missing", "--kind, one of sandbox, sandbox+http, lnd, cln, cln+https, ldk, nwc, phoenixd, lnbits, lnurl"),
        mistake("wallet add x --kind alby", 64, "no wallet is called that", ""),
        mistake("wallet add x --kind lnd", 64, "the host and port is missing", "--address"),
        mistake("wallet add x --kind lnd --address h:8080", 64, "the macaroon is missing", "lncli bakemacaroon"),
        mistake("wallet add x --kind nwc", 64, "the connection is missing", "--secret-file FILE or --secret-stdin"),
        mistake("wallet add x --kind phoenixd --secret-file {dir}/none", 74, "cannot read", "--secret-file"),
        mistake("wallet add x --kind nwc --secret-stdin", 64, "the credential is empty", "").typed(" \n"),
        mistake("wallet add x --kind lnbits --secret-stdin --address https://h/?usr=hunter2", 64, "a host and a port alone", "--address").typed("hunter2"),
        mistake("wallet add x --kind lnbits --secret-stdin --address http://lnbits.example", 64, "use https://", "--address").typed("hunter2"),
        mistake("wallet add x --kind sandbox+http --address 127.0.0.1:1", 17, "the wallet:", "nothing is stored; --no-check"),
        mistake("wallet add x --from-env", 64, "no variable of the environment", "NWC_URL; LNBITS_URL"),
        mistake("wallet add x --from-env", 64, "several wallets: nwc, phoenixd", "--kind")
            .set(&[("NWC_URL", "nostr+walletconnect://abc?secret=hunter2"), ("PHOENIXD_PASSWORD", "hunter2")]),
        // Which one pays.
        mistake("wallet use alby", 64, "no wallet is stored as alby", "wallet add alby"),
        mistake("wallet use receives", 64, "receives only receives", ""),
        mistake("wallet use here here", 64, "named twice", ""),
        mistake("wallet use here both", 64, "here is on regtest, and both on mainnet", "one network"),
        mistake("wallet use nwc:file", 74, "store it under one first", ""),
        mistake("wallet remove here", 64, "nobody is here to be asked", "--yes"),
        mistake("wallet remove alby --yes", 64, "no wallet is stored as alby", "wallet add alby"),
        mistake("wallet fund 5sat --wallet both", 64, "is real", "only the sandbox"),
    ]
}

/// Credentials that do not do what they are for, and routes that a node cannot sell.
#[rustfmt::skip]
fn misfits() -> Vec<Mistake> {
    vec![
        mistake("wallet balance --wallet cln+https://{cln}?rune={dir}/sells.rune&ca={dir}/ca.pem", 17, "does not permit xpay", "the least rune that pays: lightning-cli createrune"),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --listen 127.0.0.1:0 --node cln+https://{cln}?rune={dir}/all.rune&ca={dir}/ca.pem", 69, "is not restricted to methods", "the least rune that is paid: lightning-cli createrune"),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --listen 127.0.0.1:0 --node cln+https://{cln}?rune={dir}/status.rune&ca={dir}/ca.pem", 69, "does not permit invoice", "the least rune that is paid: lightning-cli createrune"),
        mistake("wallet balance --wallet cln+https://{cln}?rune={dir}/other.rune&ca={dir}/ca.pem", 17, "the rune", "the least rune that pays: lightning-cli createrune"),
        mistake("serve --upstream http://127.0.0.1:1 --price 999msat --listen 127.0.0.1:0 --node lnurl:shop@{lnurl}", 78, "price: this node takes 1 sat to 100000000 sat in one payment, and not 999 msat", ""),
        mistake("serve --upstream http://127.0.0.1:1 --price 5sat --policy time=1h --listen 127.0.0.1:0 --node lnurl:shop@{lnurl}", 78, "invoice_expiry_secs: this node's invoices can be paid for 86400 s", ""),
        mistake("wallet add x --kind nwc --secret-stdin", 74, "the connection needs one secret; copy it from the wallet again", "nothing is stored").typed(NO_SECRET),
        mistake("wallet balance --wallet nwc:{dir}/none.nwc", 74, "cannot read", ""),
    ]
}

/// A home with files, wallets and an lnd, in which every mistake is made.
struct Bench {
    home: Home,
    early: String,
    _runtime: tokio::runtime::Runtime,
    lnd: FakeLnd,
    cln: FakeCln,
    /// Host and port of a Lightning address whose invoices live for a day.
    lnurl: String,
}

impl Bench {
    fn new() -> Self {
        let home = Home::new();
        let rw: &[&str] = &["read", "write"];
        let receives = macaroon(&[("address", rw), ("invoices", rw), ("onchain", &["read"])]);
        let spends = macaroon(&[("invoices", rw), ("offchain", rw), ("info", &["read"])]);
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.enable_all().build().expect("a runtime");
        let lnd = runtime.block_on(FakeLnd::start([(&receives, false), (&spends, true)]));
        home.file("tls.cert", &lnd.tls_cert);
        std::fs::write(home.path().join("invoice.macaroon"), receives).expect("a file");
        std::fs::write(home.path().join("admin.macaroon"), spends).expect("a file");
        let cln = runtime.block_on(FakeCln::start());
        home.file("ca.pem", &cln.authority.pem);
        let receives = "method=getinfo|method=invoice|method=listinvoices|method=waitanyinvoice";
        for (name, text) in [
            ("all.rune", rune("time<9999999999")),
            ("pays.rune", rune("method^xpay|method/none")),
            ("sells.rune", rune(receives)),
            ("status.rune", rune("method=getinfo")),
            // As another node makes them: with a hash that this one has not signed.
            ("other.rune", rune_of_another_node("method/none")),
            ("offline.nwc", OFFLINE.to_owned()),
        ] {
            let path = home.path().join(name);
            l402_host::private::replace(&path, text.as_bytes()).expect("a file");
        }
        let lnurl = runtime.block_on(address_of_long_invoices(&home));
        let early = early_invoice(&home);
        let headers =
            format!("www-authenticate: L402 macaroon=\"opaque\", invoice=\"{early}\"\r\n");
        let early = server(move |_| {
            format!("HTTP/1.1 402 X\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n")
        });
        let bench = Self {
            home,
            early: format!("http://{early}/"),
            _runtime: runtime,
            lnd,
            cln,
            lnurl,
        };
        bench.store();
        bench
    }

    fn store(&self) {
        let run = |args: &[&str]| {
            self.home
                .run(&[&["wallet", "add"], args].concat())
                .expect(0)
        };
        run(&["here", "--kind", "sandbox"]);
        run(&["open", "--kind", "sandbox"]);
        run(&[
            "receives",
            "--kind",
            "lnurl",
            "--address",
            "you@wallet.example",
            "--no-check",
        ]);
        let folder = self.home.path().join("home/wallets");
        let both = "node = \"ldk\"\nmade = 1\nnetwork = \"mainnet\"\n";
        l402_host::private::replace(&folder.join("both.toml"), both.as_bytes()).expect("a file");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let open = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(folder.join("open.toml"), open).expect("a mode");
        }
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{dir}", &self.home.path().display().to_string())
            .replace("{lnd}", &self.lnd.address)
            .replace("{cln}", &self.cln.rest)
            .replace("{lnurl}", &self.lnurl)
            .replace("{mainnet}", &vector("ok-10-sat"))
            .replace("{regtest}", &vector("regtest"))
            .replace("{early}", &self.early)
    }

    fn make(&self, mistake: &Mistake) -> Ran {
        let args = self.filled(mistake.args);
        // The home by its flag, so that hints repeat it.
        let home = self.home.path().join("home").display().to_string();
        let mut all = vec!["--home", &home];
        all.extend(args.split(' '));
        if let Some(typed) = mistake.stdin {
            return self.home.run_with_stdin(&all, typed);
        }
        if args.starts_with("serve") {
            return self.home.run_start(&all);
        }
        let mut command = self.home.command(&all);
        command.envs(mistake.set.iter().copied());
        Ran::of(command.output().expect("it starts"))
    }
}

/// No mistake: many tools show a macaroon in hexadecimal digits.
#[test]
fn a_macaroon_in_digits_is_stored_and_pays() {
    let bench = Bench::new();
    let bytes = std::fs::read(bench.home.path().join("admin.macaroon")).expect("a file");
    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let args = bench.filled("wallet add digits --kind lnd --address {lnd} --secret-stdin");
    let certificate = bench.filled("{dir}/tls.cert");
    let mut args: Vec<&str> = args.split(' ').collect();
    args.extend(["--cert", &certificate]);
    let added = bench.home.run_with_stdin(&args, &format!("{digits}\n"));
    added.expect(0);
    bench.home.run(&["wallet", "test", "digits"]).expect(0);
}

/// Starts the service behind a Lightning address, and returns its host and port.
async fn address_of_long_invoices(home: &Home) -> String {
    let state = home.path().join("service");
    std::fs::create_dir_all(&state).expect("a folder");
    let sandbox = Sandbox::open(&state, Arc::new(SystemClock::default())).expect("a sandbox");
    let service = LnurlService::start(&sandbox, "x");
    service.set_life(Duration::from_secs(24 * 3600));
    let address = service.address();
    let (_, host) = address.split_once('@').expect("an address");
    host.to_owned()
}

/// An invoice of the text vectors.
fn vector(name: &str) -> String {
    let flow = include_str!("../../../../spec/vectors/flow_vectors.json");
    let flow: serde_json::Value = serde_json::from_str(flow).expect("vectors");
    let all = flow["invoices"].as_array().expect("invoices");
    let found = all.iter().find(|vector| vector["name"] == name);
    found.expect(name)["invoice"]
        .as_str()
        .expect("text")
        .to_owned()
}

/// An invoice of a seller whose clock is an hour ahead.
fn early_invoice(home: &Home) -> String {
    let state = home.path().join("seller");
    std::fs::create_dir_all(&state).expect("a folder");
    let ahead = SystemClock::default().wall().secs() + 3600;
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(ahead)));
    let make = async {
        let seller = Node::Sandbox.receiver(Open::new(&state, clock)).await;
        let amount = "10 sat".parse().expect("an amount");
        let request = InvoiceRequest::new(amount, Duration::from_secs(600), "early");
        let made = seller
            .expect("a node")
            .receive
            .create_invoice(request)
            .await;
        made.expect("an invoice").bolt11().to_owned()
    };
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(make)
}

#[test]
fn mistakes_get_an_answer_that_helps() {
    let bench = Bench::new();
    let all = [mistakes(), misfits()].concat();
    assert!(all.len() >= 25);
    let mut wrong = Vec::new();
    for mistake in &all {
        let ran = bench.make(mistake);
        let (message, hint) = ran
            .stderr
            .split_once("\nhint: ")
            .unwrap_or((&ran.stderr, ""));
        let fits = ran.status == Some(mistake.exit)
            && message.contains(mistake.said)
            && hint.contains(&bench.filled(mistake.hint))
            && !SECRETS.iter().any(|it| format!("{ran:?}").contains(it));
        if !fits {
            wrong.push(format!("{}: {ran:#?}", mistake.args));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
    assert!(!Path::new(&bench.home.path().join("home/wallets/x.toml")).exists());
}
