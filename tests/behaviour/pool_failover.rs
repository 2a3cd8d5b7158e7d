//! A client of several servers survives that they are killed, restarted, silent or not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::client::{Backoff, Breaker, Retry, RpcClient};
use asyncapy::prelude::*;
use asyncapy_tests::{Machine, eventually, in_time, start};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::pool_calls::{connected, named, nap, place, whoami};

/// A moment's work that may be done twice.
#[rpc(group = "pool", idempotent)]
async fn square(number: u64) -> u64 {
    tokio::time::sleep(Duration::from_millis(2)).await;
    number * number
}

/// Calls without end from many tasks at once, until it is stopped.
struct Load {
    going: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn begin(client: &RpcClient, tasks: usize, idempotent: bool) -> Self {
        let (going, made) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicUsize>::default());
        let task = |_| {
            let (client, going, made) = (client.clone(), going.clone(), made.clone());
            tokio::spawn(async move {
                while going.load(Ordering::Relaxed) {
                    let number = made.fetch_add(1, Ordering::Relaxed) as u64;
                    let square =
                        in_time("a call", square::call(&client, number).idempotent(idempotent)).await;
                    assert_eq!(
                        square.unwrap_or_else(|status| panic!("call {number}: {status}")),
                        number * number
                    );
                }
            })
        };
        let tasks = (0..tasks).map(task).collect();
        Self { going, made, tasks }
    }

    /// Waits for so many more calls.
    async fn more(&self, calls: usize) {
        let until = self.made.load(Ordering::Relaxed) + calls;
        eventually("the calls go on", || {
            self.made.load(Ordering::Relaxed) >= until || self.tasks.iter().any(JoinHandle::is_finished)
        })
        .await;
    }

    async fn end(self) {
        self.going.store(false, Ordering::Relaxed);
        for task in self.tasks {
            in_time("the calls of a task", task).await.unwrap();
        }
    }
}

#[tokio::test]
async fn one_of_three_servers_is_killed_under_load() {
    let mut machines = Vec::new();
    for name in ["a", "b", "c"] {
        machines.push(Machine::start(named(name).register(square)).await);
    }
    let places: Vec<_> = machines.iter().map(Machine::place).collect();
    let client = RpcClient::connect(&places).await.unwrap();
    connected(&client).await;

    let load = Load::begin(&client, 64, true);
    load.more(500).await;
    machines[1].kill();
    load.more(2000).await;
    load.end().await;
    let servers = client.servers();
    eventually("the loss is known", || client.servers()[1].problem.is_some()).await;
    assert!(servers.iter().all(|server| server.in_flight == 0), "{servers:?}");

    // Nothing is left to do but to try again now and then. On a clock that jumps to the next timer, the times that this
    // runtime wakes are counted: a minute has no more than some tries at a growing distance.
    tokio::time::pause();
    let metrics = tokio::runtime::Handle::current().metrics();
    let (before, busy) = (metrics.worker_park_count(0), metrics.worker_total_busy_duration(0));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let parks = metrics.worker_park_count(0) - before;
    assert!(parks < 500, "the runtime woke {parks} times in a minute");
    let busy = metrics.worker_total_busy_duration(0) - busy;
    assert!(busy < Duration::from_millis(200), "the runtime was busy for {busy:?} in a minute");
}

#[tokio::test]
async fn a_killed_server_comes_back() {
    let mut machine = Machine::start(named("before").register(square)).await;
    let place = machine.place();
    let client = RpcClient::builder()
        .server(&place)
        .backoff(Backoff::default().max(Duration::from_millis(200)))
        .wait(Duration::from_secs(60))
        .connect()
        .await
        .unwrap();
    let napping = tokio::spawn({
        let client = client.clone();
        async move { nap::call(&client, 60_000).await }
    });
    eventually("it is under way", || client.servers()[0].in_flight == 1).await;
    machine.kill();
    // It may have been run: it is not for the client to run it again.
    let lost = in_time("the call", napping).await.unwrap().unwrap_err();
    assert_eq!(lost.code, Code::Unavailable);
    assert!(!lost.was_not_run());

    eventually("the loss is known", || client.servers()[0].connections == 0).await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { whoami::call(&client).await }
    });
    let _machine = Machine::start_at(&place, named("after").register(square)).await;
    assert_eq!(in_time("the call that waits", waiting).await.unwrap().unwrap(), "after");
}

#[tokio::test]
async fn servers_are_restarted_one_by_one() {
    let mut servers = Vec::new();
    for name in ["a", "b", "c"] {
        servers.push(start(named(name).register(square)).await);
    }
    let places: Vec<_> = servers.iter().map(place).collect();
    let backoff = Backoff::default().max(Duration::from_millis(200));
    // None of these calls is said to be idempotent: what a server that leaves has taken it finishes, the rest goes
    // elsewhere.
    let client = RpcClient::builder().servers(&places).backoff(backoff).connect().await.unwrap();
    connected(&client).await;
    let load = Load::begin(&client, 32, false);
    for (at, place) in places.iter().enumerate() {
        load.more(300).await;
        let old = servers.remove(at);
        old.handle().shutdown();
        let report = in_time("the shutdown", old.wait()).await.unwrap();
        assert_eq!(report.cut, 0, "{report:?}");
        let server = named("new").register(square).listen(place.as_str()).build().unwrap();
        servers.insert(at, server.start().await.unwrap());
        connected(&client).await;
    }
    load.more(300).await;
    load.end().await;
    for place in &places {
        assert_eq!(whoami::call(&client).server(place).await.unwrap(), "new");
    }
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_gets_no_calls() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = mute.local_addr().unwrap().to_string();
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(mute.accept().await.unwrap());
        }
    });
    let server = start(named("a")).await;
    let builder = RpcClient::builder().servers([&silent, &place(&server)]);
    let client = builder.connect_timeout(Duration::from_millis(300)).connect().await.unwrap();
    for _ in 0..50 {
        assert_eq!(in_time("a call", whoami::call(&client)).await.unwrap(), "a");
    }
    eventually("it is known to be silent", || client.servers()[0].problem.is_some()).await;
    assert_eq!(client.servers()[0].connections, 0);

    let alone = RpcClient::builder().server(&silent).connect_timeout(Duration::from_millis(50));
    let error = in_time("connecting", alone.connect()).await.unwrap_err().to_string();
    assert!(error.contains(&silent), "{error}");
    accepting.abort();
}

/// What stands between a client and a server, and can let nothing through any more without a word: a cable that is cut.
async fn cable(to: String) -> (String, Arc<Notify>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let cut = Arc::new(Notify::new());
    let passing = tokio::spawn({
        let cut = cut.clone();
        async move {
            let mut held = Vec::new();
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut far = TcpStream::connect(&to).await.unwrap();
                tokio::select! {
                    // It ends with an error when either side goes, and the next one is let in.
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = cut.notified() => held.push((near, far)),
                }
                if !held.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        }
    });
    (place, cut, passing)
}

#[tokio::test]
async fn a_server_that_falls_silent_is_lost_after_two_pings() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let (place_a, cut, passing) = cable(place(&a)).await;
    let builder = RpcClient::builder().servers([&place_a, &place(&b)]).keepalive(Duration::from_millis(50));
    let client = builder.connect_timeout(Duration::from_millis(500)).connect().await.unwrap();
    connected(&client).await;
    cut.notify_one();
    tokio::task::yield_now().await;
    // Sent into the void, they are made elsewhere when the silence is noticed; nothing hangs for its whole deadline.
    for _ in 0..10 {
        assert_eq!(in_time("a call", whoami::call(&client)).await.unwrap(), "b");
    }
    eventually("it is known to be lost", || client.servers()[0].connections == 0).await;
    passing.abort();
}

#[tokio::test]
async fn nobody_listens() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = RpcClient::connect([&gone]).await.unwrap_err().to_string();
    assert!(error.contains("no server can be reached") && error.contains(&gone), "{error}");

    let builder = RpcClient::builder().server(&gone).wait(Duration::from_millis(30));
    let client = builder.start().await.unwrap();
    let refused = in_time("the call", whoami::call(&client)).await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.was_not_run() && refused.to_string().contains("cannot be reached"), "{refused}");
}

#[tokio::test]
async fn no_more_calls_wait_than_may() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let builder = RpcClient::builder().server(&gone).max_waiting(2).wait(Duration::from_secs(60));
    let client = builder.start().await.unwrap();
    let call = |_| {
        let client = client.clone();
        tokio::spawn(async move { whoami::call(&client).timeout(Duration::from_millis(100)).await })
    };
    let mut codes = Vec::new();
    for call in (0..5).map(call).collect::<Vec<_>>() {
        codes.push(in_time("the call", call).await.unwrap().unwrap_err().code);
    }
    let refused = codes.iter().filter(|code| **code == Code::Overloaded).count();
    assert_eq!((refused, codes.len() - refused), (3, 2), "{codes:?}");
}

#[tokio::test]
async fn a_call_without_end_loses_its_server_and_is_not_made_again() {
    let mut machine = Machine::start(named("a")).await;
    let client = RpcClient::builder()
        .server(machine.place())
        .retry(Retry::never())
        .server_breaker(Breaker::default().consecutive(1000))
        .wait(Duration::ZERO)
        .connect()
        .await
        .unwrap();
    let mut items = client.channel::<String, String>("pool.echo", ()).await.unwrap();
    items.send("x".to_owned()).await.unwrap();
    assert_eq!(items.recv().await.unwrap().unwrap(), "x");
    machine.kill();
    let lost = in_time("the channel's end", items.recv()).await.unwrap_err();
    assert_eq!(lost.code, Code::Unavailable);
    eventually("the loss is known", || client.servers()[0].connections == 0).await;
    assert_eq!(in_time("the call", whoami::call(&client)).await.unwrap_err().code, Code::Unavailable);
}
