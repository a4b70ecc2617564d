//! The proof, for a handler, that its request was paid.

use std::ops::Deref;
use std::sync::Arc;

use l402::Authorized;

/// Proof that the request was paid, with the terms that were bought. [`PaywallLayer`] puts it into
/// the extensions of a paid request, and nothing else can make one.
///
/// With the feature `axum` it is an extractor. A handler that takes it cannot be reached unpaid:
/// without the layer it answers 500.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, body::Body, routing::get};
/// use http::Request;
/// use l402_server::Paid;
/// use tower_service::Service;
///
/// async fn joke(paid: Paid) -> String {
///     format!("paid for: {}", paid.service())
/// }
///
/// // The layer was forgotten.
/// let mut app: Router = Router::new().route("/joke", get(joke));
/// let answer = app.call(Request::get("/joke").body(Body::empty())?).await?;
/// assert_eq!(answer.status(), 500);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "axum"))]
/// # fn main() {}
/// ```
///
/// [`PaywallLayer`]: crate::PaywallLayer
#[derive(Clone, Debug)]
pub struct Paid(Arc<Authorized>);

impl Paid {
    /// Makes the proof. Private to the crate, so that no handler can forge one.
    pub(crate) fn new(proof: Authorized) -> Self {
        Self(Arc::new(proof))
    }
}

impl Deref for Paid {
    type Target = Authorized;

    fn deref(&self) -> &Authorized {
        &self.0
    }
}
