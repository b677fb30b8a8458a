//! What must be refused: forged, replayed and misdirected invocations, and bytes that are none.

use crate::lattice::{refusal, Lattice, LoadedActor};
use crate::operations::Caller;
use crate::report::{expect, same, Report};
use crate::vectors;
use lattice_host::{Entity, Invocation};
use std::path::Path;
use wascap::prelude::KeyPair;
use wascc_codec::keyvalue::*;
use wascc_codec::serialize;

const UNBOUND: &str = "Attempted to invoke binding-required operation on unbound provider";

fn add_one(c: &Caller) -> Invocation {
    let request = AddRequest { key: "trust".into(), value: 1 };
    c.lattice.from_actor(c.actor, "Add", serialize(request).expect("a request is written"))
}

fn refused(c: &Caller, invocation: &Invocation) -> Result<(), String> {
    c.lattice.refusal(&c.lattice.actor_subject(c.actor), invocation).map(|_| ())
}

fn replayed(c: &Caller) -> Result<(), String> {
    let invocation = add_one(c);
    c.lattice.call(&c.lattice.actor_subject(c.actor), &invocation)?;
    refused(c, &invocation)
}

fn forgeries(report: &mut Report, c: &Caller) {
    report.add("a replayed invocation is refused", replayed(c));
    let stranger = KeyPair::new_server();
    let (actor, target) = (Entity::actor(c.actor), Entity::keyvalue(&c.lattice.binding));
    let msg = add_one(c).msg;
    let forged = Invocation::new(&stranger, actor.clone(), target.clone(), "Add", msg.clone());
    report.add("an invocation of a host that is not trusted is refused", refused(c, &forged));
    let mut forged = add_one(c);
    forged.sign(&stranger, &forged.claims(&c.lattice.host.public_key()));
    forged.host_id = c.lattice.host.public_key();
    report.add("an invocation that another key signed is refused", refused(c, &forged));
    let mut changed = add_one(c);
    changed.msg.push(0);
    report.add("an invocation that was changed is refused", refused(c, &changed));
    let other = KeyPair::new_module().public_key();
    let misdirected = Invocation::new(&c.lattice.host, Entity::actor(&other), target, "Add", msg.clone());
    report.add("another actor's invocation is refused on this actor's subject", refused(c, &misdirected));
    let misdirected =
        Invocation::new(&c.lattice.host, actor, Entity::keyvalue("another-binding"), "Add", msg);
    report.add("an invocation at another binding is refused", refused(c, &misdirected));
    let mut old = add_one(c);
    let mut claims = old.claims(&c.lattice.host.public_key());
    claims.issued_at -= 120;
    old.sign(&c.lattice.host, &claims);
    report.add("an invocation of two minutes ago is refused", refused(c, &old));
    report.add("none of them changed anything", counted(c));
}

/// The one that was replayed counted once.
fn counted(c: &Caller) -> Result<(), String> {
    let request = serialize(GetRequest { key: "trust".into() }).map_err(|e| e.to_string())?;
    let invocation = c.lattice.from_actor(c.actor, "Get", request);
    let reply = c.lattice.call(&c.lattice.actor_subject(c.actor), &invocation)?;
    let got: GetResponse = wascc_codec::deserialize(&reply).map_err(|e| e.to_string())?;
    same("the counter", &got.value, &"1".to_string())
}

fn own_subject(report: &mut Report, c: &Caller) {
    let own = c.lattice.own_subject();
    for (from, invocation) in
        [("the system", c.lattice.from_system("Get", vec![0x80])), ("an actor", add_one(c))]
    {
        let text = c.lattice.refusal(&own, &invocation);
        let right = text.and_then(|text| same("the error", &text, &UNBOUND.to_string()));
        report.add(&format!("an operation of {} on the binding's own subject is refused", from), right);
    }
}

fn bad_binds(report: &mut Report, c: &Caller) {
    let own = c.lattice.own_subject();
    let bind = |host: &KeyPair, loaded: &LoadedActor| {
        let msg = Lattice::configuration(&loaded.key, loaded.binding_values(&[]));
        let system = Entity::actor(wascc_codec::SYSTEM_ACTOR);
        Invocation::new(host, system, Entity::keyvalue(&c.lattice.binding), "BindActor", msg)
    };
    let loaded = LoadedActor::new(&c.lattice.account, "Unwelcome");
    let by_stranger = bind(&KeyPair::new_server(), &loaded);
    report.add(
        "BindActor of a host that is not trusted is refused",
        c.lattice.refusal(&own, &by_stranger).map(|_| ()),
    );
    let foreign = LoadedActor::new(&KeyPair::new_account(), "Foreign");
    let foreign = bind(&c.lattice.host, &foreign);
    report.add(
        "BindActor of an issuer that is not trusted is refused",
        c.lattice.refusal(&own, &foreign).map(|_| ()),
    );
    let mut incapable = LoadedActor::new(&c.lattice.account, "Incapable");
    incapable.claims.metadata.as_mut().expect("there is metadata").caps =
        Some(vec!["wascc:messaging".into()]);
    let incapable = bind(&c.lattice.host, &incapable);
    report
        .add("BindActor without the capability is refused", c.lattice.refusal(&own, &incapable).map(|_| ()));
    let mut expired = LoadedActor::new(&c.lattice.account, "Expired");
    expired.claims.expires = Some(lattice_host::now_s() - 60);
    let expired = bind(&c.lattice.host, &expired);
    report.add("BindActor with expired claims is refused", c.lattice.refusal(&own, &expired).map(|_| ()));
}

fn garbage(report: &mut Report, c: &Caller) {
    let kinds: [(&str, Vec<u8>); 5] = [
        ("nothing", vec![]),
        ("bytes without a sense", (0..=255).collect()),
        ("an empty map", vec![0x80]),
        ("JSON", b"{\"origin\":1}".to_vec()),
        ("100000 arrays", vec![0x91; 100_000]),
    ];
    for (place, subject) in [("own", c.lattice.own_subject()), ("actor's", c.lattice.actor_subject(c.actor))]
    {
        for (name, bytes) in &kinds {
            let result = c.lattice.ask(&subject, bytes).and_then(|response| {
                same("invocation_id", &response.invocation_id, &String::new())?;
                refusal(response).map(|_| ())
            });
            report.add(&format!("{} on the {} subject is answered with an error", name, place), result);
        }
    }
}

/// Every hostile vector: their host is not the one that is trusted here, so that each is refused for one reason more.
fn hostile(c: &Caller, file: &Path, subject: &str) -> Result<(), String> {
    let vectors = vectors::hostile(file)?;
    expect(vectors.len() >= 40, || format!("there are only {}", vectors.len()))?;
    for vector in vectors {
        let named = |why: String| format!("{}: {}", vector.wrong, why);
        let response = c.lattice.ask(subject, &vector.bytes).map_err(named)?;
        if let Some(id) = &vector.answer_id {
            same("invocation_id", &response.invocation_id, id).map_err(named)?;
        }
        refusal(response).map_err(named)?;
    }
    Ok(())
}

pub fn run(report: &mut Report, c: &Caller, data: Option<&Path>) {
    forgeries(report, c);
    own_subject(report, c);
    bad_binds(report, c);
    garbage(report, c);
    if let Some(data) = data {
        let file = data.join("hostile.json");
        let actors = hostile(c, &file, &c.lattice.actor_subject(c.actor));
        report.add("every hostile vector is refused on the actor's subject", actors);
        report.add(
            "every hostile vector is refused on the own subject",
            hostile(c, &file, &c.lattice.own_subject()),
        );
        report.add("and it still serves", counted(c));
    }
}
