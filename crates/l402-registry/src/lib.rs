//! A directory of paid APIs: what it says of each is measured, and shown with its evidence.
//!
//! Sellers list an endpoint; the registry asks it as a client would, reads the 402, and keeps what it
//! saw. It pays nothing unless it is given a wallet and a budget, and it never sees a credential.
//!
//! ```text
//!   run ──▶ page, api ──▶ desk ──▶ owner, review ──▶ fetch
//!            probe ──────┘└─────────┴──▶ store ──▶ search ──▶ listing
//! ```
//!
//! - `listing`: the values, and the documents that sellers and other directories publish.
//! - `fetch`: a bounded request to a stranger's address, which is checked before it is connected to.
//! - `probe`: one look at a service, its state, and the schedule.
//! - `owner`: proofs that a listing is somebody's. `review`: proofs that somebody has paid.
//! - `desk`: the rules of adding, claiming, editing and moderating, for API and page alike.
//!
//! No text of a stranger leaves this crate without being escaped for the place where it stands.

mod api;
mod desk;
mod fetch;
mod listing;
mod owner;
mod page;
mod probe;
mod review;
mod run;
mod search;
mod store;

pub use api::{AdminToken, ApiSettings, Counters, export_router, router as api_router};
pub use desk::{DeskError, Export, Rechecked, Registry, RegistryOptions, Submission, Submitted};
pub use fetch::{Ask, FetchError, Fetched, Fetcher, Own, Reachable};
pub use listing::{
    CanonicalUrl, CanonicalUrlError, ClaimedPrice, Document, DocumentError, DocumentKind, Edit,
    Evidence, EvidenceJson, ExportFormat, FindingJson, Form, Health, Hidden, HiddenJson, Imported,
    Listing, ListingId, ListingIdError, NewListing, NewReview, NewReviewError, Observed,
    ObservedJson, Owner, OwnerJson, OwnerProof, PaidProbe, PaidProbeJson, Reason, ReasonJson,
    RequestSchema, ReviewCount, ReviewsJson, ServiceJson, Skipped, State, Uptime, UptimeJson,
    Words, WordsFrom, health_status, read_document,
};
pub use owner::{ClaimInstructions, ClaimTicket};
pub use page::router as page_router;
pub use probe::{Crowded, PaidProber, Prober, run_paid_probes, run_probes};
pub use run::{
    AllowedEntry, ConfigMistake, LimitsConfig, ProbeConfig, REGISTRY_PORT, RegistryConfig,
    RegistryServer, ServeError, ServeParts, serve,
};
pub use search::{Cursor, CursorError, Filter, Query, Sort};
pub use store::{
    Added, Category, Claim, Due, Found, History, PaidPoint, Point, Probed, Review, ReviewFate,
    SqliteStore, Store, StoreError, StoreOpenError, Totals,
};
