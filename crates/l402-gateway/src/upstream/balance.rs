//! The upstreams of one route, which serve the same, and the choice of one for each request.
//!
//! The one with the fewest requests under way is chosen, over all workers and routes; among several
//! of them the next in turn. One that is down is not chosen while another is up. Nobody waits for one
//! that is down to come back: requests that go elsewhere have it looked at beside them, once a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::connect::Upstream;
use super::findings::UpstreamStatus;
use super::health::Presence;
use crate::share::Counted;

/// The upstreams of one route: at least one.
#[derive(Clone, Debug)]
pub(crate) struct Upstreams {
    first: Arc<Upstream>,
    further: Arc<[Arc<Upstream>]>,
    turn: Arc<AtomicUsize>,
}

/// An upstream that was chosen for a request, which counts as under way there until this is dropped.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) upstream: &'a Arc<Upstream>,
    /// The status at the time of the choice.
    status: UpstreamStatus,
    counted: Counted,
}

impl<'a> Chosen<'a> {
    fn new(upstream: &'a Arc<Upstream>) -> Self {
        Self {
            upstream,
            status: upstream.status(),
            counted: upstream.load.enter(),
        }
    }

    /// Returns what counts the request, to be kept until it has been answered.
    pub(crate) fn into_counted(self) -> Counted {
        self.counted
    }
}

impl Upstreams {
    pub(crate) fn new(first: Arc<Upstream>, further: Vec<Arc<Upstream>>) -> Self {
        Self {
            first,
            further: further.into(),
            turn: Arc::default(),
        }
    }

    /// Returns the first one of the file. Scheme, base path and version of HTTP are the same of all.
    pub(crate) fn first(&self) -> &Arc<Upstream> {
        &self.first
    }

    /// Returns all, in the order of the file.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        core::iter::once(&self.first).chain(&*self.further)
    }

    /// Chooses an upstream for a request.
    pub(crate) fn choose(&self) -> Chosen<'_> {
        if self.further.is_empty() {
            return Chosen::new(&self.first);
        }
        let chosen = self.least_loaded(|_| true).unwrap_or(&self.first);
        if chosen.status() == UpstreamStatus::Up {
            self.look_at_others();
        }
        Chosen::new(chosen)
    }

    /// Chooses another upstream for a request that did not reach `failed`, nor those that were tried
    /// before. One that is down only if there was no better one at the first choice either.
    pub(crate) fn choose_other(&self, failed: &Chosen<'_>, tried: &[Tried]) -> Option<Chosen<'_>> {
        let worst = failed.status.max(UpstreamStatus::Suspect);
        let other = self.least_loaded(|upstream| {
            upstream.status() <= worst && !tried.contains(&Tried(upstream.id))
        })?;
        Some(Chosen {
            status: worst,
            ..Chosen::new(other)
        })
    }

    /// Returns the best one: by its status, then by its load, then by turn.
    fn least_loaded(&self, may: impl Fn(&Upstream) -> bool) -> Option<&Arc<Upstream>> {
        let ranks = self.all().filter(|upstream| may(upstream));
        let ranks = ranks.map(|upstream| ((upstream.status(), upstream.load.count()), upstream));
        // Read once: loads change meanwhile, and a second reading could find nobody at the least.
        let ranks: Vec<_> = ranks.collect();
        let (least, _) = *ranks.iter().min_by_key(|(rank, _)| *rank)?;
        let mut best = ranks.iter().filter(|(rank, _)| *rank == least);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % best.clone().count().max(1);
        best.nth(turn).map(|(_, upstream)| *upstream)
    }

    /// Looks beside the request at those that are not up, each at most once a second.
    fn look_at_others(&self) {
        for upstream in self.all() {
            // As for a sale: a suspect that nobody chooses would never be found to be there.
            if upstream.status() != UpstreamStatus::Up
                && upstream.presence(true) == Presence::ToBeTried
            {
                let upstream = Arc::clone(upstream);
                tokio::spawn(async move { upstream.is_reached().await });
            }
        }
    }

    /// Returns false if all are known to be down. May connect to them to find out, for a free request
    /// only to those that were found to be down: such a request may as well find out itself.
    pub(crate) async fn is_available(&self, is_sold: bool) -> bool {
        let is_up = |upstream: &Arc<Upstream>| upstream.status() == UpstreamStatus::Up;
        // Boxed because it is seldom needed: the future of every request would hold space for it.
        self.all().any(is_up) || Box::pin(self.find_one(is_sold)).await
    }

    async fn find_one(&self, is_sold: bool) -> bool {
        let (tell, mut attempts) = mpsc::unbounded_channel();
        let mut is_there = false;
        for upstream in self.all() {
            match upstream.presence(is_sold) {
                Presence::There => is_there = true,
                Presence::Down => {}
                Presence::ToBeTried => {
                    let (upstream, tell) = (Arc::clone(upstream), tell.clone());
                    // A task of its own: there is one attempt a second for all, and a caller who leaves must
                    // not end it for the others.
                    tokio::spawn(async move {
                        let _ = tell.send(upstream.is_reached().await);
                    });
                }
            }
        }
        drop(tell);
        while !is_there && let Some(reached) = attempts.recv().await {
            is_there = reached;
        }
        is_there
    }
}

/// An upstream that a request was not taken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried(u64);

impl Chosen<'_> {
    /// Returns the mark by which the upstream is not chosen again.
    pub(crate) fn tried(&self) -> Tried {
        Tried(self.upstream.id)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use l402_server::Route;

    use super::*;
    use crate::config::RouteConfig;
    use crate::notice::Notices;
    use crate::upstream::SendError;

    fn upstreams(count: u16) -> Upstreams {
        let mut all = (1..=count).map(|port| {
            let url = format!("http://127.0.0.1:{port}").parse().expect("a URL");
            let route = RouteConfig::new(Route::free("/"), url);
            let made = Upstream::new(
                &route.upstream,
                &route,
                Duration::from_secs(1),
                &Notices::default(),
            );
            Arc::new(made.expect("an upstream"))
        });
        let first = all.next().expect("one");
        Upstreams::new(first, all.collect())
    }

    fn fail(upstream: &Upstream) {
        for _ in 0..2 {
            upstream.failed(&SendError::Connect(
                std::io::ErrorKind::ConnectionRefused.into(),
            ));
        }
    }

    #[tokio::test]
    async fn the_fewest_requests_decide_and_then_the_turn() {
        let group = upstreams(3);
        let in_flight = || -> Vec<u32> { group.all().map(|it| it.state().in_flight).collect() };
        // Nothing is under way: each in turn.
        let mut seen: Vec<u64> = (0..6).map(|_| group.choose().upstream.id).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 3);
        let mut held: Vec<_> = (0..7).map(|_| group.choose()).collect();
        let mut loads = in_flight();
        loads.sort_unstable();
        assert_eq!(loads, [2, 2, 3]);
        // The last one of those that end makes its upstream the next choice.
        let ended = held.remove(3).upstream.id;
        held.retain(|chosen| chosen.upstream.id != ended);
        assert_eq!(group.choose().upstream.id, ended);
        let counted = held.pop().expect("one").into_counted();
        drop(held);
        assert_eq!(in_flight().iter().sum::<u32>(), 1);
        drop(counted);
        assert_eq!(in_flight(), [0, 0, 0]);
    }

    #[tokio::test]
    async fn one_that_is_down_is_chosen_only_if_all_are() {
        let group = upstreams(3);
        let all: Vec<_> = group.all().collect();
        fail(all[0]);
        assert_eq!(all[0].status(), UpstreamStatus::Down);
        for _ in 0..9 {
            assert_ne!(group.choose().upstream.id, all[0].id);
        }
        fail(all[1]);
        let last = group.choose();
        assert_eq!(last.upstream.id, all[2].id);
        // One that is down is no way out while the choice was between better ones.
        assert!(group.choose_other(&last, &[last.tried()]).is_none());
        fail(all[2]);
        let mut tried = vec![group.choose()];
        for _ in 0..2 {
            let marks: Vec<_> = tried.iter().map(Chosen::tried).collect();
            let other = group.choose_other(&tried[0], &marks);
            tried.push(other.expect("one that was not tried"));
        }
        let marks: Vec<_> = tried.iter().map(Chosen::tried).collect();
        assert!(group.choose_other(&tried[0], &marks).is_none());
        assert!(
            !group.is_available(true).await,
            "all were found to be down just now"
        );
    }
}
