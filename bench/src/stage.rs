//! The running servers of one group, and the scenarios over them.

mod loads;
mod operated;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use l402_lightning::Node;

use crate::connection::{Endpoint, ask_once};
use crate::error::{BenchError, Result, While};
use crate::expect::Expect;
use crate::load::Flood;
use crate::plan::{self, Group};
use crate::requests::{Requests, get};
use crate::server::l402::{Gateway, Minter, Setup, understands};
use crate::server::nginx::FixedChallenge;
use crate::server::{Server, aperture, haproxy, l402, lnd, nginx};
use crate::upstream::{LARGE, Upstream};
use crate::usage::{LOAD_CORE, move_thread};

/// The name of the thread that writes the gateway's ledger.
const LEDGER_THREAD: &str = "l402-ledger";

/// Connections of a usual scenario.
pub(crate) const CONNECTIONS: usize = 64;
/// Connections where each request waits for a disk.
const MANY_CONNECTIONS: usize = 512;
/// Tokens that are used in turn.
const TOKENS: usize = 1000;
/// More than a small cache of them holds.
const CROWD: usize = 8000;
/// More than any cache of them holds.
const MASS: usize = 100_000;

/// What every group needs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) upstream: Upstream,
    /// The program `l402`.
    pub(crate) program: PathBuf,
    /// The stock of the gateway that signs ahead.
    pub(crate) invoices_ahead: u32,
}

/// One thing that is measured in each round.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) endpoint: Endpoint,
    /// The process whose use of a core is counted.
    pub(crate) server: Option<u32>,
    pub(crate) connections: usize,
    pub(crate) source: Source,
    pub(crate) expect: Expect,
    /// So many invoices lie ready, once the server is idle; 0 where there is no stock.
    pub(crate) stock: u32,
    /// Requests a second in an open loop; `None` for a closed one.
    pub(crate) pace: Option<f64>,
    /// Load of another kind that runs beside it.
    pub(crate) flood: Option<Flood>,
}

/// Where requests come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The same in each round.
    Again(Requests),
    /// Each with a token that nobody used before.
    Fresh(Minter),
}

/// What could not be measured, and why.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    pub(crate) name: &'static str,
    pub(crate) reason: String,
}

/// A group's servers; they end with it.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) skipped: Vec<Skipped>,
    servers: Vec<Server>,
    gateways: Vec<Gateway>,
    /// Ends last: others use it.
    lightning: Option<lnd::Lightning>,
}

impl Stage {
    /// Starts what the group needs.
    ///
    /// # Errors
    /// When a server does not start.
    pub(crate) fn open(group: Group, world: &World) -> Result<Self> {
        let folder = world.folder.path().join(group.word());
        std::fs::create_dir(&folder).while_doing(folder.display())?;
        let mut stage = Self::default();
        match group {
            Group::Proxy => stage.proxy(world, &folder)?,
            Group::Paid => stage.paid(world, &folder)?,
            Group::SingleUse => stage.single_use(world, &folder)?,
            Group::Tls => stage.tls(world, &folder)?,
            Group::OpenLoop => stage.open_loop(world, &folder)?,
            Group::Flood => stage.flood(world, &folder)?,
            Group::Operated => stage.operated(world, &folder)?,
            Group::Challenge => stage.challenge(world, &folder)?,
            Group::Lnd => stage.lnd(world, &folder)?,
            Group::Memory => {}
        }
        Ok(stage)
    }

    fn proxy(&mut self, world: &World, folder: &Path) -> Result<()> {
        let upstream = world.upstream.address;
        let nginx = self.keep(nginx::start(folder, upstream, None)?);
        let haproxy = self.keep(haproxy::start(folder, upstream)?);
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        self.plain(world, plan::UPSTREAM, (upstream, None), l402::FREE);
        self.plain(world, plan::NGINX, nginx, l402::FREE);
        self.plain(world, plan::HAPROXY, haproxy, l402::FREE);
        self.plain(world, plan::FREE, gateway, l402::FREE);
        self.plain(world, plan::NGINX_LARGE, nginx, LARGE);
        self.plain(world, plan::HAPROXY_LARGE, haproxy, LARGE);
        self.plain(world, plan::FREE_LARGE, gateway, LARGE);
        Ok(())
    }

    fn paid(&mut self, world: &World, folder: &Path) -> Result<()> {
        let nginx = self.keep(nginx::start(folder, world.upstream.address, None)?);
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        self.plain(world, plan::NGINX, nginx, l402::FREE);
        self.plain(world, plan::FREE, gateway, l402::FREE);
        self.reusable(world, plan::PAID, gateway, 1)?;
        self.reusable(world, plan::PAID_MANY, gateway, TOKENS)?;
        // A gateway of its own for each: what one leaves in a cache must not help or harm the other.
        let crowd = self.gateway(world, folder, "l402-crowd", &Node::Sandbox, 0)?;
        self.reusable(world, plan::PAID_CROWD, crowd, CROWD)?;
        let mass = self.gateway(world, folder, "l402-mass", &Node::Sandbox, 0)?;
        self.reusable(world, plan::PAID_MASS, mass, MASS)
    }

    fn single_use(&mut self, world: &World, folder: &Path) -> Result<()> {
        let nginx = self.keep(nginx::start(folder, world.upstream.address, None)?);
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        self.plain(world, plan::NGINX, nginx, l402::FREE);
        self.plain(world, plan::FREE, gateway, l402::FREE);
        self.once(world, plan::ONCE, gateway)?;
        let beside = self.gateway(world, folder, "l402-two-cores", &Node::Sandbox, 0)?;
        if let Some(process) = beside.1 {
            move_thread(process, LEDGER_THREAD, LOAD_CORE)?;
        }
        self.once(world, plan::ONCE_BESIDE, beside)?;
        for scenario in &mut self.scenarios {
            scenario.connections = MANY_CONNECTIONS;
        }
        Ok(())
    }

    fn challenge(&mut self, world: &World, folder: &Path) -> Result<()> {
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        let fixed = sample(gateway.0)?;
        let nginx = nginx::start(folder, world.upstream.address, Some(&fixed))?;
        let nginx = self.keep(nginx);
        let request = get(nginx.0, nginx::FIXED, None);
        let expect = Expect::FixedChallenge(fixed.body.into_bytes().into());
        self.add(
            plan::NGINX_FIXED,
            nginx,
            Source::Again(Requests::same(&request)),
            expect,
        );
        self.refused(plan::CHALLENGE, gateway, l402::PAID);
        self.ahead(world, folder)
    }

    fn lnd(&mut self, world: &World, folder: &Path) -> Result<()> {
        let upstream = world.upstream.address;
        let lightning = lnd::Lightning::start()?;
        let bare = lightning.invoices()?;
        let node = lightning.node();
        let nginx = self.keep(nginx::start(folder, upstream, None)?);
        let sandbox = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        let gateway = self.gateway(world, folder, "l402-lnd", &node, 0)?;
        self.plain(world, plan::NGINX, nginx, l402::FREE);
        self.scenarios.push(bare);
        self.refused(plan::CHALLENGE, sandbox, l402::PAID);
        self.refused(plan::CHALLENGE_LND, gateway, l402::PAID);
        self.reusable(world, plan::PAID, gateway, 1)?;
        match aperture::start(folder, &lightning, upstream) {
            Ok(server) => self.aperture(world, server, &lightning)?,
            Err(error) => {
                for name in [plan::CHALLENGE_APERTURE, plan::PAID_APERTURE] {
                    self.skip(name, &error);
                }
            }
        }
        self.lightning = Some(lightning);
        self.ahead(world, folder)
    }

    fn aperture(&mut self, world: &World, server: Server, node: &lnd::Lightning) -> Result<()> {
        let address = server.address;
        let credential = node.buy(address, aperture::SOLD)?;
        let aperture = self.keep(server);
        self.refused(plan::CHALLENGE_APERTURE, aperture, aperture::SOLD);
        let request = get(address, aperture::SOLD, Some(&credential));
        let source = Source::Again(Requests::same(&request));
        let expect = Expect::Body(Arc::clone(&world.upstream.small));
        self.add(plan::PAID_APERTURE, aperture, source, expect);
        Ok(())
    }

    /// The gateway that signs invoices before anybody asks.
    fn ahead(&mut self, world: &World, folder: &Path) -> Result<()> {
        let setup = setup(
            world,
            folder,
            "l402-ahead",
            &Node::Sandbox,
            world.invoices_ahead,
        );
        if !understands(&setup)? {
            let reason = BenchError::new("this build of l402 does not sign ahead");
            self.skip(plan::CHALLENGE_AHEAD, &reason);
            return Ok(());
        }
        let gateway = self.keep_gateway(Gateway::start(&setup)?);
        self.refused(plan::CHALLENGE_AHEAD, gateway, l402::PAID);
        if let Some(scenario) = self.scenarios.last_mut() {
            scenario.stock = world.invoices_ahead;
        }
        Ok(())
    }

    fn skip(&mut self, name: &'static str, reason: &BenchError) {
        let reason = reason.to_string();
        self.skipped.push(Skipped { name, reason });
    }

    /// A free request through this server.
    fn plain(&mut self, world: &World, name: &'static str, to: Target, path: &str) {
        let body = match path {
            LARGE => &world.upstream.large,
            _ => &world.upstream.small,
        };
        let request = get(to.0, path, None);
        let expect = Expect::Body(Arc::clone(body));
        self.add(name, to, Source::Again(Requests::same(&request)), expect);
    }

    /// A paid request, with so many tokens in turn.
    fn reusable(
        &mut self,
        world: &World,
        name: &'static str,
        to: Target,
        tokens: usize,
    ) -> Result<()> {
        let minter = self.minter(to)?;
        let request = |_| {
            let credential = minter.credential(l402::PAID)?;
            Ok(get(to.0, l402::PAID, Some(&credential)))
        };
        let requests: Result<Requests> = (0..tokens).map(request).collect();
        let expect = Expect::Body(Arc::clone(&world.upstream.small));
        self.add(name, to, Source::Again(requests?), expect);
        Ok(())
    }

    /// A paid request, with a new token each time.
    fn once(&mut self, world: &World, name: &'static str, to: Target) -> Result<()> {
        let source = Source::Fresh(self.minter(to)?);
        let expect = Expect::Body(Arc::clone(&world.upstream.small));
        self.add(name, to, source, expect);
        Ok(())
    }

    /// A request without a credential.
    fn refused(&mut self, name: &'static str, to: Target, path: &str) {
        let source = Source::Again(Requests::same(&get(to.0, path, None)));
        self.add(name, to, source, Expect::Challenge);
    }

    fn add(&mut self, name: &'static str, to: Target, source: Source, expect: Expect) {
        self.scenarios.push(Scenario {
            name,
            endpoint: to.0.into(),
            server: to.1,
            connections: CONNECTIONS,
            source,
            expect,
            stock: 0,
            pace: None,
            flood: None,
        });
    }

    fn keep(&mut self, server: Server) -> Target {
        let target = (server.address, Some(server.pid()));
        self.servers.push(server);
        target
    }

    fn gateway(
        &mut self,
        world: &World,
        folder: &Path,
        name: &'static str,
        node: &Node,
        invoices_ahead: u32,
    ) -> Result<Target> {
        let setup = setup(world, folder, name, node, invoices_ahead);
        Ok(self.keep_gateway(Gateway::start(&setup)?))
    }

    fn keep_gateway(&mut self, gateway: Gateway) -> Target {
        let target = (gateway.server.address, Some(gateway.server.pid()));
        self.gateways.push(gateway);
        target
    }

    /// What mints for the gateway at this address.
    fn minter(&self, of: Target) -> Result<Minter> {
        let here = |gateway: &&Gateway| gateway.server.address == of.0;
        let gateway = self.gateways.iter().find(here);
        gateway
            .map(Gateway::minter)
            .ok_or_else(|| BenchError::new("there is no gateway at that address"))
    }
}

/// A server's address, and its process if that is counted.
type Target = (SocketAddr, Option<u32>);

fn setup<'a>(
    world: &'a World,
    folder: &'a Path,
    name: &'static str,
    node: &'a Node,
    invoices_ahead: u32,
) -> Setup<'a> {
    Setup {
        program: &world.program,
        folder,
        name,
        upstream: world.upstream.address,
        node,
        invoices_ahead,
        certificate: None,
        tables: "",
    }
}

/// A challenge as our gateway gives it, for nginx to repeat: both send as many bytes.
fn sample(gateway: SocketAddr) -> Result<FixedChallenge> {
    let request = get(gateway, l402::PAID, None);
    let sample = ask_once(gateway, &request, |answer| {
        let body = String::from_utf8_lossy(answer.body).into_owned();
        let line = answer.challenge?.to_owned();
        // Neither holds what nginx would read as syntax.
        let plain = |text: &str| !text.contains(['\'', '$']);
        (plain(&line) && plain(&body)).then_some(FixedChallenge { line, body })
    });
    sample?.ok_or_else(|| BenchError::new("the gateway's 402 cannot be repeated by nginx"))
}
