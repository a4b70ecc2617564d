//! The acts of an owner: edit, answer, transfer, revoke, remove.

use std::path::Path;

use http::Method;
use l402_host::private;
use serde_json::{Map, Value, json};

use super::at_listing::AtListing;
use super::client::Call;
use super::key::{KeyPlace, OwnerKey};
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::print;

/// A change of a listing. `None` leaves a part as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) docs: Option<String>,
    pub(crate) provider: Option<String>,
    /// The price by the seller's word.
    pub(crate) price: Option<l402::Msat>,
    pub(crate) method: Option<String>,
    pub(crate) no_probe: Option<bool>,
}

impl Changes {
    /// Returns the body of the request; `None` if nothing changes.
    fn body(&self) -> Option<Value> {
        let mut body = Map::new();
        let texts = [
            ("name", &self.name),
            ("description", &self.description),
            ("category", &self.category),
            ("docs", &self.docs),
            ("provider", &self.provider),
            ("method", &self.method),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                body.insert(field.to_owned(), json!(text));
            }
        }
        if let Some(tags) = &self.tags {
            body.insert("tags".to_owned(), json!(tags));
        }
        if let Some(price) = self.price {
            body.insert("price_msat".to_owned(), json!(price.msat()));
        }
        if let Some(no_probe) = self.no_probe {
            body.insert("no_probe".to_owned(), json!(no_probe));
        }
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

/// Changes a listing of this home.
///
/// # Errors
/// If nothing is to be changed, there is no key, or the registry refuses.
pub(crate) async fn edit(at: &AtListing<'_>, changes: &Changes) -> Result<(), CliError> {
    let Some(body) = changes.body() else {
        return Err(CliError::usage("nothing is to be changed")
            .with_hint("name what: --name, --description, --category, --tag, --docs, --no-probe"));
    };
    let key = at.keys().key()?;
    let id = at.id();
    let path = ["services", &id];
    let call = Call::change(Method::PATCH, &path);
    let call = call.with_key(key.reveal()).with_body(&body);
    at.client.send(call).await?;
    let value = json!({ "id": id, "changed": body });
    at.out
        .result(&value, || format!("changed: {}\n", at.page()))
}

/// Removes a listing of this home, with all of its past.
///
/// # Errors
/// If there is no key, or the registry refuses.
pub(crate) async fn remove(at: &AtListing<'_>) -> Result<(), CliError> {
    let id = at.id();
    give_up(at, &["services", &id]).await?;
    let value = json!({ "id": id, "removed": true });
    at.out
        .result(&value, || "removed, with its history\n".to_owned())
}

/// Gives up a listing of this home: nobody owns it from then on.
///
/// # Errors
/// If there is no key, or the registry refuses.
pub(crate) async fn revoke(at: &AtListing<'_>) -> Result<(), CliError> {
    let id = at.id();
    give_up(at, &["services", &id, "owner"]).await?;
    let value = json!({ "id": id, "owner": null });
    at.out
        .result(&value, || "nobody owns the listing now\n".to_owned())
}

/// Deletes what is at a path of the registry, and forgets the key, which is good for nothing then.
async fn give_up(at: &AtListing<'_>, path: &[&str]) -> Result<(), CliError> {
    let place = at.keys();
    let key = place.key()?;
    let call = Call::change(Method::DELETE, path).with_key(key.reveal());
    at.client.send(call).await?;
    place.forget()
}

/// Makes a new key for somebody else. The old one is void, and is forgotten.
///
/// # Errors
/// If there is no key, the file is there already, or the registry refuses.
pub(crate) async fn transfer(at: &AtListing<'_>, file: &Path) -> Result<(), CliError> {
    let place = at.keys();
    let old = place.key()?;
    // Before the old key is void: a file that cannot be written must lose nothing.
    if file.exists() {
        let text = format!("{} exists; it is left as it is", file.display());
        return Err(CliError::local_io(text).with_hint("name a new file with --key-file"));
    }
    let key = renewed(at, &old).await?;
    // Here first: the key that is written below counts alone, and must not be lost.
    place.keep(&key, at.context)?;
    let text = format!("{}\n", key.reveal());
    match private::create(file, text.as_bytes()) {
        Ok(true) => {}
        Ok(false) => return Err(kept(&place, "the file exists")),
        Err(error) => return Err(kept(&place, &error.to_string())),
    }
    place.forget()?;
    let id = at.id();
    let value = json!({ "id": id, "key_file": file });
    at.out
        .tell("the holder of this file owns the listing: hand it on in secret, and keep no copy");
    at.out.result(&value, || {
        format!(
            "the new key is in {}; the new owner runs\n  l402 registry own URL --key-file FILE\n",
            file.display()
        )
    })
}

fn kept(place: &KeyPlace, why: &str) -> CliError {
    let file = place.key_file();
    let text = format!(
        "{why}; the new key is kept in {}, and the old one is void",
        file.display()
    );
    CliError::local_io(text).with_hint("run `l402 registry transfer` again with another --key-file")
}

/// Takes over a listing with a key that its owner has handed on.
///
/// # Errors
/// If the file holds no key, or the registry does not take it.
pub(crate) async fn own(at: &AtListing<'_>, file: &Path) -> Result<(), CliError> {
    let read = private::read(file).map_err(|error| {
        let (exit, code) = exit_code::of_file(error.fault());
        CliError::new(exit, code, format!("--key-file: {error}"))
    })?;
    let key = std::str::from_utf8(&read).ok().and_then(OwnerKey::read);
    let key = key.ok_or_else(|| CliError::usage("--key-file holds no key of 64 hex digits"))?;
    let place = at.keys();
    let new = renewed(at, &key).await?;
    place.keep(&new, at.context)?;
    let id = at.id();
    let value = json!({ "id": id, "owned": true, "key_file": place.key_file() });
    at.out.result(&value, || {
        format!(
            "yours, with a key of your own: the one that you were given is void\n{}\n",
            at.page()
        )
    })
}

/// Asks the registry for a new key. The old one is void.
async fn renewed(at: &AtListing<'_>, old: &OwnerKey) -> Result<OwnerKey, CliError> {
    let id = at.id();
    let path = ["services", &id, "transfer"];
    let call = Call::change(Method::POST, &path).with_key(old.reveal());
    let answer = at.client.send(call).await?;
    let key = answer["key"].as_str().and_then(OwnerKey::read);
    key.ok_or_else(|| CliError::internal("the registry gave no new key"))
}

/// Prints the key of a listing.
///
/// # Errors
/// If there is none.
pub(crate) fn show_key(at: &AtListing<'_>) -> Result<(), CliError> {
    let key = at.keys().key()?;
    print(&format!("{}\n", key.reveal()))
}

/// Answers a review of a listing of this home; `None` takes the answer back.
///
/// # Errors
/// If there is no key, or the registry refuses.
pub(crate) async fn answer(
    at: &AtListing<'_>,
    review: l402::PaymentHash,
    text: Option<&str>,
) -> Result<(), CliError> {
    let key = at.keys().key()?;
    let (id, hash) = (at.id(), review.to_string());
    let path = ["services", &id, "reviews", &hash, "answer"];
    let body = json!({ "text": text });
    let call = Call::change(Method::POST, &path);
    let call = call.with_key(key.reveal()).with_body(&body);
    at.client.send(call).await?;
    let value = json!({ "id": id, "payment_hash": hash, "answer": text });
    at.out.result(&value, || "answered\n".to_owned())
}
