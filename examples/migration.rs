//! Migration: the two examples of AsyncAPY's document, each beside its Python code.

use asyncapy::prelude::*;

// @server.add_handler(Filters.Fields(foo="\d+", bar=None), Filters.Ip(["127.0.0.1", "151.53.88.15"]))
// async def filtered_handler(client, packet):
//     print(f"Look at this! {client} sent me {packet}!")
//     await client.close()
#[handler(order = -1, fields(foo = r"\d+", bar), ip = ["127.0.0.1", "151.53.88.15"])]
async fn filtered_handler(client: Client, packet: Packet) {
    println!("Look at this! {client} sent me {packet}!");
    client.close();
}

// @server.add_handler()
// async def echo_server(client, packet):
//     print(f"Hello world from {client}!")
//     print(f"Echoing back {packet}...")
//     await client.send(packet)
//     await client.close()
#[handler]
async fn echo_server(client: Client, packet: Packet) -> Result<()> {
    println!("Hello world from {client}!");
    println!("Echoing back {packet}...");
    client.send(&packet).await?;
    client.close();
    Ok(())
}

// @server.add_handler(group=-1)
// async def echo_server_2(client, packet):
//     print(f"Hello world from {client} inside a group!")
//     print(f"Echoing back {packet}...")
//     await client.send(packet)
//     # packet.stop_propagation() # This would prevent the packet from being forwarded
//     # to the next handler
#[handler(group = -1)]
async fn echo_server_2(client: Client, packet: Packet) -> Result<()> {
    println!("Hello world from {client} inside a group!");
    println!("Echoing back {packet}...");
    client.send(&packet).await
    // packet.stop_propagation(); // This would prevent the packet from being forwarded
    // to the next handler
}

#[tokio::main]
async fn main() -> Result<()> {
    // server = Server(addr="127.0.0.1", port=1500)
    let server = Server::builder().addr("127.0.0.1").port(1500).linked().build()?;
    // server.start()  would be  server.run().await

    // client = client.Client(tls=False, encoding="json")
    // client.connect("127.0.0.1", 1500)
    let client = server.test_client().await?;
    // client.send({"test": 1})
    client.send(&json!({"test": 1})).await?;
    // response = client.receive()
    for _ in 0..2 {
        let response = client.receive().await?;
        println!("{response}");
        assert_eq!(response["test"], 1);
    }
    Ok(())
}
