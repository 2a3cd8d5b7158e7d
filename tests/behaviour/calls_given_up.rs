//! Either side can give a call up, and the other one learns of it, whatever goes each way.

use std::future::pending;

use asyncapy::prelude::*;
use asyncapy::rpc::{Cancelled, Peer};
use asyncapy_tests::{Streams, in_time};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::call_failures::{SHAPES, connections, fails};

#[tokio::test]
async fn a_callee_that_gives_up_is_told_to_its_caller() {
    for shape in SHAPES {
        let (near, far) = tokio::io::duplex(4096);
        given_up(shape, Peer::over(near), Streams::over(far)).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        given_up(shape, Peer::over(near), Streams::over(listener.accept().await.unwrap().0)).await;
    }
}

/// A callee that reads a call and cancels it.
async fn given_up(shape: &str, peer: Peer, mut callee: Streams) {
    let caller = async { fails(&peer, shape, "any.function", &json!([]), None).await.1 };
    let callee = async {
        while !callee.next().await.expect("a call").starts_with("OPEN 1") {}
        callee.cancel(1);
        assert!(callee.send().await);
        callee
    };
    let (status, _) = in_time("the call is given up", async { tokio::join!(caller, callee) }).await;
    let message = "the other side has given it up";
    assert_eq!(status, Status::new(Code::Cancelled).message(message), "{shape}");
}

/// Tells what its parts learn once the call is given up.
#[rpc(group = "open")]
async fn watched(
    channel: Channel<u32, u32>,
    cancelled: Cancelled,
    State(told): State<mpsc::UnboundedSender<Code>>,
) {
    let (sender, mut receiver) = channel.split();
    let receives = told.clone();
    tokio::spawn(async move {
        while let Ok(item) = receiver.recv().await {
            assert_eq!(item, Some(5));
        }
        let status = receiver.recv().await.expect_err("the call was given up");
        receives.send(status.code).expect("somebody listens");
    });
    let sends = told.clone();
    tokio::spawn(async move {
        cancelled.cancelled().await;
        let status = sender.send(6).await.expect_err("the call was given up");
        sends.send(status.code).expect("somebody listens");
    });
    pending::<()>().await;
}

#[tokio::test]
async fn a_caller_that_gives_up_is_told_to_its_callee() {
    let (told, mut learned) = mpsc::unbounded_channel();
    let server = Server::builder().register(watched).state(told);
    let (_server, connections) = connections(server).await;
    for (name, peer) in &connections {
        let channel = peer.channel::<u32, u32>("open.watched", ()).await.unwrap();
        channel.send(5).await.unwrap();
        drop(channel);
        for _ in 0..2 {
            let code = in_time(name, learned.recv()).await;
            assert_eq!(code, Some(Code::Cancelled), "{name}");
        }
    }
}
