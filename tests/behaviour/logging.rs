//! The log tells a session's story as AsyncAPY's does, and nobody can forge a line of it.

use asyncapy::Server;
use asyncapy::prelude::*;
use asyncapy::server::logging::LogLevel;
use asyncapy_tests::{Log, Raw, at_rest, start};
use tracing::warn;

#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    client.send(&packet).await?;
    client.close();
    Ok(())
}

/// A line without its date: `[LEVEL]` and the rest.
fn undated(line: &str) -> String {
    let dated = regex::Regex::new(r"^(\[\w+\]) \d\d/\d\d/\d{4} \d\d:\d\d:\d\d [AP]M (.*)$").unwrap();
    let parts = dated.captures(line).unwrap_or_else(|| panic!("{line:?} is no line of the log"));
    format!("{} {}", &parts[1], &parts[2])
}

#[tokio::test]
async fn the_hello_world_of_the_document() {
    let log = Log::listen(LogLevel::Debug);
    let server = start(Server::builder().register(echo_server)).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"test": 1}"#).await;
    client.expect_closed().await;
    drop(client);
    at_rest(&server.handle()).await;
    let session = regex::Regex::new(r"New session started, UUID is ([0-9a-f-]{36})").unwrap();
    let text = log.text();
    let id = &session.captures(&text).unwrap_or_else(|| panic!("{text}"))[1];
    let lines: Vec<_> =
        log.lines().iter().map(|line| undated(line)).filter(|line| line.contains(id)).collect();
    // Without the session's id where the document has none, in its order; what is ours stands between.
    let expected = [
        format!("[INFO] {{Client handler}} New session started, UUID is {id}"),
        format!("[DEBUG] ({id}) {{Client handler}} Expected stream length is 11"),
        format!("[DEBUG] ({id}) {{API Parser}} Protocol-Version is V2, Content-Encoding is json"),
        format!("[DEBUG] ({id}) {{API Parser}} Checking group 0"),
        format!("[DEBUG] ({id}) {{API Parser}} Calling 'echo_server' in group 0"),
        format!("[DEBUG] ({id}) {{Response handler}} Sending response to client"),
        format!("[DEBUG] ({id}) {{Response handler}} Response sent"),
        format!("[INFO] ({id}) {{Client handler}} The connection was closed"),
    ];
    let mut rest = lines.iter();
    for line in &expected {
        assert!(
            rest.any(|found| found == line || found.replace(&format!("({id}) "), "") == *line),
            "{line}\nin\n{lines:#?}"
        );
    }
}

#[test]
fn what_a_thread_without_a_log_has_met_first_is_heard() {
    fn meet() {
        warn!("met");
    }
    let log = Log::listen(LogLevel::Debug);
    std::thread::spawn(meet).join().unwrap();
    assert_eq!(log.text(), "", "another thread's");
    meet();
    assert!(log.text().contains("met"));
}

#[tokio::test]
async fn at_info_a_session_begins_and_ends() {
    let log = Log::listen(LogLevel::Info);
    let server = start(Server::builder().register(echo_server)).await;
    let before = log.lines().len();
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"test": 1}"#).await;
    client.expect_closed().await;
    drop(client);
    at_rest(&server.handle()).await;
    let lines = log.lines();
    assert_eq!(lines.len() - before, 2, "{lines:#?}");
    assert!(lines[before].contains("New session started"), "{lines:#?}");
    assert!(lines[before + 1].contains("The connection was closed"), "{lines:#?}");
}

#[handler]
async fn complains(#[field] user: String) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    warn!(user = ?user, "A user of this name");
    warn!("said {user}");
    Err(user.into())
}

#[tokio::test]
async fn nobody_forges_a_line() {
    let log = Log::listen(LogLevel::Debug);
    let server = start(Server::builder().register(complains)).await;
    let mut client = Raw::connect(&server).await;
    let forged = "[INFO] 01/01/2026 00:00:00 AM {API main} all is well";
    for mark in ["\n", "\r\n", "\u{85}", "\u{2028}", "\u{1b}[2K\r", "\u{202e}"] {
        client.json(&json!({"user": format!("eve{mark}{forged}")}).to_string()).await;
        assert_eq!(client.error().await, "ERR_HANDLER_FAILED");
    }
    let text = log.text();
    assert_eq!(text.matches("all is well").count(), 18, "{text}");
    for line in log.lines() {
        assert!(!line.starts_with(forged), "{line}");
        assert!(!undated(&line).is_empty());
    }
    assert!(!text.contains(['\r', '\u{1b}', '\u{85}', '\u{2028}', '\u{202e}']), "{text:?}");
}

#[handler]
async fn has_a_bug() {
    panic!("a bug\nof mine");
}

#[tokio::test]
async fn a_panic_and_what_is_no_packet_are_told() {
    let log = Log::listen(LogLevel::Debug);
    let server = start(Server::builder().register(has_a_bug)).await;
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"a": 1}"#).await;
    client.error().await;
    client.write(&[0, 0, 0, 1]).await;
    client.error().await;
    client.expect_closed().await;
    drop(client);
    at_rest(&server.handle()).await;
    let text = log.text();
    let panic = text.lines().find(|line| line.starts_with("[ERROR]")).unwrap_or_else(|| panic!("{text}"));
    assert!(panic.contains(r"a bug\nof mine"), "{panic}");
    assert!(text.contains("ERR_REQUEST_MALFORMED"), "{text}");
}
