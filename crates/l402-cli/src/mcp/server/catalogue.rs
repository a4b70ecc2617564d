//! The tools of a server, in the order in which every client sees them.

use std::sync::Arc;

use rmcp::model::{Tool as Described, ToolAnnotations};
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::mcp::tool::{Card, Tool};

/// The tools, and what the list says of them: the same for every connection.
pub(super) struct Catalogue(Vec<(Described, Arc<dyn Tool>)>);

impl Catalogue {
    pub(super) fn new(tools: Vec<Arc<dyn Tool>>) -> Self {
        Self(
            tools
                .into_iter()
                .map(|tool| (describe(tool.card()), tool))
                .collect(),
        )
    }

    /// Returns what the list of tools says.
    pub(super) fn list(&self) -> Vec<Described> {
        self.0
            .iter()
            .map(|(described, _)| described.clone())
            .collect()
    }

    pub(super) fn describe(&self, name: &str) -> Option<&Described> {
        self.0
            .iter()
            .map(|(described, _)| described)
            .find(|described| described.name == name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.0
            .iter()
            .map(|(_, tool)| tool)
            .find(|tool| tool.card().name == name)
    }
}

/// Returns the list of tools as a client gets it.
///
/// # Errors
/// Never in practice: the list is JSON.
pub(crate) fn listed(tools: Vec<Arc<dyn Tool>>) -> Result<Value, CliError> {
    let list = serde_json::to_value(Catalogue::new(tools).list());
    list.map_err(|error| CliError::internal(format!("the list of tools is no JSON: {error}")))
}

fn describe(card: &Card) -> Described {
    let annotations = ToolAnnotations::with_title(card.title)
        .read_only(card.hints.read_only)
        .destructive(card.hints.destructive)
        .idempotent(card.hints.idempotent)
        .open_world(card.hints.open_world);
    Described::new(card.name, card.description, object(&card.input))
        .with_title(card.title)
        .with_raw_output_schema(Arc::new(object(&card.output)))
        .with_annotations(annotations)
}

/// Returns a schema as the map that it is.
fn object(schema: &Value) -> Map<String, Value> {
    schema.as_object().cloned().unwrap_or_default()
}
