//! A layer imports only those below it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up.
const LAYERS: [&str; 12] = [
    "error", "wire", "security", "packet", "handler", "dispatch", "mux", "rpc", "client", "server",
    "gateway", "cli",
];

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The layers that the code of a file names, comments and examples left out.
fn imports(source: &str) -> Vec<&str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.split(|character: char| !character.is_alphanumeric() && character != '_')
                .next()
                .unwrap_or("")
        })
        .collect()
}

#[test]
fn layers_import_only_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../asyncapy/src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (own, layer) in LAYERS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&root.join(layer), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).expect("a source file");
            for import in imports(&source) {
                seen += 1;
                if rank(import).is_some_and(|other| other > own) {
                    wrong.push(format!("{} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} imports were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
