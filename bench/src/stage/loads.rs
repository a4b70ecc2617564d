//! Scenarios whose load is of another kind: over TLS, by the clock, and beside a flood.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use l402_lightning::Node;

use super::{CONNECTIONS, Stage, Target, World, setup};
use crate::connection::Endpoint;
use crate::error::Result;
use crate::expect::{Expect, Seen};
use crate::load::{self, Flood, Load};
use crate::plan;
use crate::requests::{Requests, get};
use crate::server::l402::{self, Gateway, Setup};
use crate::server::nginx;
use crate::server::tls::{self, Certificate};

/// Connections of a flood, and the share of nginx's rate at which paid requests come beside it.
const FLOOD: usize = 500;
const FLOODED_SHARE: f64 = 1.0 / 3.0;

impl Stage {
    pub(super) fn tls(&mut self, world: &World, folder: &Path) -> Result<()> {
        let certificate = Certificate::make(folder)?;
        let trusting = Arc::new(tls::trusting(&certificate.file)?);
        let upstream = world.upstream.address;
        let nginx = self.keep(nginx::start_tls(folder, upstream, &certificate)?);
        let usual = setup(world, folder, "l402", &Node::Sandbox, 0);
        let gateway = Gateway::start(&Setup {
            certificate: Some(&certificate),
            ..usual
        })?;
        let gateway = self.keep_gateway(gateway);
        self.plain(world, plan::NGINX_TLS, nginx, l402::FREE);
        self.plain(world, plan::FREE_TLS, gateway, l402::FREE);
        self.reusable(world, plan::PAID_TLS, gateway, 1)?;
        for scenario in &mut self.scenarios {
            scenario.endpoint.tls = Some(Arc::clone(&trusting));
        }
        Ok(())
    }

    pub(super) fn open_loop(&mut self, world: &World, folder: &Path) -> Result<()> {
        let nginx = self.keep(nginx::start(folder, world.upstream.address, None)?);
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        let most = self.most(world, nginx)?;
        let half = [plan::NGINX_HALF, plan::FREE_HALF, plan::PAID_HALF];
        let two_thirds = [plan::NGINX_THIRDS, plan::FREE_THIRDS, plan::PAID_THIRDS];
        for ([of_nginx, free, paid], share) in [(half, 1.0 / 2.0), (two_thirds, 2.0 / 3.0)] {
            let before = self.scenarios.len();
            self.plain(world, of_nginx, nginx, l402::FREE);
            self.plain(world, free, gateway, l402::FREE);
            self.reusable(world, paid, gateway, 1)?;
            for scenario in &mut self.scenarios[before..] {
                scenario.pace = Some(most * share);
            }
        }
        Ok(())
    }

    pub(super) fn flood(&mut self, world: &World, folder: &Path) -> Result<()> {
        let nginx = self.keep(nginx::start(folder, world.upstream.address, None)?);
        let gateway = self.gateway(world, folder, "l402", &Node::Sandbox, 0)?;
        let pace = Some(self.most(world, nginx)? * FLOODED_SHARE);
        let forged = self.forged(gateway)?;
        for (name, flood) in [
            (plan::PAID_ALONE, None),
            (plan::PAID_BESIDE_402, Some((None, Expect::Challenge))),
            (
                plan::PAID_BESIDE_FORGED,
                Some((Some(&*forged), Expect::Refused)),
            ),
        ] {
            self.reusable(world, name, gateway, 1)?;
            let Some(scenario) = self.scenarios.last_mut() else {
                continue;
            };
            scenario.pace = pace;
            scenario.flood = flood.map(|(credential, expect)| Flood {
                connections: FLOOD,
                requests: Requests::same(&get(gateway.0, l402::PAID, credential)),
                expect,
                seen: Seen::default(),
            });
        }
        Ok(())
    }

    /// A credential whose preimage is of another payment.
    fn forged(&self, of: Target) -> Result<String> {
        let minter = self.minter(of)?;
        let [one, other] = [
            minter.credential(l402::PAID)?,
            minter.credential(l402::PAID)?,
        ];
        let token = one.split(':').next().unwrap_or_default();
        let preimage = other.rsplit(':').next().unwrap_or_default();
        Ok(format!("{token}:{preimage}"))
    }

    /// Requests a second that a server answers in a closed loop.
    fn most(&self, world: &World, of: Target) -> Result<f64> {
        let load = Load {
            endpoint: &Endpoint::from(of.0),
            connections: CONNECTIONS,
            warm_up: Duration::from_millis(300),
            measured: Duration::from_secs(1),
            limit: u64::MAX,
            pace: None,
            expect: &Expect::Body(Arc::clone(&world.upstream.small)),
            server: None,
            upstream_thread: world.upstream.thread_id,
        };
        let mut requests = Requests::same(&get(of.0, l402::FREE, None));
        let outcome = load::run(&load, &mut requests, &mut Seen::default())?;
        Ok(outcome.answers as f64 / outcome.elapsed.as_secs_f64())
    }
}
