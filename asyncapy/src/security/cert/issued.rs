use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use super::CertError;

/// A certificate and its private key, in the PEM format.
#[derive(Clone)]
pub struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Issued {
    /// The certificate.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key (PKCS#8): a secret.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes `NAME.pem` and `NAME.key` into the directory, which is made if need be; the key readable for its owner
    /// only. Returns both paths.
    ///
    /// # Errors
    /// [`CertError::Exists`] if either is there already, and neither is written; [`CertError::Name`] if the name is no
    /// plain file name; [`CertError::File`].
    pub fn save(&self, directory: impl AsRef<Path>, name: &str) -> Result<(PathBuf, PathBuf), CertError> {
        self.write(directory.as_ref(), name, false)
    }

    /// As [`save`](Self::save), but takes the place of files that are there; each is replaced as a whole or not at all.
    ///
    /// # Errors
    /// [`CertError::Name`], [`CertError::File`].
    pub fn save_over(
        &self,
        directory: impl AsRef<Path>,
        name: &str,
    ) -> Result<(PathBuf, PathBuf), CertError> {
        self.write(directory.as_ref(), name, true)
    }

    fn write(&self, directory: &Path, name: &str, over: bool) -> Result<(PathBuf, PathBuf), CertError> {
        let plain = matches!(*Path::new(name).components().collect::<Vec<_>>(), [Component::Normal(only)] if only == name);
        if !plain {
            return Err(CertError::Name { name: name.to_owned(), why: "is no plain file name" });
        }
        let named = |path: &Path, error: io::Error| match error.kind() {
            ErrorKind::AlreadyExists => CertError::Exists(path.to_owned()),
            _ => CertError::File { path: path.to_owned(), error },
        };
        fs::create_dir_all(directory)
            .map_err(|error| CertError::File { path: directory.to_owned(), error })?;
        // `with_extension` would cut `example.org` down to `example`.
        let certificate = directory.join(format!("{name}.pem"));
        let key = directory.join(format!("{name}.key"));
        let write = if over { replace } else { create };
        write(&certificate, &self.certificate, 0o644).map_err(|error| named(&certificate, error))?;
        if let Err(error) = write(&key, &self.key, 0o600) {
            // Without its key a new certificate is of no use and would stand in the way of the next attempt. What went
            // wrong with the key is the news, whether or not this works.
            if !over {
                let _ = fs::remove_file(&certificate);
            }
            return Err(named(&key, error));
        }
        Ok((certificate, key))
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Writes a file that must not be there yet.
fn create(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    let written = new_file(path, mode)
        .map(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()))?;
    if written.is_err() {
        // A half-written file helps nobody; the error to report is the one of writing.
        let _ = fs::remove_file(path);
    }
    written
}

/// Writes a file beside the path and moves it there, so that its mode is the one wanted, whatever the old one's was.
fn replace(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let beside = PathBuf::from(beside);
    create(&beside, content, mode)?;
    fs::rename(&beside, path).inspect_err(|_| {
        // The error to report is the one of moving.
        let _ = fs::remove_file(&beside);
    })
}

fn new_file(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::scratch::Scratch;

    fn issued(text: &str) -> Issued {
        Issued { certificate: format!("{text} certificate"), key: format!("{text} key") }
    }

    #[test]
    fn nothing_is_overwritten_unless_asked() {
        let scratch = Scratch::new();
        let directory = scratch.path("new/certificates");
        let (certificate, key) = issued("old").save(&directory, "example.org").unwrap();
        assert_eq!(
            (&certificate, &key),
            (&directory.join("example.org.pem"), &directory.join("example.org.key"))
        );
        for (gone, stays) in [(&certificate, &key), (&key, &certificate)] {
            fs::remove_file(gone).unwrap();
            let error = issued("new").save(&directory, "example.org").unwrap_err();
            assert!(matches!(&error, CertError::Exists(path) if path == stays), "{error}");
            assert!(!gone.exists() && fs::read_to_string(stays).unwrap().starts_with("old"));
            issued("old").save_over(&directory, "example.org").unwrap();
        }
        issued("new").save_over(&directory, "example.org").unwrap();
        assert_eq!(fs::read_to_string(&certificate).unwrap(), "new certificate");
        assert_eq!(fs::read_to_string(&key).unwrap(), "new key");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_is_for_its_owner_only_whatever_was_there() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let scratch = Scratch::new();
        let (_, key) = issued("old").save(scratch.path(""), "a").unwrap();
        assert_eq!(mode(&key), 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o666)).unwrap();
        issued("new").save_over(scratch.path(""), "a").unwrap();
        assert_eq!(mode(&key), 0o600);
    }

    #[test]
    fn a_name_is_no_path() {
        let scratch = Scratch::new();
        for name in ["", ".", "..", "../a", "a/b", "/a", "a/"] {
            let error = issued("a").save(scratch.path(""), name).unwrap_err();
            assert!(matches!(error, CertError::Name { .. }), "{name:?}: {error}");
        }
        assert_eq!(fs::read_dir(scratch.path("")).unwrap().count(), 0);
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", issued("a")).contains("a key"));
    }
}
