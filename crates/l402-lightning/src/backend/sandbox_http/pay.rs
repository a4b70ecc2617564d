//! Paying through the API.

use core::time::Duration;

use l402::{Msat, Network, PaymentHash};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{Error, ErrorKind, Pay, PayFailure, PayRequest, Payment, Unknown};
use l402_host::BoxFuture;

/// How long anything but a payment may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read: the API's own are far below.
const MAX_ANSWER: usize = 64 * 1024;

/// The account `default` of a sandbox behind its API on loopback.
#[derive(Clone, Debug)]
pub(crate) struct SandboxHttp {
    client: Client,
    base: Url,
}

/// What the API says of a payment.
#[derive(Deserialize)]
struct Report {
    status: String,
    preimage: Option<String>,
    #[serde(default)]
    paid_msat: u64,
    #[serde(default)]
    fee_msat: u64,
    error: Option<String>,
}

/// What the API says when it refuses a request.
#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

#[derive(Deserialize)]
struct Balance {
    balance_msat: u64,
}

impl SandboxHttp {
    /// Speaks to the API at `base`, which [`Node`](crate::Node) has found to be on loopback.
    pub(crate) fn new(base: &Url) -> Result<Self, Error> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE);
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Local, format!("cannot set up HTTP: {error}"))
        })?;
        Ok(Self {
            client,
            base: base.clone(),
        })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        let deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        let body = json!({
            "invoice": request.bolt11,
            "max_fee_msat": request.max_fee.msat(),
            "deadline_ms": deadline_ms,
        });
        let asked = self.client.post(self.url("/v1/pay")).json(&body);
        let answer = match asked.timeout(request.deadline).send().await {
            Ok(answer) => answer,
            // Nothing was sent: it certainly failed.
            Err(error) if error.is_connect() || error.is_builder() => {
                return Payment::Failed(PayFailure {
                    error: self.away(&error),
                });
            }
            Err(error) => {
                return Payment::Unknown(Unknown {
                    error: self.away(&error),
                });
            }
        };
        let status = answer.status();
        match read(answer).await {
            Ok(body) if status.is_success() => payment(&body),
            Ok(body) if status.is_client_error() => Payment::Failed(PayFailure {
                error: refusal(status, &body),
            }),
            Ok(body) => Payment::Unknown(Unknown {
                error: refusal(status, &body),
            }),
            Err(error) => Payment::Unknown(Unknown { error }),
        }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Error> {
        let answer = request
            .timeout(PATIENCE)
            .send()
            .await
            .map_err(|error| self.away(&error))?;
        Ok((answer.status(), read(answer).await?))
    }

    fn away(&self, error: &reqwest::Error) -> Error {
        let base = self.base.as_str().trim_end_matches('/');
        if error.is_timeout() {
            return Error::new(
                ErrorKind::Timeout,
                format!("the sandbox at {base} did not answer"),
            );
        }
        let text = format!("no answer from the sandbox at {base}; start it with: l402 sandbox");
        Error::new(ErrorKind::Unavailable, text)
    }
}

impl Pay for SandboxHttp {
    fn network(&self) -> Network {
        Network::Regtest
    }

    fn name(&self) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("sandbox+{base}, account default")
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.attempt(request))
    }

    fn lookup(&self, payment_hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let url = self.url(&format!("/v1/payments/{payment_hash}"));
            let (status, body) = self.ask(self.client.get(url)).await?;
            match status {
                StatusCode::NOT_FOUND => Ok(None),
                status if status.is_success() => Ok(Some(payment(&body))),
                status => Err(refusal(status, &body)),
            }
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        Box::pin(async move {
            let (status, body) = self.ask(self.client.get(self.url("/v1/balance"))).await?;
            if !status.is_success() {
                return Err(refusal(status, &body));
            }
            let balance: Balance = serde_json::from_slice(&body).map_err(|_| garbled())?;
            Ok(Msat::new(balance.balance_msat))
        })
    }
}

fn payment(body: &[u8]) -> Payment {
    let unknown = |error| Payment::Unknown(Unknown { error });
    let Ok(report) = serde_json::from_slice::<Report>(body) else {
        return unknown(garbled());
    };
    let error = report
        .error
        .unwrap_or_else(|| "the sandbox gave no reason".to_owned());
    match (
        report.status.as_str(),
        report.preimage.map(|text| text.parse()),
    ) {
        ("settled", Some(Ok(preimage))) => {
            let (paid, fee) = (Msat::new(report.paid_msat), Msat::new(report.fee_msat));
            Payment::Settled {
                preimage,
                paid,
                fee,
            }
        }
        ("failed", _) => Payment::Failed(PayFailure {
            error: Error::new(ErrorKind::Rejected, error),
        }),
        ("unknown", _) => unknown(Error::new(ErrorKind::Timeout, error)),
        _ => unknown(garbled()),
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> Error {
    let detail = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.detail);
    let kind = if status.is_client_error() {
        ErrorKind::Rejected
    } else {
        ErrorKind::Unavailable
    };
    Error::new(
        kind,
        detail.unwrap_or_else(|_| format!("the sandbox answered {status}")),
    )
}

fn garbled() -> Error {
    let text = "the answer is not the sandbox's; is another program listening there?";
    Error::new(ErrorKind::Protocol, text)
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Error> {
    let lost = |error: reqwest::Error| {
        let kind = if error.is_timeout() {
            ErrorKind::Timeout
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, "the sandbox's answer ended early")
    };
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(garbled());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
