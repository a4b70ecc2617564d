//! One unpaid request and its answer.

use std::time::Duration;

use l402_client::examine::{BODY_MAX, BODY_TIME, UnpaidAnswer};
use l402_client::{Outgoing, Refused, is_head_too_large};

use crate::error::CliError;
use crate::exit_code;
use crate::text::plain::escape;

/// The longest that the whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The answer of a server to an unpaid request.
pub(crate) struct Answer {
    pub(super) status: http::StatusCode,
    pub(super) headers: http::HeaderMap,
    /// The beginning of the body, longer than [`BODY_MAX`] if the whole body is.
    body: Vec<u8>,
}

impl Answer {
    /// Returns the answer as the rules read it.
    pub(crate) fn unpaid<'a>(&'a self, url: &'a url::Url) -> UnpaidAnswer<'a> {
        UnpaidAnswer {
            url,
            status: self.status,
            headers: &self.headers,
            body: &self.body,
        }
    }
}

/// Sends one unpaid request, and follows no redirect: the challenge of this very URL is wanted.
pub(crate) async fn ask(
    method: &str,
    url: url::Url,
    outgoing: &Outgoing,
) -> Result<Answer, CliError> {
    let method = http::Method::from_bytes(method.as_bytes())
        .map_err(|_| CliError::usage(format!("not a method: {method}")))?;
    let failed = |error: reqwest::Error| {
        if is_head_too_large(&error) {
            let text = "not a well-formed challenge: the head of the answer is too large, or has \
                        more than 100 headers";
            let code = Refused::ChallengeTooLarge.code();
            return CliError::new(exit_code::NOT_WELL_FORMED, code, text);
        }
        let mut text = escape(&error.without_url().to_string());
        text.insert_str(0, "no answer: ");
        CliError::new(exit_code::UNAVAILABLE, "transport", text)
            .with_hint("check the address, and that the server is running")
    };
    let client = outgoing
        .builder()?
        .timeout(PATIENCE)
        .user_agent(concat!("l402/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(failed)?;
    // With the header that `l402 get` sends, so that the server answers both alike.
    let response = client
        .request(method, url)
        .header("accept-authenticate", "L402")
        .send()
        .await
        .map_err(failed)?;
    // As with a purchase, a body that does not come counts as empty: the challenge is in the head.
    let (status, headers) = (response.status(), response.headers().clone());
    let body = tokio::time::timeout(BODY_TIME, body(response)).await;
    Ok(Answer {
        status,
        headers,
        body: body.ok().flatten().unwrap_or_default(),
    })
}

/// Returns the body, or `None` if it breaks off.
async fn body(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    // One byte too many is read, so that the rules see that the body is too long.
    while body.len() <= BODY_MAX {
        match response.chunk().await.ok()? {
            Some(chunk) => body.extend_from_slice(&chunk),
            None => break,
        }
    }
    Some(body)
}
