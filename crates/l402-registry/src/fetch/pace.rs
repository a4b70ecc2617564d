//! The pace at which one host and one address are asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use url::Url;

use super::answer::FetchError;

/// The number of places after which those whose turn is over are forgotten.
const PLACES_MAX: usize = 4096;

/// Turns for requests: two to the same host, or to the same address, are never closer than an interval.
///
/// An address of IPv6 stands for its network of 64 bits. On an address that is not public, each port is a
/// place of its own, for there the programs of one machine are asked.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    longest_wait: Duration,
    /// The next free turn of each place.
    next: Mutex<HashMap<Place, Instant>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Host(String, Option<u16>),
    Address(IpAddr, Option<u16>),
}

impl Pace {
    /// Lets one request pass in an interval. One that would wait longer than `longest_wait` gets no turn.
    pub(crate) fn new(interval: Duration, longest_wait: Duration) -> Self {
        Self {
            interval,
            longest_wait,
            next: Mutex::default(),
        }
    }

    /// Waits until a request to these addresses may be sent.
    ///
    /// # Errors
    /// [`FetchError::Crowded`] if that takes too long.
    pub(crate) async fn turn(&self, url: &Url, to: &[SocketAddr]) -> Result<(), FetchError> {
        // Reserved before the wait, so that the next request counts this one.
        let turn = self.reserve(&places(url, to), Instant::now())?;
        sleep_until(turn).await;
        Ok(())
    }

    fn reserve(&self, places: &[Place], now: Instant) -> Result<Instant, FetchError> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = places.iter().filter_map(|place| next.get(place));
        // The latest turn: host and addresses all have to be free.
        let turn = turns.max().copied().unwrap_or(now).max(now);
        if turn - now > self.longest_wait {
            return Err(FetchError::Crowded(turn - now));
        }
        if next.len() > PLACES_MAX {
            next.retain(|_, at| *at > now);
        }
        for place in places {
            next.insert(place.clone(), turn + self.interval);
        }
        drop(next);
        Ok(turn)
    }
}

fn places(url: &Url, to: &[SocketAddr]) -> Vec<Place> {
    let is_public = |address: &SocketAddr| l402_host::is_public_address(address.ip());
    let port = |is_public: bool| (!is_public).then(|| url.port_or_known_default()).flatten();
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let host = Place::Host(host.to_owned(), port(to.iter().all(is_public)));
    let addresses = to.iter().map(|address| {
        let ip = match address.ip().to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
            ip @ IpAddr::V4(_) => ip,
        };
        Place::Address(ip, port(is_public(address)))
    });
    std::iter::once(host).chain(addresses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, to: &[&str]) -> Vec<Place> {
        let to: Vec<_> = to.iter().map(|text| text.parse().unwrap()).collect();
        places(&url.parse().unwrap(), &to)
    }

    // ATTACKS G-04: many listings of one victim, under many names and paths.
    #[tokio::test(start_paused = true)]
    async fn one_address_is_asked_once_a_second_whatever_its_names_are() {
        let pace = Pace::new(Duration::from_secs(1), Duration::from_secs(3));
        let begin = Instant::now();
        let mut turns = Vec::new();
        for at in 0..10 {
            let places = of(&format!("https://n{at}.example/{at}"), &["203.0.114.7:443"]);
            turns.push(pace.reserve(&places, begin).map(|turn| turn - begin));
        }
        let secs = |secs| Duration::from_secs(secs);
        assert_eq!(turns[..4], [0, 1, 2, 3].map(|at| Ok(secs(at))));
        let crowded: Vec<_> = turns[4..].iter().collect();
        assert!(
            crowded
                .iter()
                .all(|turn| **turn == Err(FetchError::Crowded(secs(4))))
        );
        // Another address is not kept waiting.
        let other = of("https://other.example/", &["203.0.114.8:443"]);
        assert_eq!(pace.reserve(&other, begin), Ok(begin));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_with_many_addresses_is_one_host_and_a_network_of_ipv6_one_address() {
        let pace = Pace::new(Duration::from_secs(1), Duration::ZERO);
        let now = Instant::now();
        let first = of("https://a.example/", &["203.0.114.7:443"]);
        assert!(pace.reserve(&first, now).is_ok());
        let second = of("https://a.example./", &["203.0.114.8:443"]);
        assert!(pace.reserve(&second, now).is_err());
        let six = of("https://b.example/", &["[2606:4700::1]:443"]);
        assert!(pace.reserve(&six, now).is_ok());
        let six = of("https://c.example/", &["[2606:4700::2]:443"]);
        assert!(pace.reserve(&six, now).is_err());
        // The ports of this machine are different services.
        for port in [8402, 8403] {
            let url = format!("http://127.0.0.1:{port}/");
            let here = of(&url, &[&format!("127.0.0.1:{port}")]);
            assert!(pace.reserve(&here, now).is_ok());
            assert!(pace.reserve(&here, now).is_err());
        }
    }
}
