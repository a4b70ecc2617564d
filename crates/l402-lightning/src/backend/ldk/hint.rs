//! Hints in an invoice, by which a payer finds a node that the public graph does not show.

use l402::Msat;
use ldk_node::ChannelDetails;
use ldk_node::bitcoin::secp256k1::PublicKey;
use ldk_node::lightning::routing::gossip::RoutingFees;
use ldk_node::lightning::routing::router::{RouteHint, RouteHintHop};

use crate::Liquidity;

/// The maximum number of hints; each makes the invoice about 80 characters longer.
const MAX_HINTS: usize = 3;

/// The number of confirmations from which the graph shows a public channel (BOLT 7: six, and some
/// time).
const PUBLIC_AFTER: u32 = 7;

/// A channel through which a payment can come in.
#[derive(Clone, Debug)]
pub(super) struct InboundChannel {
    announced: bool,
    connected: bool,
    confirmations: u32,
    hop: RouteHintHop,
    inbound_msat: u64,
}

impl InboundChannel {
    /// Returns what an invoice can say of this channel, once the channel is open and its peer has
    /// announced the terms.
    fn of(channel: &ChannelDetails) -> Option<Self> {
        if !channel.is_channel_ready {
            return None;
        }
        let fees = RoutingFees {
            base_msat: channel.counterparty_forwarding_info_fee_base_msat?,
            proportional_millionths: channel
                .counterparty_forwarding_info_fee_proportional_millionths?,
        };
        let hop = RouteHintHop {
            src_node_id: channel.counterparty_node_id,
            // The alias is preferred: it works before the channel is confirmed, and does not show
            // the funding transaction.
            short_channel_id: channel.inbound_scid_alias.or(channel.short_channel_id)?,
            fees,
            cltv_expiry_delta: channel.counterparty_forwarding_info_cltv_expiry_delta?,
            htlc_minimum_msat: Some(channel.inbound_htlc_minimum_msat),
            htlc_maximum_msat: channel.inbound_htlc_maximum_msat,
        };
        Some(Self {
            announced: channel.is_announced,
            connected: channel.is_usable,
            confirmations: channel.confirmations.unwrap_or(0),
            hop,
            inbound_msat: channel.inbound_capacity_msat,
        })
    }

    const fn peer(&self) -> PublicKey {
        self.hop.src_node_id
    }

    /// Returns true if the public graph shows this channel.
    const fn is_public(&self) -> bool {
        self.announced && self.confirmations >= PUBLIC_AFTER
    }
}

/// Returns every channel at which an invoice could hint.
pub(super) fn inbound_channels(channels: &[ChannelDetails]) -> Vec<InboundChannel> {
    channels.iter().filter_map(InboundChannel::of).collect()
}

/// Returns what the channels that are ready can move.
pub(super) fn liquidity(channels: &[ChannelDetails]) -> Liquidity {
    let sum = |amount: fn(&ChannelDetails) -> u64| {
        let ready = channels.iter().filter(|channel| channel.is_channel_ready);
        Msat::new(ready.map(amount).fold(0, u64::saturating_add))
    };
    let receivable = sum(|channel| channel.inbound_capacity_msat);
    Liquidity::new(receivable).with_spendable(sum(|channel| channel.outbound_capacity_msat))
}

/// Returns the hints for a payment of this amount: none for a node that the graph shows, and never
/// a private channel of a node that also has public ones.
pub(super) fn hints(channels: &[InboundChannel], amount_msat: u64) -> Vec<RouteHint> {
    if channels.iter().any(InboundChannel::is_public) {
        return Vec::new();
    }
    let some_announced = channels.iter().any(|channel| channel.announced);
    let mut eligible: Vec<&InboundChannel> = channels
        .iter()
        .filter(|channel| channel.announced == some_announced)
        .collect();
    // Those that can carry the payment now come first, then those with the largest capacity.
    eligible.sort_by_key(|channel| {
        let fits = channel.inbound_msat >= amount_msat;
        core::cmp::Reverse((
            fits && channel.connected,
            fits,
            channel.connected,
            channel.inbound_msat,
        ))
    });
    let mut chosen: Vec<&InboundChannel> = Vec::new();
    for channel in eligible {
        // A second channel to the same peer adds length and no other path: the peer picks the
        // channel.
        let known = chosen.iter().any(|other| other.peer() == channel.peer());
        if !known && chosen.len() < MAX_HINTS {
            chosen.push(channel);
        }
    }
    let hint = |channel: &InboundChannel| RouteHint(vec![channel.hop.clone()]);
    chosen.into_iter().map(hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldk_node::bitcoin::secp256k1::{Secp256k1, SecretKey};

    fn channel(peer: u8, scid: u64, inbound_msat: u64) -> InboundChannel {
        let secret = SecretKey::from_slice(&[peer; 32]).expect("a key");
        let hop = RouteHintHop {
            src_node_id: PublicKey::from_secret_key(&Secp256k1::new(), &secret),
            short_channel_id: scid,
            fees: RoutingFees {
                base_msat: 1000,
                proportional_millionths: 0,
            },
            cltv_expiry_delta: 40,
            htlc_minimum_msat: None,
            htlc_maximum_msat: None,
        };
        InboundChannel {
            announced: false,
            connected: true,
            confirmations: 10,
            hop,
            inbound_msat,
        }
    }

    fn scids(channels: &[InboundChannel], amount_msat: u64) -> Vec<u64> {
        let hints = hints(channels, amount_msat);
        let hops = hints.iter().filter_map(|hint| hint.0.first());
        hops.map(|hop| hop.short_channel_id).collect()
    }

    #[test]
    fn hints_at_one_channel_per_peer_the_most_fitting_first() {
        let mut offline = channel(4, 40, 9_000);
        offline.connected = false;
        let channels = [
            channel(1, 10, 100),
            channel(1, 11, 5_000),
            channel(2, 20, 3_000),
            offline,
            channel(3, 30, 10),
        ];
        assert_eq!(scids(&channels, 1_000), [11, 20, 40]);
    }

    #[test]
    fn a_node_that_everybody_can_find_gives_no_hint() {
        let mut public = channel(2, 20, 3_000);
        public.announced = true;
        assert!(scids(&[channel(1, 10, 9_000), public], 1).is_empty());
    }

    #[test]
    fn a_new_public_channel_keeps_the_private_ones_private() {
        let mut public = channel(2, 20, 3_000);
        public.announced = true;
        public.confirmations = 3;
        assert_eq!(scids(&[channel(1, 10, 9_000), public], 1), [20]);
    }
}
