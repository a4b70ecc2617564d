//! `l402 budget`, `--budget`, and the limits of `client.toml`.

use std::os::unix::fs::PermissionsExt;

use crate::program::{Home, Ran, Serving};

/// Starts the demo, which itself buys for 50 sat from `default`.
fn demo(home: &Home) -> Serving {
    home.serve(&["demo", "--listen", "127.0.0.1:0"])
}

fn balance(home: &Home) -> u64 {
    let json = home.run(&["wallet", "balance"]).expect(0).json();
    json["balance_msat"].as_u64().expect("a balance")
}

/// Runs a line of words; amounts have no space.
fn run(home: &Home, line: &str) -> Ran {
    let words: Vec<&str> = line.split_whitespace().collect();
    home.run(&words)
}

/// Writes `client.toml` with a mode.
fn configure(home: &Home, text: &str, mode: u32) {
    std::fs::create_dir_all(home.path().join("home")).expect("a folder");
    let path = home.file("home/client.toml", text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

fn left(shown: &serde_json::Value, which: &str) -> Option<u64> {
    shown["limits"][which]["left_msat"].as_u64()
}

#[test]
fn limits_are_kept_by_name_and_widened_only_with_a_yes() {
    let home = Home::new();
    let shown = run(&home, "budget show").expect(0).json();
    assert_eq!(shown[0]["name"], "default");
    assert_eq!(left(&shown[0], "per_day"), Some(10_000_000));
    assert_eq!(shown[0]["limits"]["per_request"]["is_default"], true);
    let shown = run(
        &home,
        "budget set default --per-day 500sat --per-hour 100sat",
    );
    let shown = shown.expect(0).json();
    assert_eq!(
        (left(&shown, "per_day"), left(&shown, "per_hour")),
        (Some(500_000), Some(100_000))
    );
    // Wider than before, in three ways; nobody is here to say yes.
    for wider in [
        "--per-day 501sat",
        "--per-hour none",
        "--per-day 400sat --per-request 1001sat",
    ] {
        let line = format!("budget set default {wider}");
        let ran = run(&home, &line).expect(64);
        assert!(ran.stderr.contains("hint: --yes"), "{line}: {ran:#?}");
        let shown = run(&home, "budget show default").expect(0).json();
        assert_eq!(left(&shown, "per_day"), Some(500_000), "{line}");
        run(&home, &format!("{line} --yes")).expect(0);
        run(
            &home,
            "budget set default --per-day 500sat --per-hour 100sat --per-request none --yes",
        )
        .expect(0);
    }
    // A new budget is below `default`, which shows its limits as well.
    let shown = run(&home, "budget set ann --in-all 2500msat")
        .expect(0)
        .json();
    assert_eq!(
        (&shown["parent"], left(&shown, "in_all")),
        (&"default".into(), Some(2500))
    );
    assert_eq!(left(&shown["parents"][0], "per_day"), Some(500_000));
    run(&home, "budget set ann --parent none").expect(64);
    run(&home, "budget set bob --parent none").expect(64);
    run(&home, "budget set bob --parent ann").expect(0);
    let ran = run(&home, "budget set ann --parent bob --yes").expect(64);
    assert!(ran.stderr.contains("bob counts against ann"), "{ran:#?}");
    let names = run(&home, "budget show").expect(0).json();
    let names: Vec<_> = names
        .as_array()
        .expect("budgets")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["default", "ann", "bob"]);
}

#[test]
fn a_mistake_changes_nothing_and_is_explained() {
    let home = Home::new();
    run(&home, "budget set ann --per-day 5sat").expect(0);
    for (line, told) in [
        ("budget set ann --per-day 5", "the unit is missing"),
        ("budget set ann --per-day=-5sat", "not an amount"),
        ("budget set ann --per-day NaN", "not an amount"),
        ("budget set ann --per-day 1e3sat", "unknown unit"),
        (
            "budget set ann --in-all 99999999999999999999sat",
            "more than 21 million BTC",
        ),
        ("budget set ann", "nothing to set"),
        ("budget set Ann --per-day 5sat", "no name of a budget"),
        ("budget set none --per-day 5sat", "no name of a budget"),
        (
            "budget set ann --parent nobody",
            "there is no budget nobody; there are: default, ann",
        ),
        (
            "budget show nobody",
            "there is no budget nobody; there are: default, ann",
        ),
        ("budget stop nobody", "there is no budget nobody"),
        ("budget resume nobody", "there is no budget nobody"),
    ] {
        let ran = run(&home, line).expect(64);
        assert!(ran.stderr.contains(told), "{line}: {ran:#?}");
        assert_eq!(ran.json()["no_money_moved"], true, "{line}");
    }
    let shown = run(&home, "budget show").expect(0).json();
    assert_eq!(shown.as_array().expect("budgets").len(), 2);
    assert_eq!(left(&shown[1], "per_day"), Some(5000));
}

/// ATTACKS C-25.
#[test]
fn a_purchase_counts_against_its_budget_and_a_stopped_one_pays_nothing() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    run(&home, "budget set default --per-day 160sat").expect(0);
    run(&home, "budget set ann --per-origin 70sat").expect(0);
    let get = |budget: &str| run(&home, &format!("get {url} --wallet sandbox {budget}"));
    get("--budget ann").expect(0);
    let ran = get("--budget ann --max-price 1000sat --max-per-day 9000sat").expect(11);
    for told in [
        "limit per_origin of 70 sat of the budget ann",
        "50 sat of which are spent",
        "is free again at 20",
        "l402 budget set ann --per-origin",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {ran:#?}");
    }
    get("").expect(0);
    let ran = get("").expect(11);
    assert!(
        ran.stderr
            .contains("limit per_day of 160 sat of the budget default"),
        "{ran:#?}"
    );
    assert_eq!(before - balance(&home), 100_000);
    let shown = run(&home, "budget show ann").expect(0).json();
    assert_eq!(shown["limits"]["per_day"]["spent_msat"], 50_000);
    assert_eq!(
        shown["parents"][0]["limits"]["per_day"]["spent_msat"],
        150_000
    );
    assert!(
        shown["limits"]["per_origin"]["about"]
            .as_str()
            .is_some_and(|about| url.starts_with(about))
    );

    run(&home, "budget set default --per-day 900sat --yes").expect(0);
    let stopped = run(&home, "budget stop").expect(0).json();
    assert!(stopped["stopped"].is_u64(), "{stopped}");
    let again = run(&home, "budget stop").expect(0).json();
    assert_eq!(again["stopped"], stopped["stopped"]);
    for budget in ["", "--budget ann", "--budget default"] {
        let ran = get(budget).expect(49);
        assert!(ran.stderr.contains("budget default"), "{ran:#?}");
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
        assert!(ran.stderr.contains("l402 budget resume"), "{ran:#?}");
    }
    assert_eq!(
        run(&home, "budget show ann").expect(0).json()["stopped_by"],
        "default"
    );
    run(&home, "budget resume").expect(0);
    get("").expect(0);
    assert_eq!(before - balance(&home), 150_000);
}

#[test]
fn the_budget_is_named_by_flag_or_variable_and_must_be_there() {
    let home = Home::new();
    let demo = demo(&home);
    let url = demo.url("/api/l402/joke");
    run(&home, "budget set ann --per-request 49sat").expect(0);
    let get = |variable: Option<&str>, flags: &[&str]| {
        let args = [&["get", &url, "--wallet", "sandbox"][..], flags].concat();
        let mut command = home.command(&args);
        if let Some(variable) = variable {
            command.env("L402_BUDGET", variable);
        }
        Ran::of(command.output().expect("the program starts"))
    };
    get(Some("ann"), &[]).expect(11);
    get(Some("default"), &["--budget", "ann"]).expect(11);
    let ran = get(Some("ann"), &["--dry-run"]).expect(0);
    assert_eq!(ran.json()["within_max_price"], false);
    for (variable, flags) in [
        (Some("anne"), &[][..]),
        (None, &["--budget", "anne"]),
        (None, &["--budget", "anne", "--dry-run"]),
    ] {
        let ran = get(variable, flags).expect(64);
        assert!(ran.stderr.contains("there are: default, ann"), "{ran:#?}");
        assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    }
    get(Some(""), &[]).expect(64);
    get(None, &[]).expect(0);
}

#[test]
fn client_toml_lowers_and_never_raises() {
    let home = Home::new();
    let demo = demo(&home);
    let (url, before) = (demo.url("/api/l402/joke"), balance(&home));
    let get = |flags: &str| run(&home, &format!("get {url} --wallet sandbox {flags}"));
    for text in [
        "per_request = \"49 sat\"",
        "per_payee = \"49 sat\"",
        "per_hour = \"49999 msat\"",
    ] {
        configure(&home, &format!("[limits]\n{text}\n"), 0o600);
        let ran = get("--max-price 1000sat --max-per-day 1000sat").expect(11);
        assert!(
            ran.stderr
                .contains("client.toml in the home folder has per_"),
            "{ran:#?}"
        );
    }
    // Neither a flag nor a stored limit is raised, nor is what holds without any.
    configure(
        &home,
        "[limits]\nper_request = \"9000 sat\"\nper_day = \"90000 sat\"\n",
        0o600,
    );
    get("--max-price 49sat").expect(11);
    run(&home, "budget set default --per-request 49sat").expect(0);
    get("").expect(11);
    run(&home, "budget set default --per-request none --yes").expect(0);
    assert_eq!(balance(&home), before);
    get("").expect(0);

    configure(&home, "[limits]\n\nper_week = \"1 sat\"\n", 0o600);
    let ran = get("").expect(78);
    assert!(ran.stderr.contains("client.toml:3: per_week"), "{ran:#?}");
    assert!(ran.stderr.contains("no money moved"), "{ran:#?}");
    configure(&home, "[limits]\nper_day = \"1 sat\"\n", 0o644);
    let ran = get("").expect(24);
    assert!(ran.stderr.contains("chmod 600"), "{ran:#?}");
    assert_eq!(before - balance(&home), 50_000);
}

/// ATTACKS C-23.
#[test]
fn processes_that_race_for_the_last_satoshi_never_go_over_it() {
    let home = Home::new();
    let demo = demo(&home);
    let before = balance(&home);
    run(&home, "budget set default --in-all 150sat").expect(0);
    run(&home, "budget set ann --in-all 100sat").expect(0);
    let children: Vec<_> = (0..6)
        .map(|at| {
            let url = demo.url(["/api/l402/joke", "/api/l402/fortune"][at % 2]);
            let budget = ["default", "ann"][at / 2 % 2];
            // The fee limit would keep an amount reserved that nobody pays in the sandbox.
            let args = [
                "get",
                &url,
                "--wallet",
                "sandbox",
                "--budget",
                budget,
                "--max-fee",
                "0sat",
            ];
            let mut command = home.command(&args);
            let child = command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            child.spawn().expect("the program starts")
        })
        .collect();
    let codes: Vec<_> = children
        .into_iter()
        .map(|mut child| child.wait().expect("it ends").code())
        .collect();
    let served = codes.iter().filter(|code| **code == Some(0)).count();
    assert_eq!(served, 2, "{codes:?}");
    assert!(
        codes.iter().all(|code| matches!(code, Some(0 | 11))),
        "{codes:?}"
    );
    assert_eq!(before - balance(&home), 100_000);
}
