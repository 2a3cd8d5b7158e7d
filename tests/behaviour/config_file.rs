//! A server whose settings stand in a file really has them.

use std::path::{Path, PathBuf};

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::server::{Endpoint, Running, Settings};
use asyncapy_tests::{JSON, Raw};

/// A file of the test's own, gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("asyncapy-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // What is left in the system's folder for temporary files is its own to clean.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn from_file(path: &Path) -> Running {
    let settings = Settings::from_file(path).unwrap();
    let written = std::fs::read_to_string(path).unwrap();
    let expected = if written.contains("ziproto") { Encoding::ZiProto } else { Encoding::Json };
    assert_eq!(settings.encoding, expected);
    let server = Server::builder().register_fn(|packet: Packet| async move { packet }).settings(settings);
    server.build().unwrap().start().await.unwrap()
}

/// What both files below say.
async fn has_the_settings(server: &Running) {
    assert_eq!(server.local_addr().unwrap().ip().to_string(), "127.0.0.1");
    assert_ne!(server.local_addr().unwrap().port(), 8081);
    let mut client = Raw::connect(server).await.framed(2, false);
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    // `session_limit`, in JSON whatever the file's `encoding` is (protocol V2, rule 6).
    let mut second = Raw::connect(server).await.framed(2, false);
    second.expect_error(JSON, "ERR_SESSION_LIMIT_REACHED").await;
    second.expect_closed().await;
    // `max_packet_size`, in JSON since the header says no encoding.
    client.write(&501u16.to_le_bytes()).await;
    client.expect_error(JSON, "ERR_PACKET_TOO_LARGE").await;
    client.expect_closed().await;
    drop((client, second));
    asyncapy_tests::at_rest(&server.handle()).await;
    // `timeout`: half a second.
    let mut idle = Raw::connect(server).await.framed(2, false);
    let began = std::time::Instant::now();
    idle.expect_error(JSON, "ERR_TIMED_OUT").await;
    assert!(began.elapsed().as_millis() >= 450, "{:?}", began.elapsed());
}

#[tokio::test]
async fn asyncapys_own_ini_file() {
    let file = File::new(
        "server.ini",
        "[AsyncAPY]\n\
         addr = 127.0.0.1\n\
         port = 0\n\
         buf = 1024\n\
         logging_level = 10\n\
         console_format = [%%(levelname)s] %%(asctime)s %%(message)s\n\
         datefmt = %%d/%%m/%%Y\n\
         timeout = 0.5\n\
         header_size = 2\n\
         byteorder = little\n\
         encoding = ziproto\n\
         session_limit = 1\n\
         max_packet_size = 500\n",
    );
    has_the_settings(&from_file(&file.0).await).await;
}

#[tokio::test]
async fn a_toml_file() {
    let file = File::new(
        "server.toml",
        "[asyncapy]\n\
         port = 0\n\
         header_size = 2\n\
         byteorder = \"little\"\n\
         encoding = \"ziproto\"\n\
         [limits]\n\
         timeout = \"500ms\"\n\
         session_limit = 1\n\
         max_packet_size = 500\n",
    );
    has_the_settings(&from_file(&file.0).await).await;
}

#[test]
fn a_mistake_names_the_file_the_key_and_what_is_allowed() {
    let file = File::new("wrong.ini", "[AsyncAPY]\nprot = 80\nheader_size = 3\ntimeout = soon\n");
    let error = Settings::from_file(&file.0).unwrap_err().to_string();
    for part in [
        "wrong.ini:2",
        "`prot`",
        "did you mean `port`?",
        "wrong.ini:3",
        "1, 2, 4 or 8",
        "wrong.ini:4",
        "`timeout`",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn the_builder_goes_before_the_file() {
    let file = File::new("before.ini", "[AsyncAPY]\nport = 0\nheader_size = 2\n");
    let settings = Settings::from_file(&file.0).unwrap();
    let builder = Server::builder().register_fn(|packet: Packet| async move { packet });
    let server = builder.settings(settings).header_size(8).build().unwrap().start().await.unwrap();
    let mut client = Raw::connect(&server).await.framed(8, true);
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
}

#[tokio::test]
async fn further_listeners_of_a_file() {
    let text = "port = 0\nlisteners = [\"tcp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"]\n";
    let file = File::new("listeners.toml", text);
    let server = from_file(&file.0).await;
    // They come beside the address and port.
    assert_eq!(server.handle().endpoints().len(), 3);
    for endpoint in server.handle().endpoints() {
        let Endpoint::Tcp(address) = endpoint else { panic!("{endpoint}") };
        let mut client = Raw::connect_to(address.parse().unwrap()).await;
        assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    }
}
