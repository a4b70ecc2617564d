//! What challenges and idle connections cost in memory.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use l402_lightning::Node;

use crate::connection::{Endpoint, ask};
use crate::error::{BenchError, Result, While};
use crate::expect::{Expect, Seen};
use crate::load::{self, Load};
use crate::plan;
use crate::requests::{Requests, get};
use crate::results::Memory;
use crate::server::l402::{FREE, Gateway, PAID, Setup};
use crate::server::{haproxy, nginx};
use crate::stage::World;
use crate::usage::{resident, until_idle};

const CHALLENGES: u32 = 100_000;
const CONNECTIONS: u32 = 4000;

const CHALLENGES_GOAL: f64 = 64.0 * 1024.0 * 1024.0;
const CONNECTION_GOAL: f64 = 20.0 * 1024.0;

/// Measures both, the latter beside nginx and haproxy.
///
/// # Errors
/// A wrong answer, or a server that does not start.
pub(crate) fn measure(world: &World, seen: &mut Seen) -> Result<Vec<Memory>> {
    let folder = world.folder.path().join("memory");
    std::fs::create_dir(&folder).while_doing(folder.display())?;
    let upstream = world.upstream.address;
    let mut all = challenges(world, &folder, seen)?;
    let nginx = nginx::start(&folder, upstream, None)?;
    all.push(idle(plan::NGINX, nginx.address, nginx.pid(), None)?);
    let haproxy = haproxy::start(&folder, upstream)?;
    all.push(idle(plan::HAPROXY, haproxy.address, haproxy.pid(), None)?);
    let gateway = gateway(world, &folder, "l402-idle")?;
    let (address, pid) = (gateway.server.address, gateway.server.pid());
    all.push(idle(plan::FREE, address, pid, Some(CONNECTION_GOAL))?);
    Ok(all)
}

fn gateway(world: &World, folder: &Path, name: &'static str) -> Result<Gateway> {
    Gateway::start(&Setup {
        program: &world.program,
        folder,
        name,
        upstream: world.upstream.address,
        node: &Node::Sandbox,
        invoices_ahead: 0,
        certificate: None,
        tables: "",
    })
}

fn challenges(world: &World, folder: &Path, seen: &mut Seen) -> Result<Vec<Memory>> {
    let gateway = gateway(world, folder, "l402")?;
    let (address, pid) = (gateway.server.address, gateway.server.pid());
    let mut ask = |limit| {
        let load = Load {
            endpoint: &Endpoint::from(address),
            connections: 64,
            warm_up: Duration::ZERO,
            measured: Duration::from_secs(600),
            limit,
            pace: None,
            expect: &Expect::Challenge,
            server: None,
            upstream_thread: world.upstream.thread_id,
        };
        let mut requests = Requests::same(&get(address, PAID, None));
        load::run(&load, &mut requests, seen)?;
        until_idle(pid)?;
        resident(pid)
    };
    // The first answers pay for what is made once.
    let before = ask(1000)?;
    let after = ask(CHALLENGES.into())?;
    eprintln!("memory: {before} bytes before, {after} after {CHALLENGES} challenges");
    Ok(vec![
        Memory {
            what: "l402, after the first 1,000 challenges".to_owned(),
            bytes: before as f64,
            goal_bytes: None,
        },
        Memory {
            what: "l402, with 100,000 challenges outstanding".to_owned(),
            bytes: after as f64,
            goal_bytes: Some(CHALLENGES_GOAL),
        },
    ])
}

/// One request on each of many connections, which then stay open.
fn idle(name: &str, address: SocketAddr, pid: u32, goal_bytes: Option<f64>) -> Result<Memory> {
    let request = get(address, FREE, None);
    // A few make what is made once; they stay open, too.
    let mut open = connections(address, &request, 50)?;
    until_idle(pid)?;
    let before = resident(pid)?;
    open.extend(connections(address, &request, CONNECTIONS)?);
    until_idle(pid)?;
    let after = resident(pid)?;
    for stream in &mut open {
        // It is open still: otherwise nothing was measured.
        stream
            .set_nonblocking(true)
            .while_doing("looking at a connection")?;
        let mut byte = [0; 1];
        let ended = std::io::Read::read(stream, &mut byte).is_ok();
        if ended {
            return Err(BenchError::new(format!("{name} closed an idle connection")));
        }
    }
    eprintln!("memory: {name}: {before} bytes before, {after} with {CONNECTIONS} connections");
    Ok(Memory {
        what: format!("{name}: each idle connection"),
        bytes: (after as f64 - before as f64) / f64::from(CONNECTIONS),
        goal_bytes,
    })
}

fn connections(address: SocketAddr, request: &[u8], count: u32) -> Result<Vec<TcpStream>> {
    let connect = |_| {
        let mut stream = TcpStream::connect(address).while_doing(address)?;
        match ask(&mut stream, request, |answer| answer.status)? {
            200 => Ok(stream),
            status => Err(BenchError::new(format!("status {status} instead of 200"))),
        }
    };
    (0..count).map(connect).collect()
}
