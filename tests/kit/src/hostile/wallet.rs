//! A wallet with faults of its own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use l402::{Invoice, Msat, Network, PaymentHash, Preimage};
use l402_host::BoxFuture;
use l402_lightning::sandbox::SandboxWallet;
use l402_lightning::{Error, ErrorKind, Pay, PayRequest, Payment};

use super::plan::{Mood, Plan};

/// A payment that the wallet was asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The invoice, as it was given.
    pub bolt11: String,
    /// The payment hash of the invoice.
    pub payment_hash: PaymentHash,
    /// The amount of the invoice.
    pub amount: Msat,
    /// The most that routing may cost.
    pub max_fee: Msat,
    /// The buyer was told that the payment failed.
    pub failed: bool,
    /// The buyer was told of a payment that breaks a limit, or that proves nothing.
    pub broke_a_limit: bool,
}

/// A wallet of the sandbox that does with each payment as the plan says.
#[derive(Debug)]
pub struct HostileWallet {
    wallet: SandboxWallet,
    moods: Vec<Mood>,
    asked: Mutex<Vec<Asked>>,
}

impl HostileWallet {
    /// Returns a wallet with the faults of this plan.
    #[must_use]
    pub fn new(wallet: SandboxWallet, plan: &Plan) -> Self {
        Self {
            wallet,
            moods: plan.moods.clone(),
            asked: Mutex::default(),
        }
    }

    /// Returns everything that it was asked for, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }

    /// Writes the request down; returns its number, and what to do with it.
    fn note(&self, request: &PayRequest) -> (usize, Mood) {
        let invoice = Invoice::decode(&request.bolt11).expect("a buyer hands on what it has read");
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let at = asked.len();
        let mood = self.moods[at % self.moods.len()];
        asked.push(Asked {
            bolt11: request.bolt11.clone(),
            payment_hash: invoice.payment_hash,
            amount: invoice.amount.expect("an amount"),
            max_fee: request.max_fee,
            failed: false,
            broke_a_limit: false,
        });
        (at, mood)
    }

    /// Returns the mood of the payment with this hash, if there was one.
    fn mood_of(&self, hash: &PaymentHash) -> Option<Mood> {
        let asked = self.asked();
        let at = asked.iter().rposition(|one| one.payment_hash == *hash)?;
        Some(self.moods[at % self.moods.len()])
    }

    async fn attempt(&self, request: PayRequest) -> Payment {
        let (at, mood) = self.note(&request);
        let outcome = self.do_as(mood, request).await;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked[at].failed = matches!(outcome, Payment::Failed(_));
        asked[at].broke_a_limit = matches!(outcome, Payment::Settled { .. })
            && matches!(
                mood,
                Mood::LiesOfAmount | Mood::LiesOfFee | Mood::LiesOfProof
            );
        outcome
    }

    async fn do_as(&self, mood: Mood, request: PayRequest) -> Payment {
        match mood {
            Mood::Fails => {
                return Payment::failed(Error::new(ErrorKind::Rejected, "no route"));
            }
            Mood::Forgets => return unknown(),
            Mood::Slow => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => {}
        }
        let outcome = self.wallet.pay(request).await;
        match mood {
            Mood::Mute if matches!(outcome, Payment::Settled { .. }) => unknown(),
            // The look-up afterwards tells the truth.
            Mood::LiesOnce => told(Mood::LiesOfProof, outcome),
            mood => told(mood, outcome),
        }
    }
}

/// Returns what the wallet says instead of the truth.
fn told(mood: Mood, truth: Payment) -> Payment {
    let Payment::Settled {
        preimage,
        paid,
        fee,
    } = truth
    else {
        return truth;
    };
    match mood {
        Mood::LiesOfProof => Payment::Settled {
            preimage: Preimage::from_bytes([13; 32]),
            paid,
            fee,
        },
        Mood::LiesOfAmount => Payment::Settled {
            preimage,
            paid: paid.saturating_add(Msat::from_sat(1000)),
            fee,
        },
        Mood::LiesOfFee => Payment::Settled {
            preimage,
            paid,
            fee: fee.saturating_add(Msat::from_sat(1000)),
        },
        _ => Payment::Settled {
            preimage,
            paid,
            fee,
        },
    }
}

fn unknown() -> Payment {
    Payment::unknown(Error::new(ErrorKind::Timeout, "no answer"))
}

impl Pay for HostileWallet {
    fn network(&self) -> Network {
        self.wallet.network()
    }

    fn name(&self) -> String {
        "the hostile wallet".into()
    }

    fn pay(&self, request: PayRequest) -> BoxFuture<'_, Payment> {
        Box::pin(self.attempt(request))
    }

    fn lookup(&self, hash: PaymentHash) -> BoxFuture<'_, Result<Option<Payment>, Error>> {
        Box::pin(async move {
            let found = self.wallet.lookup(hash).await?;
            Ok(match self.mood_of(&hash) {
                Some(Mood::Fails) => {
                    let error = Error::new(ErrorKind::Rejected, "no route");
                    Some(Payment::failed(error))
                }
                Some(mood) => found.map(|truth| told(mood, truth)),
                None => found,
            })
        })
    }

    fn balance(&self) -> BoxFuture<'_, Result<Msat, Error>> {
        self.wallet.balance()
    }
}
