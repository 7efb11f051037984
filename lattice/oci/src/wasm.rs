//! Telling components from other bytes.

/// Why bytes are no component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A core WebAssembly module.
    Module,
    /// WebAssembly of a version that nobody here knows.
    UnknownVersion,
    /// A gzip or tar archive, as images of containers have.
    Archive,
    /// Anything else.
    NotWasm,
}

/// Looks at the first bytes.
///
/// # Errors
/// Says what else it is.
pub fn check_component(bytes: &[u8]) -> Result<(), Flaw> {
    const MAGIC: &[u8] = b"\0asm";
    const TAR_MAGIC_AT: usize = 257;
    match (bytes.get(..4), bytes.get(4..8)) {
        (Some(MAGIC), Some([_, _, 1, 0])) => Ok(()),
        (Some(MAGIC), Some([1, 0, 0, 0])) => Err(Flaw::Module),
        (Some(MAGIC), _) => Err(Flaw::UnknownVersion),
        (Some([0x1f, 0x8b, ..]), _) => Err(Flaw::Archive),
        _ if bytes.get(TAR_MAGIC_AT..TAR_MAGIC_AT + 5) == Some(b"ustar") => Err(Flaw::Archive),
        _ => Err(Flaw::NotWasm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        let check = |bytes: &[u8], expect| assert_eq!(check_component(bytes), expect, "{bytes:?}");
        check(b"\0asm\x0d\0\x01\0", Ok(()));
        check(b"\0asm\x01\0\0\0", Err(Flaw::Module));
        check(b"\0asm", Err(Flaw::UnknownVersion));
        check(b"\x1f\x8b\x08\0", Err(Flaw::Archive));
        check(b"#!/bin/sh", Err(Flaw::NotWasm));
        check(b"", Err(Flaw::NotWasm));
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        check(&tar, Err(Flaw::Archive));
    }
}
