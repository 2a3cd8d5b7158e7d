//! Allowed and blocked addresses, changed while the server runs.

use asyncapy::prelude::*;
use asyncapy::server::guard::AddressList;
use asyncapy_tests::{JSON, Raw, echo, start};

async fn refused(mut client: Raw) {
    client.expect_error(JSON, "ERR_UNAUTHORIZED").await;
    client.expect_closed().await;
}

async fn served(mut client: Raw) {
    assert_eq!(client.ask(r#"{"a": 1}"#).await, json!({"a": 1}));
}

#[tokio::test]
async fn what_is_blocked_stays_out() {
    let list = AddressList::blocking(["127.0.0.2", "::ffff:127.0.1.0/120"]).unwrap();
    let server = start(echo().connection_guard(list.clone())).await;
    served(Raw::connect(&server).await).await;
    refused(Raw::connect_from(&server, "127.0.0.2").await).await;
    refused(Raw::connect_from(&server, "127.0.1.77").await).await;
    assert!(list.unblock("127.0.1.0/24").unwrap(), "the same network, said otherwise");
    served(Raw::connect_from(&server, "127.0.1.77").await).await;
    list.block("127.0.0.0/8").unwrap();
    refused(Raw::connect(&server).await).await;
}

#[tokio::test]
async fn an_allow_list_alone_counts() {
    let list = AddressList::allowing(["127.0.0.0/31"]).unwrap();
    let server = start(echo().connection_guard(list.clone())).await;
    list.block("127.0.0.1").unwrap();
    served(Raw::connect(&server).await).await;
    refused(Raw::connect_from(&server, "127.0.0.2").await).await;
    list.allow("127.0.0.2").unwrap();
    served(Raw::connect_from(&server, "127.0.0.2").await).await;
    list.set_allowed(None::<[&str; 0]>).unwrap();
    refused(Raw::connect(&server).await).await;
    served(Raw::connect_from(&server, "127.0.0.2").await).await;
}

#[tokio::test]
async fn an_ipv4_client_of_an_ipv6_listener_is_at_its_ipv4_address() {
    let list = AddressList::allowing(["127.0.0.0/8"]).unwrap();
    let builder = echo().connection_guard(list.clone()).listen("[::]:0");
    let server = builder.build().unwrap().start().await.unwrap();
    let port = server.local_addr().unwrap().port();
    served(Raw::connect_to(([127, 0, 0, 1], port).into()).await).await;
    refused(Raw::connect_to((std::net::Ipv6Addr::LOCALHOST, port).into()).await).await;
    list.allow("::1").unwrap();
    served(Raw::connect_to((std::net::Ipv6Addr::LOCALHOST, port).into()).await).await;
}
