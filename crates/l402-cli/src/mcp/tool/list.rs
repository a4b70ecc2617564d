//! The tools that every client is offered.

use std::sync::Arc;

use super::budget_status::BudgetStatus;
use super::create_invoice::CreateInvoice;
use super::decode_invoice::DecodeInvoice;
use super::fetch::Fetch;
use super::get_balance::GetBalance;
use super::interface::Tool;
use super::lookup_payment::LookupPayment;
use super::pay_invoice::PayInvoice;
use super::preview::Preview;
use super::receipts::Receipts;
use super::resume::Resume;
use super::search_services::SearchServices;
use crate::mcp::purse::Purse;

/// Returns the tools in their pinned order, the same for every connection.
pub(crate) fn all(purse: &Arc<Purse>) -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(Fetch::of(purse)),
        Arc::new(Preview::of(purse)),
        Arc::new(Resume::of(purse)),
        Arc::new(PayInvoice::of(purse)),
        Arc::new(CreateInvoice::of(purse)),
        Arc::new(LookupPayment::of(purse)),
        Arc::new(DecodeInvoice::of(purse)),
        Arc::new(GetBalance::of(purse)),
        Arc::new(BudgetStatus::of(purse)),
        Arc::new(Receipts::of(purse)),
        Arc::new(SearchServices::of(purse)),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    /// Returns the list of tools as a server sends it.
    fn listed() -> Value {
        let home = tempfile::tempdir().unwrap();
        let purse = Arc::new(Purse::for_tests(home.path()));
        let tools = all(&purse);
        let tools = tools.iter().map(|tool| {
            let card = tool.card();
            json!({
                "name": card.name,
                "title": card.title,
                "description": card.description,
                "inputSchema": card.input,
                "outputSchema": card.output,
                "annotations": {
                    "title": card.title,
                    "readOnlyHint": card.hints.read_only,
                    "destructiveHint": card.hints.destructive,
                    "idempotentHint": card.hints.idempotent,
                    "openWorldHint": card.hints.open_world,
                },
            })
        });
        tools.collect()
    }

    // ATTACKS A-13: what a model reads of a tool is one file, and changes with it alone.
    #[test]
    fn the_list_of_tools_is_the_pinned_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mcp/tool/tools.json");
        let listed = format!("{:#}\n", listed());
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &listed).unwrap();
        }
        let pinned = fs::read_to_string(&path).unwrap();
        assert_eq!(
            listed,
            pinned,
            "UPDATE_SNAPSHOTS=1 writes {}",
            path.display()
        );
    }

    #[test]
    fn every_object_of_a_schema_is_closed_and_every_input_has_bounds() {
        fn closed(value: &Value, at: &str, wrong: &mut Vec<String>) {
            if value.get("properties").is_some() && value["additionalProperties"] != json!(false) {
                wrong.push(format!("{at} is open"));
            }
            let object = value.as_object().into_iter().flatten();
            let array = value.as_array().into_iter().flatten().enumerate();
            object.for_each(|(key, inner)| closed(inner, &format!("{at}.{key}"), wrong));
            array.for_each(|(index, inner)| closed(inner, &format!("{at}[{index}]"), wrong));
        }
        let mut wrong = Vec::new();
        for tool in listed().as_array().unwrap() {
            let name = tool["name"].as_str().unwrap();
            closed(&tool["inputSchema"], name, &mut wrong);
            closed(&tool["outputSchema"], name, &mut wrong);
            for (field, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
                let bounds: &[&str] = match schema["type"].as_str().unwrap() {
                    "string" => &["enum", "maxLength", "pattern"],
                    "integer" => &["maximum"],
                    _ => &["maxProperties"],
                };
                if !bounds.iter().any(|bound| schema.get(*bound).is_some()) {
                    wrong.push(format!("{name}.{field} has no bound"));
                }
            }
        }
        assert_eq!(wrong, [""; 0]);
    }
}
