//! The documents of one table.

use std::sync::Arc;

use l402_server::Route;

use super::operation::{Operation, operations};
use super::{Document, llms, openapi, well_known};
use crate::config::{Live, OwnContent, OwnPath, Publish};

/// The answers to the paths that the gateway answers by itself, in the order of their routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    texts: Vec<Option<Document>>,
    /// The place of the receipts among them, which are made for each request.
    receipt: Option<usize>,
    /// The place among them at which passes are given.
    unlock: Option<usize>,
}

impl Documents {
    /// Writes the documents of a configuration from its compiled routes.
    pub(crate) fn new(live: &Live, routes: &[Arc<Route>]) -> Self {
        let presented = live.routes.iter().map(|route| &route.presentation);
        let pairs = routes.iter().map(|route| &**route).zip(presented);
        let operations = operations(pairs);
        let own = live.own_paths();
        let has = |content| own.iter().any(|own| own.content == content);
        let api = Api {
            publish: &live.publish,
            operations: &operations,
            has_llms: has(OwnContent::Llms),
            has_openapi: has(OwnContent::OpenApi),
            has_services: has(OwnContent::Services),
        };
        let place = |content| own.iter().position(|own: &OwnPath| own.content == content);
        Self {
            texts: own.iter().map(|own| api.document(own)).collect(),
            receipt: place(OwnContent::Receipt),
            unlock: place(OwnContent::Unlock),
        }
    }

    /// Returns the document of one of the own paths, by its place among them; `None` if there is
    /// none at that path.
    pub(crate) fn at(&self, index: usize) -> Option<&Document> {
        self.texts.get(index)?.as_ref()
    }

    /// Returns true if receipts are made at one of the own paths, by its place among them.
    pub(crate) fn is_receipt(&self, index: usize) -> bool {
        self.receipt == Some(index)
    }

    /// Returns true if passes are given at one of the own paths, by its place among them.
    pub(crate) fn is_unlock(&self, index: usize) -> bool {
        self.unlock == Some(index)
    }
}

/// Everything that the documents are made from.
pub(super) struct Api<'a> {
    pub(super) publish: &'a Publish,
    pub(super) operations: &'a [Operation<'a>],
    pub(super) has_llms: bool,
    pub(super) has_openapi: bool,
    pub(super) has_services: bool,
}

impl Api<'_> {
    fn document(&self, own: &OwnPath) -> Option<Document> {
        Some(match &own.content {
            OwnContent::Nothing | OwnContent::Receipt | OwnContent::Unlock => return None,
            OwnContent::Endpoints => Document::json(&well_known::endpoints(self)),
            OwnContent::Llms => Document::text(llms::text(self)),
            OwnContent::OpenApi => Document::json(&openapi::document(self)),
            OwnContent::Services => Document::json(&well_known::services(self)),
            OwnContent::Verification(text) => Document::text(text.clone()),
        })
    }

    /// Returns the name of the API: the configured one, else the memo if all routes share one.
    pub(super) fn name(&self) -> &str {
        if let Some(name) = &self.publish.name {
            return name;
        }
        let mut memos = self
            .operations
            .iter()
            .filter_map(|operation| operation.sold);
        let first = memos.next().map(|sold| sold.memo.as_str());
        let shared = first.filter(|first| memos.all(|sold| sold.memo == *first));
        shared.unwrap_or("Paid API")
    }

    /// Returns the address of a path: absolute if the public address is configured. The host of a
    /// request has no part in it, since anybody can choose that.
    pub(super) fn address(&self, path: &str) -> String {
        let base = self.publish.url.as_deref().unwrap_or_default();
        format!("{base}{path}")
    }
}

#[cfg(test)]
mod tests {
    use l402_server::{Access, Priced};
    use proptest::prelude::*;

    use super::*;
    use crate::config::{OPENAPI, PaymentInfo, RouteConfig};

    /// Returns a configuration with one route for each path, all with the same words.
    fn live(paths: &[&str], text: &str, price_msat: u64, form: PaymentInfo) -> Live {
        let route = |path: &&str| {
            let mut priced = Priced::new("s".parse().unwrap(), l402::Msat::new(price_msat));
            text.clone_into(&mut priced.memo);
            let route = Route::new(path, Access::Priced(priced));
            let mut route = RouteConfig::new(route, "http://127.0.0.1:1".parse().unwrap());
            route.presentation.title = Some(text.to_owned());
            route.presentation.description = Some(text.to_owned());
            let schema = serde_json::json!({ "properties": { text: { "type": text } } });
            route.presentation.request_schema = schema.as_object().cloned();
            route
        };
        let mut live = Live {
            routes: paths.iter().map(route).collect(),
            ..Live::default()
        };
        live.publish.payment_info = form;
        live.publish.description = Some(text.to_owned());
        live
    }

    proptest! {
        /// Even texts that the configuration would refuse break no document.
        #[test]
        fn any_words_leave_each_document_whole(text in any::<String>(), price in 1_u64..1 << 40) {
            for form in [PaymentInfo::Mpp, PaymentInfo::X402scan] {
                let paths = ["/a", "/b/{x}", "/c/{*rest}"];
                let live = live(&paths, &text, price, form);
                let routes: Vec<_> = live.table_routes().into_iter().map(Arc::new).collect();
                let documents = Documents::new(&live, &routes);
                for (index, own) in live.own_paths().iter().enumerate() {
                    let Some(document) = documents.at(index) else {
                        prop_assert!(matches!(own.content, OwnContent::Nothing | OwnContent::Receipt | OwnContent::Unlock));
                        continue;
                    };
                    if own.content == OwnContent::Llms {
                        let text = std::str::from_utf8(&document.body).unwrap();
                        let of = |start| text.lines().filter(|line| line.starts_with(start)).count();
                        // Two methods of each path, and two links.
                        prop_assert_eq!((of("- `"), of("- ["), of("#")), (6, 2, 4));
                        continue;
                    }
                    let read: serde_json::Value = serde_json::from_slice(&document.body).unwrap();
                    if own.path == OPENAPI {
                        let summary = &read["paths"]["/c/{rest}"]["post"]["summary"];
                        prop_assert_eq!(summary, text.as_str());
                    }
                }
            }
        }
    }
}
