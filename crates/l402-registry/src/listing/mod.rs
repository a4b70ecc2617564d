//! The values of the registry: a listing, and everything that is known of it.

mod category;
mod claimed;
mod document;
mod exchange;
mod field;
mod id;
mod kept;
mod method;
mod new_review;
mod observed;
mod schema;
mod service_json;
mod state;
mod text;
mod url;
mod wording;

pub use self::url::{CanonicalUrl, CanonicalUrlError};
pub(crate) use category::is_category;
pub use claimed::ClaimedPrice;
pub use document::{Document, DocumentError, DocumentKind, Skipped, read_document};
pub use exchange::{ExportFormat, Imported};
pub(crate) use exchange::{
    imported, read_services, write_atom, write_csv, write_csv_head, write_json, write_json_end,
    write_json_head,
};
pub use id::{ListingId, ListingIdError};
pub use kept::{
    Edit, Hidden, Listing, NewListing, Owner, OwnerProof, PaidProbe, ReviewCount, WordsFrom,
};
pub(crate) use method::method;
pub(crate) use new_review::REVIEW_TEXT_MAX;
pub use new_review::{NewReview, NewReviewError};
pub use observed::{Evidence, Form, Observed};
pub use schema::RequestSchema;
pub use service_json::{
    EvidenceJson, FindingJson, HiddenJson, ObservedJson, OwnerJson, PaidProbeJson, ReasonJson,
    ReviewsJson, ServiceJson, UptimeJson, health_status,
};
pub use state::{Health, Reason, State, Uptime};
pub(crate) use text::clean;
pub use wording::Words;
