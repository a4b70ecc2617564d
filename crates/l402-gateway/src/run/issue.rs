//! The certificate that an authority issues: opened at the start, renewed while the gateway serves.

use std::path::Path;
use std::sync::Arc;

use super::Gateway;
#[cfg(feature = "acme")]
use super::gateway::lock;
use crate::GatewayError;
#[cfg(feature = "acme")]
use crate::acme::{self, Keeper};
use crate::config::FixedTls;
use crate::listen::Issued;

/// The certificate, and who renews it.
#[derive(Debug)]
pub(super) struct Issue {
    pub(super) issued: Arc<Issued>,
    /// Until the gateway serves.
    #[cfg(feature = "acme")]
    keeper: std::sync::Mutex<Option<Keeper>>,
}

impl Issue {
    /// Reads what is stored. `None` if no authority is named. Asks nobody.
    pub(super) fn open(home: &Path, tls: &FixedTls) -> Result<Option<Self>, GatewayError> {
        let Some(settings) = &tls.acme else {
            return Ok(None);
        };
        let issued = Arc::new(Issued::new(settings.domains.clone()));
        #[cfg(not(feature = "acme"))]
        let _ = home;
        #[cfg(feature = "acme")]
        let keeper = acme::open(home, settings)?;
        #[cfg(feature = "acme")]
        keeper.show(&issued);
        Ok(Some(Self {
            issued,
            #[cfg(feature = "acme")]
            keeper: std::sync::Mutex::new(Some(keeper)),
        }))
    }

    /// Reads the files that orders need.
    pub(super) fn check(tls: &FixedTls) -> Result<(), GatewayError> {
        #[cfg(feature = "acme")]
        if let Some(settings) = &tls.acme {
            acme::check(settings)?;
        }
        #[cfg(not(feature = "acme"))]
        let _ = tls;
        Ok(())
    }
}

impl Gateway {
    /// Orders and renews the certificate on the control runtime, until another process serves or the
    /// gateway ends.
    pub(super) fn keep_certificate(&self) {
        #[cfg(feature = "acme")]
        if let (Some(issue), Some(control)) = (&self.issue, self.control.handle())
            && let Some(keeper) = lock(&issue.keeper).take()
        {
            let kept = keeper.run(Arc::clone(&issue.issued), Arc::clone(&self.clock));
            let handed_over = self.stop.handed_over();
            control.spawn(async move {
                tokio::select! {
                    () = kept => {}
                    () = handed_over => {}
                }
            });
        }
    }
}
