//! The fuzz targets' corpus, through the same functions.

use std::path::Path;

use super::super::__fuzz;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        run(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 20, "{} holds {files} files", folder.display());
}

#[test]
fn frame() {
    replay("frame", __fuzz::frame);
}

#[test]
fn frame_v3() {
    replay("frame_v3", __fuzz::frame_v3);
}

#[test]
fn metadata() {
    replay("metadata", __fuzz::metadata);
}

#[test]
fn json_index() {
    replay("json_index", __fuzz::json_index);
}

#[test]
fn msgpack_index() {
    replay("msgpack_index", __fuzz::msgpack_index);
}

#[cfg(feature = "zstd")]
#[test]
fn decompress() {
    replay("decompress", __fuzz::decompress);
}
