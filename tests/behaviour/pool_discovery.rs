//! The servers of a client come from a list that may change while it runs.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asyncapy::Result;
use asyncapy::client::{Discover, Dns, RpcClient, ServerAddress, ServerFile};
use asyncapy::security::{Authority, Pem, TlsClient, TlsServer, Validity};
use asyncapy_tests::{eventually, in_time, start};
use tokio::sync::mpsc;

use crate::pool_calls::{connected, named, nap, place, whoami};

/// A file of one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("asyncapy-servers-{}", std::process::id())))
    }

    fn write(&self, text: &str) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

async fn who(client: &RpcClient) -> HashSet<String> {
    let mut names = HashSet::new();
    for _ in 0..8 {
        names.insert(whoami::call(client).await.unwrap());
    }
    names
}

fn names(names: &[&str]) -> HashSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_file_that_changes_changes_the_servers() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let file = Scratch::new();
    let missing =
        RpcClient::builder().discover(ServerFile::new(&file.0)).connect().await.unwrap_err().to_string();
    assert!(missing.contains("asyncapy-servers-"), "{missing}");

    file.write(&format!("# one of them\n{}\n", place(&a)));
    let source = ServerFile::new(&file.0).every(Duration::from_millis(100));
    let client = RpcClient::builder().discover(source).connect().await.unwrap();
    assert_eq!(who(&client).await, names(&["a"]));

    file.write(&format!("{} 2\n{}\n", place(&a), place(&b)));
    eventually("the second server is known", || client.servers().len() == 2).await;
    connected(&client).await;
    assert_eq!(client.servers()[0].address.weight, 2);
    assert_eq!(who(&client).await, names(&["a", "b"]));

    // A call that is under way is finished where it is; new ones go elsewhere.
    let napping = tokio::spawn({
        let (client, a) = (client.clone(), place(&a));
        async move { nap::call(&client, 300).server(&a).await }
    });
    eventually("it is under way", || client.servers()[0].in_flight == 1).await;
    file.write(&format!("{}\n", place(&b)));
    eventually("the first server is gone", || client.servers().len() == 1).await;
    assert_eq!(who(&client).await, names(&["b"]));
    assert_eq!(napping.await.unwrap().unwrap(), 300);
    eventually("its connection is closed", || a.handle().stats().connections == 0).await;

    file.write("nonsense\n");
    assert_eq!(who(&client).await, names(&["b"]));
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let server = start(named("a")).await;
    let port = server.local_addr().unwrap().port();
    let source = Dns::new(format!("localhost:{port}")).unwrap();
    let client = in_time("connecting", RpcClient::builder().discover(source).connect()).await.unwrap();
    // The server listens at one of the addresses that the name may have.
    assert!(
        client
            .servers()
            .iter()
            .any(|server| server.address.endpoint.to_string() == format!("tcp://127.0.0.1:{port}"))
    );
    assert_eq!(whoami::call(&client).await.unwrap(), "a");
}

#[tokio::test]
async fn a_name_is_what_a_certificate_is_for() {
    let authority = Authority::create("tests", Validity::AUTHORITY).unwrap();
    // It names no address.
    let issued = authority.issue_server(&["localhost"], Validity::SERVER).unwrap();
    let server =
        TlsServer::builder(Pem::text(issued.certificate()), Pem::text(issued.key())).build().unwrap();
    let server = named("a").tls(server).listen("tls://127.0.0.1:0").build().unwrap().start().await.unwrap();
    let port = server.local_addr().unwrap().port();
    let tls = TlsClient::builder(Pem::text(authority.certificate())).build().unwrap();

    let source = Dns::new(format!("tls://localhost:{port}")).unwrap();
    let client = RpcClient::builder().discover(source).tls(tls.clone()).connect().await.unwrap();
    assert_eq!(whoami::call(&client).await.unwrap(), "a");

    let unnamed = RpcClient::builder().server(format!("tls://127.0.0.1:{port}")).tls(tls).connect().await;
    let error = unnamed.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

/// A source that says what the test tells it.
struct Told(mpsc::Receiver<Vec<ServerAddress>>);

impl Discover for Told {
    async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        match self.0.recv().await {
            Some(servers) => Ok(servers),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn a_source_of_ones_own_is_followed() {
    let (a, b) = (start(named("a")).await, start(named("b")).await);
    let address = |server| vec![ServerAddress::new(place(server).parse().unwrap())];
    let (tell, told) = mpsc::channel(4);
    tell.send(address(&a)).await.unwrap();
    let client = RpcClient::builder().discover(Told(told)).connect().await.unwrap();
    assert_eq!(who(&client).await, names(&["a"]));
    // What is no list changes nothing.
    tell.send(Vec::new()).await.unwrap();
    tell.send(address(&b)).await.unwrap();
    eventually("the servers are others", || {
        client.servers().iter().any(|server| server.address.endpoint.to_string().ends_with(&place(&b)))
    })
    .await;
    assert_eq!(who(&client).await, names(&["b"]));
    let connections = b.handle().stats().connections;
    tell.send(address(&b).into_iter().map(|server| server.weight(5)).collect()).await.unwrap();
    eventually("the weight is another", || client.servers()[0].address.weight == 5).await;
    assert_eq!(b.handle().stats().connections, connections, "who stays keeps its connections");
}

/// A source that does not wait until something has changed.
struct Hasty {
    asked: Arc<AtomicUsize>,
    servers: Vec<ServerAddress>,
}

impl Discover for Hasty {
    async fn changed(&mut self) -> Result<Vec<ServerAddress>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.servers.clone())
    }
}

#[tokio::test]
async fn a_source_that_never_waits_takes_no_thread_for_itself() {
    let server = start(named("a")).await;
    let asked = Arc::<AtomicUsize>::default();
    let servers = vec![ServerAddress::new(place(&server).parse().unwrap())];
    let source = Hasty { asked: asked.clone(), servers };
    let client = in_time("connecting", RpcClient::builder().discover(source).connect()).await.unwrap();
    assert_eq!(whoami::call(&client).await.unwrap(), "a");
    tokio::time::pause();
    let before = asked.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let times = asked.load(Ordering::Relaxed) - before;
    assert!((50..=101).contains(&times), "it was asked {times} times in 10 s");
}

#[tokio::test]
async fn a_server_that_is_to_have_another_name_is_another_server() {
    let server = start(named("a")).await;
    let (tell, told) = mpsc::channel(4);
    let address = ServerAddress::new(place(&server).parse().unwrap());
    tell.send(vec![address.clone()]).await.unwrap();
    let client = RpcClient::builder().discover(Told(told)).connect().await.unwrap();
    assert_eq!(client.servers()[0].address, address);
    let renamed = address.tls_name("a.example");
    tell.send(vec![renamed.clone()]).await.unwrap();
    eventually("it is known by it", || client.servers()[0].address == renamed).await;
    connected(&client).await;
    // The connection under the name before is gone.
    eventually("only the new one is there", || server.handle().stats().connections == 1).await;
    assert_eq!(whoami::call(&client).await.unwrap(), "a");
}
