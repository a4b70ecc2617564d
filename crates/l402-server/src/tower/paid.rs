//! Proof, in a handler, that its request was paid.

use std::ops::Deref;
use std::sync::Arc;

use l402::Authorized;

/// Proof that the request was paid: what was bought, and until when. [`PaywallLayer`] puts it
/// into the extensions of a paid request, and nothing else can make one.
///
/// With the feature `axum` it is an extractor. A handler that asks for it cannot be reached
/// unpaid, also if somebody forgets the layer: it answers 500 then.
///
/// [`PaywallLayer`]: crate::PaywallLayer
#[derive(Clone, Debug)]
pub struct Paid(Arc<Authorized>);

impl Paid {
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
