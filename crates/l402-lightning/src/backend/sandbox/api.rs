//! The sandbox's HTTP API, for programs in other languages. It listens on loopback alone.

use core::net::IpAddr;
use core::time::Duration;
use std::path::Path;

use axum::extract::{self, DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use l402::{Invoice, Msat, PaymentHash};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use super::open::{SOCKET, loopback};
use super::pay::usual_fee;
use super::{Fault, Sandbox, SandboxWallet, local};
use crate::{Error, ErrorKind, InvoiceRequest, Pay, PayRequest, Payment, Receive};

/// The maximum length of a request body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The time to wait for a payment, in milliseconds, if the request states none.
const DEADLINE_MS: u64 = 60_000;

/// The expiry of an invoice, in seconds, if the request states none.
const EXPIRY_SECS: u64 = 3600;

/// Serves the HTTP API on a loopback listener until the future `stop` completes.
///
/// | Request | Answer |
/// |---|---|
/// | `POST /v1/pay {"invoice", "max_fee_msat"?, "account"?, "deadline_ms"?}` | a payment |
/// | `GET /v1/payments/HASH[?account=]` | the same payment, or 404 |
/// | `POST /v1/invoices {"amount_msat", "memo"?, "expiry_secs"?}` | an invoice |
/// | `GET /v1/balance[?account=]` | `{"balance_msat"}` |
/// | `POST /v1/faucet {"amount_msat", "account"?}` | `{"balance_msat"}` |
/// | `GET`, `PUT /v1/fault {"fault", "millis"?}` | `{"fault", "millis"}` |
/// | `PUT /v1/fee {"fee_msat"}` | `{"fee_msat"}` |
///
/// A payment is `{"status": "settled|failed|unknown", "payment_hash", "preimage", "paid_msat",
/// "fee_msat", "error"?}`, always with status 200, because a failed payment is an answer, too. A
/// mistake in a request is answered by a problem document (RFC 9457) with the member `error`, before
/// anything is paid: `invalid_body`, `invalid_request`, `method_not_allowed`, `no_such_path`,
/// `not_found` (no payment with this hash) or `not_loopback`.
///
/// # Errors
/// `Local` if the listener is reachable from other machines, or the socket fails.
pub async fn serve_api(
    sandbox: Sandbox,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    loopback(&listener)?;
    let serving = axum::serve(listener, router(sandbox)).with_graceful_shutdown(stop);
    serving
        .await
        .map_err(|error| local("serve", Path::new(SOCKET), &error))
}

fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/v1/pay", post(pay))
        .route("/v1/payments/{hash}", get(payment))
        .route("/v1/invoices", post(invoice))
        .route("/v1/balance", get(balance))
        .route("/v1/faucet", post(faucet))
        .route("/v1/fault", get(fault).put(set_fault))
        .route("/v1/fee", put(set_fee))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no_such_path", "no such path"))
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(
                status,
                "method_not_allowed",
                "this path takes another method",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(only_from_here))
        .with_state(sandbox)
}

/// Refuses requests that a web page made. A page can reach loopback through a domain name that
/// resolves to it, or by a form that the browser sends unasked; `Host` or `Origin` shows either.
async fn only_from_here(request: Request, next: Next) -> Response {
    let headers = request.headers();
    // An origin is a scheme and an authority, so the part after `://` compares as a host does.
    // `null`, which a sandboxed page sends, has neither and is refused as a host.
    let origin = text(headers, header::ORIGIN).map(|o| o.split_once("://").map_or(o, |o| o.1));
    let host = text(headers, header::HOST).or(request.uri().host());
    if host.is_some_and(is_loopback) && origin.is_none_or(is_loopback) {
        return next.run(request).await;
    }
    let detail = "the sandbox answers to 127.0.0.1, ::1 and localhost alone (Host and Origin)";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "not_loopback", detail).into_response()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers
        .get(name)
        // An unreadable value must not count as an absent one, which is allowed.
        .map(|value| value.to_str().unwrap_or("unreadable"))
}

fn is_loopback(authority: &str) -> bool {
    let port = |c: char| c.is_ascii_digit();
    let host = match authority.rsplit_once(':') {
        Some((host, digits)) if digits.chars().all(port) => host,
        _ => authority,
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    invoice: String,
    max_fee_msat: Option<u64>,
    account: Option<String>,
    deadline_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceBody {
    amount_msat: u64,
    #[serde(default)]
    memo: String,
    expiry_secs: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaucetBody {
    amount_msat: u64,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultBody {
    fault: String,
    #[serde(default)]
    millis: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeBody {
    fee_msat: u64,
}

#[derive(Deserialize)]
struct Account {
    account: Option<String>,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    payment_hash: String,
    preimage: Option<String>,
    paid_msat: u64,
    fee_msat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

async fn pay(State(sandbox): State<Sandbox>, body: Body<PayBody>) -> Result<Json<Report>, Problem> {
    let Body(body) = body;
    let invoice = Invoice::decode(&body.invoice).map_err(|error| invalid(&error))?;
    let amount = invoice.required_amount().map_err(|error| invalid(&error))?;
    let wallet = wallet(&sandbox, body.account).await?;
    let max_fee = body
        .max_fee_msat
        .map_or_else(|| usual_fee(amount), Msat::new);
    let deadline = Duration::from_millis(body.deadline_ms.unwrap_or(DEADLINE_MS));
    let request = PayRequest::new(body.invoice, max_fee, deadline);
    Ok(Json(report(
        invoice.payment_hash,
        wallet.pay(request).await,
    )))
}

async fn payment(
    State(sandbox): State<Sandbox>,
    extract::Path(hash): extract::Path<String>,
    Query(account): Query<Account>,
) -> Result<Json<Report>, Problem> {
    let hash: PaymentHash = hash.parse().map_err(|error| invalid(&error))?;
    let wallet = wallet(&sandbox, account.account).await?;
    let found = wallet.lookup(hash).await?;
    let none = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "no payment with this hash",
        )
    };
    Ok(Json(report(hash, found.ok_or_else(none)?)))
}

fn report(hash: PaymentHash, payment: Payment) -> Report {
    // A failed or unknown payment reports zeros, so that every answer has the same members.
    let blank = |status, error: &Error| Report {
        status,
        payment_hash: hash.to_string(),
        preimage: None,
        paid_msat: 0,
        fee_msat: 0,
        error: Some(error.to_string()),
    };
    match payment {
        Payment::Failed(failure) => blank("failed", &failure.error),
        Payment::Unknown(unknown) => blank("unknown", &unknown.error),
        Payment::Settled {
            preimage,
            paid,
            fee,
        } => Report {
            status: "settled",
            payment_hash: hash.to_string(),
            preimage: Some(preimage.to_hex()),
            paid_msat: paid.msat(),
            fee_msat: fee.msat(),
            error: None,
        },
    }
}

async fn invoice(
    State(sandbox): State<Sandbox>,
    Body(body): Body<InvoiceBody>,
) -> Result<Json<serde_json::Value>, Problem> {
    let request = InvoiceRequest {
        amount: Msat::new(body.amount_msat),
        expiry: Duration::from_secs(body.expiry_secs.unwrap_or(EXPIRY_SECS)),
        memo: body.memo,
    };
    let made = sandbox.create_invoice(request).await?;
    Ok(Json(json!({
        "invoice": made.bolt11(),
        "payment_hash": made.payment_hash().to_string(),
        "expires_at": made.expires().secs(),
    })))
}

async fn balance(
    State(sandbox): State<Sandbox>,
    Query(account): Query<Account>,
) -> Result<Json<serde_json::Value>, Problem> {
    let balance = wallet(&sandbox, account.account).await?.balance().await?;
    Ok(Json(json!({ "balance_msat": balance.msat() })))
}

async fn faucet(
    State(sandbox): State<Sandbox>,
    Body(body): Body<FaucetBody>,
) -> Result<Json<serde_json::Value>, Problem> {
    let wallet = wallet(&sandbox, body.account).await?;
    let amount = Msat::new(body.amount_msat);
    // SQLite blocks, and the tasks of the server share few threads.
    let balance = sandbox.blocking(move |_| wallet.fund(amount)).await??;
    Ok(Json(json!({ "balance_msat": balance.msat() })))
}

async fn fault(State(sandbox): State<Sandbox>) -> Result<Json<serde_json::Value>, Problem> {
    let asked = sandbox.clone();
    let fault = sandbox.blocking(move |_| asked.fault()).await??;
    Ok(Json(
        json!({ "fault": fault.name(), "millis": fault.millis() }),
    ))
}

async fn set_fault(
    State(sandbox): State<Sandbox>,
    Body(body): Body<FaultBody>,
) -> Result<Json<serde_json::Value>, Problem> {
    let fault = Fault::from_name(&body.fault, body.millis).ok_or_else(|| {
        let known = "ends_mid_payment, fails, held, lies_about_preimage, none, slow, unknown";
        invalid(&format!("no fault is called that; there are {known}"))
    })?;
    let asked = sandbox.clone();
    sandbox.blocking(move |_| asked.set_fault(fault)).await??;
    Ok(Json(
        json!({ "fault": fault.name(), "millis": fault.millis() }),
    ))
}

async fn set_fee(
    State(sandbox): State<Sandbox>,
    Body(body): Body<FeeBody>,
) -> Result<Json<serde_json::Value>, Problem> {
    let asked = sandbox.clone();
    sandbox
        .blocking(move |_| asked.set_fee(Msat::new(body.fee_msat)))
        .await??;
    Ok(Json(json!({ "fee_msat": body.fee_msat })))
}

async fn wallet(sandbox: &Sandbox, account: Option<String>) -> Result<SandboxWallet, Error> {
    let of = sandbox.clone();
    let open = move |_: &super::SandboxShared| {
        SandboxWallet::open(&of, account.as_deref().unwrap_or("default"))
    };
    sandbox.blocking(open).await?
}

/// A JSON body of any content type, so that `curl -d` works without a header.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|rejection| {
                let detail = "the request's body is over 64 KiB, or ended early";
                Problem::new(rejection.status(), "invalid_body", detail)
            })?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| invalid(&error))
    }
}

/// A problem document (RFC 9457) with the extension member `error`.
struct Problem {
    status: StatusCode,
    error: &'static str,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, error: &'static str, detail: &str) -> Self {
        Self {
            status,
            error,
            detail: detail.to_owned(),
        }
    }
}

fn invalid(detail: &dyn core::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_request",
        &detail.to_string(),
    )
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Rejected => invalid(&error),
            ErrorKind::Local
            | ErrorKind::Protocol
            | ErrorKind::Timeout
            | ErrorKind::Unauthorized
            | ErrorKind::Unavailable => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "internal", &error.to_string())
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "error": self.error,
        });
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
