//! Middleware around calls: it sees them, changes them, answers in their place; on the server and at the caller.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asyncapy::handler::middleware::Extension;
use asyncapy::prelude::*;
use asyncapy::rpc::middleware::{
    ConcurrencyLimit, IncomingCall, LoadShed, Next, OutgoingCall, RateLimited, Reply, Timeout, from_fn,
};
use asyncapy::rpc::{CallError, Caller, Cancelled, Deadline, Metadata, Peer, Status};
use asyncapy::security::Rate;
use asyncapy::server::{Builder, Running};
use asyncapy_tests::{eventually, in_time};
use tokio::sync::{Notify, Semaphore};

#[rpc(group = "math")]
async fn sum(a: i64, b: i64) -> i64 {
    a + b
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Broke {
    missing: u32,
}

#[rpc(group = "math")]
async fn pay(amount: u32) -> Result<u32, Broke> {
    Err(Broke { missing: amount })
}

#[rpc(group = "math")]
async fn fail() {
    panic!("as asked for");
}

#[rpc]
async fn count(to: u64) -> Streaming<impl Stream<Item = Result<u64, Broke>>> {
    Streaming::iter((0..to).map(|n| if n == 5_000 { Err(Broke { missing: 1 }) } else { Ok(n) }))
}

#[rpc]
async fn total(mut channel: Channel<u64>) -> Result<u64, Status> {
    let mut total = 0;
    while let Some(item) = channel.recv().await? {
        total += item;
    }
    Ok(total)
}

#[rpc]
async fn shout(mut channel: Channel<String, String>) -> Result<(), Status> {
    while let Some(line) = channel.recv().await? {
        channel.send(line.to_uppercase()).await?;
    }
    Ok(())
}

#[rpc]
async fn meta(metadata: Metadata) -> Option<String> {
    metadata.text("tenant").map(str::to_owned)
}

#[rpc]
async fn wait(State(gate): State<Arc<Semaphore>>, deadline: Deadline) -> bool {
    let _permit = gate.acquire().await;
    deadline.left().is_some()
}

#[rpc]
async fn linger(State(told): State<Arc<Notify>>, cancelled: Cancelled) {
    tokio::spawn(async move {
        cancelled.cancelled().await;
        told.notify_one();
    });
    std::future::pending::<()>().await;
}

async fn serve(change: impl FnOnce(Builder) -> Builder) -> (Running, Peer) {
    let builder = Server::builder()
        .linked_in(module_path!())
        .state(Arc::new(Semaphore::new(0)))
        .state(Arc::new(Notify::new()));
    let running = change(builder).build().unwrap().start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap();
    (running, peer)
}

type Seen = Arc<Mutex<Vec<String>>>;

/// Notes what passes.
fn note(name: &'static str, seen: &Seen) -> impl asyncapy::rpc::middleware::Middleware<IncomingCall> {
    let seen = seen.clone();
    from_fn(move |call: IncomingCall, next: Next| {
        let seen = seen.clone();
        async move {
            seen.lock().unwrap().push(format!("{name} in {}", call.name()));
            let outcome = next.run(call).await;
            let told =
                outcome.as_ref().map_or_else(|status| status.code.to_string(), |reply| format!("{reply:?}"));
            seen.lock().unwrap().push(format!("{name} out {told}"));
            outcome
        }
    })
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut seen.lock().unwrap())
}

#[tokio::test]
async fn the_first_is_the_outermost_and_sees_what_comes_of_it() {
    let seen = Seen::default();
    let (_running, peer) = serve(|builder| {
        builder
            .middleware(note("a", &seen))
            .middleware_for("math.", note("b", &seen))
            .middleware_for("math.sum", note("c", &seen))
    })
    .await;
    assert_eq!(sum::call(&peer, 20, 22).await.unwrap(), 42);
    let seen_of = taken(&seen);
    assert_eq!(seen_of[..3], ["a in math.sum", "b in math.sum", "c in math.sum"]);
    assert!(seen_of[3].starts_with("c out Value") && seen_of[5].starts_with("a out Value"), "{seen_of:?}");

    // An error comes back whole, with its details.
    assert_eq!(pay::call(&peer, 7).await.unwrap_err(), CallError::Function(Broke { missing: 7 }));
    assert_eq!(taken(&seen)[2..], ["b out ERR_HANDLER_FAILED", "a out ERR_HANDLER_FAILED"]);
    let status = peer.call::<i64>("math.sum", (1, "x")).await.unwrap_err();
    assert_eq!((status.code, status.field.as_deref()), (Code::FieldInvalid, Some("b")));
    taken(&seen);

    // A panic costs the one call, and what stands around it does not see an end.
    assert_eq!(fail::call(&peer).await.unwrap_err().code, Code::HandlerPanicked);
    assert_eq!(taken(&seen), ["a in math.fail", "b in math.fail"]);
    assert_eq!(sum::call(&peer, 1, 2).await.unwrap(), 3);
    assert_eq!(peer.call::<()>("no.such", ()).await.unwrap_err().code, Code::FunctionUnknown);
}

#[tokio::test]
async fn it_answers_itself_and_changes_what_passes() {
    struct User(&'static str);

    #[rpc]
    async fn who(user: Extension<User>, #[extract] other: Option<Extension<u32>>) -> String {
        assert!(other.is_none());
        user.0.0.to_owned()
    }

    let (_running, peer) = serve(|builder| {
        builder.register(who).middleware(from_fn(async |mut call: IncomingCall, next: Next| {
            call.insert(User("ada"));
            call.metadata_mut().insert("tenant", "changed");
            match call.name() {
                "math.pay" => Err(Status::new(Code::Unauthorized).message("no")),
                "math.sum" => {
                    let (a, b) = match call.arguments::<(i64, i64)>() {
                        Ok(list) => list,
                        Err(_) => {
                            let map = call.arguments::<serde_json::Value>()?;
                            (map["a"].as_i64().unwrap_or(0), map["b"].as_i64().unwrap_or(0))
                        }
                    };
                    if a == 0 {
                        return Ok(Reply::new(&1000)?);
                    }
                    call.set_arguments(&(a, b * 10))?;
                    let doubled: i64 = next.run(call).await?.value()?;
                    Ok(Reply::new(&(doubled * 2))?)
                }
                "count" => Ok(Reply::new(&"no stream")?),
                _ => next.run(call).await,
            }
        }))
    })
    .await;
    assert_eq!(sum::call(&peer, 1, 2).await.unwrap(), 42);
    assert_eq!(peer.call::<i64>("math.sum", (2, 1)).await.unwrap(), 24);
    assert_eq!(sum::call(&peer, 0, 2).await.unwrap(), 1000);
    let status = peer.call::<u32>("math.pay", (1,)).await.unwrap_err();
    assert_eq!((status.code, status.message.as_deref()), (Code::Unauthorized, Some("no")));
    assert_eq!(meta::call(&peer).await.unwrap().as_deref(), Some("changed"));
    assert_eq!(who::call(&peer).await.unwrap(), "ada");
    let mut items = count::call(&peer, 3).await.unwrap();
    assert!(items.next().await.unwrap().is_err());
}

#[tokio::test]
async fn streams_and_channels_pass_at_their_own_pace() {
    let seen = Seen::default();
    let (running, peer) = serve(|builder| {
        builder.middleware(note("a", &seen)).middleware(from_fn(async |call: IncomingCall, next: Next| {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            next.run(call).await
        }))
    })
    .await;
    let mut items = count::call(&peer, 2_000).await.unwrap();
    for expected in 0..2_000 {
        if expected % 500 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(in_time("an item", items.next()).await.unwrap().unwrap(), expected);
    }
    assert!(items.next().await.is_none());
    let ended = taken(&seen);
    assert!(ended[1].starts_with("a out Streamed { items: 2000, bytes:"), "{ended:?}");

    let mut items = count::call(&peer, 10_000).await.unwrap();
    let mut last = Ok(0);
    while let Some(item) = in_time("an item", items.next()).await {
        last = item.map_err(CallError::<Broke>::from);
    }
    assert_eq!(last, Err(CallError::Function(Broke { missing: 1 })));
    assert_eq!(taken(&seen)[1], "a out ERR_HANDLER_FAILED");

    // What is sent before the function begins is not lost.
    let channel = total::call(&peer).await.unwrap();
    for item in 0..200 {
        in_time("room", channel.send(item)).await.unwrap();
    }
    channel.finish();
    assert_eq!(in_time("the total", channel.result::<u64>()).await.unwrap(), 19_900);
    let mut channel = shout::call(&peer).await.unwrap();
    channel.send("hello".to_owned()).await.unwrap();
    assert_eq!(channel.recv().await.unwrap().as_deref(), Some("HELLO"));
    channel.finish();
    assert_eq!(channel.recv().await.unwrap(), None);
    eventually("nothing is left", || running.handle().stats().calls == 0).await;
}

#[tokio::test]
async fn a_function_runs_inside_the_middlewares_future() {
    tokio::task_local! {
        static WHO: u32;
    }

    #[rpc]
    async fn inside() -> Option<u32> {
        tokio::task::yield_now().await;
        WHO.try_with(|who| *who).ok()
    }

    #[rpc]
    async fn numbers() -> Streaming<impl Stream<Item = u32>> {
        let from = WHO.with(|who| *who);
        Streaming::iter(from..from + 300)
    }

    let (_running, peer) = serve(|builder| {
        builder
            .register(inside)
            .register(numbers)
            .middleware(from_fn(async |call: IncomingCall, next: Next| WHO.scope(7, next.run(call)).await))
            // In a task of its own, too.
            .middleware(from_fn(async |call: IncomingCall, next: Next| {
                let who = WHO.with(|who| *who);
                let spawned = tokio::spawn(WHO.scope(who, next.run(call)));
                spawned.await.unwrap_or_else(|_| Err(Code::HandlerPanicked.into()))
            }))
    })
    .await;
    assert_eq!(inside::call(&peer).await.unwrap(), Some(7));
    let mut items = numbers::call(&peer).await.unwrap();
    let mut count = 0;
    while let Some(item) = in_time("an item", items.next()).await {
        assert_eq!(item.unwrap(), 7 + count);
        count += 1;
    }
    assert_eq!(count, 300);
}

#[tokio::test]
async fn many_streams_share_a_connection_from_tasks_of_their_own() {
    #[rpc]
    async fn blocks(number: u32) -> Streaming<impl Stream<Item = (u32, String)>> {
        Streaming::iter((0..300).map(move |_| (number, "x".repeat(2_000))))
    }

    let server =
        Server::builder().register(blocks).middleware(from_fn(async |call: IncomingCall, next: Next| {
            let spawned = tokio::spawn(next.run(call));
            spawned.await.unwrap_or_else(|_| Err(Code::HandlerPanicked.into()))
        }));
    let running = server.build().unwrap().start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap();
    let readers = (0..64).map(|number| {
        let peer = peer.clone();
        tokio::spawn(async move {
            let mut items = blocks::call(&peer, number).await.unwrap();
            let mut count = 0;
            while let Some(item) = in_time("an item", items.next()).await {
                assert_eq!(item.unwrap().0, number);
                count += 1;
            }
            count
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        assert_eq!(reader.await.unwrap(), 300);
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_and_cancellation_go_through() {
    let told = Arc::new(Notify::new());
    let running = Server::builder()
        .register(wait)
        .register(linger)
        .state(told.clone())
        .state(Arc::new(Semaphore::new(0)))
        .middleware_for(
            "wait",
            from_fn(async |mut call: IncomingCall, next: Next| {
                call.shorten(tokio::time::Instant::now() + Duration::from_millis(100));
                call.shorten(tokio::time::Instant::now() + Duration::from_secs(100));
                next.run(call).await
            }),
        )
        .middleware(Timeout::new(Duration::from_secs(5)))
        .build()
        .unwrap()
        .start_in_memory()
        .await
        .unwrap();
    let peer = running.handle().peer().unwrap();
    let begun = tokio::time::Instant::now();
    let late = wait::call(&peer).await.unwrap_err();
    assert_eq!((late.code, begun.elapsed().as_millis() / 10), (Code::DeadlineExceeded, 10));
    let late = linger::call(&peer).await.unwrap_err();
    assert_eq!((late.code, begun.elapsed().as_secs()), (Code::HandlerTimedOut, 5));
    told.notified().await;
    // The caller lets go of it.
    let call = linger::call(&peer).timeout(Duration::from_secs(1));
    assert_eq!(call.await.unwrap_err().code, Code::DeadlineExceeded);
    in_time("the function is told", told.notified()).await;
    eventually("nothing is left", || running.handle().stats().calls == 0).await;
}

#[tokio::test(start_paused = true)]
async fn the_ready_ones_refuse_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let second = Duration::from_secs(1);
    let running = Server::builder()
        .register(sum)
        .register(wait)
        .register(meta)
        .state(gate.clone())
        .middleware_for("wait", LoadShed::new(3))
        .middleware_for("wait", ConcurrencyLimit::new(1).waiting(2, second))
        .middleware_for("math.sum", RateLimited::by_address(Rate::per_second(2).unwrap()))
        .middleware_for(
            "meta",
            RateLimited::by(Rate::per_second(1).unwrap(), |call: &IncomingCall| {
                call.metadata().text("tenant").map(str::to_owned)
            }),
        )
        .build()
        .unwrap()
        .start_in_memory()
        .await
        .unwrap();
    let peer = running.handle().peer().unwrap();
    let waits = async || wait::call(&peer).await.map_err(|status| (status.code, status.message));
    let all = async { tokio::join!(waits(), waits(), waits(), waits()) };
    let opens = async {
        tokio::time::sleep(2 * second).await;
        gate.add_permits(1);
    };
    let ((first, second, third, fourth), ()) = tokio::join!(all, opens);
    assert!(first.is_ok());
    assert_eq!(second, Err((Code::Overloaded, Some("too many at once".to_owned()))));
    assert_eq!(second, third);
    assert_eq!(fourth, Err((Code::Overloaded, Some("too much to do".to_owned()))));

    for _ in 0..2 {
        sum::call(&peer, 1, 1).await.unwrap();
    }
    let status = sum::call(&peer, 1, 1).await.unwrap_err();
    assert_eq!(status.code, Code::Overloaded);
    assert!(status.message.is_some_and(|message| message.contains("the next may come in")));
    for tenant in ["a", "b"] {
        assert_eq!(meta::call(&peer).metadata("tenant", tenant).await.unwrap().as_deref(), Some(tenant));
        assert!(meta::call(&peer).metadata("tenant", tenant).await.is_err());
    }
    assert!(meta::call(&peer).await.is_ok(), "no key, no limit");
}

#[tokio::test]
async fn an_api_key_has_its_rate() {
    let keys = asyncapy::security::ApiKeys::in_memory();
    let (ann, bob) =
        (keys.issue(json!({"name": "ann"})).unwrap(), keys.issue(json!({"name": "bob"})).unwrap());
    let limit = RateLimited::by_api_key(Rate::new(1, Duration::from_secs(3600)).unwrap());
    let server = Server::builder().register(sum).credentials(keys).middleware(limit);
    let running = server.build().unwrap().start_in_memory().await.unwrap();
    for key in [ann, bob] {
        let connect =
            || Peer::builder().api_key(key.clone()).over(running.handle().connect().unwrap()).unwrap();
        assert_eq!(sum::call(&connect(), 1, 2).await.unwrap(), 3);
        assert_eq!(sum::call(&connect(), 1, 2).await.unwrap_err().code, Code::Overloaded);
    }
}

#[tokio::test]
async fn callers_have_middleware_too() {
    let (_running, peer) = serve(|builder| builder).await;
    let passed = Arc::new(AtomicUsize::new(0));
    let counter = passed.clone();
    let peer = peer
        .with(from_fn(move |call: OutgoingCall, next: Next<OutgoingCall>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move {
                if call.target() == "math.pay" {
                    return Ok(Reply::new(&5)?);
                }
                next.run(call).await
            }
        }))
        .with(from_fn(async |mut call: OutgoingCall, next: Next<OutgoingCall>| {
            tokio::task::yield_now().await;
            call.metadata_mut().insert("tenant", "ada");
            let name = call.target().to_owned();
            match next.run(call).await? {
                reply if name == "math.sum" => Ok(Reply::new(&(reply.value::<i64>()? + 1))?),
                reply => Ok(reply),
            }
        }));
    assert_eq!(sum::call(&peer, 20, 21).await.unwrap(), 42);
    assert_eq!(pay::call(&peer, 1).await.unwrap(), 5);
    assert_eq!(meta::call(&peer).await.unwrap().as_deref(), Some("ada"));
    assert_eq!(peer.call::<i64>("math.sum", (1, 2)).await.unwrap(), 4);
    let mut items = peer.stream::<u64>("count", (3,)).await.unwrap();
    assert_eq!(items.next().await.unwrap().unwrap(), 0);
    let channel = peer.channel::<(), u64>("total", ()).await.unwrap();
    channel.send(3).await.unwrap();
    channel.finish();
    assert_eq!(channel.result::<u64>().await.unwrap(), 3);
    let status = fail::call(&peer).await.unwrap_err();
    assert_eq!(status.code, Code::HandlerPanicked);
    assert_eq!(passed.load(Ordering::Relaxed), 7);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_cancels_what_is_under_way() {
    let told = Arc::new(Notify::new());
    let server = Server::builder().register(linger).state(told.clone());
    let running = server.build().unwrap().start_in_memory().await.unwrap();
    let peer = running.handle().peer().unwrap().with(Timeout::new(Duration::from_secs(1)));
    assert_eq!(linger::call(&peer).await.unwrap_err().code, Code::DeadlineExceeded);
    in_time("the function is told", told.notified()).await;
    // The timeout of the call counts what its middleware takes.
    let slow = peer.caller().clone().with(from_fn(async |call: OutgoingCall, next: Next<OutgoingCall>| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        next.run(call).await
    }));
    let status = linger::call(&slow).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(status.code, Code::DeadlineExceeded);
    assert!(status.was_not_run());
    drop(linger::call(&slow));
    assert_eq!(peer.caller().in_flight(), 0);
}

#[test]
fn middleware_for_nothing_is_a_mistake() {
    let builder =
        Server::builder().register(sum).middleware_for("maths.", Timeout::new(Duration::from_secs(1)));
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("middleware_calls.rs:") && error.contains("`maths.`"), "{error}");
}

/// tower's own layers.
mod tower_layers {
    use asyncapy::rpc::middleware::Layered;
    use tower::ServiceBuilder;
    use tower::limit::ConcurrencyLimitLayer;
    use tower::timeout::TimeoutLayer;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stand_around_functions_and_calls() {
        let gate = Arc::new(Semaphore::new(0));
        let late = |error: tower::BoxError| match error.downcast::<Status>() {
            Ok(status) => *status,
            Err(_) => Status::new(Code::HandlerTimedOut),
        };
        let layers = ServiceBuilder::new()
            .map_err(late)
            .layer(TimeoutLayer::new(Duration::from_secs(2)))
            .layer(ConcurrencyLimitLayer::new(1));
        let server = Server::builder().register(sum).register(wait).register(pay).state(gate.clone());
        let running = server.layer(layers).build().unwrap().start_in_memory().await.unwrap();
        let peer = running.handle().peer().unwrap();
        assert_eq!(sum::call(&peer, 1, 2).await.unwrap(), 3);
        assert_eq!(pay::call(&peer, 1).await.unwrap_err(), CallError::Function(Broke { missing: 1 }));
        let (first, second) = tokio::join!(wait::call(&peer), wait::call(&peer));
        assert_eq!(first.unwrap_err().code, Code::HandlerTimedOut);
        assert_eq!(second.unwrap_err().code, Code::HandlerTimedOut);

        let layer = Layered::new::<OutgoingCall, _>(TimeoutLayer::new(Duration::from_secs(1)));
        let peer = peer.with(layer);
        assert_eq!(sum::call(&peer, 1, 2).await.unwrap(), 3);
        assert_eq!(wait::call(&peer).await.unwrap_err().code, Code::HandlerFailed, "no `map_err`");
    }
}
