//! The answer of a tool in the form of MCP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::mcp::tool::{Part, ToolAnswer};

/// The most that one result holds, in bytes of JSON text and of blobs before their encoding.
const RESULT_MAX: usize = 4 * 1024 * 1024;

/// Returns the result that a client is sent: the line, the structured result and the same as text, for
/// clients that show the model text alone, and then the parts that are no text.
pub(super) fn of(answer: ToolAnswer) -> CallToolResult {
    let json = answer.structured.to_string();
    let parts = answer
        .parts
        .iter()
        .map(|Part::Blob { bytes, .. }| bytes.len());
    let size = json.len() + parts.sum::<usize>();
    if size > RESULT_MAX {
        return too_large(answer.line, size);
    }
    let mut content = vec![ContentBlock::text(answer.line)];
    // The server's own answers have none: some clients hold errors, too, against the schema of the tool.
    let is_structured = !answer.structured.is_null();
    content.extend(is_structured.then(|| ContentBlock::text(json)));
    content.extend(answer.parts.into_iter().map(resource));
    let mut result = if answer.is_error {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    };
    result.structured_content = Some(answer.structured).filter(|_| is_structured);
    result
}

/// Returns an error that still holds the line: it says what was paid.
fn too_large(line: String, size: usize) -> CallToolResult {
    let note =
        format!("The result is left out: it has {size} bytes, and {RESULT_MAX} are the most.");
    CallToolResult::error(vec![ContentBlock::text(line), ContentBlock::text(note)])
}

fn resource(part: Part) -> ContentBlock {
    let Part::Blob {
        uri,
        media_type,
        bytes,
    } = part;
    let contents = ResourceContents::blob(STANDARD.encode(bytes), uri);
    ContentBlock::resource(contents.with_mime_type(media_type))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(bytes: usize) -> ToolAnswer {
        ToolAnswer {
            structured: json!({ "outcome": "paid" }),
            line: "paid 10 sat".to_owned(),
            is_error: false,
            parts: vec![Part::Blob {
                uri: "l402://answer/00".to_owned(),
                media_type: "image/png".to_owned(),
                bytes: vec![1; bytes],
            }],
            waiting: None,
        }
    }

    #[test]
    fn a_result_has_line_structure_text_and_parts() {
        let result = serde_json::to_value(of(answer(3))).unwrap();
        let content = json!([
            { "type": "text", "text": "paid 10 sat" },
            { "type": "text", "text": "{\"outcome\":\"paid\"}" },
            { "type": "resource", "resource": {
                "uri": "l402://answer/00", "mimeType": "image/png", "blob": "AQEB",
            } },
        ]);
        assert_eq!(result["content"], content);
        assert_eq!(result["structuredContent"], json!({ "outcome": "paid" }));
        assert_eq!(result["isError"], false);
    }

    #[test]
    fn what_was_paid_is_said_also_if_the_rest_is_too_large() {
        let result = serde_json::to_value(of(answer(RESULT_MAX))).unwrap();
        assert_eq!(result["content"][0]["text"], "paid 10 sat");
        assert_eq!(result["content"].as_array().unwrap().len(), 2);
        assert_eq!(result["isError"], true);
        assert_eq!(result.get("structuredContent"), None);
    }
}
