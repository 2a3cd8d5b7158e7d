//! Payloads sealed under a shared key, where there is no TLS; compressed first. The key is changed while the server runs.

use asyncapy::prelude::*;
use asyncapy::rpc::Peer;
use asyncapy::security::{SealKey, SealKeys};
use tokio::net::TcpStream;

#[rpc]
async fn report(station: String, readings: Vec<f64>) -> String {
    let mean = readings.iter().sum::<f64>() / readings.len().max(1) as f64;
    format!("{station}: {mean:.1} degrees")
}

#[tokio::main]
async fn main() -> Result<()> {
    // A file of lines `id secret` does as well: `SealKeys::from_file`. Each client has a key of its own.
    let harbour = SealKey::generate("harbour-1")?;
    let keys = SealKeys::new([harbour.clone()])?;
    let server = Server::builder().register(report).listen("127.0.0.1:0").sealed(keys.clone()).compress(3);
    let server = server.build()?.start().await?;
    let address = server.local_addr().expect("a TCP listener");

    let stream = TcpStream::connect(address).await?;
    let station = Peer::builder().sealed(harbour.clone()).compress(3).over(stream)?;
    println!("{}", report::call(&station, "harbour".to_owned(), vec![17.5; 1_000]).await?);

    // Nobody is served who has no key.
    let stranger = Peer::builder().over(TcpStream::connect(address).await?)?;
    let status = report::call(&stranger, "harbour".to_owned(), vec![99.9]).await.expect_err("it is refused");
    println!("a stranger: {}", status.code);
    assert_eq!(status.code, Code::SealRequired);

    // Rotation: the new key comes, the old one goes; who is connected stays so.
    let next = SealKey::generate("harbour-2")?;
    keys.add(next.clone())?;
    keys.retire("harbour-1");
    println!("{}", report::call(&station, "harbour".to_owned(), vec![18.0]).await?);
    let late = Peer::builder().sealed(harbour).over(TcpStream::connect(address).await?)?;
    let status = report::call(&late, "harbour".to_owned(), vec![18.0]).await.expect_err("it is refused");
    println!("the old key: {}", status.code);
    assert_eq!(status.code, Code::SealInvalid);
    let station = Peer::builder().sealed(next).over(TcpStream::connect(address).await?)?;
    println!("{}", report::call(&station, "harbour".to_owned(), vec![18.5]).await?);

    server.shutdown().await?;
    Ok(())
}
