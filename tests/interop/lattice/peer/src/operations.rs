//! Every operation of an actor, with every field of every answer.

use crate::lattice::Lattice;
use crate::report::{same, Report};
use serde::de::DeserializeOwned;
use serde::Serialize;
use std::fmt::Debug;
use wascc_codec::core::HealthRequest;
use wascc_codec::keyvalue::*;
use wascc_codec::{deserialize, serialize};

const ARRAY_32: u8 = 0xdd;

pub struct Caller<'a> {
    pub lattice: &'a Lattice,
    pub actor: &'a str,
}

impl Caller<'_> {
    fn answer<Q: Serialize, R: DeserializeOwned>(&self, operation: &str, request: Q) -> Result<R, String> {
        let msg = serialize(request).map_err(|e| e.to_string())?;
        let invocation = self.lattice.from_actor(self.actor, operation, msg);
        let reply = self.lattice.call(&self.lattice.actor_subject(self.actor), &invocation)?;
        deserialize(&reply).map_err(|e| e.to_string())
    }

    /// The answer, and that its bytes are those that wascc-codec would have written; but a list may have the head for any
    /// length, by which it can be written before its length is known.
    fn expect<Q, R>(&self, operation: &str, request: Q, wanted: R) -> Result<(), String>
    where
        Q: Serialize,
        R: DeserializeOwned + Serialize + PartialEq + Debug,
    {
        let msg = serialize(request).map_err(|e| e.to_string())?;
        let invocation = self.lattice.from_actor(self.actor, operation, msg);
        let reply = self.lattice.call(&self.lattice.actor_subject(self.actor), &invocation)?;
        let got: R = deserialize(&reply).map_err(|e| e.to_string())?;
        same("the answer", &got, &wanted)?;
        if reply.contains(&ARRAY_32) {
            return Ok(());
        }
        same("the answer in MessagePack", &reply, &serialize(&wanted).map_err(|e| e.to_string())?)
    }

    fn refused<Q: Serialize>(&self, operation: &str, request: Q) -> Result<(), String> {
        let msg = serialize(request).map_err(|e| e.to_string())?;
        let invocation = self.lattice.from_actor(self.actor, operation, msg);
        self.lattice.refusal(&self.lattice.actor_subject(self.actor), &invocation).map(|_| ())
    }

    fn members(&self, operation: &str, request: impl Serialize, wanted: &[&str]) -> Result<(), String> {
        let mut got: SetQueryResponse = self.answer(operation, request)?;
        got.values.sort();
        same("the members", &got.values, &strings(wanted))
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

fn get(key: &str) -> GetRequest {
    GetRequest { key: key.into() }
}

fn set(key: &str, value: &str, expires_s: i32) -> SetRequest {
    SetRequest { key: key.into(), value: value.into(), expires_s }
}

fn add(key: &str, value: i32) -> AddRequest {
    AddRequest { key: key.into(), value }
}

fn push(key: &str, value: &str) -> ListPushRequest {
    ListPushRequest { key: key.into(), value: value.into() }
}

fn range(key: &str, start: i32, stop: i32) -> ListRangeRequest {
    ListRangeRequest { key: key.into(), start, stop }
}

fn found(value: &str) -> GetResponse {
    GetResponse { value: value.into(), exists: true }
}

fn missing() -> GetResponse {
    GetResponse { value: String::new(), exists: false }
}

fn scalars(report: &mut Report, c: &Caller) {
    report.add("Get of a key that is not there", c.expect("Get", get("s"), missing()));
    report.add(
        "Set",
        c.expect("Set", set("s", "Käse \u{1F9C0}", 0), SetResponse { value: "Käse \u{1F9C0}".into() }),
    );
    report.add("Get", c.expect("Get", get("s"), found("Käse \u{1F9C0}")));
    report
        .add("Set of an empty value", c.expect("Set", set("e", "", 0), SetResponse { value: String::new() }));
    report.add("Get of an empty value", c.expect("Get", get("e"), found("")));
    report.add("Set with an expiry", c.expect("Set", set("s", "v", 3600), SetResponse { value: "v".into() }));
    report.add(
        "KeyExists",
        c.expect(
            "KeyExists",
            KeyExistsQuery { key: "s".into() },
            GetResponse { value: String::new(), exists: true },
        ),
    );
    report.add("Del", c.expect("Del", DelRequest { key: "s".into() }, DelResponse { key: "s".into() }));
    report.add(
        "KeyExists of what was deleted",
        c.expect("KeyExists", KeyExistsQuery { key: "s".into() }, missing()),
    );
    for length in [255usize, 65_536, 100_000] {
        let value = "x".repeat(length);
        let set = c.expect("Set", set("long", &value, 0), SetResponse { value: value.clone() });
        let got = set.and_then(|()| c.expect("Get", get("long"), found(&value)));
        report.add(&format!("a value of {} bytes goes and comes", length), got);
    }
}

fn counters(report: &mut Report, c: &Caller) {
    report.add("Add to a key that is not there", c.expect("Add", add("c", 200), AddResponse { value: 200 }));
    report.add(
        "Add of a negative number",
        c.expect("Add", add("c", -1_000_000), AddResponse { value: -999_800 }),
    );
    report.add("Get of a counter", c.expect("Get", get("c"), found("-999800")));
    let lowest = c.expect("Add", add("low", i32::MIN), AddResponse { value: i32::MIN });
    report.add("Add of the smallest number", lowest);
    report.add("Add that overflows is refused", c.refused("Add", add("low", -1)));
    report.add("a refused Add changed nothing", c.expect("Get", get("low"), found("-2147483648")));
}

fn lists(report: &mut Report, c: &Caller) {
    for (value, count) in [("a", 1), ("b", 2), ("a", 3), ("ß", 4)] {
        let name = format!("Push makes a list of {}", count);
        report.add(&name, c.expect("Push", push("l", value), ListResponse { new_count: count }));
    }
    let all = ListRangeResponse { values: strings(&["a", "b", "a", "ß"]) };
    report.add("Range of all", c.expect("Range", range("l", 0, -1), all));
    let some = ListRangeResponse { values: strings(&["b", "a"]) };
    report.add("Range with an inclusive stop", c.expect("Range", range("l", 1, 2), some));
    report.add("Range of a list that is not there", {
        c.expect("Range", range("none", 0, -1), ListRangeResponse { values: vec![] })
    });
    let delete = ListDelItemRequest { key: "l".into(), value: "a".into() };
    report.add("ListItemDelete", c.expect("ListItemDelete", delete, ListResponse { new_count: 2 }));
    report.add(
        "Clear",
        c.expect("Clear", ListClearRequest { key: "l".into() }, DelResponse { key: "l".into() }),
    );
    report.add("Range of a cleared list", {
        c.expect("Range", range("l", 0, -1), ListRangeResponse { values: vec![] })
    });
}

fn sets(report: &mut Report, c: &Caller) {
    let member = |key: &str, value: &str| SetAddRequest { key: key.into(), value: value.into() };
    for (key, value, count) in [("x", "a", 1), ("x", "b", 2), ("x", "b", 2), ("y", "b", 1), ("y", "c", 2)] {
        let name = format!("SetAdd of {} to {}", value, key);
        report.add(&name, c.expect("SetAdd", member(key, value), SetOperationResponse { new_count: count }));
    }
    report.add("SetQuery", c.members("SetQuery", SetQueryRequest { key: "x".into() }, &["a", "b"]));
    let keys = || strings(&["x", "y"]);
    report.add("SetUnion", c.members("SetUnion", SetUnionRequest { keys: keys() }, &["a", "b", "c"]));
    report.add(
        "SetIntersection",
        c.members("SetIntersection", SetIntersectionRequest { keys: keys() }, &["b"]),
    );
    report.add("SetUnion of no keys", c.members("SetUnion", SetUnionRequest { keys: vec![] }, &[]));
    let remove = SetRemoveRequest { key: "x".into(), value: "a".into() };
    report.add("SetRemove", c.expect("SetRemove", remove, SetOperationResponse { new_count: 1 }));
    let remove = SetRemoveRequest { key: "none".into(), value: "a".into() };
    report.add("SetRemove from none", c.expect("SetRemove", remove, SetOperationResponse { new_count: 0 }));
}

fn refusals(report: &mut Report, c: &Caller) {
    report.add("Push on a set is refused", c.refused("Push", push("x", "v")));
    report.add("Get of a set is refused", c.refused("Get", get("x")));
    report.add("an empty key is refused", c.refused("Get", get("")));
    report.add("a negative expiry is refused", c.refused("Set", set("s", "v", -1)));
    report.add("a request without its key is refused", c.refused("Get", HealthRequest { placeholder: false }));
    report.add("an operation that there is not is refused", c.refused("Frobnicate", get("s")));
    report.add("BindActor from an actor is refused", c.refused("BindActor", get("s")));
    report.add(
        "and it still serves",
        c.expect(
            "SetQuery",
            SetQueryRequest { key: "x".into() },
            SetQueryResponse { values: strings(&["b"]) },
        ),
    );
}

pub fn run(report: &mut Report, caller: &Caller) {
    scalars(report, caller);
    counters(report, caller);
    lists(report, caller);
    sets(report, caller);
    refusals(report, caller);
}
