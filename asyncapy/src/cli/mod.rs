//! The `asyncapy` command.
//!
//! One file a command, each with its arguments and its `run`:
//!
//! - `serve`: a demo server that echoes.
//! - `send`: one packet, and what comes back.
//! - `call`: a function, by name; and a list of all that a server has.
//! - `bench`: a quick load, and what it does to latency.
//! - `keys`: the API keys of a server.
//! - `cert`: an authority and certificates for development.
//! - `handlers`: a list of handlers; [`describe`] prints those of a program of yours.

mod bench;
mod call;
mod cert;
mod failure;
mod fields;
mod handlers;
mod json;
mod keys;
mod link;
mod output;
mod send;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::Failure;

pub use self::handlers::{Handlers, describe};

/// Packets over AsyncAProto, from the command line.
#[derive(Parser)]
#[command(
    name = "asyncapy",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy serve --echo --port 1500         serve packets on port 1500
  asyncapy send 127.0.0.1:1500 test:=1      send one, print the reply
  asyncapy call 127.0.0.1:1500 --list       list its functions
  asyncapy bench 127.0.0.1:1500             load it for 5 s
  asyncapy keys issue customer=acme         make an API key
  asyncapy cert authority \"my machines\"     make an authority for TLS

`asyncapy COMMAND --help` shows more examples, and the exit codes: 0 it worked,
1 it did not, 2 the command line is wrong, 3 the connection failed.";

#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Send(send::Arguments),
    Call(call::Arguments),
    Bench(bench::Arguments),
    Keys(keys::Arguments),
    Cert(cert::Arguments),
    Handlers(handlers::Arguments),
}

/// The command: reads the process's arguments, does what they say, tells how it went.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help that nobody reads any more, as with `| head`, is no failure.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Cert(arguments) => cert::run(&arguments),
        Command::Handlers(arguments) => handlers::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The runtime of a command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))
}
