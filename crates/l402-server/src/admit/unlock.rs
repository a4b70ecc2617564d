//! The pass for the holder of a token whose payment has settled.

use std::net::IpAddr;
use std::time::Duration;

use http::Method;
use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use l402::{
    Credential, GenuineToken, Macaroon, Msat, Policy, Preimage, Problem, Proven, Service,
    SettledPayment, UnixTime, VerifyError,
};

use super::Paywall;
use crate::answer::Refusal;
use crate::pass::{Contents, digest, surplus};
use crate::request::{CanonicalRequest, DIGITS, PassCookies};
use crate::settled::{Arrival, Sold};
use crate::table::Snapshot;

/// The time after which a look-up may say something else.
const PERIOD: Duration = Duration::from_secs(1);

/// The advice to a buyer whose browser could not use a pass.
const SILENT: &str = "This browser does not say from which page it comes; pay with another wallet program or a \
                      newer browser";

/// A buyer's question if the payment of a token has settled.
#[derive(Debug)]
pub struct Unlock<'a> {
    /// The token, as the challenge gave it.
    pub token: &'a str,
    /// The path with the query that the buyer wants to go to. For policy `request` the pass is good for
    /// this alone.
    pub path: &'a str,
    /// The preimage, if the buyer has it. It spares the node the question, where it is proof.
    pub preimage: Option<Preimage>,
    /// The address that counts for the limits.
    pub peer: IpAddr,
    /// True if the browser says from which page it comes (`Sec-Fetch-Site`). From one that does not, a pass
    /// whose uses are counted is never taken, so that it gets none.
    pub tells_site: bool,
}

/// The answer to a buyer who asks if a payment has settled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unlocked {
    /// It has, and this is what the browser holds from now on.
    Settled(Pass),
    /// It has not, as far as the node knows: the time after which to ask again.
    Open(Duration),
    /// Nobody knows, since the node may not be asked at this moment: too many others ask. The time after which
    /// to ask again.
    Busy(Duration),
    /// Nothing will come of this token: it has ended or was revoked, its invoice was cancelled, or less than
    /// the price has arrived.
    Ended,
}

/// A pass: a sealed cookie in place of a preimage. A secret, as a credential is.
pub struct Pass {
    payment: String,
    value: String,
    max_age: Duration,
    /// The time at which it was given.
    now: UnixTime,
}

impl core::fmt::Debug for Pass {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pass(secret)")
    }
}

impl Pass {
    /// Writes the pass into the headers of an answer. If the request had too many, it takes away first what
    /// opens nothing any more, then those of one place, and last those of a service whose uses are not counted.
    /// `is_tls` says if the browser itself uses TLS.
    pub fn write(
        &self,
        snapshot: &Snapshot,
        request: &HeaderMap,
        is_tls: bool,
        answer: &mut HeaderMap,
    ) {
        let mut set = |name: &str, value: &str, max_age: u64| {
            if let Some(line) = line((name, value), max_age, is_tls) {
                answer.append(SET_COOKIE, line);
            }
        };
        let name = PassCookies::name(&self.payment, is_tls);
        for old in surplus(request, (&name, &self.value), snapshot, self.now) {
            set(&old, "", 0);
        }
        set(&name, &self.value, self.max_age.as_secs());
    }

    /// Returns the line that puts the pass in the place of one that is named like this.
    pub(super) fn in_place_of(&self, name: &str) -> Option<HeaderValue> {
        let is_tls = PassCookies::is_of_tls(name);
        line((name, &self.value), self.max_age.as_secs(), is_tls)
    }
}

/// Returns the line that sets a cookie, for as many seconds.
fn line((name, value): (&str, &str), max_age: u64, is_tls: bool) -> Option<HeaderValue> {
    let secure = if is_tls { " Secure;" } else { "" };
    let line = format!("{name}={value}; Max-Age={max_age}; Path=/;{secure} HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&line).ok()
}

/// The sale of a token, as its mint wrote it.
struct TokenSold {
    token: GenuineToken,
    service: Service,
    price: Msat,
    policy: Policy,
    end: UnixTime,
}

impl Paywall {
    /// Gives the holder of a token a pass, once its payment has settled for the price or more. Writes
    /// nothing, and tells no preimage. The token is checked before anything else is done for it. The node
    /// is asked at most once for a payment and second, however many ask here, and 30 times a second in
    /// all.
    ///
    /// # Errors
    /// A [`Refusal`] without an invoice: 401 for a token that is not ours and 429 after too many of these,
    /// 400 for a path that cannot be read or that the token does not buy and for a browser that could not use
    /// the pass, and 503 if the node does not
    /// answer.
    pub async fn unlock(
        &self,
        snapshot: &Snapshot,
        request: Unlock<'_>,
    ) -> Result<Unlocked, Refusal> {
        let now = self.shared.settings.clock.wall();
        let token = match genuine(snapshot, &request, now) {
            Ok(token) => token,
            Err(VerifyError::Expired) => return Ok(Unlocked::Ended),
            Err(error) => return Err(self.not_genuine(&request, error)),
        };
        let Some(sold) = TokenSold::read(token) else {
            return Err(self.not_genuine(&request, VerifyError::Invalid));
        };
        if now >= sold.end || sold.is_revoked(snapshot) {
            return Ok(Unlocked::Ended);
        }
        if sold.policy.uses().is_some() && !request.tells_site {
            return Err(bad(SILENT));
        }
        let place = place(request.path, request.peer)?;
        if sold.policy == Policy::Request && !sells(snapshot, &place, &sold.service) {
            return Err(bad("The token does not buy what is at this path"));
        }
        // Boxed, since it is asked for seldom, and every caller would hold its place.
        let proven = match Box::pin(self.paid(snapshot, &sold, &request, now)).await? {
            Ok(proven) => proven,
            Err(not_yet) => return Ok(not_yet),
        };
        let contents = Contents {
            proven,
            end: sold.end,
            place: (sold.policy == Policy::Request).then(|| digest(&place)),
        };
        pass(&contents, snapshot, now).map(Unlocked::Settled)
    }

    /// Proves the payment of a token, by a preimage where that is enough, or else by the node's word.
    async fn paid(
        &self,
        snapshot: &Snapshot,
        sold: &TokenSold,
        request: &Unlock<'_>,
        now: UnixTime,
    ) -> Result<Result<Proven, Unlocked>, Refusal> {
        // Where a third party makes the invoices, anybody may have learnt the preimage (ATTACKS P-06).
        let is_proof = self.shared.settings.receive.preimage_is_proof();
        if let Some(preimage) = request.preimage.clone().filter(|_| is_proof) {
            let credential = Credential::new(sold.token.macaroon().clone(), preimage);
            if let Ok(proven) = credential.prove(snapshot.keys(), now) {
                return Ok(Ok(proven));
            }
        }
        let arrival = self.shared.unlocks.arrival(sold.payment(), request.peer);
        match arrival.await {
            Arrival::Settled => {
                let payment = sold.token.identifier().payment_hash;
                let settled = SettledPayment::as_the_node_said(payment);
                let proven = sold.token.clone().paid_by(&settled);
                proven.map(Ok).map_err(|error| self.not_genuine(request, error))
            }
            Arrival::NotYet => Ok(Err(Unlocked::Open(PERIOD))),
            Arrival::Wait(wait) => Ok(Err(Unlocked::Busy(wait))),
            Arrival::TooLittle | Arrival::Cancelled => Ok(Err(Unlocked::Ended)),
            Arrival::Unknown => Err(Refusal::new(Problem::NodeUnavailable).with_detail(
                "Nobody can say at the moment if the payment has arrived; ask again later, and do not \
                 pay again",
            )),
        }
    }

    /// Makes the refusal of a token that is not known to be ours, and counts the attempt.
    fn not_genuine(&self, request: &Unlock<'_>, error: VerifyError) -> Refusal {
        if error != VerifyError::Invalid {
            return Refusal::new(error.problem());
        }
        match self.shared.take_attempt_of(request.peer, None) {
            Err(wait) => Refusal::new(Problem::TooManyAttempts).with_retry_after(wait),
            Ok(()) => Refusal::new(Problem::InvalidToken),
        }
    }
}

impl TokenSold {
    /// Reads what the mint wrote. `None` if the token lacks any of it: then it was not minted here.
    fn read(token: GenuineToken) -> Option<Self> {
        let service = token.minted_service()?;
        Some(Self {
            price: token.minted_price(&service)?,
            policy: token.minted_policy(&service)?,
            end: token.minted_end(&service)?,
            service,
            token,
        })
    }

    /// Returns true if nothing is sold for the token any more, as `decide` will say.
    fn is_revoked(&self, snapshot: &Snapshot) -> bool {
        let is_counted = self.policy.uses().is_some();
        snapshot.has_revoked_token(&self.token, &self.service)
            || is_counted && !snapshot.keys().counts_uses(self.token.identifier())
    }

    fn payment(&self) -> Sold {
        let lookup = self.token.minted_lookup(&self.service);
        Sold {
            payment: self.token.identifier().payment_hash,
            price: self.price,
            end: self.end,
            lookup: lookup.map(str::to_owned),
        }
    }
}

/// Checks the signature of the token.
fn genuine(
    snapshot: &Snapshot,
    request: &Unlock<'_>,
    now: UnixTime,
) -> Result<GenuineToken, VerifyError> {
    let token = Macaroon::from_base64(request.token).map_err(|_| VerifyError::Invalid)?;
    GenuineToken::of(&token, snapshot.keys(), now)
}

/// Reads the path that the buyer wants to go to, as a request for it will be read.
pub(super) fn place(path: &str, peer: IpAddr) -> Result<CanonicalRequest, Refusal> {
    // Two slashes begin the name of another host where a browser reads the path as an address.
    let is_path = path.starts_with('/') && !path.starts_with("//");
    let get = http::Request::get(path).body(());
    let Some(get) = get.ok().filter(|_| is_path) else {
        return Err(bad(
            "Name the path of this host that you want to go to, as in \"/page?a=1\"",
        ));
    };
    let (parts, ()) = get.into_parts();
    CanonicalRequest::from_parts(&parts, peer)
        .map_err(|problem| Refusal::unread(problem, &parts.uri))
}

/// Returns true if a service is sold at a path.
pub(super) fn sells(snapshot: &Snapshot, place: &CanonicalRequest, service: &Service) -> bool {
    let routes = snapshot.routes_of(place).unwrap_or_default();
    let matched = snapshot.of_method(routes, &Method::GET);
    let sold = matched.as_ref().and_then(|matched| matched.route.sold());
    sold.is_some_and(|priced| priced.service == *service)
}

pub(super) fn pass(
    contents: &Contents,
    snapshot: &Snapshot,
    now: UnixTime,
) -> Result<Pass, Refusal> {
    let Some(value) = contents.close(snapshot.keys(), now) else {
        return Err(bad(
            "The token is too long for a cookie; send it in the header Authorization",
        ));
    };
    let payment = contents.proven.identifier().payment_hash.to_string();
    let (digits, _) = payment.split_at(DIGITS);
    Ok(Pass {
        payment: digits.to_owned(),
        value,
        max_age: Duration::from_secs(contents.end.secs().saturating_sub(now.secs())),
        now,
    })
}

fn bad(detail: &str) -> Refusal {
    Refusal::new(Problem::BadRequest).with_detail(detail)
}
