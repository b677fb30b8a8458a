//! The messages that travel in `msg`: as wascc_codec::serialize writes them, in other spellings that it reads, and such
//! as it refuses.

use crate::file::{hex, shorten};
use crate::pack;
use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::{json, Value};
use std::collections::HashMap;
use std::fmt::Debug;
use wascc_codec::capabilities::{CapabilityDescriptor, OperationDirection};
use wascc_codec::core::{CapabilityConfiguration, HealthRequest};
use wascc_codec::keyvalue::*;
use wascc_codec::{deserialize, serialize};

const NUMBERS: [i32; 24] = [
    0,
    1,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    16777216,
    i32::MAX,
    -1,
    -31,
    -32,
    -33,
    -127,
    -128,
    -129,
    -32768,
    -32769,
    -65536,
    i32::MIN + 1,
    i32::MIN,
];

/// Lengths on both sides of each form of a string.
const LENGTHS: [usize; 6] = [31, 32, 255, 256, 65535, 65536];

fn texts() -> Vec<(String, String)> {
    let mut all = vec![
        ("plain".to_string(), "a".to_string()),
        ("empty".to_string(), String::new()),
        ("umlaut and cheese".to_string(), "Käse \u{1F9C0}".to_string()),
        (
            "all planes".to_string(),
            "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".to_string(),
        ),
        ("NUL inside".to_string(), "a\0b".to_string()),
        ("controls and quotes".to_string(), "\"\\\t\r\n\u{1}".to_string()),
        ("combining and right-to-left".to_string(), "e\u{301} \u{5d0}\u{202e}".to_string()),
    ];
    all.extend(LENGTHS.iter().map(|n| (format!("{} bytes", n), "x".repeat(*n))));
    all
}

fn lists() -> Vec<(String, Vec<String>)> {
    let mut all = vec![
        ("no items".to_string(), vec![]),
        ("one empty item".to_string(), vec![String::new()]),
        ("three items, one twice".to_string(), vec!["a".into(), "ß".into(), "a".into()]),
        ("a long item".to_string(), vec!["y".repeat(256)]),
    ];
    all.extend([15, 16, 65535, 65536].iter().map(|n| (format!("{} items", n), vec![String::new(); *n])));
    all
}

#[derive(Default)]
struct Written(Vec<Value>);

impl Written {
    fn add<T>(&mut self, kind: &str, name: &str, message: T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        let bytes = serialize(&message).expect("a message is written");
        let read: T = deserialize(&bytes).expect("what was written is read");
        assert_eq!(read, message);
        let fields = serde_json::to_value(&message).expect("a message has a JSON form");
        self.0.push(json!({ "type": kind, "name": name, "fields": shorten(fields), "hex": hex(&bytes) }));
    }

    fn add_keyed<T>(&mut self, kind: &str, make: fn(String) -> T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for (name, text) in texts() {
            self.add(kind, &format!("text: {}", name), make(text));
        }
    }

    fn add_pairs<T>(&mut self, kind: &str, make: fn(String, String) -> T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for (name, text) in texts() {
            self.add(kind, &format!("key: {}", name), make(text.clone(), "v".into()));
            self.add(kind, &format!("value: {}", name), make("k".into(), text));
        }
    }

    fn add_lists<T>(&mut self, kind: &str, make: fn(Vec<String>) -> T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for (name, list) in lists() {
            self.add(kind, &name, make(list));
        }
    }

    fn add_numbers<T>(&mut self, kind: &str, make: fn(i32) -> T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for number in NUMBERS {
            self.add(kind, &number.to_string(), make(number));
        }
    }
}

fn add_keyvalue(out: &mut Written) {
    out.add_keyed("GetRequest", |key| GetRequest { key });
    out.add_keyed("GetResponse", |value| GetResponse { value, exists: true });
    out.add("GetResponse", "there is none", GetResponse { value: String::new(), exists: false });
    out.add_pairs("SetRequest", |key, value| SetRequest { key, value, expires_s: 0 });
    out.add_numbers("SetRequest", |expires_s| SetRequest { key: "k".into(), value: "v".into(), expires_s });
    out.add_keyed("SetResponse", |value| SetResponse { value });
    out.add_keyed("DelRequest", |key| DelRequest { key });
    out.add_keyed("DelResponse", |key| DelResponse { key });
    out.add_keyed("AddRequest", |key| AddRequest { key, value: 1 });
    out.add_numbers("AddRequest", |value| AddRequest { key: "k".into(), value });
    out.add_numbers("AddResponse", |value| AddResponse { value });
    out.add_pairs("ListPushRequest", |key, value| ListPushRequest { key, value });
    out.add_pairs("ListDelItemRequest", |key, value| ListDelItemRequest { key, value });
    out.add_keyed("ListClearRequest", |key| ListClearRequest { key });
    out.add_keyed("ListRangeRequest", |key| ListRangeRequest { key, start: 0, stop: -1 });
    out.add_numbers("ListRangeRequest", |start| ListRangeRequest { key: "k".into(), start, stop: 1 });
    out.add_numbers("ListRangeRequest", |stop| ListRangeRequest { key: "k".into(), start: 1, stop });
    out.add_lists("ListRangeResponse", |values| ListRangeResponse { values });
    out.add_numbers("ListResponse", |new_count| ListResponse { new_count });
    out.add_pairs("SetAddRequest", |key, value| SetAddRequest { key, value });
    out.add_pairs("SetRemoveRequest", |key, value| SetRemoveRequest { key, value });
    out.add_keyed("SetQueryRequest", |key| SetQueryRequest { key });
    out.add_lists("SetQueryResponse", |values| SetQueryResponse { values });
    out.add_lists("SetIntersectionRequest", |keys| SetIntersectionRequest { keys });
    out.add_lists("SetUnionRequest", |keys| SetUnionRequest { keys });
    out.add_numbers("SetOperationResponse", |new_count| SetOperationResponse { new_count });
    out.add_keyed("KeyExistsQuery", |key| KeyExistsQuery { key });
}

/// A HashMap has no order of its own: it is made anew until it happens to have this one, so that the file is the same
/// each time.
fn ordered(entries: &[(&str, &str)]) -> HashMap<String, String> {
    loop {
        let map: HashMap<String, String> =
            entries.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        if map.keys().map(String::as_str).eq(entries.iter().map(|(key, _)| *key)) {
            return map;
        }
    }
}

/// What a host sends with BindActor, in the order of the names.
pub fn bound(issuer: &str, actor: &str) -> CapabilityConfiguration {
    let values = ordered(&[
        ("KEYSPACE", "blue"),
        ("__wascc_capabilities", "wascc:http_server,wascc:keyvalue"),
        ("__wascc_expires", "0"),
        ("__wascc_issuer", issuer),
        ("__wascc_name", "Counter"),
        ("__wascc_tags", ""),
    ]);
    CapabilityConfiguration { module: actor.to_string(), values }
}

fn descriptor(operations: usize, revision: u32) -> CapabilityDescriptor {
    let directions = [OperationDirection::ToActor, OperationDirection::ToProvider, OperationDirection::Both];
    (0..operations)
        .fold(
            CapabilityDescriptor::builder()
                .id("wascc:keyvalue")
                .name("Käse store")
                .version("1.2.3")
                .revision(revision)
                .long_description("keeps values"),
            |builder, i| builder.with_operation(&format!("Op{}", i), directions[i % 3].clone(), "does it"),
        )
        .build()
}

fn add_core(out: &mut Written, issuer: &str, actor: &str) {
    let empty = |module: &str| CapabilityConfiguration { module: module.to_string(), values: HashMap::new() };
    out.add("CapabilityConfiguration", "BindActor as a host sends it", bound(issuer, actor));
    out.add("CapabilityConfiguration", "RemoveActor as a host sends it", empty(actor));
    out.add("CapabilityConfiguration", "no module", empty(""));
    for (name, text) in texts() {
        let values = ordered(&[("a", &text)]);
        out.add(
            "CapabilityConfiguration",
            &format!("a value: {}", name),
            CapabilityConfiguration { module: "M".into(), values },
        );
    }
    out.add("HealthRequest", "false", HealthRequest { placeholder: false });
    out.add("HealthRequest", "true", HealthRequest { placeholder: true });
    for (operations, revision) in [(0, 0), (1, 127), (3, 128), (15, 65536), (16, u32::MAX)] {
        out.add(
            "CapabilityDescriptor",
            &format!("{} operations, revision {}", operations, revision),
            descriptor(operations, revision),
        );
    }
}

/// Every message of contract sections 3 and 7.
pub fn written(issuer: &str, actor: &str) -> Vec<Value> {
    let mut out = Written::default();
    add_keyvalue(&mut out);
    add_core(&mut out, issuer, actor);
    out.0
}

fn key() -> (&'static str, Vec<u8>) {
    ("key", pack::text("k"))
}

fn read_as<T: Serialize + DeserializeOwned>(kind: &str, name: &str, bytes: Vec<u8>) -> Value {
    let read: T = deserialize(&bytes).unwrap_or_else(|e| panic!("{}, {}: {}", kind, name, e));
    let fields = serde_json::to_value(&read).expect("a message has a JSON form");
    json!({ "type": kind, "name": name, "fields": shorten(fields), "hex": hex(&bytes) })
}

fn long_map(entries: &[(&str, Vec<u8>)], header: &[u8]) -> Vec<u8> {
    [header, &pack::fields(entries)[1..]].concat()
}

/// Spellings that rmp-serde reads and does not write itself: those of other MessagePack libraries.
pub fn other_spellings() -> Vec<Value> {
    let add = |name: &str, value: &[u8]| {
        read_as::<AddRequest>("AddRequest", name, pack::fields(&[key(), ("value", value.to_vec())]))
    };
    let one = ("value", vec![1u8]);
    vec![
        add("1 as uint 8", &[0xcc, 1]),
        add("1 as uint 16", &[0xcd, 0, 1]),
        add("1 as uint 32", &[0xce, 0, 0, 0, 1]),
        add("1 as uint 64", &[0xcf, 0, 0, 0, 0, 0, 0, 0, 1]),
        add("1 as int 8", &[0xd0, 1]),
        add("1 as int 16", &[0xd1, 0, 1]),
        add("1 as int 32", &[0xd2, 0, 0, 0, 1]),
        add("1 as int 64", &[0xd3, 0, 0, 0, 0, 0, 0, 0, 1]),
        add("-1 as int 8", &[0xd0, 0xff]),
        add("-1 as int 64", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        add("the largest as int 32", &[0xd2, 0x7f, 0xff, 0xff, 0xff]),
        add("the smallest as int 64", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0]),
        read_as::<AddRequest>("AddRequest", "fields in another order", pack::fields(&[one.clone(), key()])),
        read_as::<AddRequest>(
            "AddRequest",
            "fields that are not known",
            pack::fields(&[
                ("other", pack::nested_maps(8)),
                key(),
                ("", vec![0xc4, 1, 0xff]),
                one.clone(),
                ("ext", vec![0xd4, 1, 0]),
                ("float", vec![0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
            ]),
        ),
        read_as::<AddRequest>("AddRequest", "map 16", long_map(&[key(), one.clone()], &[0xde, 0, 2])),
        read_as::<AddRequest>("AddRequest", "map 32", long_map(&[key(), one], &[0xdf, 0, 0, 0, 2])),
        read_as::<GetRequest>(
            "GetRequest",
            "the key as str 8",
            pack::fields(&[("key", vec![0xd9, 1, b'k'])]),
        ),
        read_as::<GetRequest>(
            "GetRequest",
            "the key as str 16",
            pack::fields(&[("key", vec![0xda, 0, 1, b'k'])]),
        ),
        read_as::<GetRequest>(
            "GetRequest",
            "the key as str 32",
            pack::fields(&[("key", vec![0xdb, 0, 0, 0, 1, b'k'])]),
        ),
        read_as::<GetRequest>(
            "GetRequest",
            "the name as str 8",
            vec![0x81, 0xd9, 3, b'k', b'e', b'y', 0xa1, b'k'],
        ),
        read_as::<SetUnionRequest>("SetUnionRequest", "without keys", vec![0x80]),
        read_as::<SetIntersectionRequest>("SetIntersectionRequest", "without keys", vec![0x80]),
        read_as::<SetUnionRequest>(
            "SetUnionRequest",
            "array 16",
            pack::fields(&[("keys", vec![0xdc, 0, 1, 0xa1, b'k'])]),
        ),
        read_as::<SetUnionRequest>(
            "SetUnionRequest",
            "array 32",
            pack::fields(&[("keys", vec![0xdd, 0, 0, 0, 1, 0xa1, b'k'])]),
        ),
        read_as::<CapabilityConfiguration>(
            "CapabilityConfiguration",
            "without values",
            pack::fields(&[("module", pack::text("M"))]),
        ),
    ]
}

/// What is wrong, the type, and the bytes. rmp-serde refuses each; `tried` is false where trying would be reckless.
fn bad() -> Vec<(&'static str, &'static str, bool, Vec<u8>)> {
    let get = |value: &[u8]| pack::fields(&[("key", value.to_vec())]);
    let add = |value: &[u8]| pack::fields(&[key(), ("value", value.to_vec())]);
    let union = |value: &[u8]| pack::fields(&[("keys", value.to_vec())]);
    let config = |value: &[u8]| pack::fields(&[("module", pack::text("M")), ("values", value.to_vec())]);
    vec![
        ("no bytes", "GetRequest", true, vec![]),
        ("nil", "GetRequest", true, vec![0xc0]),
        ("an integer", "GetRequest", true, vec![1]),
        ("a string", "GetRequest", true, pack::text("key")),
        ("binary", "GetRequest", true, vec![0xc4, 1, 0]),
        ("the reserved byte", "GetRequest", true, vec![0xc1]),
        ("protobuf", "GetRequest", true, vec![0x0a, 1, b'k']),
        ("JSON", "GetRequest", true, br#"{"key":"k"}"#.to_vec()),
        ("the field is missing", "GetRequest", true, vec![0x80]),
        ("only another field", "GetRequest", true, pack::fields(&[("Key", pack::text("k"))])),
        ("the field is there twice", "GetRequest", true, pack::fields(&[key(), key()])),
        ("nil for a string", "GetRequest", true, get(&[0xc0])),
        ("an integer for a string", "GetRequest", true, get(&[1])),
        ("an array for a string", "GetRequest", true, get(&[0x91, 0xa1, b'k'])),
        ("a map for a string", "GetRequest", true, get(&[0x80])),
        ("true for a string", "GetRequest", true, get(&[0xc3])),
        ("a lone continuation byte", "GetRequest", true, get(&pack::raw_text(&[0x80]))),
        ("an overlong slash", "GetRequest", true, get(&pack::raw_text(&[0xc0, 0xaf]))),
        ("a surrogate", "GetRequest", true, get(&pack::raw_text(&[0xed, 0xa0, 0x80]))),
        ("beyond the last code point", "GetRequest", true, get(&pack::raw_text(&[0xf4, 0x90, 0x80, 0x80]))),
        ("a character cut off", "GetRequest", true, get(&pack::raw_text(&[b'k', 0xe2, 0x82]))),
        ("cut off in the map's header", "GetRequest", true, vec![0xde, 0]),
        ("cut off after the map's header", "GetRequest", true, vec![0x81]),
        ("cut off in the field's name", "GetRequest", true, vec![0x81, 0xa3, b'k']),
        ("cut off before the value", "GetRequest", true, vec![0x81, 0xa3, b'k', b'e', b'y']),
        ("cut off in the value", "GetRequest", true, vec![0x81, 0xa3, b'k', b'e', b'y', 0xa2, b'k']),
        (
            "two fields declared, one there",
            "GetRequest",
            true,
            [&[0x82], &get(&pack::text("k"))[1..]].concat(),
        ),
        ("2^32-1 fields declared", "GetRequest", true, vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        ("2^32-1 bytes of text declared", "GetRequest", false, get(&[0xdb, 0xff, 0xff, 0xff, 0xff, b'k'])),
        ("a name of 2^32-1 bytes declared", "GetRequest", false, vec![0x81, 0xdb, 0xff, 0xff, 0xff, 0xff]),
        ("a float for an integer", "AddRequest", true, add(&[0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0])),
        ("a float 32 for an integer", "AddRequest", true, add(&[0xca, 0x3f, 0x80, 0, 0])),
        ("a string for an integer", "AddRequest", true, add(&pack::text("1"))),
        ("nil for an integer", "AddRequest", true, add(&[0xc0])),
        ("true for an integer", "AddRequest", true, add(&[0xc3])),
        ("2^31", "AddRequest", true, add(&[0xce, 0x80, 0, 0, 0])),
        ("-2^31-1", "AddRequest", true, add(&[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff])),
        ("2^32", "AddRequest", true, add(&[0xcf, 0, 0, 0, 1, 0, 0, 0, 0])),
        ("2^64-1", "AddRequest", true, add(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("-2^63", "AddRequest", true, add(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0])),
        ("an integer cut off", "AddRequest", true, add(&[0xce, 0, 0])),
        ("a string for an array", "SetUnionRequest", true, union(&pack::text("k"))),
        ("nil for an array", "SetUnionRequest", true, union(&[0xc0])),
        ("a map for an array", "SetUnionRequest", true, union(&[0x81, 0xa1, b'k', 0xa1, b'v'])),
        ("an integer in the array", "SetUnionRequest", true, union(&[0x92, 0xa1, b'k', 1])),
        ("an array in the array", "SetUnionRequest", true, union(&[0x91, 0x90])),
        ("the array is cut off", "SetUnionRequest", true, union(&[0x92, 0xa1, b'k'])),
        ("2^32-1 items declared", "SetUnionRequest", true, union(&[0xdd, 0xff, 0xff, 0xff, 0xff])),
        ("an array for the values", "CapabilityConfiguration", true, config(&[0x92, 0xa1, b'a', 0xa1, b'b'])),
        ("an integer among the values", "CapabilityConfiguration", true, config(&[0x81, 0xa1, b'a', 1])),
        ("an integer as a value's name", "CapabilityConfiguration", true, config(&[0x81, 1, 0xa1, b'a'])),
        ("nil for the values", "CapabilityConfiguration", true, config(&[0xc0])),
        ("the module is missing", "CapabilityConfiguration", true, pack::fields(&[("values", vec![0x80])])),
        (
            "a field that is not known, 100000 arrays deep",
            "GetRequest",
            false,
            pack::fields(&[("x", pack::nested_arrays(100_000)), key()]),
        ),
        ("an array 100000 deep", "SetUnionRequest", false, union(&pack::nested_arrays(100_000))),
    ]
}

fn is_refused(kind: &str, bytes: &[u8]) -> bool {
    match kind {
        "GetRequest" => deserialize::<GetRequest>(bytes).is_err(),
        "AddRequest" => deserialize::<AddRequest>(bytes).is_err(),
        "SetUnionRequest" => deserialize::<SetUnionRequest>(bytes).is_err(),
        "CapabilityConfiguration" => deserialize::<CapabilityConfiguration>(bytes).is_err(),
        _ => panic!("{} is not known here", kind),
    }
}

pub fn refused() -> Vec<Value> {
    bad()
        .into_iter()
        .map(|(wrong, kind, tried, bytes)| {
            assert!(!tried || is_refused(kind, &bytes), "{} of {} was read", wrong, kind);
            json!({ "type": kind, "wrong": wrong, "hex": hex(&bytes) })
        })
        .collect()
}
