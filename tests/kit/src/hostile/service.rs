//! Services that somebody lists in a registry, to harm it, its readers or its neighbours.

use std::net::SocketAddr;
use std::time::Duration;

use l402::{
    KeyNumber, KeyRing, MasterKey, Msat, Network, PaymentHash, Policy, Preimage, Service, Terms,
    UnixTime,
};
use lightning_invoice::Currency;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::invoice::Draft;
use super::texts::hostile_texts;

/// The pieces of an endless answer.
const PIECE: [u8; 16 * 1024] = [b'x'; 16 * 1024];

macro_rules! tricks {
    ($($(#[$doc:meta])* $trick:ident,)*) => {
        /// A way to harm those who ask.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Trick {
            $($(#[$doc])* $trick,)*
        }

        impl Trick {
            /// Every trick.
            pub const ALL: &'static [Self] = &[$(Self::$trick),*];
        }
    };
}

tricks! {
    /// The invoice has no amount.
    Amountless,
    /// The chunks of the body have no sizes that are numbers.
    BadChunks,
    /// The token is no macaroon at all, and cut off.
    BrokenMacaroon,
    /// The status has four digits, or none.
    BadStatus,
    /// The connection ends in the middle of the head.
    EarlyClose,
    /// The body never ends.
    EndlessBody,
    /// Answers of 1xx without an end.
    EndlessInformation,
    /// The invoice has ended.
    Expired,
    /// The signature of the invoice is another's.
    Forged,
    /// No HTTP at all.
    Garbage,
    /// A body of 10 MiB that is 10 KiB long.
    GzipBomb,
    /// A page, with status 200 or 402.
    Html,
    /// A body that is said to be 10 GiB long.
    HugeBody,
    /// A head of 1 MiB.
    HugeHead,
    /// A hundred and more challenges.
    ManyChallenges,
    /// Two hundred headers.
    ManyHeaders,
    /// JSON that is ten thousand levels deep.
    NestedBody,
    /// The invoice is of a test network, or of none that is known.
    OtherNetwork,
    /// A redirect to itself, or a chain of them.
    RedirectLoop,
    /// A redirect to the place that must not be asked, written in some way.
    RedirectToForbidden,
    /// A redirect to a private network, or to another scheme.
    RedirectToPrivate,
    /// `robots.txt` without an end, full of patterns, or a redirect to the place that must not be asked.
    Robots,
    /// Hostile texts in every place that holds text.
    Scripts,
    /// Nothing comes.
    Silence,
    /// One byte at a time: the head.
    SlowHead,
    /// One byte at a time: the body.
    SlowBody,
    /// 429 with a wait of centuries, 503, 401, 405.
    Statuses,
    /// The token is about another payment.
    WrongHash,
}

/// The places that must not be asked, and the time of the invoices.
#[derive(Clone, Debug)]
pub struct Harm {
    /// Addresses that no redirect may lead to.
    pub forbidden: Vec<SocketAddr>,
    /// The time that is now.
    pub now: UnixTime,
}

/// A service with a port of its own, which runs until the test's runtime ends.
#[derive(Clone, Copy, Debug)]
pub struct HostileService {
    /// The trick that it plays.
    pub trick: Trick,
    address: SocketAddr,
}

impl HostileService {
    /// Starts a service that plays one trick, in the way that a number draws.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(trick: Trick, seed: u64, harm: &Harm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let harm = harm.clone();
        tokio::spawn(async move {
            while let Ok((socket, _peer)) = listener.accept().await {
                let play = Play {
                    trick,
                    harm: harm.clone(),
                    address,
                    random: fastrand::Rng::with_seed(seed),
                };
                tokio::spawn(play.serve(socket));
            }
        });
        Self { trick, address }
    }

    /// Returns the URL under which the service is listed.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }
}

/// Returns the line `WWW-Authenticate` of a sound offer: an invoice, and a token for it.
///
/// # Panics
/// If the values make none.
#[must_use]
pub fn challenge(draft: &Draft, now: UnixTime) -> String {
    let token = token(draft.hash, draft.msat.unwrap_or(1000), now);
    let invoice = draft.sign();
    format!("L402 macaroon=\"{token}\", invoice=\"{invoice}\"")
}

/// One connection of a service.
struct Play {
    trick: Trick,
    harm: Harm,
    address: SocketAddr,
    random: fastrand::Rng,
}

impl Play {
    async fn serve(mut self, mut socket: TcpStream) {
        let mut head = Vec::new();
        let mut piece = [0; 2048];
        while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < 64 * 1024 {
            match socket.read(&mut piece).await {
                Ok(read @ 1..) => head.extend_from_slice(&piece[..read]),
                _ => return,
            }
        }
        let is_robots = head.starts_with(b"GET /robots.txt ");
        // Who asks may be gone, and that is no fault here.
        let _gone = if is_robots && self.trick != Trick::Robots {
            socket.write_all(&plain(404, "", b"")).await
        } else {
            self.play(&mut socket).await
        };
    }

    async fn play(&mut self, socket: &mut TcpStream) -> std::io::Result<()> {
        match self.trick {
            Trick::EndlessBody => {
                let head = format!("HTTP/1.1 402 X\r\n{}\r\n", self.sound_line());
                socket.write_all(head.as_bytes()).await?;
                endless(socket, &PIECE, Duration::ZERO).await
            }
            Trick::EndlessInformation => {
                let status = self.pick(&["100 Continue", "103 Early Hints", "199 X"]);
                let answer = format!("HTTP/1.1 {status}\r\nx: y\r\n\r\n");
                endless(socket, answer.as_bytes(), Duration::from_millis(1)).await
            }
            Trick::Silence => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(())
            }
            Trick::SlowHead => {
                socket.write_all(b"HTTP/1.1 402 X\r\nx: ").await?;
                endless(socket, b"y", Duration::from_millis(50)).await
            }
            Trick::SlowBody => {
                let line = self.sound_line();
                let head = format!("HTTP/1.1 402 X\r\n{line}content-length: 9000\r\n\r\n");
                socket.write_all(head.as_bytes()).await?;
                endless(socket, b"y", Duration::from_millis(50)).await
            }
            _ => socket.write_all(&self.answer()).await,
        }
    }

    /// Returns the bytes of an answer that ends.
    fn answer(&mut self) -> Vec<u8> {
        match self.trick {
            Trick::BadChunks => self.bad_chunks(),
            Trick::BadStatus => {
                let line = self.pick(&[
                    "HTTP/1.1 4020 X",
                    "HTTP/1.1 X",
                    "HTTP/9.9 402",
                    "HTTP/1.1 000 X",
                ]);
                format!("{line}\r\ncontent-length: 0\r\n\r\n").into_bytes()
            }
            Trick::EarlyClose => b"HTTP/1.1 402 Payment Required\r\nwww-auth".to_vec(),
            Trick::Garbage => {
                let length = self.random.usize(1..5000);
                std::iter::repeat_with(|| self.random.u8(..))
                    .take(length)
                    .collect()
            }
            Trick::GzipBomb => {
                // It is no gzip, and nobody may find that out.
                let head = format!("{}content-encoding: gzip\r\n", self.sound_line());
                plain(402, &head, &[0x1f; 10 * 1024])
            }
            Trick::Html => {
                let status = *self.random.choice([200, 402, 404].iter()).expect("one");
                plain(
                    status,
                    "content-type: text/html\r\n",
                    b"<html><script>alert(1)</script>",
                )
            }
            Trick::HugeBody => {
                let line = self.sound_line();
                format!("HTTP/1.1 402 X\r\n{line}content-length: 10737418240\r\n\r\nxxx")
                    .into_bytes()
            }
            Trick::HugeHead => {
                let value = "y".repeat(1024 * 1024);
                plain(402, &format!("x: {value}\r\n"), b"")
            }
            Trick::ManyHeaders => plain(402, &"x: y\r\n".repeat(200), b""),
            Trick::NestedBody => {
                let body = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
                plain(402, "content-type: application/json\r\n", body.as_bytes())
            }
            Trick::RedirectLoop => self.redirect_loop(),
            Trick::RedirectToForbidden => self.redirect_to_forbidden(),
            Trick::RedirectToPrivate => self.redirect_to_private(),
            Trick::Robots => self.robots(),
            Trick::Scripts => self.scripts(),
            Trick::Statuses => {
                let status = *self
                    .random
                    .choice([401, 403, 405, 429, 500, 503, 599].iter())
                    .expect("one");
                plain(status, "retry-after: 99999999999999\r\n", b"no")
            }
            _ => plain(402, &self.unsound_lines(), b""),
        }
    }

    fn bad_chunks(&mut self) -> Vec<u8> {
        let line = self.sound_line();
        let chunk = self.pick(&[
            "zz\r\nabc\r\n",
            "-1\r\n",
            "ffffffffffffffffff\r\n",
            "5\r\nab",
            "5;x=\u{1}\r\nabcde\r\n",
        ]);
        format!("HTTP/1.1 402 X\r\n{line}transfer-encoding: chunked\r\n\r\n{chunk}").into_bytes()
    }

    fn redirect_loop(&mut self) -> Vec<u8> {
        let step = self.random.u32(..);
        let here = self.address;
        let to = self.pick(&[
            "/api".to_owned(),
            format!("/{step}"),
            format!("http://{here}/?{step}"),
            "?".to_owned(),
        ]);
        self.redirect(&to)
    }

    fn redirect_to_forbidden(&mut self) -> Vec<u8> {
        let forbidden = self.harm.forbidden.clone();
        let forbidden = forbidden[self.random.usize(..forbidden.len())];
        let (ip, port) = (forbidden.ip(), forbidden.port());
        let number = match ip {
            std::net::IpAddr::V4(ip) => ip.to_bits(),
            std::net::IpAddr::V6(_) => 0,
        };
        let to = self.pick(&[
            format!("http://{forbidden}/"),
            format!("//{forbidden}/x"),
            format!("http://{number}:{port}/"),
            format!("http://{number:#x}:{port}/"),
            format!("http://[::ffff:{ip}]:{port}/"),
            format!("http://u:p@{forbidden}/"),
            format!("https://{forbidden}/"),
        ]);
        self.redirect(&to)
    }

    fn redirect_to_private(&mut self) -> Vec<u8> {
        let to = self.pick(&[
            "http://10.0.0.1/",
            "https://192.168.1.1/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00:ec2::254]/",
            "http://[::]/",
            "http://0.0.0.0/",
            "http://100.64.0.1/",
            "file:///etc/passwd",
            "gopher://127.0.0.1/",
            "ftp://127.0.0.1/",
            "javascript:alert(1)",
        ]);
        self.redirect(to)
    }

    fn redirect(&mut self, to: &str) -> Vec<u8> {
        let status = *self
            .random
            .choice([301, 302, 303, 307, 308].iter())
            .expect("one");
        plain(status, &format!("location: {to}\r\n"), b"")
    }

    fn robots(&mut self) -> Vec<u8> {
        match self.random.u8(..4) {
            0 => self.redirect_to_forbidden(),
            1 => {
                let rules = "Disallow: /*a*b*c*d*e*f*g*h*i*j*$\n".repeat(1500);
                plain(200, "", format!("User-agent: *\n{rules}").as_bytes())
            }
            2 => plain(200, "", &vec![b'a'; 1024 * 1024]),
            _ => {
                let length = self.random.usize(1..5000);
                let noise: Vec<_> = std::iter::repeat_with(|| self.random.u8(..))
                    .take(length)
                    .collect();
                plain(200, "content-type: text/plain\r\n", &noise)
            }
        }
    }

    /// Puts a hostile text into each place of a sound offer that holds text. The ends of lines are left out,
    /// for they would end a header.
    fn scripts(&mut self) -> Vec<u8> {
        let texts = hostile_texts();
        let has_price = self.random.bool();
        let mut text = || {
            let text = texts[self.random.usize(..texts.len())];
            text.replace(['\r', '\n', '\0'], " ")
        };
        let quoted = text().replace('\\', "\\\\").replace('"', "\\\"");
        let mut head = format!(
            "content-type: {}\r\nserver: {}\r\nwww-authenticate: Basic realm=\"{quoted}\"\r\n",
            text(),
            text(),
        );
        // No price at all, so that half of the services are not up.
        if has_price {
            head.push_str(&format!("x-l402-price-sats: {}\r\n", text()));
        }
        let body = serde_json::json!({ "title": text(), "detail": text(), "macaroon": text() });
        let head = format!("{head}{}", self.sound_line());
        plain(402, &head, body.to_string().as_bytes())
    }

    /// Returns the header of a sound offer of 10 sat.
    fn sound_line(&mut self) -> String {
        let draft = self.draft();
        format!("www-authenticate: {}\r\n", challenge(&draft, self.harm.now))
    }

    /// Returns the headers of an offer with the fault of the trick.
    fn unsound_lines(&mut self) -> String {
        let mut draft = self.draft();
        let now = self.harm.now;
        let token = token(draft.hash, 10_000, now);
        let line = |token: &str, invoice: &str| {
            format!("www-authenticate: L402 macaroon=\"{token}\", invoice=\"{invoice}\"\r\n")
        };
        match self.trick {
            Trick::Amountless => draft.msat = None,
            Trick::BrokenMacaroon => {
                let cut = self.random.usize(..token.len());
                let token = self.pick(&[&token[..cut], "", "AgE=", "%%%", "{}", "a b"]);
                return line(token, &draft.sign());
            }
            Trick::Expired => draft.created = UnixTime::from_secs(now.secs() - 100_000),
            Trick::Forged => return line(&token, &draft.forge()),
            Trick::ManyChallenges => {
                let one = format!("L402 macaroon=\"{token}\", invoice=\"lnbc1\", ");
                return format!("www-authenticate: {}\r\n", one.repeat(150));
            }
            Trick::OtherNetwork => {
                draft.currency =
                    self.pick(&[Currency::BitcoinTestnet, Currency::Signet, Currency::Simnet]);
            }
            _ => draft.hash = PaymentHash::from_bytes([3; 32]),
        }
        line(&token, &draft.sign())
    }

    fn draft(&mut self) -> Draft {
        let mut preimage = [0; 32];
        self.random.fill(&mut preimage);
        Draft {
            currency: Currency::Regtest,
            msat: Some(10_000),
            created: self.harm.now,
            expiry: 600,
            hash: Preimage::from_bytes(preimage).payment_hash(),
        }
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.random.usize(..all.len())].clone()
    }
}

fn plain(status: u16, head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}\r\n");
    [head.as_bytes(), body].concat()
}

/// Writes the same again and again, until nobody reads it.
async fn endless(socket: &mut TcpStream, piece: &[u8], pause: Duration) -> std::io::Result<()> {
    loop {
        socket.write_all(piece).await?;
        tokio::time::sleep(pause).await;
    }
}

/// Returns a token for one answer, on the network of the sandbox.
fn token(hash: PaymentHash, msat: u64, now: UnixTime) -> String {
    // Any bytes will do that are no pattern.
    let key: [u8; 32] = std::array::from_fn(|at| (at * at * 11 + 5).to_le_bytes()[0]);
    let key = MasterKey::from_bytes(&key).expect("a key");
    let keys = KeyRing::new("listed", KeyNumber(1), key);
    let terms = Terms {
        service: "listed".parse::<Service>().expect("a name"),
        tier: 0,
        capabilities: Vec::new(),
        price: Msat::new(msat),
        policy: Policy::Request,
        network: Network::Regtest,
        valid_until: now.saturating_add(Duration::from_secs(7200)),
        lookup: None,
    };
    let token = l402::mint(&keys, &terms, hash, [7; 30], now);
    token.expect("a token").to_base64()
}
