//! What operators may read of a running gateway.

use std::sync::Arc;

use l402_host::Clock;
use l402_lightning::Liquidity;

use super::{Gateway, SellerKeys, Stores};
use crate::config::{Fixed, Live};
use crate::notice::Notices;
use crate::table::RouteTable;

impl Gateway {
    /// The table that is served now.
    pub(crate) fn table(&self) -> Arc<RouteTable> {
        self.state.table.load_full()
    }

    /// The settings of the start, which no reload changes.
    pub(crate) fn fixed(&self) -> &Fixed {
        &self.fixed
    }

    /// The settings that are served now.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.state.notices
    }

    /// The stores, for reading and for what commands change in them. They block.
    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }

    /// The keys that it sells with.
    pub(crate) fn seller_keys(&self) -> SellerKeys {
        SellerKeys::at(&self.stores, &self.fixed.keys)
    }

    /// Returns what the node's channels can move, as it last said: `None` if `[liquidity]` asks for
    /// nothing, or if the node does not tell.
    pub(crate) fn liquidity(&self) -> Option<Liquidity> {
        self.liquidity.last()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }
}
