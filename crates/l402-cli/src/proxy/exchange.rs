//! One request of the program, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use l402_client::{Body, Client, Unrelayed};
use url::Url;

use super::access::{Denied, Mode};
use super::answer::{self, ProxyAnswer};
use super::headers::{self, REFUSED};
use super::pump::{self, Alive};
use super::token;
use super::tunnel::Tunnels;
use crate::access_token::AccessToken;
use crate::text::output::tell;
use crate::text::plain::{escape, without_secrets};

const FOREIGN_USER: Denied = Denied {
    status: StatusCode::FORBIDDEN,
    code: "foreign_user",
    text: "this proxy pays for the user who runs it alone; --token-file lets others ask who have \
           its token",
};
const NO_TUNNEL: Denied = Denied {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "not_a_forward_proxy",
    text: "this proxy has one target (--to), and makes no tunnel",
};

/// Hosts and ports of programs of this home that move money.
pub(super) type OwnAddresses = Vec<(String, u16)>;

/// What all requests share.
pub(super) struct Exchange {
    pub(super) client: Client,
    pub(super) mode: Mode,
    pub(super) token: Option<AccessToken>,
    pub(super) tunnels: Tunnels,
    /// Reads what is noted now: another program may have begun to listen since this one did.
    pub(super) own_addresses: Arc<dyn Fn() -> OwnAddresses + Send + Sync>,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The address that the connection came in at.
    pub(super) own: SocketAddr,
    /// True if the user who runs this proxy has the other end, as far as that can be known.
    pub(super) is_own_user: bool,
}

impl Exchange {
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        ends: Ends,
        alive: Alive,
    ) -> ProxyAnswer {
        // The end of such a request is not followed, so nothing may come after it.
        let is_chunked = request.headers().contains_key(TRANSFER_ENCODING);
        let is_connect = request.method() == Method::CONNECT;
        let mut answer = self.decide(request, ends, alive).await;
        if is_chunked || (is_connect && !answer.status().is_success()) {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }

    /// Answers a request once it is known who asks.
    async fn decide(
        self: &Arc<Self>,
        request: Request<Incoming>,
        ends: Ends,
        alive: Alive,
    ) -> ProxyAnswer {
        let is_reverse = self.mode.is_reverse();
        // Before all else: others must learn nothing about the proxy or its target.
        match &self.token {
            Some(token) if !token::is_shown(token, request.headers(), is_reverse) => {
                return answer::without_token(is_reverse);
            }
            None if !ends.is_own_user => return answer::denied(&FOREIGN_USER),
            _ => {}
        }
        if request.method() == Method::CONNECT {
            if is_reverse {
                return answer::denied(&NO_TUNNEL);
            }
            let checked = (self.own_addresses().await, self.is_typed());
            return self.tunnels.open(request, &self.client, checked).await;
        }
        let asked = (request.method(), request.uri());
        let own = (ends.own, self.token.is_some());
        match self.mode.target(asked, request.headers(), own) {
            Ok(url) => self.relay(url, request, alive).await,
            Err(denied) => answer::denied(&denied),
        }
    }

    async fn own_addresses(&self) -> OwnAddresses {
        let read = Arc::clone(&self.own_addresses);
        // It panics nowhere, and those that were there at the start are in the client.
        tokio::task::spawn_blocking(move || read())
            .await
            .unwrap_or_default()
    }

    /// Returns true if an address in a request counts as named by the user: by the user's own program,
    /// or by `--to`. One that somebody with the token asks for is a stranger's word.
    const fn is_typed(&self) -> bool {
        self.mode.is_reverse() || self.token.is_none()
    }

    async fn relay(&self, url: Url, request: Request<Incoming>, alive: Alive) -> ProxyAnswer {
        let own = self.own_addresses().await;
        let checked = self.client.check_address(&url, own, self.is_typed());
        if let Err(error) = checked.await {
            report(&error, request.method(), &url);
            return answer::of_error(&error);
        }
        let (head, body) = request.into_parts();
        let method = head.method.clone();
        let mut asked = l402_client::Request::new(head.method, url.clone())
            // The program's own, or none: the server sees who asks as without a proxy.
            .without_header(USER_AGENT);
        asked.headers = head.headers;
        headers::of_request(&mut asked.headers);
        if self.mode.is_reverse() {
            headers::without_cookies_of_here(&mut asked.headers);
        }
        if !body.is_end_stream() {
            let body = body.map_err(std::io::Error::other);
            asked = asked.with_body(Body::stream(body.into_data_stream()));
        }
        match self.client.relay(asked).await {
            Ok(response) => self.hand_on(response, &method, alive).await,
            Err(unrelayed) => self.refuse(unrelayed, (&method, &url), alive).await,
        }
    }

    /// Hands an answer of the server on.
    async fn hand_on(
        &self,
        response: l402_client::Response,
        method: &Method,
        alive: Alive,
    ) -> ProxyAnswer {
        let (status, mut headers) = (response.status(), response.headers().clone());
        headers::of_answer(&mut headers);
        if let Mode::Reverse { target, .. } = &self.mode {
            headers::translate_location(&mut headers, response.url(), target);
        }
        let is_bodiless = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT
        );
        let has_body = method != Method::HEAD && !is_bodiless;
        let body = pump::body(response, has_body, alive).await;
        with(status, headers, body)
    }

    /// Answers with the server's own 402 if there is one, and tells what happened.
    async fn refuse(
        &self,
        unrelayed: Unrelayed,
        (method, url): (&Method, &Url),
        alive: Alive,
    ) -> ProxyAnswer {
        let error = unrelayed.error;
        report(&error, method, url);
        let Some(required) = unrelayed.payment_required else {
            return answer::of_error(&error);
        };
        let mut answer = self.hand_on(*required, method, alive).await;
        let code = HeaderValue::from_static(error.code());
        answer.headers_mut().insert(REFUSED, code);
        answer
    }
}

/// Tells the user what happened to a request.
fn report(error: &l402_client::Error, method: &Method, url: &Url) {
    let place = without_secrets(url.as_str());
    let text = escape(&format!("{method} {place}: {error}"));
    tell(&format!("error[{}]: {text}", answer::code(error)));
}

fn with(status: StatusCode, headers: HeaderMap, body: answer::AnswerBody) -> ProxyAnswer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}
