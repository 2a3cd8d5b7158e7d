//! What runs before and after the start and the stop, and around each session.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncapy::prelude::*;
use asyncapy::server::guard::Refusal;
use asyncapy::server::{Builder, Ended, Handle};
use asyncapy::{Error, Server};
use asyncapy_tests::{JSON, Raw, at_rest, echo, eventually, frame, in_time, start};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// What happened, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// A hook that notes its name, whether a place is bound, and how many sessions there are.
    fn hook(
        &self,
        name: &'static str,
    ) -> impl FnOnce(Handle) -> std::future::Ready<Result<()>> + Send + Sync + 'static {
        let diary = self.clone();
        move |handle| {
            let bound = if handle.endpoints().is_empty() { "unbound" } else { "bound" };
            diary.note(format!("{name} {bound} {}", handle.stats().sessions));
            std::future::ready(Ok(()))
        }
    }

    fn everywhere(&self, builder: Builder) -> Builder {
        builder
            .after_stop(self.hook("after_stop"))
            .on_stop(self.hook("on_stop"))
            .before_stop(self.hook("before_stop"))
            .after_start(self.hook("after_start"))
            .on_start(self.hook("on_start"))
            .before_start(self.hook("before_start"))
    }
}

async fn fails(_: Handle) -> Result<()> {
    Err(Error::Config("no database".to_owned()))
}

#[tokio::test]
async fn each_in_its_place() {
    let diary = Diary::default();
    let builder = diary.everywhere(echo()).before_start(diary.hook("before_start 2"));
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"a": 1}"#).await;
    let report = in_time("the stop", server.shutdown()).await.unwrap();
    assert_eq!(report.failures, []);
    let expected = [
        "before_start unbound 0",
        "before_start 2 unbound 0",
        "on_start bound 0",
        "after_start bound 0",
        "before_stop bound 1",
        "on_stop bound 0",
        "after_stop bound 0",
    ];
    assert_eq!(diary.read(), expected);
}

#[tokio::test]
async fn after_the_start_clients_are_served_and_before_the_stop_too() {
    let asked = Diary::default();
    let (early, late) = (asked.clone(), asked.clone());
    let ask = |diary: Diary, name: &'static str| {
        async move |handle: Handle| {
            let mut client = Raw::connect_to(handle.local_addr().unwrap()).await;
            diary.note(format!("{name} {}", client.ask(r#"{"a": 1}"#).await));
            Ok(())
        }
    };
    let goodbye = async |handle: Handle| {
        for session in handle.sessions() {
            session.client().send(json!({"goodbye": true})).await?;
        }
        Ok(())
    };
    let server = start(echo().after_start(ask(early, "early")).before_stop(goodbye)).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"a": 2}"#).await;
    server.shutdown().await.unwrap();
    assert_eq!(client.value().await, json!({"goodbye": true}));
    client.expect_closed().await;
    late.note("end");
    assert_eq!(asked.read(), [r#"early {"a":1}"#, "end"]);
}

#[tokio::test]
async fn a_start_that_fails_says_which_function_and_undoes_what_was_begun() {
    // Nothing had been started: there is nothing to undo.
    let diary = Diary::default();
    let line = line!() + 1;
    let builder = echo().before_start(fails);
    let builder = builder.before_start(diary.hook("never")).after_stop(diary.hook("never"));
    let error = builder.build().unwrap().start_in_memory().await.unwrap_err();
    let Error::Hook(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.hook(), failure.location().line()), ("before_start", line));
    let expected = format!("lifecycle.rs:{line}:26 failed: configuration: no database");
    assert!(error.to_string().starts_with("the before_start hook at "), "{error}");
    assert!(error.to_string().ends_with(&expected), "{error}");
    assert_eq!(diary.read(), Vec::<String>::new());

    // One before it had succeeded.
    let builder = diary.everywhere(echo()).before_start(fails);
    builder.build().unwrap().start_in_memory().await.unwrap_err();
    assert_eq!(diary.read(), ["before_start unbound 0", "after_stop unbound 0"]);

    // A place that cannot be bound is a failure like any other.
    let taken = start(echo()).await;
    let diary = Diary::default();
    let builder = diary.everywhere(echo()).listen(&taken.local_addr().unwrap().to_string());
    assert!(matches!(builder.build().unwrap().start().await.unwrap_err(), Error::Io(_)));
    assert_eq!(diary.read(), ["before_start unbound 0", "after_stop unbound 0"]);

    // `on_start` fails with its own error, as it always did.
    let diary = Diary::default();
    let builder = diary.everywhere(echo()).on_start(fails);
    let error = builder.build().unwrap().start_in_memory().await.unwrap_err();
    assert_eq!(error.to_string(), "configuration: no database");
    assert_eq!(diary.read(), ["before_start unbound 0", "on_start unbound 0", "after_stop unbound 0"]);
}

#[tokio::test]
async fn a_failure_after_the_start_stops_the_server_in_order() {
    let diary = Diary::default();
    let address = Arc::new(Mutex::new(None));
    let seen = address.clone();
    let builder = diary.everywhere(echo()).listen("127.0.0.1:0").after_start(async move |handle: Handle| {
        *seen.lock().unwrap() = handle.local_addr();
        fails(handle).await
    });
    let error = builder.build().unwrap().start().await.unwrap_err().to_string();
    assert!(error.starts_with("the after_start hook at ") && error.ends_with("no database"), "{error}");
    let expected = [
        "before_start unbound 0",
        "on_start bound 0",
        "after_start bound 0",
        "before_stop bound 0",
        "on_stop bound 0",
        "after_stop bound 0",
    ];
    assert_eq!(diary.read(), expected);
    let address = address.lock().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn failures_of_the_stop_are_reported_and_the_others_run() {
    let diary = Diary::default();
    let builder = echo()
        .before_stop(fails)
        .before_stop(diary.hook("before_stop"))
        .after_stop(async |_| panic!("after all"))
        .after_stop(diary.hook("after_stop"));
    let report = start(builder).await.shutdown().await.unwrap();
    let told: Vec<_> = report.failures.iter().map(|failure| (failure.hook(), failure.why())).collect();
    let expected =
        [("before_stop", "configuration: no database"), ("after_stop", "it panicked: \"after all\"")];
    assert_eq!(told, expected);
    assert_eq!(diary.read(), ["before_stop bound 0", "after_stop bound 0"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_waited_for_for_ever() {
    let forever = async |_| std::future::pending().await;
    let builder = echo().before_start(forever).limits(|l| l.hook_timeout = Duration::from_secs(3));
    let began = tokio::time::Instant::now();
    let error = builder.build().unwrap().start_in_memory().await.unwrap_err().to_string();
    assert!(error.ends_with("failed: it took longer than `hook_timeout`, 3s"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 3);

    let builder = echo().on_connect(async |_| std::future::pending().await).after_stop(forever);
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let began = tokio::time::Instant::now();
    Raw::in_memory(&server).expect_error(JSON, "ERR_OVERLOADED").await;
    let report = server.shutdown().await.unwrap();
    assert_eq!((began.elapsed().as_secs(), report.failures.len()), (20, 1));
}

/// Notes each end by the session's number.
fn noting(builder: Builder, diary: &Diary) -> Builder {
    let (begin, end) = (diary.clone(), diary.clone());
    builder
        .on_connect(move |session: Session| {
            begin.note(format!("begin {}", session.address()));
            async { Ok(()) }
        })
        .on_disconnect(move |session: Session, ended: Ended| {
            end.note(format!("end {}: {ended}", session.address()));
            async {}
        })
}

#[tokio::test]
async fn each_session_begins_and_ends() {
    let diary = Diary::default();
    let closing = |client: Client| async move { client.close() };
    let builder = Server::builder()
        .register_fn(closing)
        .filter(asyncapy::handler::filter::Fields::new().present("close"));
    let server = start(noting(builder, &diary).timeout(Duration::from_millis(500))).await;
    let handle = server.handle();
    let ends = async |number: usize| {
        eventually("the session ends", || diary.read().len() == 2 * number).await;
        diary.read().last().cloned().unwrap()
    };

    let mut client = Raw::connect(&server).await;
    client.half_close().await;
    assert_eq!(ends(1).await, "end 127.0.0.1: the client closed the connection");
    let mut client = Raw::connect(&server).await;
    client.json(r#"{"close": 1}"#).await;
    assert_eq!(ends(2).await, "end 127.0.0.1: the server closed the connection");
    let client = Raw::connect(&server).await;
    assert_eq!(ends(3).await, "end 127.0.0.1: no whole packet came in time");
    drop(client);
    let mut client = Raw::connect(&server).await;
    client.write(&frame(9, br#"{"a": 1}"#)).await;
    client.expect_error(JSON, "ERR_HEADER_INVALID").await;
    assert_eq!(ends(4).await, "end 127.0.0.1: what came is no packet (ERR_HEADER_INVALID)");
    drop(client);
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    eventually("the session begins", || handle.stats().sessions == 1).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert!(ends(5).await.starts_with("end 127.0.0.1: the connection broke: "));
    at_rest(&handle).await;
}

#[tokio::test]
async fn a_session_may_be_welcomed_or_refused() {
    let diary = Diary::default();
    let builder = noting(echo(), &diary).on_connect(async |session: Session| {
        if session.client().get_sessions().len() > 1 {
            return Err(Refusal::new(Code::custom("ERR_ONE_AT_A_TIME")).message("one at a time"));
        }
        session.client().send(json!({"welcome": true})).await?;
        Ok(())
    });
    let server = start(builder).await;
    let mut first = Raw::connect(&server).await;
    assert_eq!(first.value().await, json!({"welcome": true}));
    assert_eq!(first.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
    let mut second = Raw::connect(&server).await;
    let told = br#"{"status": "failure", "error": "ERR_ONE_AT_A_TIME", "message": "one at a time"}"#;
    second.expect(JSON, told).await;
    second.expect_orderly_end().await;
    assert_eq!(server.handle().stats().sessions, 1);
    drop(second);
    // The first function had let it in, so that what it did is undone.
    eventually("the second is gone", || diary.read().len() == 3).await;
    assert_eq!(diary.read()[2], "end 127.0.0.1: it was refused (ERR_ONE_AT_A_TIME)");

    // One that nobody has let in has not been there.
    let diary = Diary::default();
    let builder = echo().on_connect(async |_| Err(Code::Unauthorized)?);
    let server = start(noting(builder, &diary)).await;
    let mut client = Raw::connect(&server).await;
    client.expect_error(JSON, "ERR_UNAUTHORIZED").await;
    client.expect_orderly_end().await;
    drop(client);
    at_rest(&server.handle()).await;
    assert_eq!(diary.read(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_stop_waits_for_the_last_words() {
    let diary = Diary::default();
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (notes, at, gate) = (diary.clone(), begun.clone(), go.clone());
    let builder = echo()
        .limits(|limits| limits.shutdown_deadline = Duration::ZERO)
        .on_disconnect(move |_, ended: Ended| {
            let (notes, at, gate) = (notes.clone(), at.clone(), gate.clone());
            async move {
                at.add_permits(1);
                gate.acquire().await.unwrap().forget();
                notes.note(ended.to_string());
            }
        })
        .after_stop(diary.hook("after_stop"));
    let server = builder.build().unwrap().start_in_memory().await.unwrap();
    let mut client = Raw::in_memory(&server);
    client.ask(r#"{"a": 1}"#).await;
    let stop = tokio::spawn(server.shutdown());
    begun.acquire().await.unwrap().forget();
    // Longer than anything else at the stop takes.
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(!stop.is_finished());
    go.add_permits(1);
    in_time("the stop", stop).await.unwrap().unwrap();
    assert_eq!(diary.read().len(), 2);
    assert_eq!(diary.read()[1], "after_stop unbound 0");
}
