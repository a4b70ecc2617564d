//! The step from a parsed [`Node`](crate::Node) to an opened backend.
//!
//! No other module names every backend. A build without one of them reports that here.

/// Matches a node by its backend, in a build that may lack some of them. The only list of all features of
/// backends: a node of one that is missing is the error that names its feature. `$unused` is what such
/// a node has no use for.
macro_rules! match_built {
    ($node:expr, $unused:ident, { $($arms:tt)* }) => {
        match $node {
            $($arms)*
            #[cfg(not(all(
                feature = "cln",
                feature = "ldk",
                feature = "lnbits",
                feature = "lnd",
                feature = "lnurl",
                feature = "nwc",
                feature = "phoenixd",
                feature = "sandbox"
            )))]
            #[allow(
                clippy::allow_attributes,
                unreachable_patterns,
                reason = "a node that is matched without its feature may be the only one missing"
            )]
            absent => {
                let _ = $unused;
                let form = absent.form();
                let (called, feature) = (form.called, form.feature);
                let text = format!(
                    "this program was built without {called}; build it with feature {feature}"
                );
                Err($crate::Error::new($crate::ErrorKind::Local, text))
            }
        }
    };
}

#[cfg(feature = "pay")]
mod pay;
mod receive;
mod sign;
