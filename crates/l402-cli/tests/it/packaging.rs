//! The packages for MCP clients, held against the program and against the rules of their schemas; and the manual
//! pages that every other package has.

use std::path::Path;

use serde_json::Value;

use crate::contract::COMMANDS;
use crate::program::Home;

/// What the list of tools says, pinned.
const TOOLS: &str = include_str!("../../src/mcp/tool/tools.json");

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../packaging/mcp")
        .join(name);
    let text = std::fs::read_to_string(path).expect("a file of packaging/mcp");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns true for a reverse-DNS name and the name of a server, with one slash between them.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str, more: &str| {
        let is_inner = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        let ends = [label.chars().next(), label.chars().last()];
        let is_end = |c: &Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        label.chars().all(is_inner) && ends.iter().all(is_end)
    };
    let parts: Vec<_> = name.split('/').collect();
    matches!(parts.as_slice(), [space, server]
        if space.contains('.') && space.split('.').all(|label| is_label(label, "-"))
            && is_label(server, "._-"))
}

/// The rules of server.schema.json of 2025-12-11, and those of the registry on top of it, as far as they
/// concern a server with bundles.
fn mistakes(server: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut rule = |holds: bool, words: &str| {
        if !holds {
            wrong.push(words.to_owned());
        }
    };
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let schema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";
    rule(text(server, "$schema") == schema, "$schema");
    let known = [
        "$schema",
        "_meta",
        "description",
        "icons",
        "name",
        "packages",
        "remotes",
        "repository",
        "title",
        "version",
        "websiteUrl",
    ];
    let keys = server
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str());
    rule(
        keys.clone().all(|key| known.contains(&key)),
        "a key that is not known",
    );

    let name = text(server, "name");
    rule(is_name(&name) && (3..=200).contains(&name.len()), "name");
    rule(
        (1..=100).contains(&text(server, "description").chars().count()),
        "description",
    );
    rule(
        (1..=100).contains(&text(server, "title").chars().count()),
        "title",
    );
    let version = text(server, "version");
    let is_exact = |text: &str| {
        text.split('.').count() == 3 && text.split('.').all(|part| part.parse::<u32>().is_ok())
    };
    rule(version.len() <= 255 && is_exact(&version), "version");

    for package in server["packages"].as_array().into_iter().flatten() {
        wrong.extend(mistakes_of_package(package));
    }
    wrong
}

fn mistakes_of_package(package: &Value) -> Vec<String> {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let identifier = text(package, "identifier");
    let is_release = identifier.starts_with("https://github.com/")
        && identifier.contains("/releases/download/")
        && identifier.contains("mcp");
    let digest = text(package, "fileSha256");
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let rules = [
        (text(package, "registryType") == "mcpb", "registryType"),
        (
            is_release,
            "identifier: a release of a repository, with mcp in its URL",
        ),
        (
            digest.len() == 64 && digest.bytes().all(is_hex),
            "fileSha256",
        ),
        (text(&package["transport"], "type") == "stdio", "transport"),
        (
            package.get("version").is_none(),
            "version: it stands in the URL",
        ),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken.map(|(_, words)| words.to_owned()).collect()
}

#[test]
fn the_entry_for_the_registry_keeps_the_rules() {
    let server = read("server.json");
    assert_eq!(mistakes(&server), [""; 0]);
    assert_eq!(server["version"], VERSION);
    let identifier = server["packages"][0]["identifier"].as_str().expect("a URL");
    assert!(
        identifier.contains(&format!("/v{VERSION}/")),
        "{identifier}"
    );
    for (key, bad, told) in [
        ("name", "l402", "name"),
        ("name", "io.github.l402/l402/x", "name"),
        ("name", "-io.github/l402", "name"),
        ("description", &"x".repeat(101), "description"),
        ("version", "latest", "version"),
        ("version", "^1.2.3", "version"),
        ("homepage", "https://a.example", "a key that is not known"),
    ] {
        let mut server = server.clone();
        server[key] = bad.into();
        assert_eq!(mistakes(&server), [told], "{key}: {bad}");
    }
    for (key, bad) in [
        ("fileSha256", "00"),
        ("identifier", "http://a.example/x"),
        ("registryType", "cargo"),
    ] {
        let mut server = server.clone();
        server["packages"][0][key] = bad.into();
        assert_eq!(mistakes(&server).len(), 1, "{key}: {bad}");
    }
}

#[test]
fn the_bundle_lists_the_tools_of_the_program_and_holds_no_secret() {
    let manifest = read("manifest.json");
    assert_eq!(manifest["version"], VERSION);
    assert_eq!(manifest["manifest_version"], "0.3");
    let tools: Value = serde_json::from_str(TOOLS).expect("JSON");
    let listed = |tools: &Value, words: &str| {
        let tools = tools.as_array().expect("a list").iter();
        let both = tools.map(|tool| (tool["name"].to_string(), tool[words].to_string()));
        both.collect::<Vec<_>>()
    };
    assert_eq!(
        listed(&manifest["tools"], "description"),
        listed(&tools, "title")
    );
    // The agent is chosen at the start, by a person, and its limits are not in the bundle.
    let args = manifest["server"]["mcp_config"]["args"].to_string();
    assert!(args.contains("--agent") && manifest["user_config"]["agent"]["required"] == true);
    let asked = manifest["user_config"].as_object().expect("settings");
    assert_eq!(asked.keys().collect::<Vec<_>>(), ["agent", "wallet"]);
}

#[test]
fn each_command_has_a_manual_page_whose_examples_can_be_copied() {
    let home = Home::new();
    let folder = home.path().join("share/man1");
    home.run(&["man", folder.to_str().expect("a path")])
        .expect(0);
    for (_, command) in COMMANDS.iter().filter(|(name, _)| *name != "man") {
        let mut name = vec!["l402"];
        name.extend(*command);
        let page = folder.join(format!("{}.1", name.join("-")));
        let page = std::fs::read_to_string(&page).expect("a page of its own");
        let (_, examples) = page.split_once(".SH EXAMPLES\n.nf\n").expect("examples");
        assert!(
            examples.contains("\n\\&  ") || examples.starts_with("\\&  "),
            "{examples}"
        );
    }
    // Of this machine it says nothing: packages are the same wherever they are built.
    let page = std::fs::read_to_string(folder.join("l402.1")).expect("the first page");
    assert!(!page.contains(&home.path().display().to_string()), "{page}");
    let taken = home.file("taken", "");
    home.run(&["man", taken.to_str().expect("a path")])
        .expect(74);
}
