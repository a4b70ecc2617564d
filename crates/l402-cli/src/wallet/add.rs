//! `l402 wallet add`: the questions, the check, and the files.

use std::path::{Path, PathBuf};

use l402_host::named_path;
use l402_lightning::{
    AddedWallet, Error, ErrorKind, Node, NodeForm, StoredWallet, StoredWallets, WalletName,
};
use serde_json::{Value, json};

use super::check::{Checked, check};
use super::kind::{Parts, address_of, all_words, usual_address, word};
use super::secret;
use crate::buyer::wallet_error;
use crate::confirm::is_person;
use crate::context::Context;
use crate::environment::{Given, given};
use crate::error::CliError;
use crate::exit_code;
use crate::text::output::Output;

/// The wallet to be stored, as far as the command line says it.
#[derive(Debug)]
pub(crate) struct NewWallet {
    pub(crate) name: WalletName,
    pub(crate) kind: Option<NodeForm>,
    pub(crate) address: Option<String>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) secret: SecretFrom,
    pub(crate) check: bool,
    pub(crate) default: bool,
}

/// The place that the credential comes from.
#[derive(Debug)]
pub(crate) enum SecretFrom {
    /// A person types it.
    Terminal,
    /// This file holds it.
    File(PathBuf),
    /// It is all of stdin.
    Stdin,
    /// The variables of other programs hold it, and the address.
    Environment,
}

/// The answers of the command line, the environment and a person.
struct Answers {
    form: NodeForm,
    address: String,
    certificate: Option<PathBuf>,
    secret: Option<Vec<u8>>,
}

/// Asks for what is missing, checks the wallet, and stores it if it works.
pub(crate) async fn add(
    wanted: &NewWallet,
    context: &Context,
    out: Output,
) -> Result<Value, CliError> {
    let stored = StoredWallets::of(context.home.path());
    let name = &wanted.name;
    if stored.read(name).map_err(local)?.is_some() {
        return Err(taken(name));
    }
    let answers = answers(wanted, out).await?;
    let parts = Parts {
        name,
        form: answers.form,
        address: &answers.address,
        certificate: answers.certificate.as_deref(),
    };
    // Before anything is written: a mistake in the address leaves no file.
    let node = parts.node()?;
    context.home.create()?;
    let added = stored.begin(name).map_err(|error| match error.kind() {
        // Meanwhile, while a person was asked.
        ErrorKind::Rejected => taken(name),
        _ => local(error),
    })?;
    if let Some(secret) = &answers.secret {
        added.write_secret(secret).map_err(local)?;
    }
    // A wallet that does not work takes its credential with it.
    let checked = try_out(&node, wanted, context, out).await?;
    store(added, node, checked.as_ref(), context)?;
    let pays = checked.as_ref().map_or(answers.form.pays, Checked::pays);
    if pays && !answers.form.caution_to_pay().is_empty() {
        out.tell(&format!("note: {}", answers.form.caution_to_pay()));
    }
    let is_default = pays && make_default(wanted, &stored, out).await?;
    Ok(json!({
        "added": name.as_str(),
        "kind": answers.form.kind,
        "network": checked.as_ref().map(|checked| checked.network.name()),
        "checked": checked.is_some(),
        "pays": pays,
        "receives": answers.form.receives,
        "balance_msat": checked.as_ref().and_then(|it| it.balance).map(|it| it.msat()),
        "limits_fee": answers.form.limits_fee(),
        "default": is_default,
    }))
}

fn taken(name: &WalletName) -> CliError {
    let text = format!("a wallet is stored as {name} already");
    let hint = format!("choose another name, or `l402 wallet remove {name}` first");
    CliError::usage(text).with_hint(hint)
}

async fn answers(wanted: &NewWallet, out: Output) -> Result<Answers, CliError> {
    let is_from_environment = matches!(wanted.secret, SecretFrom::Environment);
    let given = if is_from_environment {
        Some(from_environment(wanted.kind)?)
    } else {
        None
    };
    // The kind comes first, because it decides what else has to be asked for.
    let form = match (&given, wanted.kind) {
        (Some(given), _) => given.form,
        (None, Some(form)) => form,
        (None, None) => ask_kind(out).await?,
    };
    let text = |value: &Option<(&str, std::ffi::OsString)>| {
        let (_, value) = value.as_ref()?;
        Some(value.to_string_lossy().into_owned())
    };
    let from_given = given.as_ref().and_then(|it| text(&it.address));
    // What stands on the command line was written for this call, so it wins over a variable.
    let address = match wanted.address.clone().or(from_given) {
        Some(address) => address,
        None => ask_address(&form).await?,
    };
    let from_given = given.as_ref().and_then(|it| text(&it.certificate));
    let certificate = wanted.certificate.clone();
    let certificate = match certificate.or(from_given.map(PathBuf::from)) {
        Some(path) => Some(path),
        None => ask_certificate(&form, wanted).await?,
    };
    let secret = match (form.credential(), given) {
        (None, _) => None,
        (Some(_), Some(given)) => Some(value_or_file(&given)?),
        (Some(credential), None) => Some(read_secret(&form, credential, wanted, out).await?),
    };
    Ok(Answers {
        form,
        address,
        certificate,
        secret,
    })
}

fn from_environment(kind: Option<NodeForm>) -> Result<Given, CliError> {
    let mut all = given(|name| std::env::var_os(name));
    all.retain(|given| kind.is_none_or(|kind| kind == given.form));
    let kinds: Vec<&str> = all.iter().map(|given| word(&given.form)).collect();
    if kinds.len() > 1 {
        let text = format!(
            "the environment describes several wallets: {}",
            kinds.join(", ")
        );
        return Err(CliError::usage(text).with_hint("choose one with --kind"));
    }
    all.pop().ok_or_else(|| {
        CliError::usage("no variable of the environment describes such a wallet").with_hint(
            "NWC_URL; LNBITS_URL and LNBITS_ADMIN_KEY; PHOENIXD_URL and PHOENIXD_PASSWORD; \
             LND_REST_ENDPOINT, LND_REST_CERT and LND_REST_MACAROON; or CLNREST_URL and \
             CLNREST_PAY_RUNE",
        )
    })
}

/// Returns the credential in a variable, or in the file that the variable names.
fn value_or_file(given: &Given) -> Result<Vec<u8>, CliError> {
    let (_, value) = &given.secret;
    let path = Path::new(value);
    // Only an absolute path: a key may be the name of some file here by chance.
    if path.is_absolute() || value.to_string_lossy().starts_with("~/") {
        return secret::from_file(path);
    }
    secret::checked(value.to_string_lossy().into_owned().into_bytes())
}

async fn ask_kind(out: Output) -> Result<NodeForm, CliError> {
    if !is_person() {
        let text = "the kind of the wallet is missing";
        return Err(CliError::usage(text).with_hint(format!("--kind, one of {}", all_words())));
    }
    for (number, form) in (1..).zip(NodeForm::ALL) {
        out.tell(&format!(
            "{number:>3}  {:<13} {}",
            word(&form),
            form.meaning
        ));
    }
    let typed = secret::ask("Which kind (number or word)?").await?;
    let by_number = typed.parse().ok().and_then(|number: usize| {
        let all = NodeForm::ALL.into_iter();
        (1..).zip(all).find(|(at, _)| *at == number)
    });
    match by_number {
        Some((_, form)) => Ok(form),
        None => super::kind::kind(&typed).map_err(CliError::usage),
    }
}

async fn ask_address(form: &NodeForm) -> Result<String, CliError> {
    let Some(what) = address_of(form) else {
        return Ok(String::new());
    };
    let usual = usual_address(form);
    if is_person() {
        let shown = usual.map_or(String::new(), |usual| format!(" [{usual}]"));
        let typed = secret::ask(&format!("The {what}{shown}:")).await?;
        if !typed.is_empty() {
            return Ok(typed);
        }
    }
    usual.map(str::to_owned).ok_or_else(|| {
        CliError::usage(format!("the {what} is missing")).with_hint(format!(
            "--address ADDRESS, for a wallet such as {}",
            form.example
        ))
    })
}

async fn ask_certificate(form: &NodeForm, wanted: &NewWallet) -> Result<Option<PathBuf>, CliError> {
    let what = match form.feature {
        "lnd" => "path of lnd's tls.cert",
        "cln" if form.credential().is_some() => "path of Core Lightning's ca.pem",
        _ => return Ok(None),
    };
    // A person who has named everything else is not asked: a public certificate needs no file.
    if !is_person() || !matches!(wanted.secret, SecretFrom::Terminal) {
        return Ok(None);
    }
    let typed = secret::ask(&format!("The {what} (none for a public certificate):")).await?;
    Ok((!typed.is_empty()).then(|| typed.into()))
}

async fn read_secret(
    form: &NodeForm,
    credential: &str,
    wanted: &NewWallet,
    out: Output,
) -> Result<Vec<u8>, CliError> {
    match &wanted.secret {
        SecretFrom::File(path) => secret::from_file(path),
        SecretFrom::Stdin => secret::from_stdin(),
        SecretFrom::Terminal | SecretFrom::Environment => {
            let recipe = format!(
                "the least {credential} that pays: {}\nthe least {credential} that is paid: {}",
                form.least_to_pay(),
                form.least_to_receive()
            );
            if !is_person() {
                let text = format!("the {credential} is missing");
                let hint = format!("--secret-file FILE or --secret-stdin\n{recipe}");
                return Err(CliError::usage(text).with_hint(hint));
            }
            out.tell(&recipe);
            // A macaroon is a file, and no person types it.
            if form.feature == "lnd" {
                let path = secret::ask("The path of the macaroon's file:").await?;
                // Not repeated: somebody may have pasted the macaroon itself.
                if !named_path(Path::new(""), Path::new(&path)).exists() {
                    return Err(CliError::usage("no file is called as it was typed")
                        .with_hint("type the path of lnd's macaroon, not the macaroon"));
                }
                return secret::from_file(Path::new(&path));
            }
            let typed = secret::ask_hidden(&format!("The {credential} (not shown):")).await?;
            secret::checked(typed.into_bytes())
        }
    }
}

/// Checks the wallet where it is going to lie. `None` if no check was wanted.
async fn try_out(
    node: &Node,
    wanted: &NewWallet,
    context: &Context,
    out: Output,
) -> Result<Option<Checked>, CliError> {
    if !wanted.check {
        return Ok(None);
    }
    out.tell(&format!("asking {} …", node.form().called));
    let folder = context.home.path().join("wallets");
    let node = node.clone().with_base(&folder);
    let checked = check(&node, context, out).await;
    checked.map(Some).map_err(|error| {
        let hint = error.hint().unwrap_or_default().to_owned();
        error.with_hint(format!(
            "{hint}\nnothing is stored; --no-check stores it all the same"
        ))
    })
}

fn store(
    added: AddedWallet<'_>,
    node: Node,
    checked: Option<&Checked>,
    context: &Context,
) -> Result<(), CliError> {
    let node = match (node, checked) {
        // lnd's own folder tells the network, and a copy of the macaroon does not.
        (Node::Lnd(mut lnd), Some(checked)) => {
            lnd.network = Some(checked.network);
            Node::Lnd(lnd)
        }
        (node, _) => node,
    };
    let form = node.form();
    let mut wallet = StoredWallet::new(node, context.clock.wall());
    wallet.network = checked.map(|checked| checked.network);
    wallet.known_as = checked.and_then(|checked| checked.known_as.clone());
    added
        .store(&wallet)
        .map_err(|error| wallet_error(&error, &form))
}

/// Makes the wallet the one that pays if none is named, after a yes.
async fn make_default(
    wanted: &NewWallet,
    stored: &StoredWallets,
    out: Output,
) -> Result<bool, CliError> {
    let name = &wanted.name;
    let node = Node::Stored(name.clone());
    let is_wanted = wanted.default
        || is_person() && {
            let question = format!("Pay with {name} if no --wallet is given? [y/N]");
            let typed = secret::ask(&question).await?.to_lowercase();
            matches!(typed.as_str(), "y" | "yes")
        };
    if !is_wanted {
        out.tell(&format!(
            "use it with --wallet {name}; `l402 wallet use {name}` makes it the default"
        ));
        return Ok(false);
    }
    stored.prefer(&[node]).map_err(local)?;
    Ok(true)
}

/// Returns the error of a file of stored wallets.
pub(super) fn local(error: Error) -> CliError {
    let fault = error.file().map(l402_host::FileError::fault);
    let (exit, code) = fault.map_or((exit_code::LOCAL_IO, "local_io"), exit_code::of_file);
    CliError::new(exit, code, error.to_string())
}
