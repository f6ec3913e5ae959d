//! Compiles `proto/` to Rust types and their proto3 JSON, without `protoc`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let events = proto.join("afterglow/events/v1");
    println!("cargo:rerun-if-changed={}", events.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(&events)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();

    let descriptors = protox::compile(&files, [&proto])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let bytes = descriptors.encode_to_vec();
    fs::write(out.join("descriptors.bin"), &bytes)?;

    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .compile_well_known_types()
        .extern_path(".google.protobuf.Timestamp", "crate::well_known::Timestamp")
        // Names and addresses do not print.
        .skip_debug([".afterglow.events.v1.Recipient"])
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .extern_path(".google.protobuf", "crate::well_known")
        .btree_map(["."])
        .ignore_unknown_fields()
        .ignore_unknown_enum_variants()
        .build(&[".afterglow.events.v1"])?;
    Ok(())
}
