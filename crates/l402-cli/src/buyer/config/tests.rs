//! What a file says and what is read, and each mistake with its line.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use l402::Msat;
use l402_client::BudgetLimit;

use super::settings::FILE;
use super::{ClientConfig, HookSettings, RegistryShape};
use crate::context::Context;
use crate::error::CliError;
use crate::exit_code;
use crate::home::HomeFolder;

/// The error of a file with this text, whose folder is taken away.
fn mistake(text: &str) -> String {
    read(text, 0o600).unwrap_err().to_string()
}

fn read(text: &str, mode: u32) -> Result<ClientConfig, CliError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let told = format!("{}/", folder.path().display());
    ClientConfig::read(&context(folder.path())).map_err(|error| {
        let text = error.to_string().replace(&told, "");
        CliError::new(error.exit_code(), error.code(), text)
    })
}

fn context(home: &Path) -> Context {
    let home = HomeFolder::choose(Some(home.to_owned())).unwrap();
    Context::new("l402".to_owned(), home)
}

#[test]
fn without_a_file_every_setting_has_its_default() {
    let folder = tempfile::tempdir().unwrap();
    let config = ClientConfig::read(&context(folder.path())).unwrap();
    assert_eq!(config, ClientConfig::default());
    assert!(config.vault.enabled && config.hook.is_none());
    // Reading makes nothing.
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn the_settings_are_read() {
    let text = "[limits]\nper_hour = \"5 sat\"\n[hook]\ncommand = [\"/bin/check\", \"-s\"]\n[vault]\nenabled = false\n";
    let config = read(text, 0o600).unwrap();
    let most = config.limits.of(BudgetLimit::PerHour);
    assert_eq!(most, Some(Msat::from_sat(5)));
    let command = vec!["/bin/check".to_owned(), "-s".to_owned()];
    assert_eq!(config.hook, Some(HookSettings::Command(command)));
    assert!(!config.vault.enabled);
    for url in [
        "https://policy.example/a",
        "http://127.0.0.1:8000/",
        "http://[::1]:1/",
    ] {
        let config = read(&format!("[hook]\nurl = \"{url}\""), 0o600).unwrap();
        assert_eq!(config.hook, Some(HookSettings::Url(url.parse().unwrap())));
    }
}

#[test]
fn registries_are_read_in_their_order() {
    let text = "[mcp]\ndanger_show_secrets = true\n\
                [[registries]]\nname = \"b\"\nurl = \"https://b.example/api/v1\"\nshape = \"402index\"\n\
                [[registries]]\nname = \"a.local\"\nurl = \"http://127.0.0.1:9/\"\nshape = \"satring\"\n";
    let config = read(text, 0o600).unwrap();
    assert!(config.mcp.danger_show_secrets);
    let found: Vec<_> = config
        .registries
        .iter()
        .map(|it| (&*it.name, it.shape))
        .collect();
    let expected = [
        ("b", RegistryShape::Index402),
        ("a.local", RegistryShape::Satring),
    ];
    assert_eq!(found, expected);
}

#[test]
fn registries_have_one_name_each_and_are_few() {
    let one = |name: &str| {
        format!(
            "[[registries]]\nname = \"{name}\"\nurl = \"https://a.example\"\nshape = \"satring\"\n"
        )
    };
    let found = mistake(&(one("a") + &one("a")));
    let told = "client.toml:5: registries: another registry has this name";
    assert!(found.starts_with(told), "{found}");
    let nine: String = (0..9).map(|at| one(&at.to_string())).collect();
    let found = mistake(&nine);
    assert!(found.contains("at most 8"), "{found}");
}

/// Texts of the file with a mistake, and the beginning of what is told of each.
const MISTAKES: [(&str, &str); 28] = [
    (
        "\n[limit]\n",
        "client.toml:2: limit: there is no such key; there are limits, hook, vault, mcp, registries",
    ),
    (
        "[limits]\nper_week = \"1 sat\"",
        "client.toml:2: per_week: there is no such key; there are per_request, ",
    ),
    (
        "[limits]\nper_day = \"5\"",
        "client.toml:2: per_day: the unit is missing",
    ),
    (
        "[limits]\nper_day = 5",
        "client.toml:2: per_day: write a text in quotation marks",
    ),
    (
        "[limits]\nper_day = \"-5 sat\"",
        "client.toml:2: per_day: not an amount",
    ),
    (
        "[limits]\nper_day = nan",
        "client.toml:2: per_day: write a text",
    ),
    ("limits = 1", "client.toml:1: limits: write a table"),
    ("[hook]\n", "client.toml:1: hook: name one of the two"),
    (
        "[hook]\nurl = \"https://a.example\"\ncommand = [\"a\"]",
        "client.toml:1: hook: name one of the two",
    ),
    (
        "[hook]\ncommand = []",
        "client.toml:2: command: write a list of texts",
    ),
    (
        "[hook]\ncommand = [\"\"]",
        "client.toml:2: command: write a list of texts",
    ),
    (
        "[hook]\ncommand = \"a\"",
        "client.toml:2: command: write a list of texts",
    ),
    (
        "[hook]\nport = 1",
        "client.toml:2: port: there is no such key",
    ),
    (
        "[hook]\nurl = \"http://policy.example/\"",
        "client.toml:2: url: write an https address",
    ),
    (
        "[hook]\nurl = \"http://127.0.0.1.example/\"",
        "client.toml:2: url: write an https address",
    ),
    (
        "[vault]\nenabled = \"no\"",
        "client.toml:2: enabled: write true or false",
    ),
    (
        "[vault]\n\nenable = true",
        "client.toml:3: enable: there is no such key; there are enabled",
    ),
    (
        "[limits]\nper_day = \"1 sat\"\nper_day = \"2 sat\"",
        "client.toml:3: duplicate key",
    ),
    ("[limits\n", "client.toml:1: "),
    (
        "[mcp]\ndanger_show_secrets = \"yes\"",
        "client.toml:2: danger_show_secrets: write true or false",
    ),
    (
        "[mcp]\nshow_secrets = true",
        "client.toml:2: show_secrets: there is no such key; there are danger_show_secrets",
    ),
    (
        "[registries]\nname = \"a\"",
        "client.toml:1: registries: write a table, such as [[registries]]",
    ),
    (
        "registries = [1]",
        "client.toml:1: registries: write a table, such as [[registries]]",
    ),
    (
        "\n[[registries]]\nname = \"a\"\nurl = \"https://a.example\"",
        "client.toml:2: registries: write all three, name, url and shape",
    ),
    (
        "[[registries]]\nname = \"A b\"",
        "client.toml:2: name: write a name of a-z, 0-9, ",
    ),
    (
        "[[registries]]\nurl = \"http://a.example\"",
        "client.toml:2: url: write an https address",
    ),
    (
        "[[registries]]\nshape = \"bazaar\"",
        "client.toml:2: shape: write one of 402index, l402, satring",
    ),
    (
        "[[registries]]\nkey = \"a\"",
        "client.toml:2: key: there is no such key; there are name, url, shape",
    ),
];

#[test]
fn a_mistake_is_told_with_its_line_and_what_to_write() {
    for (text, told) in MISTAKES {
        let found = mistake(text);
        assert!(found.starts_with(told), "{text}: {found}");
    }
    let error = read("[limit]", 0o600).unwrap_err();
    assert_eq!(error.exit_code(), exit_code::CONFIGURATION);
}

#[test]
fn no_error_and_no_debug_repeats_a_secret() {
    for text in [
        "[hook]\nurl = \"http://u:hidden@policy.example/hidden\"",
        "[hook]\nurl = \"hidden\"",
        "[hook]\ncommand = [\"a\", \"hidden\", 5]",
        "[vault]\nenabled = \"hidden\"",
        "[[registries]]\nurl = \"http://a.example/hidden\"",
        "[[registries]]\nurl = \"hidden\"",
    ] {
        let found = mistake(text);
        assert!(!found.contains("hidden"), "{found}");
    }
    let config = read("[hook]\nurl = \"https://policy.example/hidden\"", 0o600).unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
    let text = "[[registries]]\nname = \"a\"\nurl = \"https://a.example/?key=hidden\"\nshape = \"satring\"";
    assert!(!format!("{:?}", read(text, 0o600).unwrap()).contains("hidden"));
}

#[test]
fn a_file_that_others_can_read_is_not_used() {
    for mode in [0o644, 0o640, 0o606] {
        let error = read("[vault]\nenabled = false\n", mode).unwrap_err();
        assert_eq!(error.exit_code(), exit_code::UNSAFE_FILE, "{mode:o}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(FILE)).unwrap();
    assert!(ClientConfig::read(&context(folder.path())).is_err());
}

/// The example is a file that works, and every key stands in it.
#[test]
fn the_example_is_sound_and_names_every_key() {
    let example = include_str!("../../../../../docs/examples/client.toml");
    assert_eq!(read(example, 0o600).unwrap(), ClientConfig::default());
    let live = |without: &str| {
        let lines = example.lines().filter(|line| !line.starts_with(without));
        let lines = lines.map(|line| line.strip_prefix('#').unwrap_or(line));
        // What begins with "# " is prose.
        let lines = lines.filter(|line| !line.starts_with(' '));
        lines.collect::<Vec<_>>().join("\n")
    };
    let config = read(&live("#url = \"https://policy"), 0o600).unwrap();
    for which in BudgetLimit::ALL {
        assert!(config.limits.of(which).is_some(), "{which}");
    }
    assert!(matches!(config.hook, Some(HookSettings::Command(_))));
    let config = read(&live("#command"), 0o600).unwrap();
    assert!(matches!(config.hook, Some(HookSettings::Url(_))));
    assert_eq!(
        live("#url = \"https://policy").matches("enabled").count(),
        1
    );
    assert!(
        !config.mcp.danger_show_secrets
            && live("#url = \"https://policy").contains("danger_show_secrets")
    );
    let shapes: Vec<_> = config.registries.iter().map(|it| it.shape).collect();
    assert_eq!(shapes, RegistryShape::ALL.map(|(_, shape)| shape));
}
