//! MessagePack by hand, for bytes that no serializer would write.

pub fn text(value: &str) -> Vec<u8> {
    raw_text(value.as_bytes())
}

pub fn raw_text(value: &[u8]) -> Vec<u8> {
    let mut bytes = match value.len() {
        n if n < 32 => vec![0xa0 | n as u8],
        n if n < 256 => vec![0xd9, n as u8],
        n if n < 65536 => [&[0xda][..], &(n as u16).to_be_bytes()].concat(),
        n => [&[0xdb][..], &(n as u32).to_be_bytes()].concat(),
    };
    bytes.extend(value);
    bytes
}

/// An array of these items, each packed already.
pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = match items.len() {
        n if n < 16 => vec![0x90 | n as u8],
        n if n < 65536 => [&[0xdc][..], &(n as u16).to_be_bytes()].concat(),
        n => [&[0xdd][..], &(n as u32).to_be_bytes()].concat(),
    };
    items.iter().for_each(|item| bytes.extend(item));
    bytes
}

/// A Vec<u8> as rmp-serde writes it.
pub fn octets(value: &[u8]) -> Vec<u8> {
    array(
        &value
            .iter()
            .map(|byte| if *byte < 128 { vec![*byte] } else { vec![0xcc, *byte] })
            .collect::<Vec<_>>(),
    )
}

/// A map of fewer than 16 entries, keys and values packed already.
pub fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    assert!(entries.len() < 16);
    let mut bytes = vec![0x80 | entries.len() as u8];
    for (key, value) in entries {
        bytes.extend(key);
        bytes.extend(value);
    }
    bytes
}

/// The same with field names as keys.
pub fn fields(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    map(&entries.iter().map(|(name, value)| (text(name), value.clone())).collect::<Vec<_>>())
}

/// `depth` arrays, each inside the one before, around nil.
pub fn nested_arrays(depth: usize) -> Vec<u8> {
    [vec![0x91; depth], vec![0xc0]].concat()
}

/// `depth` maps, each the value in the one before, around nil.
pub fn nested_maps(depth: usize) -> Vec<u8> {
    [[0x81, 0xc0].repeat(depth), vec![0xc0]].concat()
}
