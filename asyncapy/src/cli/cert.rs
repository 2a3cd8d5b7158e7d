//! `asyncapy cert`: a certificate authority for development, and certificates of it.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::failure::Failure;
use super::output;
use crate::security::{Authority, CertError, Issued, Validity};

/// Make a certificate authority for development, and certificates of it.
///
/// Each is a pair of files, NAME.pem and NAME.key; keys are readable for their owner only. The public web needs a public
/// authority; this one is for machines of your own.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The directory of the certificates; made where it does not exist
    #[arg(long, value_name = "DIRECTORY", global = true, default_value = "certs")]
    dir: PathBuf,

    /// How long the certificate is valid [default: authority 3650, server 90, client 365]
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: Option<u32>,

    /// Take the place of a certificate that is there; never of the authority
    #[arg(long, global = true)]
    force: bool,

    #[command(subcommand)]
    kind: Kind,
}

const EXAMPLES: &str = "\
Examples:
  asyncapy cert authority \"my machines\"     certs/authority.pem and .key
  asyncapy cert server localhost 127.0.0.1  certs/localhost.pem, for both names
  asyncapy cert client alice                certs/alice.pem and .key

  asyncapy serve --echo --tls-cert certs/localhost.pem \\
      --tls-key certs/localhost.key --tls-client-ca certs/authority.pem
  asyncapy send tls://localhost:8081 --tls-ca certs/authority.pem \\
      --cert certs/alice.pem --key certs/alice.key test:=1";

#[derive(Subcommand)]
enum Kind {
    /// Make the authority: once, before all else
    Authority {
        /// What it is called in the certificates
        name: String,
    },
    /// Make a server's certificate
    Server {
        /// The host names and addresses by which clients reach it; the files are named after the first
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Make a client's certificate
    Client {
        /// Who it is: what handlers read as its identity
        name: String,
    },
}

/// The name of the authority's own files.
const AUTHORITY: &str = "authority";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let validity = |usual| arguments.days.map_or(usual, Validity::days);
    let (certificate, key) = match &arguments.kind {
        Kind::Authority { name } => {
            Authority::create(name, validity(Validity::AUTHORITY))?.save(&arguments.dir).map_err(|error| match error {
                CertError::Exists(path) if arguments.force => Failure::failed(format!(
                    "{}: exists; a new authority ends the trust in all certificates of the old one, so move it away first",
                    path.display()
                )),
                error => error.into(),
            })?
        }
        Kind::Server { names } => {
            let issued = open(&arguments.dir)?.issue_server(names, validity(Validity::SERVER))?;
            // A star in a file's name is for shells.
            let name = names.first().map_or_else(String::new, |name| name.replace('*', "_"));
            save(&issued, arguments, &name)?
        }
        Kind::Client { name } => {
            save(&open(&arguments.dir)?.issue_client(name, validity(Validity::CLIENT))?, arguments, name)?
        }
    };
    output::line(&certificate.display().to_string())?;
    Ok(output::line(&key.display().to_string())?)
}

fn open(directory: &Path) -> Result<Authority, Failure> {
    Authority::open(directory).map_err(|error| match error {
        CertError::File { path, error } if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::failed(format!(
                "{}: there is no authority; make one: asyncapy cert --dir {} authority NAME",
                path.display(),
                directory.display()
            ))
        }
        error => error.into(),
    })
}

fn save(issued: &Issued, arguments: &Arguments, name: &str) -> Result<(PathBuf, PathBuf), Failure> {
    if name == AUTHORITY {
        return Err(Failure::usage("the name `authority` is the authority's own; choose another"));
    }
    let saved = if arguments.force {
        issued.save_over(&arguments.dir, name)
    } else {
        issued.save(&arguments.dir, name)
    };
    saved.map_err(|error| match error {
        CertError::Exists(path) => {
            Failure::failed(format!("{}: exists; --force takes its place", path.display()))
        }
        error => error.into(),
    })
}

impl From<CertError> for Failure {
    fn from(error: CertError) -> Self {
        match error {
            CertError::Name { .. } => Failure::usage(error),
            _ => Failure::failed(error),
        }
    }
}
