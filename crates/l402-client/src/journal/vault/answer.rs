//! A kept answer: its head as JSON, and its body.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use serde_json::{Value, json};
use url::Url;

/// The longest body that is kept for the same request, in bytes.
pub(crate) const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// The head of a kept answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnswerHead {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    /// The URL that answered.
    pub(crate) url: Url,
}

/// A whole answer.
pub(crate) struct KeptAnswer {
    pub(crate) head: AnswerHead,
    pub(crate) body: Vec<u8>,
}

impl AnswerHead {
    pub(super) fn to_json(&self) -> Value {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| json!([name.as_str(), hex::encode(value)]));
        json!({
            "status": self.status.as_u16(),
            "version": format!("{:?}", self.version),
            "url": self.url.as_str(),
            "headers": headers.collect::<Vec<_>>(),
        })
    }

    pub(super) fn of(head: &Value) -> Option<Self> {
        let text = |name: &str| head.get(name)?.as_str();
        let version = text("version")?;
        let versions = [
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ];
        // A name may come several times, so that they are a list of pairs.
        let mut headers = HeaderMap::new();
        for pair in head.get("headers")?.as_array()? {
            let name = HeaderName::try_from(pair.get(0)?.as_str()?).ok()?;
            let value = hex::decode(pair.get(1)?.as_str()?).ok()?;
            headers.append(name, HeaderValue::from_bytes(&value).ok()?);
        }
        let status = u16::try_from(head.get("status")?.as_u64()?).ok()?;
        Some(Self {
            status: StatusCode::from_u16(status).ok()?,
            version: versions
                .into_iter()
                .find(|it| format!("{it:?}") == version)?,
            headers,
            url: text("url")?.parse().ok()?,
        })
    }
}
