//! The load generator: one thread, many connections, one request at a time on each.
//!
//! In a closed loop the next request leaves when the answer before it has been checked. In an open
//! one requests leave by the clock, and a latency counts from the moment when its request was due:
//! one that found no free connection has waited, too.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use l402_host::{Clock, SystemClock};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use crate::connection::{Connection, Endpoint};
use crate::error::{BenchError, Result, While};
use crate::expect::{Expect, Seen};
use crate::requests::Requests;
use crate::usage::{LOAD_CORE, cpu_of, cpu_of_machine, cpu_of_thread, stay_on};

/// Without any answer for so long, a server counts as stuck.
const PATIENCE: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

/// One measurement.
#[derive(Debug)]
pub(crate) struct Load<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// So many answers at most.
    pub(crate) limit: u64,
    /// Requests a second in an open loop; `None` for a closed one.
    pub(crate) pace: Option<f64>,
    pub(crate) expect: &'a Expect,
    /// Whose use of a core is counted.
    pub(crate) server: Option<u32>,
    /// The upstream's thread, which shares the generator's core.
    pub(crate) upstream_thread: i32,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answers: u64,
    /// With those before and after the time that counts.
    pub(crate) total: u64,
    pub(crate) elapsed: Duration,
    /// What the server used of its core.
    pub(crate) server_cpu: Duration,
    /// What generator and upstream used of theirs.
    pub(crate) load_cpu: Duration,
    /// What the whole machine used of all cores.
    pub(crate) machine_cpu: Duration,
    /// Of each answer in nanoseconds, in order of arrival.
    pub(crate) latencies: Vec<u32>,
}

/// What a moment looks like.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: Duration,
    answers: u64,
    server_cpu: Duration,
    load_cpu: Duration,
    machine_cpu: Duration,
}

/// Load of another kind that runs beside the one that is measured, in a closed loop.
#[derive(Debug)]
pub(crate) struct Flood {
    pub(crate) connections: usize,
    pub(crate) requests: Requests,
    pub(crate) expect: Expect,
    pub(crate) seen: Seen,
}

/// Runs it on the generator's core, with a flood beside it on a thread of its own of that core. The
/// flood's answers are checked, too, and not counted.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_beside(
    flood: &mut Flood,
    load: &Load<'_>,
    requests: &mut Requests,
    seen: &mut Seen,
) -> Result<Outcome> {
    let other = Load {
        connections: flood.connections,
        limit: u64::MAX,
        pace: None,
        expect: &flood.expect,
        server: None,
        ..*load
    };
    thread::scope(|scope| {
        let beside = scope.spawn(|| run(&other, &mut flood.requests, &mut flood.seen));
        let outcome = run(load, requests, seen);
        let beside = beside.join();
        beside.map_err(|_| BenchError::new("the flood panicked"))??;
        outcome
    })
}

/// Runs it on the generator's core.
///
/// # Errors
/// A wrong answer, with its text; a server that goes away or falls silent.
pub(crate) fn run(load: &Load<'_>, requests: &mut Requests, seen: &mut Seen) -> Result<Outcome> {
    thread::scope(|scope| {
        let generator = scope.spawn(|| {
            stay_on(LOAD_CORE)?;
            Generator::open(load, requests, seen)?.run()
        });
        let outcome = generator.join();
        outcome.map_err(|_| BenchError::new("the load generator panicked"))?
    })
}

struct Generator<'a> {
    load: &'a Load<'a>,
    requests: &'a mut Requests,
    seen: &'a mut Seen,
    clock: SystemClock,
    thread_id: i32,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    under_way: usize,
    /// Connections without a request, and the moment when the next one is due: an open loop's.
    free: Vec<usize>,
    due: Duration,
    answers: u64,
    begin: Option<Mark>,
    end: Option<Mark>,
    latencies: Vec<u32>,
}

impl<'a> Generator<'a> {
    fn open(load: &'a Load<'a>, requests: &'a mut Requests, seen: &'a mut Seen) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).while_doing("epoll")?;
        let mut connections = Vec::with_capacity(load.connections);
        for name in 0..load.connections {
            let connection = Connection::open(load.endpoint)?;
            let name = EventData::new_u64(name as u64);
            let edges = EventFlags::IN | EventFlags::ET;
            epoll::add(&epoll, connection.socket(), name, edges).while_doing("epoll")?;
            connections.push(connection);
        }
        Ok(Self {
            load,
            requests,
            seen,
            clock: SystemClock::default(),
            thread_id: rustix::thread::gettid().as_raw_nonzero().get(),
            epoll,
            connections,
            under_way: 0,
            free: Vec::new(),
            due: Duration::ZERO,
            answers: 0,
            begin: None,
            end: None,
            latencies: Vec::with_capacity(1 << 17),
        })
    }

    fn run(mut self) -> Result<Outcome> {
        let mut now = self.clock.monotonic();
        let begin_at = now + self.load.warm_up;
        let end_at = begin_at + self.load.measured;
        self.due = now;
        for index in 0..self.connections.len() {
            self.go_on(index, now)?;
        }
        let mut events = Vec::with_capacity(1024);
        while self.under_way > 0 || self.load.pace.is_some() && self.end.is_none() {
            let patience = self.send_due()?;
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&patience))
                .while_doing("epoll")?;
            if events.is_empty() && patience == PATIENCE {
                return Err(BenchError::new("no answer for 30 seconds"));
            }
            for event in events.drain(..) {
                let index = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                if let Some(at) = self.receive(index)? {
                    now = at;
                    self.note(now, begin_at, end_at)?;
                    if self.end.is_none() {
                        self.go_on(index, now)?;
                    }
                }
            }
        }
        self.outcome(now)
    }

    /// Sends the next request on this connection, in an open loop when it is due.
    fn go_on(&mut self, index: usize, now: Duration) -> Result<()> {
        if self.load.pace.is_none() {
            return self.send(index, now);
        }
        self.free.push(index);
        Ok(())
    }

    /// Sends what is due in an open loop. How long to wait for the next thing to happen.
    fn send_due(&mut self) -> Result<Timespec> {
        let Some(pace) = self.load.pace.filter(|_| self.end.is_none()) else {
            return Ok(PATIENCE);
        };
        let now = self.clock.monotonic();
        while self.due <= now {
            let Some(index) = self.free.pop() else {
                return Ok(PATIENCE);
            };
            self.send(index, self.due)?;
            self.due += Duration::from_secs_f64(1.0 / pace);
        }
        let wait = self.due.saturating_sub(now);
        Ok(Timespec {
            tv_sec: 0,
            tv_nsec: wait
                .as_nanos()
                .clamp(1, 999_999_999)
                .try_into()
                .unwrap_or(1),
        })
    }

    fn send(&mut self, index: usize, now: Duration) -> Result<()> {
        let Some(request) = self.requests.next() else {
            return Err(BenchError::new(
                "the tokens made beforehand have run out; this server is faster than foreseen",
            ));
        };
        let connection = &mut self.connections[index];
        connection.sent_at = now;
        connection.send(request).while_doing("sending a request")?;
        self.under_way += 1;
        Ok(())
    }

    /// Reads and checks. The time, when an answer was whole.
    fn receive(&mut self, index: usize) -> Result<Option<Duration>> {
        let connection = &mut self.connections[index];
        let checked = connection.receive().and_then(|whole| {
            let answer = connection.reader.answer()?.filter(|_| whole);
            let check = |answer| self.load.expect.check(&answer, self.seen);
            answer.map(check).transpose()
        });
        match checked {
            Ok(None) => Ok(None),
            Ok(Some(())) => {
                connection.reader.clear();
                let now = self.clock.monotonic();
                let latency = now.saturating_sub(connection.sent_at).as_nanos();
                if self.begin.is_some() && self.end.is_none() {
                    self.latencies
                        .push(u32::try_from(latency).unwrap_or(u32::MAX));
                }
                self.under_way -= 1;
                self.answers += 1;
                Ok(Some(now))
            }
            Err(fault) => {
                let shown = connection.reader.shown();
                Err(BenchError::new(format!("wrong answer: {fault}\n{shown}")))
            }
        }
    }

    /// Marks begin and end of what counts.
    fn note(&mut self, now: Duration, begin_at: Duration, end_at: Duration) -> Result<()> {
        if self.begin.is_none() && now >= begin_at {
            self.begin = Some(self.mark()?);
        }
        // On a disturbed machine both times may have come with one answer: then it takes longer.
        let counts = self.begin.is_some_and(|begin| begin.answers < self.answers);
        let over = now >= end_at && counts || self.answers >= self.load.limit;
        if self.end.is_none() && over {
            self.end = Some(self.mark()?);
        }
        Ok(())
    }

    fn mark(&self) -> Result<Mark> {
        let generator = cpu_of_thread(self.thread_id);
        Ok(Mark {
            answers: self.answers,
            server_cpu: self
                .load
                .server
                .map(cpu_of)
                .transpose()?
                .unwrap_or_default(),
            load_cpu: generator + cpu_of_thread(self.load.upstream_thread),
            machine_cpu: cpu_of_machine(),
            at: self.clock.monotonic(),
        })
    }

    fn outcome(self, now: Duration) -> Result<Outcome> {
        let begin = self.begin.unwrap_or_default();
        let end = self.end.unwrap_or(Mark { at: now, ..begin });
        if end.answers <= begin.answers {
            return Err(BenchError::new("nothing was measured; take more --seconds"));
        }
        Ok(Outcome {
            answers: end.answers - begin.answers,
            total: self.answers,
            elapsed: end.at.saturating_sub(begin.at),
            server_cpu: end.server_cpu.saturating_sub(begin.server_cpu),
            load_cpu: end.load_cpu.saturating_sub(begin.load_cpu),
            machine_cpu: end.machine_cpu.saturating_sub(begin.machine_cpu),
            latencies: self.latencies,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::requests::get;
    use crate::upstream::Upstream;

    /// Asks an upstream 500 times over 8 connections.
    fn ask(upstream: &Upstream, expect: &Expect, pace: Option<f64>) -> Result<Outcome> {
        let load = Load {
            endpoint: &Endpoint::from(upstream.address),
            connections: 8,
            warm_up: Duration::ZERO,
            measured: Duration::from_secs(60),
            limit: 500,
            pace,
            expect,
            server: None,
            upstream_thread: upstream.thread_id,
        };
        let mut requests = Requests::same(&get(upstream.address, "/", None));
        run(&load, &mut requests, &mut Seen::default())
    }

    #[test]
    fn counts_every_answer_and_waits_for_those_under_way() {
        let Some(upstream) = crate::upstream::tests::started() else {
            return;
        };
        let expect = Expect::Body(Arc::clone(&upstream.small));
        let outcome = ask(&upstream, &expect, None).unwrap();
        assert_eq!(outcome.total, 507);
        assert!(
            outcome.answers >= 490 && outcome.answers < 500,
            "{outcome:?}"
        );
        assert!(outcome.elapsed > Duration::ZERO && outcome.load_cpu > Duration::ZERO);
    }

    #[test]
    fn an_open_loop_sends_no_faster_than_its_pace() {
        let Some(upstream) = crate::upstream::tests::started() else {
            return;
        };
        let expect = Expect::Body(Arc::clone(&upstream.small));
        let clock = SystemClock::default();
        let before = clock.monotonic();
        let outcome = ask(&upstream, &expect, Some(5000.0)).unwrap();
        // The first is due at once, and each a fifth of a millisecond after the one before it.
        let elapsed = clock.monotonic().saturating_sub(before);
        assert!(elapsed >= Duration::from_millis(99), "{elapsed:?}");
        assert!(outcome.total >= 500 && outcome.total <= 508, "{outcome:?}");
    }

    #[test]
    fn a_wrong_answer_ends_it_and_is_shown() {
        let Some(upstream) = crate::upstream::tests::started() else {
            return;
        };
        let error = ask(&upstream, &Expect::Body(Arc::clone(&upstream.large)), None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("wrong answer: another body\nHTTP/1.1 200 OK"),
            "{text}"
        );
    }
}
