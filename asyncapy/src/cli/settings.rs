//! Every setting of a server as a flag: the table that serves files and the environment serves the command line too.

use clap::builder::Str;
use clap::{Arg, ArgMatches, Command};

use crate::error::Result;
use crate::server::Settings;
use crate::server::config::{Setting, describe};

/// The settings that were given as flags.
#[derive(Clone, Debug, Default)]
pub(super) struct Flags {
    made: Vec<(&'static str, String)>,
}

impl Flags {
    /// Makes the settings; they go before all others.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<()> {
        self.made.iter().try_for_each(|(key, text)| settings.set(key, text))
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(describe().iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        let given = |setting: &Setting| Some((setting.key, matches.get_one::<String>(setting.key)?.clone()));
        self.made.extend(describe().iter().filter_map(given));
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    // `--log-level` says more than `--logging-level` would.
    let name = setting.aliases.iter().find(|alias| alias.starts_with("log_")).unwrap_or(&setting.key);
    let mut names: Vec<&str> = setting.aliases.iter().copied().chain([setting.key]).collect();
    names.retain(|other| other != name);
    let dashed = |name: &str| Str::from(name.replace('_', "-"));
    let default = match (setting.key, setting.default) {
        // What `serve` makes of it; its help says why.
        ("connections_per_address" | "new_connections_per_address", _) => "no limit",
        (_, "") => "none",
        (_, default) => default,
    };
    let mut meaning = setting.meaning.to_owned();
    meaning[..1].make_ascii_uppercase();
    Arg::new(setting.key)
        .long(dashed(name))
        .aliases(names.into_iter().map(dashed))
        .value_name(placeholder(setting))
        .help(format!("{meaning} [default: {default}]"))
        .long_help(format!("{meaning}\n\nAllowed: {}\n[default: {default}]", setting.allowed))
        .help_heading(heading(setting.key))
        .value_parser(move |text: &str| check(setting, text))
}

/// Refuses a wrong value where clap names the flag.
fn check(setting: &Setting, text: &str) -> std::result::Result<String, String> {
    match Settings::default().set(setting.key, text) {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err(format!("allowed: {}", setting.allowed)),
    }
}

fn placeholder(setting: &Setting) -> &'static str {
    match (setting.unit, setting.key) {
        ("seconds", _) => "SECONDS",
        ("bytes", _) => "BYTES",
        (_, "addr") => "ADDRESS",
        (_, "port") => "PORT",
        (_, "byteorder") => "big|little",
        (_, "encoding") => "json|ziproto",
        (_, "logging_level") => "LEVEL",
        (_, "listeners") => "URLS",
        (_, "console_format" | "datefmt") => "FORMAT",
        _ if setting.allowed == "a path" => "FILE",
        _ => "N",
    }
}

fn heading(key: &str) -> &'static str {
    match key {
        "addr" | "port" | "listeners" => "Where",
        "header_size" | "byteorder" | "encoding" | "payload_depth" | "payload_nodes" | "buf" => "Packets",
        _ if key.starts_with("max_packet_size") => "Packets",
        "logging_level" | "console_format" | "datefmt" => "Log",
        _ if key.starts_with("tls_") => "TLS",
        "connections"
        | "connections_per_address"
        | "new_connections_per_address"
        | "session_limit"
        | "calls_in_flight" => "Limits",
        _ if key.starts_with("output_") => "Limits",
        _ => "Times",
    }
}
