//! Invocations and their responses as wascc-host 0.14 makes them, and other spellings of an invocation.

use crate::file::hex;
use crate::messages;
use crate::pack;
use lattice_host::{fixed_key, Entity, Invocation, InvocationResponse};
use serde::Serialize;
use serde_json::{json, Value};
use wascap::prelude::KeyPair;
use wascc_codec::core::CapabilityConfiguration;
use wascc_codec::keyvalue::*;
use wascc_codec::{deserialize, serialize};

/// When everything is issued: 2020-09-13 12:26:40 UTC. A test that reads these says that this is now.
pub const NOW_S: u64 = 1_600_000_000;

pub struct World {
    pub account: KeyPair,
    pub actor: String,
    pub other_actor: String,
    pub host: KeyPair,
    pub stranger: KeyPair,
}

impl World {
    pub fn new() -> World {
        World {
            account: fixed_key('A', 1),
            actor: fixed_key('M', 2).public_key(),
            other_actor: fixed_key('M', 3).public_key(),
            host: fixed_key('N', 4),
            stranger: fixed_key('N', 5),
        }
    }

    /// Not signed yet. The id tells the vectors apart, as a host's UUIDs do.
    pub fn unsigned(
        &self,
        origin: Entity,
        target: Entity,
        operation: &str,
        msg: Vec<u8>,
        number: usize,
    ) -> Invocation {
        let id = format!("00000000-0000-4000-8000-{:012}", number);
        Invocation::unsigned(origin, target, operation, msg, &id)
    }

    /// The claims that hold for it, issued at NOW_S by this world's host.
    pub fn claims(&self, invocation: &Invocation) -> wascap::jwt::Claims<wascap::jwt::Invocation> {
        let mut claims = invocation.claims(&self.host.public_key());
        claims.issued_at = NOW_S;
        claims.id = "AAAAAAAAAAAAAAAAAAAAAA".to_string();
        claims
    }

    pub fn signed(&self, mut invocation: Invocation) -> Invocation {
        let claims = self.claims(&invocation);
        invocation.sign(&self.host, &claims);
        invocation
    }

    /// What the actor calls through the binding `default`.
    pub fn call(&self, operation: &str, msg: Vec<u8>, number: usize) -> Invocation {
        self.unsigned(Entity::actor(&self.actor), Entity::keyvalue("default"), operation, msg, number)
    }

    pub fn get(&self, number: usize) -> Invocation {
        self.call("Get", serialize(GetRequest { key: "k".into() }).expect("a request is written"), number)
    }
}

/// Each field as rmp-serde writes it, in order.
pub fn parts(invocation: &Invocation) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("origin", serialize(&invocation.origin).expect("an entity is written")),
        ("target", serialize(&invocation.target).expect("an entity is written")),
        ("operation", pack::text(&invocation.operation)),
        ("msg", pack::octets(&invocation.msg)),
        ("id", pack::text(&invocation.id)),
        ("encoded_claims", pack::text(&invocation.encoded_claims)),
        ("host_id", pack::text(&invocation.host_id)),
    ]
}

fn entity(entity: &Entity) -> Value {
    match entity {
        Entity::Actor(key) => json!({ "actor": key }),
        Entity::Capability { capid, binding } => json!({ "capid": capid, "binding": binding }),
    }
}

fn vector(name: &str, form: &str, invocation: &Invocation, bytes: &[u8]) -> Value {
    let read: Invocation = deserialize(bytes).unwrap_or_else(|e| panic!("{}: {}", name, e));
    assert_eq!(&read, invocation, "{}", name);
    invocation.check().unwrap_or_else(|e| panic!("{}: {}", name, e));
    json!({
        "name": name, "enum_form": form,
        "origin": entity(&invocation.origin), "target": entity(&invocation.target),
        "operation": invocation.operation, "msg": hex(&invocation.msg), "id": invocation.id,
        "encoded_claims": invocation.encoded_claims, "host_id": invocation.host_id,
        "origin_url": invocation.origin_url(), "target_url": invocation.target_url(), "hash": invocation.hash(),
        "iat": NOW_S, "hex": hex(bytes),
    })
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    fn bytes<T: Serialize>(message: T) -> Vec<u8> {
        serialize(message).expect("a request is written")
    }
    let (key, value) = || -> (String, String) { ("k".into(), "ß".into()) }();
    let keys = vec!["a".to_string(), "b".to_string()];
    vec![
        ("Get", bytes(GetRequest { key: key.clone() })),
        ("Set", bytes(SetRequest { key: key.clone(), value: value.clone(), expires_s: 60 })),
        ("Del", bytes(DelRequest { key: key.clone() })),
        ("Add", bytes(AddRequest { key: key.clone(), value: -200 })),
        ("Push", bytes(ListPushRequest { key: key.clone(), value: value.clone() })),
        ("ListItemDelete", bytes(ListDelItemRequest { key: key.clone(), value: value.clone() })),
        ("Range", bytes(ListRangeRequest { key: key.clone(), start: 0, stop: -1 })),
        ("Clear", bytes(ListClearRequest { key: key.clone() })),
        ("SetAdd", bytes(SetAddRequest { key: key.clone(), value: value.clone() })),
        ("SetRemove", bytes(SetRemoveRequest { key: key.clone(), value })),
        ("SetQuery", bytes(SetQueryRequest { key: key.clone() })),
        ("SetUnion", bytes(SetUnionRequest { keys: keys.clone() })),
        ("SetIntersection", bytes(SetIntersectionRequest { keys })),
        ("KeyExists", bytes(KeyExistsQuery { key })),
    ]
}

/// As wascc-host writes them: serialized whole by wascc-codec.
pub fn written(world: &World) -> Vec<Value> {
    let add = |name: &str, invocation: Invocation| {
        let invocation = world.signed(invocation);
        let bytes = serialize(&invocation).expect("an invocation is written");
        assert_eq!(bytes, pack::fields(&parts(&invocation)));
        vector(name, "index", &invocation, &bytes)
    };
    let system = |operation: &str, msg: Vec<u8>, number: usize| {
        world.unsigned(Entity::actor("system"), Entity::keyvalue("default"), operation, msg, number)
    };
    let bind = serialize(messages::bound(&world.account.public_key(), &world.actor)).expect("it is written");
    let unbind = CapabilityConfiguration { module: world.actor.clone(), values: Default::default() };
    let mut vectors = vec![
        add("BindActor", system("BindActor", bind, 1)),
        add("RemoveActor", system("RemoveActor", serialize(unbind).expect("it is written"), 2)),
        add("GetCapabilityDescriptor, nothing in msg", system("GetCapabilityDescriptor", vec![], 3)),
        add("every byte in msg", world.call("Get", (0..=255).collect(), 4)),
        add("65536 bytes in msg", world.call("Get", vec![7; 65536], 5)),
        add(
            "a binding in capitals with a space, whose URL has neither",
            world.unsigned(Entity::actor(&world.actor), Entity::keyvalue("My Binding"), "Get", vec![0x80], 6),
        ),
        add(
            "from a provider to an actor",
            world.unsigned(
                Entity::keyvalue("default"),
                Entity::actor(&world.actor),
                "HandleRequest",
                vec![],
                7,
            ),
        ),
    ];
    for (i, (operation, msg)) in requests().into_iter().enumerate() {
        vectors.push(add(operation, world.call(operation, msg, 20 + i)));
    }
    vectors
}

fn entity_by_name(entity: &Entity) -> Vec<u8> {
    let mut bytes = Vec::new();
    entity
        .serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_string_variants())
        .expect("an entity is written");
    bytes
}

fn replaced(invocation: &Invocation, name: &str, value: Vec<u8>) -> Vec<u8> {
    let mut all = parts(invocation);
    all.iter_mut().filter(|part| part.0 == name).for_each(|part| part.1 = value.clone());
    pack::fields(&all)
}

fn whole_by_name(invocation: &Invocation) -> Vec<u8> {
    let mut bytes = Vec::new();
    invocation
        .serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map().with_string_variants())
        .expect("an invocation is written");
    bytes
}

/// Other spellings that mean the same, and that are read by rmp-serde too but for binary data.
pub fn other_spellings(world: &World) -> Vec<Value> {
    let one = world.signed(world.get(100));
    let indexed = |header: &[u8], entity: &Entity| {
        [header, &serialize(entity).expect("an entity is written")[2..]].concat()
    };
    let mut backwards = parts(&one);
    backwards.reverse();
    let mut wider = parts(&one);
    wider.insert(3, ("other", pack::nested_maps(8)));
    wider.push(("tracing", pack::fields(&[("span", vec![0xc4, 1, 0xff])])));
    let long_octets: Vec<u8> = one.msg.iter().flat_map(|byte| [0xcd, 0, *byte]).collect();
    let count = one.msg.len() as u8;
    let spellings = [
        ("enums by name", "name", whole_by_name(&one)),
        ("origin by name alone", "name and index", replaced(&one, "origin", entity_by_name(&one.origin))),
        ("target by name alone", "index and name", replaced(&one, "target", entity_by_name(&one.target))),
        ("the index as uint 8", "index", replaced(&one, "target", indexed(&[0x81, 0xcc, 1], &one.target))),
        ("the index as uint 64", "index", {
            replaced(&one, "origin", indexed(&[0x81, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0], &one.origin))
        }),
        ("the enum's map as map 32", "index", {
            replaced(&one, "target", indexed(&[0xdf, 0, 0, 0, 1, 1], &one.target))
        }),
        ("the target's fields in another order", "index", {
            let fields =
                pack::fields(&[("binding", pack::text("default")), ("capid", pack::text("wascc:keyvalue"))]);
            replaced(&one, "target", [&[0x81, 1], &fields[..]].concat())
        }),
        ("a field of the target that is not known", "index", {
            let fields = [
                ("capid", pack::text("wascc:keyvalue")),
                ("x", vec![0xc0]),
                ("binding", pack::text("default")),
            ];
            replaced(&one, "target", [&[0x81, 1], &pack::fields(&fields)[..]].concat())
        }),
        ("fields in another order", "index", pack::fields(&backwards)),
        ("fields that are not known", "index", pack::fields(&wider)),
        ("map 16", "index", [&[0xde, 0, 7], &pack::fields(&parts(&one))[1..]].concat()),
        ("msg as array 32 of uint 16", "index", {
            replaced(&one, "msg", [&[0xdd, 0, 0, 0, count], &long_octets[..]].concat())
        }),
        (
            "the id as str 32",
            "index",
            replaced(&one, "id", [&[0xdb, 0, 0, 0, 36], one.id.as_bytes()].concat()),
        ),
    ];
    let mut vectors: Vec<Value> =
        spellings.iter().map(|(name, form, bytes)| vector(name, form, &one, bytes)).collect();
    for (name, header) in [
        ("msg as bin 8", vec![0xc4, count]),
        ("msg as bin 16", vec![0xc5, 0, count]),
        ("msg as bin 32", vec![0xc6, 0, 0, 0, count]),
    ] {
        let mut binary = vector(name, "index", &one, &serialize(&one).expect("an invocation is written"));
        binary["hex"] = json!(hex(&replaced(&one, "msg", [&header[..], &one.msg].concat())));
        vectors.push(binary);
    }
    vectors
}

/// Responses: what a provider has to write, byte for byte, and what the host reads in it.
pub fn responses() -> Vec<Value> {
    let id = || "00000000-0000-4000-8000-000000000100".to_string();
    let good = |name: &str, msg: Vec<u8>| {
        (name.to_string(), InvocationResponse { msg, error: None, invocation_id: id() })
    };
    let bad = |name: &str, error: String| {
        (name.to_string(), InvocationResponse { msg: vec![], error: Some(error), invocation_id: id() })
    };
    let mut all = vec![
        good("nothing in msg", vec![]),
        good("every byte", (0..=255).collect()),
        good(
            "a GetResponse",
            serialize(GetResponse { value: "ß".into(), exists: true }).expect("it is written"),
        ),
        bad("an empty error", String::new()),
        bad("umlaut and cheese", "Käse \u{1F9C0}".to_string()),
        bad(
            "an operation on the binding's own subject",
            "Attempted to invoke binding-required operation on unbound provider".to_string(),
        ),
    ];
    for length in [15, 16, 65535, 65536] {
        all.push(good(&format!("{} bytes of 127", length), vec![127; length]));
    }
    all.push(good("40000 bytes of 128", vec![128; 40000]));
    for length in [31, 32, 255, 256, 65535, 65536] {
        all.push(bad(&format!("an error of {} bytes", length), "x".repeat(length)));
    }
    let nameless =
        InvocationResponse { msg: vec![], error: Some("no invocation".into()), invocation_id: String::new() };
    all.push(("no invocation was read".to_string(), nameless));
    all.into_iter()
        .map(|(name, response)| {
            let bytes = serialize(&response).expect("a response is written");
            let error = crate::file::shorten(json!(response.error));
            let id = &response.invocation_id;
            json!({ "name": name, "msg": hex(&response.msg), "error": error, "invocation_id": id, "hex": hex(&bytes) })
        })
        .collect()
}
