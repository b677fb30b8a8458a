//! Invocations that must be refused, each with one thing wrong. They come on the subject of the actor that `World`
//! names, at the binding `default`, where NOW_S is now and World's host the only one that is trusted.

use crate::file::hex;
use crate::invocations::{parts, World, NOW_S};
use crate::pack;
use lattice_host::{hash, Entity, Invocation};
use serde_json::{json, Value};
use std::panic::{catch_unwind, AssertUnwindSafe};
use wascap::jwt::{Actor, Claims};
use wascap::prelude::KeyPair;
use wascc_codec::keyvalue::*;
use wascc_codec::{deserialize, serialize};

/// Why it is refused, and with it what the answer can name.
#[derive(Clone, Copy, PartialEq)]
enum For {
    /// The bytes are no Invocation: the answer's invocation_id is empty.
    Bytes,
    /// The claims do not hold for it (401).
    Claims,
    /// They hold, but not for this subject (403).
    Reach,
    /// They hold and reach, and what is asked is wrong (400).
    Request,
}

impl For {
    fn name(self) -> &'static str {
        match self {
            For::Bytes => "bytes",
            For::Claims => "claims",
            For::Reach => "reach",
            For::Request => "request",
        }
    }
}

/// Whether rmp-serde is asked too: it recurses and allocates as far as it is told to.
#[derive(Clone, Copy, PartialEq)]
enum Published {
    Asked,
    NotAsked,
}

struct Hostile<'a> {
    world: &'a World,
    vectors: Vec<Value>,
}

fn base64(text: &[u8]) -> String {
    base64::encode_config(text, base64::URL_SAFE_NO_PAD)
}

/// A token of any header and payload, signed.
fn token(header: &str, payload: &[u8], key: &KeyPair) -> String {
    let signed = format!("{}.{}", base64(header.as_bytes()), base64(payload));
    let signature = key.sign(signed.as_bytes()).expect("a key pair with its seed signs");
    format!("{}.{}", signed, base64(&signature))
}

const HEADER: &str = r#"{"typ":"jwt","alg":"Ed25519"}"#;

fn published(bytes: &[u8]) -> Value {
    let invocation: Invocation = match deserialize(bytes) {
        Ok(invocation) => invocation,
        Err(_) => return json!("does not read it"),
    };
    match catch_unwind(AssertUnwindSafe(|| invocation.check())) {
        Ok(Ok(())) => json!("accepts it"),
        Ok(Err(_)) => json!("refuses it"),
        Err(_) => json!("panics"),
    }
}

impl Hostile<'_> {
    fn add(&mut self, wrong: &str, refused_for: For, answer_id: Value, bytes: Vec<u8>, asked: Published) {
        let verdict = if asked == Published::Asked { published(&bytes) } else { Value::Null };
        self.vectors.push(json!({
            "wrong": wrong, "refused_for": refused_for.name(), "answer_id": answer_id, "wascc_host": verdict,
            "hex": hex(&bytes),
        }));
    }

    fn next(&self) -> usize {
        200 + self.vectors.len()
    }

    fn bytes(&mut self, wrong: &str, bytes: Vec<u8>) {
        self.add(wrong, For::Bytes, json!(""), bytes, Published::Asked);
    }

    fn reckless(&mut self, wrong: &str, bytes: Vec<u8>) {
        self.add(wrong, For::Bytes, json!(""), bytes, Published::NotAsked);
    }

    fn whole(&mut self, wrong: &str, refused_for: For, invocation: &Invocation) {
        let bytes = serialize(invocation).expect("an invocation is written");
        self.add(wrong, refused_for, json!(invocation.id), bytes, Published::Asked);
    }

    /// The valid invocation, changed after it was signed.
    fn tampered(&mut self, wrong: &str, refused_for: For, change: impl Fn(&mut Invocation)) {
        let mut invocation = self.world.signed(self.world.get(self.next()));
        change(&mut invocation);
        self.whole(wrong, refused_for, &invocation);
    }

    /// The valid invocation with other claims, which are signed rightly.
    fn claiming(&mut self, wrong: &str, change: impl Fn(&mut Claims<wascap::jwt::Invocation>)) {
        let mut invocation = self.world.get(self.next());
        let mut claims = self.world.claims(&invocation);
        change(&mut claims);
        invocation.sign(&self.world.host, &claims);
        self.whole(wrong, For::Claims, &invocation);
    }

    /// Another invocation, signed rightly.
    fn signed(&mut self, wrong: &str, refused_for: For, make: impl Fn(&World, usize) -> Invocation) {
        let invocation = self.world.signed(make(self.world, self.next()));
        self.whole(wrong, refused_for, &invocation);
    }

    /// The valid invocation whose claims are other JSON, signed rightly.
    fn json_claims(&mut self, wrong: &str, change: impl Fn(&mut Value)) {
        let invocation = self.world.get(self.next());
        let mut payload =
            serde_json::to_value(self.world.claims(&invocation)).expect("claims have a JSON form");
        change(&mut payload);
        self.raw_claims(wrong, HEADER, payload.to_string().as_bytes());
    }

    fn raw_claims(&mut self, wrong: &str, header: &str, payload: &[u8]) {
        let mut invocation = self.world.get(self.next());
        invocation.host_id = self.world.host.public_key();
        invocation.encoded_claims = token(header, payload, &self.world.host);
        self.whole(wrong, For::Claims, &invocation);
    }

    fn header(&mut self, wrong: &str, header: &str) {
        let payload =
            serde_json::to_string(&self.world.claims(&self.world.get(self.next()))).expect("it is written");
        self.raw_claims(wrong, header, payload.as_bytes());
    }

    /// The valid invocation's fields in MessagePack, changed.
    fn packed(&mut self, wrong: &str, change: impl Fn(&mut Vec<(&'static str, Vec<u8>)>)) {
        let mut all = parts(&self.world.signed(self.world.get(self.next())));
        change(&mut all);
        self.bytes(wrong, pack::fields(&all));
    }

    fn field(&mut self, wrong: &str, name: &'static str, value: &[u8]) {
        self.packed(wrong, |all| {
            all.iter_mut().filter(|part| part.0 == name).for_each(|part| part.1 = value.to_vec())
        });
    }

    fn reckless_field(&mut self, wrong: &str, name: &'static str, value: &[u8]) {
        let mut all = parts(&self.world.signed(self.world.get(self.next())));
        all.iter_mut().filter(|part| part.0 == name).for_each(|part| part.1 = value.to_vec());
        self.reckless(wrong, pack::fields(&all));
    }
}

fn add_signatures(out: &mut Hostile) {
    out.tampered("the signature's first bit is another", For::Claims, |i| {
        let at = i.encoded_claims.rfind('.').expect("a token has dots") + 1;
        let first = if i.encoded_claims.as_bytes()[at] == b'A' { "B" } else { "A" };
        i.encoded_claims.replace_range(at..at + 1, first);
    });
    let signature = |i: &mut Invocation, signature: &[u8]| {
        let at = i.encoded_claims.rfind('.').expect("a token has dots") + 1;
        i.encoded_claims.truncate(at);
        i.encoded_claims += &base64(signature);
    };
    out.tampered("the signature is empty", For::Claims, |i| signature(i, &[]));
    out.tampered("the signature is all zeros", For::Claims, |i| signature(i, &[0; 64]));
    out.tampered("the signature has 63 bytes", For::Claims, |i| signature(i, &[7; 63]));
    out.tampered("the signature has 65 bytes", For::Claims, |i| signature(i, &[7; 65]));
    let stranger = lattice_host::fixed_key('N', 5);
    out.tampered("signed by another key than iss names", For::Claims, |i| {
        let at = i.encoded_claims.rfind('.').expect("a token has dots");
        let made = stranger.sign(i.encoded_claims[..at].as_bytes()).expect("it signs");
        signature(i, &made);
    });
    let other = out.world.signed(out.world.get(1000)).encoded_claims;
    out.tampered("the signature of another invocation", For::Claims, |i| {
        let (mine, theirs) = (i.encoded_claims.rfind('.').unwrap_or(0), other.rfind('.').unwrap_or(0));
        i.encoded_claims = format!("{}{}", &i.encoded_claims[..mine], &other[theirs..]);
    });
    out.tampered("the claims of another invocation", For::Claims, |i| i.encoded_claims = other.clone());
}

fn add_identities(out: &mut Hostile) {
    let (host, stranger) = (out.world.host.public_key(), out.world.stranger.public_key());
    let (account, actor) = (out.world.account.public_key(), out.world.actor.clone());
    out.tampered("host_id is another host", For::Claims, |i| i.host_id = stranger.clone());
    out.tampered("host_id is empty", For::Claims, |i| i.host_id.clear());
    out.tampered("host_id is in lower case", For::Claims, |i| i.host_id = i.host_id.to_lowercase());
    out.claiming("iss is another host, and this one signed", |c| c.issuer = stranger.clone());
    out.claiming("iss is empty", |c| c.issuer.clear());
    out.claiming("iss is no key", |c| c.issuer = "N".repeat(56));
    out.claiming("iss is an actor's key", |c| c.issuer = actor.clone());
    let world = out.world;
    let by = |key: &KeyPair, number: usize| {
        let mut invocation = world.get(number);
        let mut claims = world.claims(&invocation);
        claims.issuer = key.public_key();
        invocation.sign(key, &claims);
        invocation
    };
    out.whole("signed by a host that is not trusted", For::Claims, &by(&world.stranger, 1001));
    out.whole("signed by an account", For::Claims, &by(&world.account, 1002));
    out.whole("signed by an actor", For::Claims, &by(&lattice_host::fixed_key('M', 2), 1003));
    out.claiming("sub is another id", |c| c.subject = "00000000-0000-4000-8000-000000000000".into());
    out.claiming("sub is empty", |c| c.subject.clear());
    out.claiming("sub has a NUL and more behind it", |c| c.subject += "\0x");
    out.tampered("the id is another than the claims'", For::Claims, |i| i.id = i.id.replace("4000", "4001"));
    out.tampered("actor claims in place of invocation claims", For::Claims, |i| {
        let mut claims = Claims::<Actor>::new(
            "actor".into(),
            account.clone(),
            actor.clone(),
            Some(vec!["wascc:keyvalue".into()]),
            None,
            false,
            None,
            None,
        );
        (claims.issued_at, claims.id) = (NOW_S, "AAAAAAAAAAAAAAAAAAAAAA".into());
        i.encoded_claims = claims.encode(&lattice_host::fixed_key('A', 1)).expect("it signs");
    });
    assert_ne!(host, stranger);
}

fn add_contents(out: &mut Hostile) {
    out.tampered("msg is another than was signed", For::Claims, |i| i.msg[0] ^= 1);
    out.tampered("msg has a byte more than was signed", For::Claims, |i| i.msg.push(0));
    out.tampered("msg is empty and was not", For::Claims, |i| i.msg.clear());
    out.tampered("the operation is another than was signed", For::Claims, |i| i.operation = "Del".into());
    let (actor, other) = (out.world.actor.clone(), out.world.other_actor.clone());
    out.tampered("the target's binding is another than was signed", For::Claims, |i| {
        i.target = Entity::keyvalue("b")
    });
    let metadata = |c: &mut Claims<wascap::jwt::Invocation>, change: fn(&mut wascap::jwt::Invocation)| {
        change(c.metadata.as_mut().expect("there is metadata"))
    };
    out.claiming("hash of other bytes", |c| metadata(c, |m| m.invocation_hash = hash("a", "b", b"c")));
    out.claiming("hash in lower case", |c| {
        metadata(c, |m| m.invocation_hash = m.invocation_hash.to_lowercase())
    });
    out.claiming("hash is empty", |c| metadata(c, |m| m.invocation_hash.clear()));
    out.claiming("hash is cut off", |c| metadata(c, |m| m.invocation_hash.truncate(63)));
    out.claiming("hash with something behind it", |c| metadata(c, |m| m.invocation_hash += "0"));
    out.claiming("target_url names another operation", |c| {
        metadata(c, |m| m.target_url = m.target_url.replace("/Get", "/Del"))
    });
    out.claiming("target_url names another binding", |c| {
        metadata(c, |m| m.target_url = m.target_url.replace("/default/", "/other/"))
    });
    out.claiming("target_url has no operation", |c| {
        metadata(c, |m| m.target_url = m.target_url.replace("/Get", ""))
    });
    out.claiming("target_url is empty", |c| metadata(c, |m| m.target_url.clear()));
    out.claiming("origin_url is empty", |c| metadata(c, |m| m.origin_url.clear()));
    out.claiming("origin_url is the system's", |c| metadata(c, |m| m.origin_url = "wasmbus://system".into()));
    out.claiming("origin_url names another actor", |c| {
        c.metadata.as_mut().expect("there is metadata").origin_url = format!("wasmbus://{}", other)
    });
    out.tampered("the origin is another actor than was signed", For::Claims, |i| {
        i.origin = Entity::actor(&other)
    });
    out.tampered("the origin is the system and was an actor", For::Claims, |i| {
        i.origin = Entity::actor("system")
    });
    // The hash is of the URLs and the message end to end, so that it cannot tell where one ends.
    out.tampered("a byte moved from msg to the operation, the hash is the same", For::Claims, |i| {
        i.operation.push(char::from(i.msg.remove(0) & 0x7f));
        assert_eq!(i.origin, Entity::actor(&actor));
    });
    out.signed("the text of msg moved into the operation before it was signed", For::Reach, |w, n| {
        w.call("Get?", b"k".to_vec(), n)
    });
}

fn add_times(out: &mut Hostile) {
    out.claiming("expired two seconds ago", |c| c.expires = Some(NOW_S - 2));
    out.claiming("expired in 1970", |c| c.expires = Some(0));
    out.claiming("not valid before two seconds from now", |c| c.not_before = Some(NOW_S + 2));
    out.claiming("issued 61 seconds ago", |c| c.issued_at = NOW_S - 61);
    out.claiming("issued 61 seconds from now", |c| c.issued_at = NOW_S + 61);
    out.claiming("issued in 1970", |c| c.issued_at = 0);
    out.claiming("issued at the largest time there is", |c| c.issued_at = u64::MAX);
    out.json_claims("iat is missing", |c| {
        c.as_object_mut().map(|members| members.remove("iat"));
    });
    out.json_claims("iat is negative", |c| c["iat"] = json!(-1));
    out.json_claims("iat is a fraction", |c| c["iat"] = json!(1_600_000_000.5));
    out.json_claims("iat is a text", |c| c["iat"] = json!("1600000000"));
    out.json_claims("exp is a text", |c| c["exp"] = json!("4000000000"));
    out.json_claims("exp is negative", |c| c["exp"] = json!(-1));
    out.json_claims("nbf is an object", |c| c["nbf"] = json!({}));
}

fn add_tokens(out: &mut Hostile) {
    for (wrong, header) in [
        ("alg is none", r#"{"typ":"jwt","alg":"none"}"#),
        ("alg is HS256", r#"{"typ":"jwt","alg":"HS256"}"#),
        ("alg is ed25519", r#"{"typ":"jwt","alg":"ed25519"}"#),
        ("alg is missing", r#"{"typ":"jwt"}"#),
        ("alg is there twice", r#"{"typ":"jwt","alg":"none","alg":"Ed25519"}"#),
        ("typ is another", r#"{"typ":"jws","alg":"Ed25519"}"#),
        ("the header is an array", r#"["jwt","Ed25519"]"#),
        ("the header is no JSON", "jwt"),
    ] {
        out.header(wrong, header);
    }
    out.tampered("alg is none and nothing is signed", For::Claims, |i| {
        let payload = i.encoded_claims.split('.').nth(1).expect("a token has segments").to_string();
        i.encoded_claims = format!("{}.{}.", base64(br#"{"typ":"jwt","alg":"none"}"#), payload);
    });
    out.tampered("the claims are empty", For::Claims, |i| i.encoded_claims.clear());
    out.tampered("the claims are two dots", For::Claims, |i| i.encoded_claims = "..".into());
    out.tampered("the claims are no token", For::Claims, |i| {
        i.encoded_claims = "not a token \u{1F9C0}".into()
    });
    out.tampered("the claims are two segments", For::Claims, |i| {
        i.encoded_claims.truncate(i.encoded_claims.rfind('.').unwrap_or(0));
    });
    out.tampered("the claims are four segments", For::Claims, |i| i.encoded_claims += ".AAAA");
    out.tampered("the claims are padded", For::Claims, |i| i.encoded_claims += "==");
    out.tampered("the claims begin with a blank", For::Claims, |i| i.encoded_claims.insert(0, ' '));
    out.tampered("the claims end with a line feed", For::Claims, |i| i.encoded_claims.push('\n'));
    out.tampered("the claims have a NUL and more behind them", For::Claims, |i| i.encoded_claims += "\0AAAA");
    out.tampered("the claims are 65536 characters", For::Claims, |i| i.encoded_claims = "A".repeat(65536));
    out.raw_claims("the payload is no JSON", HEADER, b"claims");
    out.raw_claims("the payload is an array", HEADER, b"[]");
    out.raw_claims("the payload is not UTF-8", HEADER, b"{\"iss\":\"\xff\"}");
    out.raw_claims("the payload is empty", HEADER, b"");
    out.raw_claims(
        "the payload is 10000 arrays deep",
        HEADER,
        &[b"[".repeat(10_000), b"]".repeat(10_000)].concat(),
    );
    for name in ["iss", "sub", "wascap"] {
        out.json_claims(&format!("{} is missing", name), |c| {
            c.as_object_mut().map(|members| members.remove(name));
        });
    }
    for name in ["target_url", "origin_url", "hash"] {
        out.json_claims(&format!("wascap has no {}", name), |c| {
            c["wascap"].as_object_mut().map(|members| members.remove(name));
        });
        out.json_claims(&format!("wascap's {} is a number", name), |c| c["wascap"][name] = json!(1));
    }
    out.json_claims("wascap is a text", |c| c["wascap"] = json!("wascap"));
    let payload =
        serde_json::to_string(&out.world.claims(&out.world.get(out.next()))).expect("it is written");
    out.raw_claims("sub is there twice", HEADER, payload.replacen('{', r#"{"sub":"x","#, 1).as_bytes());
}

fn add_reach(out: &mut Hostile) {
    let get = || serialize(GetRequest { key: "k".into() }).expect("a request is written");
    out.signed("the origin is another actor than the subject's", For::Reach, |w, n| {
        w.unsigned(Entity::actor(&w.other_actor), Entity::keyvalue("default"), "Get", get(), n)
    });
    out.signed("the origin is the system", For::Reach, |w, n| {
        w.unsigned(Entity::actor("system"), Entity::keyvalue("default"), "Get", get(), n)
    });
    out.signed("the origin is an actor without a name", For::Reach, |w, n| {
        w.unsigned(Entity::actor(""), Entity::keyvalue("default"), "Get", get(), n)
    });
    out.signed("the origin is a capability", For::Reach, |w, n| {
        w.unsigned(Entity::keyvalue("default"), Entity::keyvalue("default"), "Get", get(), n)
    });
    // Its URL is that of the actor.
    out.signed("the origin is a capability spelt as the actor", For::Reach, |w, n| {
        let origin = Entity::Capability { capid: w.actor.clone(), binding: String::new() };
        w.unsigned(origin, Entity::keyvalue("default"), "Get", get(), n)
    });
    out.signed("the target is an actor", For::Reach, |w, n| {
        w.unsigned(Entity::actor(&w.actor), Entity::actor(&w.actor), "Get", get(), n)
    });
    // Its URL is that of the operation at the binding.
    out.signed("the target is an actor spelt as the capability", For::Reach, |w, n| {
        w.unsigned(Entity::actor(&w.actor), Entity::actor("wascc/keyvalue/default"), "Get", get(), n)
    });
    out.signed("the target is another binding", For::Reach, |w, n| {
        w.unsigned(Entity::actor(&w.actor), Entity::keyvalue("other"), "Get", get(), n)
    });
    out.signed("the target is another capability", For::Reach, |w, n| {
        let target = Entity::Capability { capid: "wascc:messaging".into(), binding: "default".into() };
        w.unsigned(Entity::actor(&w.actor), target, "Get", get(), n)
    });
    out.signed(
        "the operation's first half is in the binding, the URL is the same as for an operation there",
        For::Reach,
        |w, n| w.unsigned(Entity::actor(&w.actor), Entity::keyvalue("default/Get"), "", get(), n),
    );
    for operation in ["BindActor", "RemoveActor"] {
        out.signed(&format!("an actor asks for {}", operation), For::Reach, |w, n| {
            w.call(operation, serialize(crate::messages::bound("A", &w.actor)).expect("it is written"), n)
        });
    }
    for operation in ["Frobnicate", "get", "Get ", "", "../Get"] {
        out.signed(&format!("the operation {:?}", operation), For::Reach, |w, n| w.call(operation, get(), n));
    }
    // No claims of ours may hold these, whoever signed them.
    for operation in ["Get\0", "GetCapabilityDescriptor\0"] {
        out.signed(&format!("the operation {:?}", operation), For::Claims, |w, n| {
            w.call(operation, get(), n)
        });
    }
    out.signed("an operation of 65536 characters", For::Claims, |w, n| w.call(&"G".repeat(65536), get(), n));
}

fn add_requests(out: &mut Hostile) {
    let key = || ("key", pack::text("k"));
    let requests = [
        ("Get with nothing in msg", "Get", vec![]),
        ("Get with an empty key", "Get", pack::fields(&[("key", pack::text(""))])),
        ("Get without a key", "Get", vec![0x80]),
        ("Get with an integer for a key", "Get", pack::fields(&[("key", vec![1])])),
        ("Get with a key that is not UTF-8", "Get", pack::fields(&[("key", pack::raw_text(&[0xff]))])),
        (
            "Get with a key of 2^32-1 bytes declared",
            "Get",
            pack::fields(&[("key", vec![0xdb, 0xff, 0xff, 0xff, 0xff])]),
        ),
        ("Get in protobuf", "Get", vec![0x0a, 1, b'k']),
        ("Get in JSON", "Get", br#"{"key":"k"}"#.to_vec()),
        ("Get cut off", "Get", vec![0x81, 0xa3, b'k', b'e']),
        ("Get 1000 arrays deep", "Get", pack::nested_arrays(1000)),
        ("Set without a value", "Set", pack::fields(&[key(), ("expires", vec![0])])),
        (
            "Set with a negative expiry",
            "Set",
            serialize(SetRequest { key: "k".into(), value: "v".into(), expires_s: -1 })
                .expect("it is written"),
        ),
        (
            "Set with an expiry of 2^31",
            "Set",
            pack::fields(&[key(), ("value", pack::text("v")), ("expires", vec![0xce, 0x80, 0, 0, 0])]),
        ),
        ("Add of a float", "Add", pack::fields(&[key(), ("value", vec![0xca, 0x3f, 0x80, 0, 0])])),
        ("Add of 2^64-1", "Add", {
            pack::fields(&[key(), ("value", vec![0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])])
        }),
        ("Range of texts", "Range", {
            pack::fields(&[key(), ("start", pack::text("0")), ("stop", pack::text("1"))])
        }),
        ("SetUnion of an empty key", "SetUnion", pack::fields(&[("keys", pack::array(&[pack::text("")]))])),
        (
            "SetUnion of 2^32-1 keys declared",
            "SetUnion",
            pack::fields(&[("keys", vec![0xdd, 0xff, 0xff, 0xff, 0xff])]),
        ),
    ];
    for (wrong, operation, msg) in requests {
        out.signed(wrong, For::Request, |w, n| w.call(operation, msg.clone(), n));
    }
}

fn add_shapes(out: &mut Hostile) {
    let valid = serialize(&out.world.signed(out.world.get(1100))).expect("an invocation is written");
    out.bytes("no bytes", vec![]);
    out.bytes("nil", vec![0xc0]);
    out.bytes("the reserved byte", vec![0xc1]);
    out.bytes("an integer", vec![7]);
    out.bytes("a text", pack::text("invocation"));
    out.bytes("binary", vec![0xc4, 2, 1, 2]);
    out.bytes("an extension", vec![0xd6, 1, 0, 0, 0, 0]);
    out.bytes("an empty array", vec![0x90]);
    out.bytes("an empty map", vec![0x80]);
    out.bytes("JSON", br#"{"origin":{"Actor":"system"},"operation":"Get","msg":[]}"#.to_vec());
    out.bytes("protobuf", vec![0x0a, 1, b'k']);
    out.bytes("blanks", vec![b' '; 64]);
    out.bytes("bytes without a sense", (0..64).map(|i: u32| (i * 167 + 13) as u8).collect());
    for at in [1, 8, 20, 100, 150, valid.len() / 2, valid.len() - 1] {
        out.bytes(&format!("cut off after {} bytes", at), valid[..at].to_vec());
    }
    out.bytes("a byte behind it", [&valid[..], &[0]].concat());
    out.bytes("a second one behind it", [&valid[..], &valid[..]].concat());
    out.bytes("eight fields declared, seven there", [&[0x88], &valid[1..]].concat());
    out.bytes("six fields declared, seven there", [&[0x86], &valid[1..]].concat());
    out.bytes("2^32-1 fields declared", [&[0xdf, 0xff, 0xff, 0xff, 0xff], &valid[1..]].concat());
    out.reckless(
        "a field's name of 2^32-1 bytes declared",
        [&[0x87, 0xdb, 0xff, 0xff, 0xff, 0xff], &valid[2..]].concat(),
    );
    out.reckless("100000 arrays deep", pack::nested_arrays(100_000));
    out.reckless("100000 maps deep", pack::nested_maps(100_000));
    for name in ["origin", "target", "operation", "msg", "id", "encoded_claims", "host_id"] {
        out.packed(&format!("{} is missing", name), |all| all.retain(|part| part.0 != name));
        out.packed(&format!("{} is there twice", name), |all| {
            let twice = all.iter().find(|part| part.0 == name).cloned();
            all.extend(twice);
        });
        for (what, value) in [
            ("nil", vec![0xc0]),
            ("an integer", vec![1]),
            ("true", vec![0xc3]),
            ("a float", vec![0xcb, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            out.field(&format!("{} is {}", name, what), name, &value);
        }
    }
    for name in ["operation", "id", "encoded_claims", "host_id"] {
        out.field(&format!("{} is an array", name), name, &[0x91, 0xa1, b'x']);
        out.field(&format!("{} is a map", name), name, &[0x80]);
        out.field(&format!("{} is not UTF-8", name), name, &pack::raw_text(&[b'a', 0xc3, 0x28]));
        out.reckless_field(
            &format!("{} has 2^32-1 bytes declared", name),
            name,
            &[0xdb, 0xff, 0xff, 0xff, 0xff],
        );
    }
    out.packed("a last field that has no value", |all| all.push(("x", vec![])));
    let mut deep = parts(&out.world.signed(out.world.get(1101)));
    deep.insert(0, ("x", pack::nested_arrays(100_000)));
    out.reckless("a field that is not known, 100000 arrays deep", pack::fields(&deep));
}

fn add_msgs(out: &mut Hostile) {
    for (wrong, value) in [
        ("msg is a text", pack::text("\u{81}")),
        ("msg is a map", vec![0x81, 0, 1]),
        ("msg holds nil", vec![0x92, 1, 0xc0]),
        ("msg holds true", vec![0x91, 0xc3]),
        ("msg holds a float", vec![0x91, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("msg holds 256", vec![0x91, 0xcd, 1, 0]),
        ("msg holds -1", vec![0x91, 0xff]),
        ("msg holds -128 as int 8", vec![0x91, 0xd0, 0x80]),
        ("msg holds 2^64-1", vec![0x91, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("msg holds a text", vec![0x91, 0xa1, b'1']),
        ("msg holds an array", vec![0x91, 0x90]),
        ("msg has 65535 items declared", vec![0xdc, 0xff, 0xff, 1]),
        ("msg has 2^32-1 items declared", vec![0xdd, 0xff, 0xff, 0xff, 0xff, 1]),
    ] {
        out.field(wrong, "msg", &value);
    }
    out.reckless_field("msg is binary with 2^32-1 bytes declared", "msg", &[0xc6, 0xff, 0xff, 0xff, 0xff]);
    out.reckless_field("msg is 100000 arrays deep", "msg", &pack::nested_arrays(100_000));
}

fn add_enums(out: &mut Hostile) {
    let actor = || pack::text("system");
    let both =
        || pack::fields(&[("capid", pack::text("wascc:keyvalue")), ("binding", pack::text("default"))]);
    for (wrong, value) in [
        ("origin is an empty map", vec![0x80]),
        ("origin is a map of two", [&[0x82, 0], &actor()[..], &[1], &both()[..]].concat()),
        ("origin is the bare name", pack::text("Actor")),
        ("origin's index is 2", [&[0x81, 2], &actor()[..]].concat()),
        ("origin's index is -1", [&[0x81, 0xff], &actor()[..]].concat()),
        ("origin's index is 2^32", [&[0x81, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0], &actor()[..]].concat()),
        ("origin's index is a float", [&[0x81, 0xca, 0, 0, 0, 0], &actor()[..]].concat()),
        ("origin's index is nil", [&[0x81, 0xc0], &actor()[..]].concat()),
        ("origin's name is in lower case", [&[0x81], &pack::text("actor")[..], &actor()].concat()),
        ("origin's name is another", [&[0x81], &pack::text("Host")[..], &actor()].concat()),
        ("origin's name is empty", [&[0x81], &pack::text("")[..], &actor()].concat()),
        ("origin's actor is nil", vec![0x81, 0, 0xc0]),
        ("origin's actor is an integer", vec![0x81, 0, 1]),
        ("origin's actor is in an array", [&[0x81, 0, 0x91], &actor()[..]].concat()),
        ("origin's actor is what a capability has", [&[0x81, 0], &both()[..]].concat()),
        ("origin's actor is not UTF-8", [&[0x81, 0], &pack::raw_text(&[0xff])[..]].concat()),
    ] {
        out.field(wrong, "origin", &value);
    }
    let target = |entries: &[(&str, Vec<u8>)]| [&[0x81, 1], &pack::fields(entries)[..]].concat();
    let (capid, binding) = (("capid", pack::text("wascc:keyvalue")), ("binding", pack::text("default")));
    for (wrong, value) in [
        ("target's value is a text", [&[0x81, 1], &actor()[..]].concat()),
        ("target's value is nil", vec![0x81, 1, 0xc0]),
        ("target has no binding", target(&[capid.clone()])),
        ("target has no capid", target(&[binding.clone()])),
        ("target's binding is nil", target(&[capid.clone(), ("binding", vec![0xc0])])),
        ("target's capid is an integer", target(&[("capid", vec![1]), binding.clone()])),
        ("target's binding is there twice", target(&[capid, binding.clone(), binding])),
        ("target's map is cut off", vec![0x81, 1, 0x82, 0xa1]),
    ] {
        out.field(wrong, "target", &value);
    }
    out.reckless_field("target is 100000 maps deep", "target", &pack::nested_maps(100_000));
    out.reckless_field(
        "target's name has 2^32-1 bytes declared",
        "target",
        &[0x81, 0xdb, 0xff, 0xff, 0xff, 0xff],
    );
}

pub fn all(world: &World) -> Vec<Value> {
    let mut out = Hostile { world, vectors: Vec::new() };
    // What panics in the published crates is told by the vector, not on the terminal.
    std::panic::set_hook(Box::new(|_| {}));
    add_shapes(&mut out);
    add_msgs(&mut out);
    add_enums(&mut out);
    add_signatures(&mut out);
    add_identities(&mut out);
    add_contents(&mut out);
    add_times(&mut out);
    add_tokens(&mut out);
    add_reach(&mut out);
    add_requests(&mut out);
    let _ = std::panic::take_hook();
    out.vectors
}
