//! The client: each request gets its own reply, every wait ends, nothing is left behind.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use asyncapy::client::{Client, blocking};
use asyncapy::prelude::*;
use asyncapy::wire::ByteOrder;
use asyncapy::{Error, Server};
use asyncapy_tests::{JSON, Raw, ZIPROTO, at_rest, echo, eventually, frame, in_time, settled_tasks, start};
use tokio::io::duplex;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A client and the other end of its connection, played by the test.
fn alone() -> (Client, Raw) {
    let (near, far) = duplex(64 * 1024);
    (Client::over(near), Raw::over(far))
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context))).await
}

fn code(error: &Error) -> &str {
    match error {
        Error::Refused { code, .. } => code.as_str(),
        other => panic!("not refused: {other}"),
    }
}

#[tokio::test]
async fn every_framing_and_both_encodings() {
    for header in [1, 2, 4, 8] {
        for order in [ByteOrder::Big, ByteOrder::Little] {
            let server = start(echo().header_size(header).byte_order(order)).await;
            let address = server.local_addr().unwrap().to_string();
            for encoding in [Encoding::Json, Encoding::ZiProto] {
                let builder = Client::builder().header_size(header).byte_order(order).encoding(encoding);
                let client = builder.connect(&address).await.unwrap();
                for n in 0..3 {
                    let sent = json!({"n": n, "text": "a\u{e9}\u{1f600}", "list": [1.5, null, true]});
                    let reply = client.request(&sent).await.unwrap();
                    assert_eq!(reply.encoding(), encoding);
                    assert_eq!(reply.deserialize::<serde_json::Value>().unwrap(), sent);
                }
            }
            at_rest(&server.handle()).await;
        }
    }
}

#[tokio::test]
async fn replies_may_have_another_encoding() {
    let (client, mut server) = alone();
    let played = async {
        let (encoding, _) = server.frame().await.unwrap();
        assert_eq!(encoding, JSON);
        server.send(ZIPROTO, b"\x81\xa1a\x01").await;
    };
    let (reply, ()) = tokio::join!(client.request(json!({"q": 1})), played);
    let reply = reply.unwrap();
    assert_eq!((reply.encoding(), &reply["a"]), (Encoding::ZiProto, &json!(1)));
}

/// 50 tasks of 100 requests each, on one connection.
async fn crowd_of_requests(client: Client) {
    let mut tasks = JoinSet::new();
    for task in 0..50u64 {
        let client = client.clone();
        tasks.spawn(async move {
            for n in 0..100u64 {
                let reply = client.request(json!({"task": task, "n": n})).await.unwrap();
                assert_eq!((reply["task"].as_u64(), reply["n"].as_u64()), (Some(task), Some(n)));
                if n % 7 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    while let Some(ended) = in_time("5,000 requests", tasks.join_next()).await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_of_many_tasks_get_their_own_replies_over_tcp() {
    let server = start(echo()).await;
    let client = Client::connect(server.local_addr().unwrap().to_string()).await.unwrap();
    crowd_of_requests(client).await;
    let server_handle = server.handle();
    at_rest(&server_handle).await;
    assert_eq!(server_handle.stats().packets, 5_000);
}

#[tokio::test]
async fn requests_of_many_tasks_get_their_own_replies_in_memory() {
    let client = echo().build().unwrap().test_client().await.unwrap();
    crowd_of_requests(client.clone()).await;
    assert_eq!(client.shutdown().await.unwrap().cut, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_few_tasks_that_come_and_go() {
    // One, two or three requests at a time: the socket passes between them and the driver all the time.
    let server = start(echo()).await;
    let client = Client::connect(server.local_addr().unwrap().to_string()).await.unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..3u64 {
        let client = client.clone();
        tasks.spawn(async move {
            for n in 0..3_000u64 {
                let mut request = Box::pin(client.request(json!({"n": n * 3 + task})));
                if n % 5 == task && poll_once(&mut request).await.is_pending() {
                    continue;
                }
                if n % 11 == 0 {
                    tokio::task::yield_now().await;
                }
                if n % 5 != task {
                    let reply = in_time("a reply", request).await.unwrap();
                    assert_eq!(reply["n"].as_u64(), Some(n * 3 + task));
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_come_times_out_and_is_nobody_elses() {
    let (near, far) = duplex(1024);
    let client = Client::builder().timeout(Duration::from_secs(2)).over(near).unwrap();
    let mut server = Raw::over(far);
    let began = tokio::time::Instant::now();
    assert!(matches!(client.request(json!({"n": 1})).await, Err(Error::TimedOut)));
    assert_eq!(began.elapsed().as_secs(), 2);
    let second = tokio::spawn({
        let client = client.clone();
        async move { client.request(json!({"n": 2})).await }
    });
    for n in 1..=2 {
        let (_, payload) = server.frame().await.unwrap();
        server.send(JSON, &payload).await;
        assert_eq!(payload, format!(r#"{{"n":{n}}}"#).as_bytes());
    }
    assert_eq!(second.await.unwrap().unwrap()["n"], 2);
    // The same for the next ones: the timer is armed again.
    let began = tokio::time::Instant::now();
    assert!(matches!(client.request(json!({"n": 3})).await, Err(Error::TimedOut)));
    assert!(matches!(client.receive().await, Err(Error::TimedOut)));
    assert_eq!(began.elapsed().as_secs(), 4);
}

#[tokio::test]
async fn a_dropped_request_swallows_its_own_reply_only() {
    let (client, mut server) = alone();
    let mut first = Box::pin(client.request(json!({"n": 1})));
    let mut second = Box::pin(client.request(json!({"n": 2})));
    let mut third = Box::pin(client.request(json!({"n": 3})));
    for request in [&mut first, &mut second, &mut third] {
        assert!(poll_once(request).await.is_pending());
    }
    drop(first);
    drop(third);
    for n in 1..=4 {
        server.json(&format!(r#"{{"n": {n}}}"#)).await;
    }
    assert_eq!(in_time("the second reply", second).await.unwrap()["n"], 2);
    assert_eq!(in_time("a packet nobody asked for", client.receive()).await.unwrap()["n"], 4);
}

#[tokio::test]
async fn a_request_that_is_held_does_not_hold_up_the_others() {
    let (client, mut server) = alone();
    let mut held = Box::pin(client.request(json!({"n": 1})));
    assert!(poll_once(&mut held).await.is_pending());
    // The socket wakes the request that waits alone, which does not look.
    server.json(r#"{"n": 1}"#).await;
    let other = client.request(json!({"n": 2}));
    let played = async {
        server.frame().await.unwrap();
        server.frame().await.unwrap();
        server.json(r#"{"n": 2}"#).await;
        server.json(r#"{"n": 3}"#).await;
    };
    let (reply, ()) = in_time("the other request", async { tokio::join!(other, played) }).await;
    assert_eq!(reply.unwrap()["n"], 2);
    assert_eq!(in_time("a push", client.receive()).await.unwrap()["n"], 3);
    assert_eq!(in_time("the one that was held", held).await.unwrap()["n"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_given_up_after_the_socket_woke_it_leaves_the_socket_to_the_driver() {
    let (client, mut server) = alone();
    let mut held = Box::pin(client.request(json!({"n": 1})));
    assert!(poll_once(&mut held).await.is_pending());
    server.json(r#"{"n": 1}"#).await;
    server.json(r#"{"push": 1}"#).await;
    drop(held);
    assert_eq!(in_time("the push", client.receive()).await.unwrap()["push"], 1);
    // The same where nobody calls anything any more: the driver alone can see the end.
    let mut held = Box::pin(client.request(json!({"n": 2})));
    assert!(poll_once(&mut held).await.is_pending());
    tokio::task::yield_now().await;
    let began = tokio::time::Instant::now();
    server.half_close().await;
    drop(held);
    eventually("the end is seen", || client.is_closed()).await;
    assert!(began.elapsed() < Duration::from_secs(1), "only the driver's timer has seen it");
}

#[tokio::test]
async fn error_packets_refuse_requests_and_are_received_as_packets() {
    #[derive(asyncapy::Packet)]
    struct Login {
        user: String,
        pin: u32,
    }
    #[derive(Debug, asyncapy::Packet)]
    struct Welcome {
        user: String,
    }
    #[handler]
    async fn login(Typed(login): Typed<Login>) -> Result<Welcome, Rejection> {
        match login.pin {
            1234 => Ok(Welcome { user: login.user }),
            _ => Err(Rejection::new(Code::custom("ERR_BAD_PIN")).field("pin").message("try again")),
        }
    }
    for encoding in [Encoding::Json, Encoding::ZiProto] {
        let server = Server::builder().register(login).build().unwrap();
        let client = server.test_client().encoding(encoding).await.unwrap();
        let good = Login { user: "ann".into(), pin: 1234 };
        assert_eq!(client.request_typed::<Welcome>(&good).await.unwrap().user, "ann");
        let bad = Login { user: "ann".into(), pin: 1 };
        let Err(Error::Refused { code, message, field }) = client.request_typed::<Welcome>(&bad).await else {
            panic!("a bad pin is refused");
        };
        assert_eq!(
            (code.as_str(), message.as_deref(), field.as_deref()),
            ("ERR_BAD_PIN", Some("try again"), Some("pin"))
        );
        let missing = client.request(json!({"user": "ann"})).await.unwrap_err();
        assert_eq!(code_and_field(&missing), ("ERR_FIELD_MISSING", Some("pin")));
        client.send(&bad).await.unwrap();
        assert_eq!(client.receive().await.unwrap()["error"], "ERR_BAD_PIN");
        // A reply of another type than the one asked for says which field it misses.
        let other = client.request_typed::<Login>(&good).await.map(|login| login.user).unwrap_err();
        assert!(matches!(&other, Error::Payload(text) if text.contains("pin")), "{other}");
        // None of it has put the replies out of step.
        client.send(&good).await.unwrap();
        assert_eq!(client.receive_typed::<Welcome>().await.unwrap().user, "ann");
    }
}

fn code_and_field(error: &Error) -> (&str, Option<&str>) {
    match error {
        Error::Refused { code, field, .. } => (code.as_str(), field.as_deref()),
        other => panic!("not refused: {other}"),
    }
}

#[tokio::test]
async fn raw_frames_come_whole() {
    let client = echo().build().unwrap().test_client().await.unwrap();
    client.send(json!({"foo": "bar"})).await.unwrap();
    assert_eq!(client.receive_raw().await.unwrap(), frame(JSON, br#"{"foo":"bar"}"#)[..]);
}

#[tokio::test]
async fn pushes_are_received_in_order_by_whoever_waits() {
    let server = Server::builder()
        .register_fn(|client: asyncapy::Client, packet: Packet| async move {
            for n in 0..packet["count"].as_u64().unwrap_or(0) {
                client.send(json!({"n": n})).await?;
            }
            Ok::<(), Error>(())
        })
        .build()
        .unwrap();
    let client = server.test_client().await.unwrap();
    client.send(json!({"count": 100})).await.unwrap();
    for n in 0..100 {
        assert_eq!(in_time("a push", client.receive()).await.unwrap()["n"], n);
    }
    // Several receivers: each packet goes to one of them.
    let mut receivers = JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        receivers.spawn(async move { client.receive().await.unwrap()["n"].as_u64().unwrap() });
    }
    tokio::task::yield_now().await;
    client.send(json!({"count": 10})).await.unwrap();
    let mut seen = HashSet::new();
    while let Some(n) = in_time("a push", receivers.join_next()).await {
        assert!(seen.insert(n.unwrap()));
    }
    assert_eq!(seen.len(), 10);
}

#[tokio::test]
async fn a_full_inbox_holds_the_server_up_and_not_the_requests() {
    let (near, far) = duplex(16 * 1024);
    let client = Client::over(near);
    let mut server = Raw::over(far);
    let sent = Arc::new(AtomicU64::new(0));
    let pushing = tokio::spawn({
        let sent = sent.clone();
        async move {
            for n in 0..10_000 {
                server.json(&format!(r#"{{"n": {n}}}"#)).await;
                sent.store(n, Ordering::Relaxed);
            }
            server
        }
    });
    // 1,024 in the inbox, less than 2,000 on the way.
    eventually("the inbox is full", || sent.load(Ordering::Relaxed) > 1_024).await;
    let mut last = 0;
    let mut still = 0;
    while still < 100 {
        tokio::task::yield_now().await;
        let now = sent.load(Ordering::Relaxed);
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    assert!(last < 4_000, "{last} packets were taken");
    // A request makes the client read again, and takes what comes next.
    let reply = in_time("a reply", client.request(json!({"q": 1}))).await.unwrap();
    let taken = reply["n"].as_u64().unwrap();
    assert!(taken >= 1_024, "{taken}");
    for n in (0..10_000).filter(|n| *n != taken) {
        assert_eq!(in_time("a push", client.receive()).await.unwrap()["n"], n);
    }
    pushing.await.unwrap();
}

#[tokio::test]
async fn a_server_that_goes_midway_ends_every_wait() {
    let gate = Arc::new(Notify::new());
    let server = start(Server::builder().register_fn({
        let gate = gate.clone();
        move |client: asyncapy::Client| {
            let gate = gate.clone();
            async move {
                gate.notified().await;
                client.close();
            }
        }
    }))
    .await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let client = Client::connect(server.local_addr().unwrap().to_string()).await.unwrap();
    let mut waiting = JoinSet::new();
    for n in 0..20 {
        let client = client.clone();
        waiting.spawn(async move { client.request(json!({"n": n})).await.unwrap_err() });
    }
    waiting.spawn({
        let client = client.clone();
        async move { client.receive().await.unwrap_err() }
    });
    eventually("the handler runs", || server.handle().stats().calls == 1).await;
    gate.notify_one();
    while let Some(error) = in_time("the end", waiting.join_next()).await {
        let error = error.unwrap();
        assert!(error.is_disconnect(), "{error:?}");
    }
    assert!(client.is_closed());
    for error in [
        client.request(json!({"n": 1})).await.unwrap_err(),
        client.send(json!({"n": 1})).await.unwrap_err(),
        client.receive().await.unwrap_err(),
        client.flush().await.unwrap_err(),
    ] {
        assert!(error.is_disconnect(), "{error:?}");
    }
    client.disconnect().await.unwrap();
    at_rest(&server.handle()).await;
    settled_tasks(before).await;
}

#[tokio::test]
async fn what_came_before_the_end_is_still_received() {
    let (client, mut server) = alone();
    server.json(r#"{"n": 1}"#).await;
    server.json(r#"{"n": 2}"#).await;
    server.half_close().await;
    eventually("the end is seen", || client.is_closed()).await;
    assert_eq!(client.receive().await.unwrap()["n"], 1);
    assert_eq!(client.receive().await.unwrap()["n"], 2);
    assert!(matches!(client.receive().await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_server_that_refuses_the_connection_says_why() {
    let server = start(echo().session_limit(1)).await;
    let address = server.local_addr().unwrap().to_string();
    let first = Client::connect(&address).await.unwrap();
    first.request(json!({"n": 1})).await.unwrap();
    // Whether the refusal comes before the request, or as its reply.
    for wait in [false, true] {
        let second = Client::connect(&address).await.unwrap();
        if wait {
            eventually("the refusal is there", || second.is_closed()).await;
        }
        let error = in_time("the refusal", second.request(json!({"n": 2}))).await.unwrap_err();
        assert_eq!(code(&error), "ERR_SESSION_LIMIT_REACHED");
        eventually("the server closes", || second.is_closed()).await;
    }
    // It can be received as well.
    let third = Client::connect(&address).await.unwrap();
    assert_eq!(third.receive().await.unwrap()["error"], "ERR_SESSION_LIMIT_REACHED");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection_and_what_is_no_payload_does_not() {
    let (client, mut server) = alone();
    server.json("{not json}").await;
    server.json(r#"{"n": 1}"#).await;
    assert!(matches!(client.receive().await, Err(Error::Protocol(_))));
    assert_eq!(client.receive().await.unwrap()["n"], 1);

    for (bytes, what) in
        [(&b"\0\0\0\x04"[..], "length"), (b"\0\0\0\x09\x15", "version"), (b"\0\x20\0\0", "limit")]
    {
        let (client, mut server) = alone();
        let waiting = client.request(json!({"n": 1}));
        let (error, ()) = tokio::join!(waiting, server.write(bytes));
        let error = error.unwrap_err();
        assert!(matches!(&error, Error::Protocol(text) if text.contains(what)), "{error}");
        assert!(matches!(client.send(json!({"n": 1})).await, Err(Error::Protocol(_))));
    }
}

#[tokio::test]
async fn packets_that_cannot_be_sent_leave_no_trace() {
    let (near, far) = duplex(1024);
    let client = Client::builder().header_size(1).over(near).unwrap();
    let mut server = Raw::over(far).framed(1, true);
    let long = "x".repeat(300);
    assert!(matches!(client.request(json!({"a": long})).await, Err(Error::TooLarge { limit: 255, .. })));
    assert!(matches!(client.send(json!([1])).await, Err(Error::Payload(_))));
    client.send(json!({"a": 1})).await.unwrap();
    assert_eq!(server.frame().await.unwrap().1, br#"{"a":1}"#);
    assert!(matches!(Client::builder().header_size(3).over(duplex(8).0), Err(Error::Config(_))));
    assert!(matches!(Client::builder().header_size(3).connect("127.0.0.1:1").await, Err(Error::Config(_))));
}

#[tokio::test(start_paused = true)]
async fn senders_wait_for_a_server_that_does_not_read() {
    let (near, far) = duplex(1024);
    let client = Client::builder().timeout(Duration::from_secs(5)).over(near).unwrap();
    let packet = json!({"text": "x".repeat(64 * 1024)});
    let mut taken = 0;
    let error = loop {
        match client.send(&packet).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::TimedOut), "{error}");
    assert!((16..=18).contains(&taken), "{taken} packets of 64 KiB were taken");
    assert!(matches!(client.flush().await, Err(Error::TimedOut)));
    // Once it reads, all that was taken comes, and there is room again.
    let reading = async {
        let mut server = Raw::over(far);
        for _ in 0..=taken {
            server.frame().await.unwrap();
        }
    };
    let (sent, ()) = tokio::join!(client.send(&packet), reading);
    sent.unwrap();
    client.flush().await.unwrap();
}

#[tokio::test]
async fn the_last_handle_writes_what_was_sent_and_leaves_nothing() {
    let seen = Arc::new(AtomicU64::new(0));
    let server = start(Server::builder().register_fn({
        let seen = seen.clone();
        move |packet: Packet| {
            let seen = seen.clone();
            async move {
                seen.fetch_add(1, Ordering::Relaxed);
                packet
            }
        }
    }))
    .await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..20 {
        let client = Client::connect(server.local_addr().unwrap().to_string()).await.unwrap();
        let other = client.clone();
        for n in 0..50 {
            other.send(json!({"n": n, "text": "x".repeat(2_000)})).await.unwrap();
        }
        drop(client);
        assert!(!other.is_closed());
    }
    eventually("all packets arrive", || seen.load(Ordering::Relaxed) == 1_000).await;
    at_rest(&server.handle()).await;
    settled_tasks(before).await;
}

#[tokio::test]
async fn disconnect_ends_every_clone() {
    let (client, mut server) = alone();
    let other = client.clone();
    let waiting = tokio::spawn(async move { other.request(json!({"n": 1})).await });
    assert_eq!(server.frame().await.unwrap().1, br#"{"n":1}"#);
    client.send(json!({"n": 2})).await.unwrap();
    client.disconnect().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(Error::Closed)));
    assert_eq!(server.frame().await.unwrap().1, br#"{"n":2}"#);
    assert!(server.frame().await.is_none());
    assert!(matches!(client.send(json!({"n": 3})).await, Err(Error::Closed)));
    client.disconnect().await.unwrap();
}

#[test]
fn a_client_outlives_its_runtime_as_a_closed_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (near, far) = duplex(1024);
    let client = runtime.block_on(async { Client::over(near) });
    drop(runtime);
    assert!(client.is_closed());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(matches!(runtime.block_on(client.request(json!({"n": 1}))), Err(Error::Closed)));
    drop(far);
}

#[tokio::test]
async fn nobody_there() {
    let error = Client::connect("127.0.0.1:1").await.unwrap_err();
    assert!(matches!(&error, Error::Io(_)) && error.to_string().contains("tcp://127.0.0.1:1"), "{error}");
    for wrong in ["localhost", "http://a:1", ""] {
        assert!(matches!(Client::connect(wrong).await, Err(Error::Config(_))), "{wrong}");
    }
    let error = Client::connect("tls://127.0.0.1:1").await.unwrap_err().to_string();
    assert!(error.contains(".tls(TlsClient)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let authority =
        asyncapy::security::Authority::create("test", asyncapy::security::Validity::AUTHORITY).unwrap();
    let pem = asyncapy::security::Pem::text(authority.certificate());
    let tls = asyncapy::security::TlsClient::builder(pem).build().unwrap();
    let connected = Client::builder().tls(tls).connect(format!("tls://{address}")).await;
    assert!(matches!(connected, Err(Error::TimedOut)), "{connected:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn over_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("asyncapy-client-{}.sock", std::process::id()));
    let place = format!("unix://{}", path.display());
    let server = echo().listen(&place).build().unwrap().start().await.unwrap();
    let client = Client::connect(&place).await.unwrap();
    assert_eq!(client.request(json!({"n": 1})).await.unwrap()["n"], 1);
    drop(server);
}

#[tokio::test]
async fn over_tls_and_with_a_certificate_of_its_own() {
    use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};

    let authority = Authority::create("test", Validity::AUTHORITY).unwrap();
    let issued = authority.issue_server(&["localhost", "127.0.0.1"], Validity::SERVER).unwrap();
    let own = authority.issue_client("ann", Validity::CLIENT).unwrap();
    let trusted = || Pem::text(authority.certificate());
    let tls = TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key()))
        .client_authority(trusted())
        .client_optional()
        .build()
        .unwrap();
    let who = |client: asyncapy::Client| async move {
        json!({"name": client.identity().and_then(asyncapy::security::Identity::name)})
    };
    let server = Server::builder().register_fn(who).tls(tls).listen("tls://127.0.0.1:0").build().unwrap();
    let server = server.start().await.unwrap();
    let address = server.local_addr().unwrap();

    let unknown = TlsClient::builder(trusted()).build().unwrap();
    for place in [format!("tls://{address}"), format!("localhost:{}", address.port())] {
        let client = Client::builder().tls(unknown.clone()).connect(&place).await.unwrap();
        assert_eq!(client.request(json!({"q": 1})).await.unwrap()["name"], json!(null));
    }
    let known = TlsClient::builder(trusted()).certificate(Pem::text(own.certificate()), Pem::text(own.key()));
    let client =
        Client::builder().tls(known.build().unwrap()).connect(format!("tls://{address}")).await.unwrap();
    assert_eq!(client.request(json!({"q": 1})).await.unwrap()["name"], "ann");
    // Large ones, many at once, both ways.
    let text = "x".repeat(100_000);
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (client, text) = (client.clone(), text.clone());
        tasks.spawn(async move { client.request(json!({"text": text})).await.unwrap()["name"].clone() });
    }
    while let Some(name) = in_time("a large request", tasks.join_next()).await {
        assert_eq!(name.unwrap(), "ann");
    }
    client.disconnect().await.unwrap();

    let stranger = Authority::create("other", Validity::AUTHORITY).unwrap();
    let wrong = TlsClient::builder(Pem::text(stranger.certificate())).build().unwrap();
    let refused = Client::builder().tls(wrong).connect(format!("tls://{address}")).await;
    assert!(matches!(refused, Err(Error::Security(_))), "{refused:?}");
    at_rest(&server.handle()).await;
}

#[test]
fn the_blocking_client_needs_no_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = runtime.block_on(start(echo().header_size(2)));
    let address = server.local_addr().unwrap().to_string();
    let client = blocking::Client::builder()
        .header_size(2)
        .encoding(Encoding::ZiProto)
        .connect_blocking(&address)
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for n in 0..100 {
                    let reply = client.request(json!({"n": n, "thread": thread})).unwrap();
                    assert_eq!((&reply["n"], &reply["thread"]), (&json!(n), &json!(thread)));
                }
            });
        }
    });
    client.send(json!({"n": 1})).unwrap();
    assert_eq!(client.receive().unwrap()["n"], 1);
    client.send(json!({"n": 2})).unwrap();
    assert_eq!(client.receive_raw().unwrap()[..2], [0, 6]);
    client.disconnect().unwrap();
    assert!(client.is_closed());
    assert!(matches!(client.request(json!({"n": 3})), Err(Error::Closed)));
    // Dropped without a farewell of its own, it takes leave all the same.
    let client = blocking::Client::builder().header_size(2).connect_blocking(&address).unwrap();
    client.request(json!({"n": 1})).unwrap();
    drop(client);
    runtime.block_on(at_rest(&server.handle()));
    assert!(matches!(blocking::Client::connect("127.0.0.1:1"), Err(Error::Io(_))));
}

#[tokio::test]
async fn the_blocking_client_panics_in_async_code_and_works_on_the_blocking_pool() {
    let server = start(echo()).await;
    let address = server.local_addr().unwrap().to_string();
    let here = std::panic::catch_unwind({
        let address = address.clone();
        move || drop(blocking::Client::connect(address))
    });
    let told = here.unwrap_err();
    let told = told
        .downcast_ref::<&str>()
        .map_or_else(|| told.downcast_ref::<String>().cloned(), |text| Some((*text).to_owned()));
    assert!(told.unwrap().contains("runtime"));
    let reply = tokio::task::spawn_blocking(move || {
        let client = blocking::Client::connect(address)?;
        client.request(json!({"n": 1}))
    });
    assert_eq!(reply.await.unwrap().unwrap()["n"], 1);
    at_rest(&server.handle()).await;
}

#[tokio::test]
async fn the_test_client_comes_from_where_it_says() {
    let build = || {
        let whoami = |client: asyncapy::Client| async move { json!({"from": client.address().ip()}) };
        Server::builder().header_size(8).register_fn(whoami).build().unwrap()
    };
    let client = build().test_client().from("10.0.0.1").await.unwrap();
    assert_eq!(client.request(json!({"q": 1})).await.unwrap()["from"], "10.0.0.1");
    let other = client.server().client().unwrap();
    assert_eq!(other.request(json!({"q": 1})).await.unwrap()["from"], "127.0.0.1");
    let pinned = pin!(other.receive());
    let report = client.shutdown().await.unwrap();
    assert_eq!((report.drained, report.cut), (1, 0), "the other client's session is drained");
    assert!(pinned.await.is_err());
    assert!(matches!(build().test_client().from("nowhere").await, Err(Error::Config(_))));
}
