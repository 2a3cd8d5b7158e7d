//! `asyncapy serve`: a demo server that echoes.

mod log;

use std::path::PathBuf;
use std::time::Duration;

use super::failure::Failure;
use super::settings::Flags;
use super::{output, runtime};
use crate::error::Error;
use crate::packet::Packet;
use crate::server::{Endpoint, Handle, Report, Server, Settings, logging, signal};

/// Serve packets: a demo that echoes each one.
///
/// It prints `listening on ADDRESS:PORT` on stdout as soon as clients can connect; the log goes to stderr. Ctrl-C or
/// SIGTERM stops it: it finishes what is in hand, reports, and exits with 0.
///
/// The defaults, a file (--config, or the one that ASYNCAPY_CONFIG names), the environment (ASYNCAPY_PORT and so on),
/// and flags make the settings, each going before those named earlier.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Reply to every packet with the packet
    #[arg(long)]
    echo: bool,

    /// Read settings from an ini or TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Listen at a UNIX socket too
    #[arg(long, value_name = "PATH", help_heading = "Where")]
    unix: Option<PathBuf>,

    #[command(flatten)]
    settings: Flags,
}

const EXAMPLES: &str = "\
Unlike a server of your own, this one sets no limit to one address, so that a
load from this machine reaches it: --connections-per-address and
--new-connections-per-address are off until they are given.

Examples:
  asyncapy serve --echo --port 0                 a free port: see the first line
  asyncapy serve --echo --timeout 500ms          impatient
  asyncapy serve --echo --config server.ini      AsyncAPY's configuration file
  ASYNCAPY_PORT=1500 asyncapy serve --echo       the environment
  asyncapy serve --echo --tls-cert certs/localhost.pem \\
      --tls-key certs/localhost.key              TLS; `asyncapy cert` makes both

Exit codes:
  0  stopped by a signal, whatever was in hand
  1  it cannot listen there
  2  the command line or the configuration is wrong";

const PURPOSE: &str = "`serve` has no handlers but one that echoes: say `serve --echo`. A server with handlers of your own is a \
                       program of your own: `Server::builder().linked().build()?.serve(\"127.0.0.1:8081\").await`";

/// How long the report of the end may take to be read by whoever reads stderr.
const FAREWELL: Duration = Duration::from_millis(500);

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.echo {
        return Err(Failure::usage(PURPOSE));
    }
    raise_open_files();
    let settings = settings(arguments)?;
    let log = log::Log::new().map_err(|error| Failure::failed(format!("the log cannot start: {error}")))?;
    logging::init_to(&settings.logging, log.clone())?;
    let server = Server::builder()
        .settings(settings)
        .register_fn(|packet: Packet| async move { packet })
        .name("echo")
        .build()?;
    let report = runtime()?.block_on(serve(server))?;
    let Report { drained, cut, took, .. } = report;
    log.line(format!("stopped after {took:.0?}: {drained} connection(s) drained, {cut} cut\n"));
    log.finish(FAREWELL);
    Ok(())
}

async fn serve(server: Server) -> Result<Report, Failure> {
    let running = server.start().await.map_err(Failure::failed)?;
    // Before the line that tells others that they may go on, and stop this server, too.
    let mut signals = signal::listen()?;
    let handle = running.handle();
    announce(&handle);
    signals.recv().await;
    Ok(running.shutdown().await?)
}

/// Says where the server listens. It serves on if nobody reads that.
fn announce(handle: &Handle) {
    for endpoint in handle.endpoints() {
        let place = match endpoint {
            Endpoint::Tcp(host) | Endpoint::Tls(host) => host.clone(),
            Endpoint::Unix(_) => endpoint.to_string(),
        };
        if let Err(error) = output::line(&format!("listening on {place}")) {
            tracing::warn!(part = "API main", %error, "Nobody reads where the server listens");
        }
    }
}

/// The layers of settings: this command's defaults, the file, the environment, the flags.
fn settings(arguments: &Arguments) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    settings.limits.connections_per_address = usize::MAX;
    settings.limits.new_connections_per_address = u32::MAX;
    let mut settings = settings.load_over(arguments.config.as_deref())?;
    arguments.settings.apply(&mut settings)?;
    if let Some(path) = &arguments.unix {
        settings.listeners.insert(0, Endpoint::Unix(path.clone()).to_string());
    }
    Ok(settings)
}

/// Lets the process open as many files as the system allows it: each connection is one, and the usual soft limit of
/// 1024 is for programs that cannot cope with more.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    // Refused, it stays as it was, and the number of connections is bounded by that.
    let _ = setrlimit(Resource::Nofile, files);
}

#[cfg(not(unix))]
fn raise_open_files() {}
