//! `asyncapy keys`: the API keys of a server, in the file where it keeps them.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::fields::{self, Field};
use super::output::{self, Table};
use crate::security::{ApiKey, ApiKeys, KeyError, Record};

/// Issue, list, revoke and reissue API keys.
///
/// The store is the file that the server opens with `ApiKeys::open`. A running server holds it alone: stop it first, or
/// let it issue keys itself.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file of the keys; made where it does not exist
    #[arg(long, value_name = "FILE", global = true, default_value = "keys.redb")]
    store: PathBuf,

    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy keys issue customer=acme plan=gold   prints the key
  asyncapy keys list                            identifiers, dates, metadata
  asyncapy keys reissue 00112233445566ff        ends the old key, prints a new one
  asyncapy keys revoke 00112233445566ff         ends the key
  asyncapy keys --store /srv/keys.redb list     those of another file

A key is named by its identifier, as `list` shows it, or by the key itself.";

#[derive(Subcommand)]
enum Action {
    /// Make a new key and print it: the only time it can be read
    Issue {
        /// Metadata as a JSON map
        #[arg(long, value_name = "JSON", value_parser = fields::json_map)]
        metadata: Option<Map<String, Value>>,

        /// Metadata field by field: name=text, name:=json
        #[arg(value_name = "FIELD", value_parser = fields::parse)]
        fields: Vec<Field>,
    },
    /// List the keys, the oldest first
    List {
        /// As JSON, a key a line
        #[arg(long)]
        json: bool,
    },
    /// Show what is known of a key, as JSON
    Show {
        /// The identifier or the key
        key: String,
    },
    /// End a key
    Revoke {
        /// The identifier or the key
        key: String,
    },
    /// Put a new key in the place of one, which ends, and print it; identifier and metadata stay
    Reissue {
        /// The identifier or the key
        key: String,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    // Only issuing makes a store: where keys are looked for, a file that is not there is a mistake in its name.
    if !matches!(arguments.action, Action::Issue { .. }) && !arguments.store.exists() {
        return Err(Failure::failed(format!(
            "{}: there is no such store of keys",
            arguments.store.display()
        )));
    }
    let keys = ApiKeys::open(&arguments.store)?;
    match arguments.action {
        Action::Issue { metadata, fields } => {
            let mut map = metadata.unwrap_or_default();
            for (name, value) in fields::map(&fields).map_err(Failure::usage)? {
                map.insert(name, value);
            }
            print(&keys.issue(map)?)
        }
        Action::List { json: true } => {
            keys.list()?.iter().try_for_each(|record| Ok(output::line(&describe(record).to_string())?))
        }
        Action::List { json: false } => table(&keys.list()?),
        Action::Show { key } => {
            let record = if is_key(&key) { keys.get(&key)? } else { keys.get_id(&key)? };
            let record = record.ok_or(KeyError::Unknown)?;
            Ok(output::json(&describe(&record))?)
        }
        Action::Revoke { key } if is_key(&key) => Ok(keys.revoke(&key)?),
        Action::Revoke { key } => Ok(keys.revoke_id(&key)?),
        Action::Reissue { key } if is_key(&key) => print(&keys.reissue(&key)?),
        Action::Reissue { key } => print(&keys.reissue_id(&key)?),
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Failure::failed(error)
    }
}

/// Whether a text is a key rather than an identifier.
fn is_key(text: &str) -> bool {
    text.starts_with("ak_")
}

fn print(key: &ApiKey) -> Result<(), Failure> {
    Ok(output::line(key.as_str())?)
}

fn describe(record: &Record) -> Value {
    json!({
        "id": record.id(),
        "issued_at": time(record.issued_at()),
        "reissued_at": record.reissued_at().map(time),
        "metadata": record.metadata(),
    })
}

fn table(records: &[Record]) -> Result<(), Failure> {
    let mut table = Table::new(["ID", "ISSUED", "REISSUED", "METADATA"]);
    for record in records {
        table.row([
            record.id().to_owned(),
            time(record.issued_at()),
            record.reissued_at().map_or_else(|| "-".to_owned(), time),
            Value::from(record.metadata().clone()).to_string(),
        ]);
    }
    Ok(table.print()?)
}

/// A date as RFC 3339 writes it, in UTC.
fn time(time: SystemTime) -> String {
    // A store with a date beyond the year 9999 was not written by this program.
    jiff::Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}
