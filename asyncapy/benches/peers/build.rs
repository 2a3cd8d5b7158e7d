//! Writes tonic's side of the service, as its `.proto` file would (no `protoc` is needed for it), and looks up the
//! versions of what is compared.

use tonic_build::manual::{Builder, Method, Service};

const CODEC: &str = "tonic_prost::ProstCodec";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=PEERS={}", versions());
    let method = |name: &str, route: &str, input: &str, output: &str| {
        Method::builder().name(name).route_name(route).input_type(input).output_type(output).codec_path(CODEC)
    };
    let service = Service::builder()
        .package("peers")
        .name("Orders")
        .method(method("echo", "Echo", "crate::order::Order", "crate::order::Order").build())
        .method(method("sum", "Sum", "super::Terms", "super::Total").build())
        .method(method("orders", "Orders", "super::Wanted", "crate::order::Order").server_streaming().build())
        .method(method("blobs", "Blobs", "super::Wanted", "super::Blob").server_streaming().build())
        .build();
    Builder::new().compile(&[service]);
}

/// Name and version of each, as they are locked.
fn versions() -> String {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string("Cargo.lock").unwrap();
    let version = |name: &&str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).unwrap();
        format!("{name} {}", rest.split('"').next().unwrap())
    };
    ["tarpc", "tonic", "jsonrpsee", "rmp-serde", "tokio"].iter().map(version).collect::<Vec<_>>().join(", ")
}
