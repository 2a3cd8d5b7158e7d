//! What runs before the first connection and after the last.

use std::sync::{Arc, Mutex};

use asyncapy::server::{Builder, Handle};
use asyncapy::{Error, Result};
use asyncapy_tests::{Raw, echo, in_time, start};

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

    /// A hook that notes its name and how many connections there are.
    fn hook(
        &self,
        name: &'static str,
    ) -> impl FnOnce(Handle) -> std::future::Ready<Result<()>> + Send + Sync + 'static {
        let diary = self.clone();
        move |handle| {
            diary.note(format!("{name} {}", handle.stats().connections));
            std::future::ready(Ok(()))
        }
    }
}

fn failing(builder: Builder) -> Builder {
    builder.on_start(|_| async { Err(Error::Config("no database".to_owned())) })
}

#[tokio::test]
async fn in_order_before_the_first_connection_and_after_the_last() {
    let diary = Diary::default();
    let builder = echo()
        .on_start(diary.hook("start 1"))
        .on_start(diary.hook("start 2"))
        .on_stop(diary.hook("stop 1"))
        .on_stop(diary.hook("stop 2"));
    let server = start(builder).await;
    let mut client = Raw::connect(&server).await;
    client.ask(r#"{"a": 1}"#).await;
    diary.note("served");
    in_time("the shutdown", server.shutdown()).await.unwrap();
    client.expect_closed().await;
    assert_eq!(diary.read(), ["start 1 0", "start 2 0", "served", "stop 1 0", "stop 2 0"]);
}

#[tokio::test]
async fn a_start_that_fails_leaves_nothing_behind() {
    let diary = Diary::default();
    let address = Arc::new(Mutex::new(None));
    let seen = address.clone();
    let builder = echo().listen("127.0.0.1:0").on_start(move |handle: Handle| {
        *seen.lock().unwrap() = handle.local_addr();
        async { Ok(()) }
    });
    let builder = failing(builder).on_start(diary.hook("never")).on_stop(diary.hook("never"));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let error = builder.build().unwrap().start().await.unwrap_err();
    assert_eq!(error.to_string(), "configuration: no database");
    // The place was bound, since the hook was told it, and is free again.
    let address = address.lock().unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks);
    assert_eq!(diary.read(), Vec::<String>::new());
}

#[tokio::test]
async fn a_stop_that_fails_is_told_and_the_others_run() {
    let diary = Diary::default();
    let builder = echo()
        .on_stop(|_| async { Err(Error::Config("no goodbye".to_owned())) })
        .on_stop(diary.hook("second"));
    let error = start(builder).await.shutdown().await.unwrap_err();
    assert_eq!(error.to_string(), "configuration: no goodbye");
    assert_eq!(diary.read(), ["second 0"]);
}

#[tokio::test]
async fn a_hook_may_wait_and_may_stop_the_server() {
    let builder = echo().on_start(|handle: Handle| async move {
        tokio::task::yield_now().await;
        handle.shutdown();
        Ok(())
    });
    let server = start(builder).await;
    let report = in_time("the end", server.wait()).await.unwrap();
    assert_eq!((report.drained, report.cut), (0, 0));
}
