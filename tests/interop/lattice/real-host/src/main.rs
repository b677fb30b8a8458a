//! wascc-host 0.14 itself, with an actor in it that passes on what it is asked to the provider: an actor's whole way
//! through a real host. `lattice-real-host ACCOUNT-SEED-FILE`, with LATTICE_HOST and LATTICE_NAMESPACE as for any host.
//! It prints `host N…`, waits for a line on its input, and then a line `ok …` or `not ok …` for each check.

use std::collections::HashMap;
use wascap::jwt::{Actor, Claims};
use wascap::prelude::KeyPair;
use wascc_codec::keyvalue::*;
use wascc_codec::{deserialize, serialize};
use wascc_host::Host;

const CAPABILITY: &str = "wascc:keyvalue";

/// The actor: its operation and request become those of a call of the capability at the binding `default`, and the
/// answer or the error its own. The host's engine wants every function imported that it offers.
const RELAY: &str = r#"(module
  (import "wapc" "__guest_request" (func $request (param i32 i32)))
  (import "wapc" "__guest_response" (func $response (param i32 i32)))
  (import "wapc" "__guest_error" (func $error (param i32 i32)))
  (import "wapc" "__host_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wapc" "__host_response_len" (func $response_len (result i32)))
  (import "wapc" "__host_response" (func $host_response (param i32)))
  (import "wapc" "__host_error_len" (func $error_len (result i32)))
  (import "wapc" "__host_error" (func $host_error (param i32)))
  (import "wapc" "__console_log" (func $console_log (param i32 i32)))
  (memory (export "memory") 64)
  (data (i32.const 0) "default")
  (data (i32.const 16) "wascc:keyvalue")
  (func (export "__guest_call") (param $operation_len i32) (param $request_len i32) (result i32)
    (call $request (i32.const 1024) (i32.const 65536))
    (if (result i32)
      (call $call (i32.const 0) (i32.const 7) (i32.const 16) (i32.const 14)
                  (i32.const 1024) (local.get $operation_len) (i32.const 65536) (local.get $request_len))
      (then
        (call $host_response (i32.const 2097152))
        (call $response (i32.const 2097152) (call $response_len))
        (i32.const 1))
      (else
        (call $host_error (i32.const 2097152))
        (call $error (i32.const 2097152) (call $error_len))
        (i32.const 0)))))"#;

fn load_actor(host: &Host, account: &KeyPair) -> Result<String, String> {
    let module = wat::parse_str(RELAY).map_err(|e| e.to_string())?;
    let key = KeyPair::new_module().public_key();
    let caps = Some(vec![CAPABILITY.to_string()]);
    let claims = Claims::<Actor>::new(
        "Relay".into(),
        account.public_key(),
        key.clone(),
        caps,
        None,
        false,
        None,
        None,
    );
    let signed = wascap::wasm::embed_claims(&module, &claims, account).map_err(|e| e.to_string())?;
    let actor = wascc_host::Actor::from_slice(&signed).map_err(|e| e.to_string())?;
    host.add_actor(actor).map_err(|e| e.to_string())?;
    Ok(key)
}

fn ask<Q: serde::Serialize, R: serde::de::DeserializeOwned>(
    host: &Host,
    actor: &str,
    operation: &str,
    request: Q,
) -> Result<R, String> {
    let request = serialize(request).map_err(|e| e.to_string())?;
    let reply = host.call_actor(actor, operation, &request).map_err(|e| e.to_string())?;
    deserialize(&reply).map_err(|e| e.to_string())
}

fn same<T: PartialEq + std::fmt::Debug>(got: Result<T, String>, wanted: T) -> Result<(), String> {
    let got = got?;
    if got == wanted {
        return Ok(());
    }
    Err(format!("{:?} and not {:?}", got, wanted))
}

fn refused<T>(got: Result<T, String>) -> Result<(), String> {
    match got {
        Ok(_) => Err("it was accepted".to_string()),
        Err(why) => {
            println!("# {}", why);
            Ok(())
        }
    }
}

struct Report {
    failures: usize,
}

impl Report {
    fn add(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => println!("ok real host: {}", name),
            Err(why) => {
                self.failures += 1;
                println!("not ok real host: {} - {}", name, why.replace('\n', " "));
            }
        }
    }
}

fn call_all(report: &mut Report, host: &Host, actor: &str) {
    let key = || "real-host".to_string();
    let set = SetRequest { key: key(), value: "ß".into(), expires_s: 60 };
    report.add("Set", same(ask(host, actor, "Set", set), SetResponse { value: "ß".into() }));
    let found = GetResponse { value: "ß".into(), exists: true };
    report.add("Get", same(ask(host, actor, "Get", GetRequest { key: key() }), found));
    let push = ListPushRequest { key: key(), value: "v".into() };
    report.add("Push on a scalar is refused", refused(ask::<_, ListResponse>(host, actor, "Push", push)));
    report.add("Del", same(ask(host, actor, "Del", DelRequest { key: key() }), DelResponse { key: key() }));
    let add = AddRequest { key: key(), value: -200 };
    report.add("Add", same(ask(host, actor, "Add", add), AddResponse { value: -200 }));
    report.add(
        "Del of the counter",
        same(ask(host, actor, "Del", DelRequest { key: key() }), DelResponse { key: key() }),
    );
    let long = "x".repeat(100_000);
    let set = SetRequest { key: key(), value: long.clone(), expires_s: 0 };
    report
        .add("Set of 100000 bytes", same(ask(host, actor, "Set", set), SetResponse { value: long.clone() }));
    let found = GetResponse { value: long, exists: true };
    report.add("Get of 100000 bytes", same(ask(host, actor, "Get", GetRequest { key: key() }), found));
}

fn run(seed_file: &str) -> Result<bool, String> {
    let seed = std::fs::read_to_string(seed_file).map_err(|e| format!("{}: {}", seed_file, e))?;
    let account = KeyPair::from_seed(seed.trim()).map_err(|_| format!("{} holds no seed", seed_file))?;
    let host = Host::new();
    println!("host {}", host.id());
    std::io::stdin().read_line(&mut String::new()).map_err(|e| e.to_string())?;

    let mut report = Report { failures: 0 };
    let actor = load_actor(&host, &account)?;
    let unbound = ask::<_, GetResponse>(&host, &actor, "Get", GetRequest { key: "k".into() });
    report.add("an actor that is not bound gets an error", refused(unbound));
    let values = HashMap::from([("KEYSPACE".to_string(), "real-host".to_string())]);
    let bound = host.set_binding(&actor, CAPABILITY, None, values).map_err(|e| e.to_string());
    report.add("set_binding", bound);
    call_all(&mut report, &host, &actor);
    let removed = host.remove_binding(&actor, CAPABILITY, None).map_err(|e| e.to_string());
    report.add("remove_binding", removed);
    let unbound = ask::<_, GetResponse>(&host, &actor, "Get", GetRequest { key: "k".into() });
    report.add("an actor whose binding was removed gets an error", refused(unbound));
    Ok(report.failures == 0)
}

fn main() {
    let Some(seed_file) = std::env::args().nth(1) else {
        eprintln!("usage: lattice-real-host ACCOUNT-SEED-FILE");
        std::process::exit(64);
    };
    match run(&seed_file) {
        Ok(true) => {}
        Ok(false) => std::process::exit(1),
        Err(why) => {
            println!("not ok real host: {}", why);
            std::process::exit(1);
        }
    }
}
