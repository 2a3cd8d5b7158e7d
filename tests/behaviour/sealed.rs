//! Sealed payloads over real connections: what somebody on the line can read, repeat and change, and who is refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asyncapy::Code;
use asyncapy::prelude::*;
use asyncapy::processor::{FrameInfo, Inbound, Outbound, Payload, ProcessorError};
use asyncapy::rpc::{Peer, Status};
use asyncapy::security::{SealKey, SealKeys};
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{Flip, JSON, Raw, Tap, at_rest, crowd, eventually, in_time, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What was said to the server.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[rpc]
async fn whisper(State(heard): State<Heard>, text: String) -> String {
    heard.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
    format!("heard {text}")
}

#[rpc]
async fn length(text: String) -> usize {
    text.len()
}

#[rpc]
async fn names(count: u32) -> Streaming<impl Stream<Item = String>> {
    Streaming::iter((0..count).map(|at| format!("nightingale {at}")))
}

#[rpc]
async fn shout(mut channel: Channel<String, String>) -> Result<(), Status> {
    while let Some(line) = channel.recv().await? {
        channel.send(line.to_uppercase()).await?;
    }
    Ok(())
}

#[rpc]
async fn fail() -> Result<(), Status> {
    Err(Status::new(Code::custom("ERR_OWL")).message("the owl is asleep"))
}

#[rpc]
async fn nickname() -> String {
    "wren".to_owned()
}

#[rpc]
async fn ask_back(caller: Peer) -> Result<String, Status> {
    nickname::call(&caller).await
}

fn builder(heard: &Heard) -> Builder {
    let builder = Server::builder().register(whisper).register(length).register(names).register(shout);
    crowd(builder.register(fail).register(ask_back).state(heard.clone()), 4096)
}

fn key() -> SealKey {
    SealKey::generate("wood-1").unwrap()
}

async fn serve(key: &SealKey, heard: &Heard) -> Running {
    start(builder(heard).sealed(SealKeys::new([key.clone()]).unwrap())).await
}

async fn tcp(server: &Running) -> TcpStream {
    in_time("connect", TcpStream::connect(server.local_addr().unwrap())).await.unwrap()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

#[tokio::test]
async fn nobody_on_the_line_can_read_what_is_said() {
    let (key, heard) = (key(), Heard::default());
    let server = serve(&key, &heard).await;
    for plainly in [false, true] {
        let plain = start(builder(&heard)).await;
        let tap = Tap::on(if plainly { &plain } else { &server }, None).await;
        let builder = Peer::builder().register(nickname);
        let builder = if plainly { builder } else { builder.sealed(key.clone()) };
        let peer = builder.over(tap.connect().await).unwrap();

        assert_eq!(whisper::call(&peer, "the fox".to_owned()).await.unwrap(), "heard the fox");
        let mut items = names::call(&peer, 200).await.unwrap();
        let mut count = 0;
        while let Some(name) = items.next().await {
            assert_eq!(name.unwrap(), format!("nightingale {count}"));
            count += 1;
        }
        assert_eq!(count, 200, "more than a window");
        let mut channel = shout::call(&peer).await.unwrap();
        channel.send("badger".to_owned()).await.unwrap();
        assert_eq!(channel.recv().await.unwrap().as_deref(), Some("BADGER"));
        channel.finish();
        assert_eq!(channel.recv().await.unwrap(), None);
        let status = peer.call::<()>("fail", ()).await.unwrap_err();
        assert_eq!(
            (status.code, status.message.as_deref()),
            (Code::custom("ERR_OWL"), Some("the owl is asleep"))
        );
        assert_eq!(ask_back::call(&peer).await.unwrap(), "wren");

        let (sent, received) = (tap.sent(), tap.received());
        for text in ["fox", "badger", "wren"] {
            assert_eq!(has(&sent, text), plainly, "{text}");
        }
        for text in ["fox", "nightingale", "badger", "asleep", "ERR_OWL"] {
            assert_eq!(has(&received, text), plainly, "{text}");
        }
        drop((items, channel, peer));
        at_rest(&server.handle()).await;
    }
}

/// One call over a line on which a byte is changed; what it gave, and what was said.
async fn call_over(server: &Running, key: &SealKey, flip: Option<Flip>) -> (Result<String, Status>, Tap) {
    let tap = Tap::on(server, flip).await;
    let peer = Peer::builder().sealed(key.clone()).over(tap.connect().await).unwrap();
    let result = in_time("an answer", async { whisper::call(&peer, "the hare".to_owned()).await }).await;
    (result, tap)
}

#[tokio::test]
async fn a_changed_bit_ends_the_connection_wherever_it_is() {
    let (key, heard) = (key(), Heard::default());
    let server = serve(&key, &heard).await;
    let (result, tap) = call_over(&server, &key, None).await;
    assert_eq!(result.unwrap(), "heard the hare");
    assert_eq!(heard.count(), 1);
    // HELLO and the first frame behind it; a changed length only makes the reader wait.
    for (sent, bytes) in [(true, tap.sent()), (false, tap.received())] {
        let hello = 4 + u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize;
        let next = u32::from_be_bytes(*bytes[hello..].first_chunk().unwrap()) as usize;
        for at in (4..hello).chain(hello + 4..hello + 4 + next) {
            let before = heard.count();
            let (result, _) = call_over(&server, &key, Some(Flip { sent, at, bits: 1 })).await;
            let status = result.expect_err("a changed byte");
            assert_ne!(status.code, Code::DeadlineExceeded, "{sent} {at}: {status}");
            assert!(!sent || heard.count() == before, "byte {at} was changed, and the function ran");
        }
    }
    at_rest(&server.handle()).await;
}

/// Says something to a server, and reads what it says to its end.
async fn say(server: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut stream = tcp(server).await;
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = in_time("the end", stream.read_to_end(&mut answer)).await;
    answer
}

#[tokio::test]
async fn a_recording_cannot_be_played_again() {
    let (key, heard) = (key(), Heard::default());
    let server = serve(&key, &heard).await;
    let (result, tap) = call_over(&server, &key, None).await;
    result.unwrap();
    let answer = say(&server, &tap.sent()).await;
    assert!(has(&answer, "ERR_SEAL_INVALID"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(heard.count(), 1);
}

/// Somebody on the line who passes on what he likes; both sides have said HELLO.
struct Middle {
    peer: Peer,
    client: TcpStream,
    server: TcpStream,
}

impl Middle {
    async fn of(server: &Running, key: &SealKey) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let peer = Peer::builder().sealed(key.clone()).over(near).unwrap();
        let (mut client, _) = listener.accept().await.unwrap();
        let mut far = tcp(server).await;
        let hello = frame(&mut client).await;
        far.write_all(&hello).await.unwrap();
        let hello = frame(&mut far).await;
        client.write_all(&hello).await.unwrap();
        Self { peer, client, server: far }
    }

    /// Has the client call, and gives the frame that says so.
    async fn call(&mut self) -> (tokio::task::JoinHandle<Result<String, Status>>, Vec<u8>) {
        let peer = self.peer.clone();
        let call = tokio::spawn(async move { whisper::call(&peer, "the hare".to_owned()).await });
        (call, frame(&mut self.client).await)
    }
}

#[tokio::test]
async fn frames_cannot_be_repeated_exchanged_left_out_or_cut() {
    let (key, heard) = (key(), Heard::default());
    let server = serve(&key, &heard).await;
    let (_other, elsewhere) = Middle::of(&server, &key).await.call().await;
    for (what, runs) in [
        ("repeated", 1),
        ("exchanged", 0),
        ("left out", 0),
        ("cut", 0),
        ("longer", 0),
        ("of another connection", 0),
    ] {
        let before = heard.count();
        let mut middle = Middle::of(&server, &key).await;
        let (first_call, first) = middle.call().await;
        let (second_call, second) = middle.call().await;
        let resized = |length: usize| {
            let mut frame = first.clone();
            frame.resize(length, 0);
            let rest = u32::try_from(length - 4).unwrap();
            frame[..4].copy_from_slice(&rest.to_be_bytes());
            frame
        };
        let said = match what {
            "repeated" => [&first[..], &first].concat(),
            "exchanged" => [&second[..], &first].concat(),
            "left out" => second,
            "cut" => resized(first.len() - 1),
            "longer" => resized(first.len() + 1),
            _ => elsewhere.clone(),
        };
        middle.server.write_all(&said).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end too.
        let _ = in_time("the end", middle.server.read_to_end(&mut answer)).await;
        assert!(has(&answer, "ERR_SEAL_INVALID"), "{what}: {}", String::from_utf8_lossy(&answer));
        assert!(heard.count() <= before + runs, "{what}");
        drop(middle);
        for call in [first_call, second_call] {
            assert_eq!(
                in_time("the call", call).await.unwrap().unwrap_err().code,
                Code::Unavailable,
                "{what}"
            );
        }
    }
    // The client is as strict with what it is sent.
    let mut middle = Middle::of(&server, &key).await;
    let (call, open) = middle.call().await;
    middle.server.write_all(&open).await.unwrap();
    let answer = frame(&mut middle.server).await;
    middle.client.write_all(&[&answer[..], &answer].concat()).await.unwrap();
    assert_eq!(in_time("the call", call).await.unwrap().unwrap(), "heard the hare");
    eventually("the client ends the connection", || !middle.peer.is_open()).await;
}

/// The next frame, its length and all.
async fn frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    in_time("a frame", stream.read_exact(&mut bytes)).await.unwrap();
    let length = u32::from_be_bytes(*bytes.first_chunk().unwrap()) as usize;
    bytes.resize(4 + length, 0);
    in_time("a frame", stream.read_exact(&mut bytes[4..])).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_server_with_keys_refuses_whoever_has_none() {
    let (key, heard) = (key(), Heard::default());
    let server = serve(&key, &heard).await;
    let stranger = SealKey::generate("marsh-1").unwrap();
    let forged = SealKey::generate("wood-1").unwrap();
    let cases = [
        (Peer::over(tcp(&server).await), Code::SealRequired),
        (Peer::builder().over(tcp(&server).await).unwrap(), Code::SealRequired),
        (Peer::builder().sealed(stranger).over(tcp(&server).await).unwrap(), Code::SealInvalid),
        (Peer::builder().sealed(forged).over(tcp(&server).await).unwrap(), Code::SealInvalid),
    ];
    for (peer, code) in cases {
        let status = in_time("a refusal", async { whisper::call(&peer, "hush".to_owned()).await }).await;
        assert_eq!(status.unwrap_err().code, code);
        eventually("the connection ends", || !peer.is_open()).await;
    }
    // Packets cannot be sealed.
    let mut raw = Raw::connect(&server).await;
    raw.json(r#"{"text": "hush"}"#).await;
    raw.expect_error(JSON, "ERR_SEAL_REQUIRED").await;
    raw.expect_closed().await;
    assert_eq!(heard.count(), 0);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn a_client_with_a_key_says_nothing_to_a_server_without() {
    let (key, heard) = (key(), Heard::default());
    let server = start(builder(&heard)).await;
    let (result, tap) = call_over(&server, &key, None).await;
    let status = result.unwrap_err();
    assert_eq!(status.code, Code::SealRequired);
    assert!(status.was_not_run());
    assert!(!has(&tap.sent(), "hare"));
    assert_eq!(heard.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let (near, _far) = tokio::io::duplex(64 * 1024);
    let begun = Instant::now();
    let peer = Peer::builder().sealed(key()).over(near).unwrap();
    let hasty = peer.call::<()>("whisper", ()).timeout(Duration::from_secs(1));
    assert_eq!(hasty.await.unwrap_err().code, Code::DeadlineExceeded);
    assert_eq!(begun.elapsed().as_secs(), 1);
    let status = peer.call::<()>("whisper", ()).await.unwrap_err();
    assert_eq!((status.code.clone(), status.was_not_run()), (Code::Unavailable, true));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_say_hello_is_not_waited_for() {
    let heard = Heard::default();
    let server = builder(&heard).sealed(SealKeys::new([key()]).unwrap()).build().unwrap();
    let server = server.start_in_memory().await.unwrap();
    let mut stream = server.handle().connect().unwrap();
    // A PING every second keeps no connection open.
    let begun = Instant::now();
    let ping = b"\0\0\0\x10\x17\0\x07\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08";
    let mut answers = Vec::new();
    let mut buffer = [0; 1024];
    stream.write_all(ping).await.unwrap();
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read.unwrap() {
                0 => break,
                read => answers.extend_from_slice(&buffer[..read]),
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => stream.write_all(ping).await.unwrap(),
        }
    }
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert!(has(&answers, "ERR_TIMED_OUT"));
}

#[tokio::test]
async fn keys_can_be_rotated_while_connections_go_on() {
    let (old, heard) = (key(), Heard::default());
    let keys = SealKeys::new([old.clone()]).unwrap();
    let server = start(builder(&heard).sealed(keys.clone())).await;
    let first = Peer::builder().sealed(old.clone()).over(tcp(&server).await).unwrap();
    whisper::call(&first, "one".to_owned()).await.unwrap();

    let new = SealKey::generate("wood-2").unwrap();
    keys.add(new.clone()).unwrap();
    keys.retire("wood-1");
    whisper::call(&first, "two".to_owned()).await.expect("nobody is cut off");
    let second = Peer::builder().sealed(new).over(tcp(&server).await).unwrap();
    whisper::call(&second, "three".to_owned()).await.unwrap();
    let late = Peer::builder().sealed(old).over(tcp(&server).await).unwrap();
    assert_eq!(whisper::call(&late, "four".to_owned()).await.unwrap_err().code, Code::SealInvalid);

    keys.retire_now("wood-1");
    assert_eq!(whisper::call(&first, "five".to_owned()).await.unwrap_err().code, Code::SealInvalid);
    whisper::call(&second, "six".to_owned()).await.unwrap();
    assert_eq!(heard.count(), 4);
}

#[tokio::test]
async fn the_longest_frame_has_room_for_its_seal() {
    let (key, heard) = (key(), Heard::default());
    let server =
        start(builder(&heard).max_packet_size(65_536).sealed(SealKeys::new([key.clone()]).unwrap())).await;
    let tap = Tap::on(&server, None).await;
    let peer = Peer::builder().sealed(key).over(tap.connect().await).unwrap();
    assert_eq!(length::call(&peer, "short".to_owned()).await.unwrap(), 5);
    let mut longest = 0;
    for size in 65_536 - 80..65_536 {
        match length::call(&peer, "x".repeat(size)).await {
            Ok(found) => {
                assert_eq!(found, size);
                longest = size;
            }
            Err(status) => assert_eq!(status.code, Code::PacketTooLarge, "{size}"),
        }
    }
    assert_eq!(length::call(&peer, "short".to_owned()).await.unwrap(), 5, "the connection goes on");
    assert!(longest > 0);
    let (sent, mut at, mut most) = (tap.sent(), 0, 0);
    while let Some(length) = sent.get(at..).and_then(<[u8]>::first_chunk) {
        most = most.max(u32::from_be_bytes(*length));
        at += 4 + u32::from_be_bytes(*length) as usize;
    }
    assert_eq!(most, 65_536);
}

/// Turns all bits, and counts the frames; says no to a word.
#[derive(Clone, Default)]
struct Inverted;

impl Outbound for Inverted {
    fn outbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
        if has(payload, "forbidden") {
            return Err(ProcessorError::new(Code::custom("ERR_WORD"), "that word is not said here"));
        }
        payload.iter_mut().for_each(|byte| *byte = !*byte);
        Ok(())
    }
}

impl Inbound for Inverted {
    fn inbound(&mut self, _: &FrameInfo, payload: &mut Payload<'_>) -> Result<(), ProcessorError> {
        payload.iter_mut().for_each(|byte| *byte = !*byte);
        if has(payload, "unheard") {
            return Err(ProcessorError::new(Code::custom("ERR_EAR"), "that word is not heard here"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn processors_of_ones_own_run_on_both_sides() {
    let heard = Heard::default();
    let server = start(builder(&heard).processor(Inverted)).await;
    let tap = Tap::on(&server, None).await;
    let peer = Peer::builder().processor(Inverted).over(tap.connect().await).unwrap();
    assert_eq!(whisper::call(&peer, "the fox".to_owned()).await.unwrap(), "heard the fox");
    assert!(!has(&tap.sent(), "fox") && !has(&tap.received(), "fox"));
    assert_eq!(heard.count(), 1);

    // What one refuses to send is not sent, and ends the connection; the other side reads why.
    let status = whisper::call(&peer, "forbidden".to_owned()).await.unwrap_err();
    assert_eq!(status.code, Code::custom("ERR_WORD"));
    eventually("the server reads why", || has(&tap.sent(), "ERR_WORD")).await;
    let peer = Peer::builder().processor(Inverted).over(tcp(&server).await).unwrap();
    let status = whisper::call(&peer, "unheard".to_owned()).await.unwrap_err();
    assert_eq!(status.code, Code::custom("ERR_EAR"));
    assert_eq!(heard.count(), 1);
    at_rest(&server.handle()).await;
}
