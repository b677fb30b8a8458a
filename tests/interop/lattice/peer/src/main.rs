//! A lattice peer: binds an actor at the provider as wascc-host 0.14 does, calls every operation through it, and tries
//! what must be refused. A line `ok …` or `not ok …` for each check; exit 0 where all are ok, 1 otherwise.

mod lattice;
mod observe;
mod operations;
mod report;
mod trust;
mod vectors;
mod wire;

use lattice::{Lattice, LoadedActor, PATIENCE};
use lattice_host::Invocation;
use operations::Caller;
use report::{expect, same, Report};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wascap::prelude::KeyPair;
use wascc_codec::capabilities::{CapabilityDescriptor, OperationDirection};
use wascc_codec::keyvalue::GetRequest;
use wascc_codec::{deserialize, serialize};
use wire::{Answer, Wire};

const USAGE: &str = "usage: lattice-peer keys DIRECTORY
       lattice-peer --server URL [--namespace NS] [--binding NAME] [--host-seed FILE] [--issuer-seed FILE]
                    [--data DIRECTORY] [--watch-life] [--expect-rebinding]

keys                makes host.seed and account.seed in the directory and prints the public keys
--host-seed FILE    the host's key; without it a new one, as a host makes at each start
--issuer-seed FILE  the key of the account that issues the actor's claims; without it a new one
--data DIRECTORY    sends the hostile vectors of that directory too
--watch-life        to be started before the provider: waits until it is there, and at the end until it is gone
--expect-rebinding  with --watch-life: an actor that a host says is bound is served without BindActor";

#[derive(Default)]
struct Options {
    server: Option<String>,
    namespace: Option<String>,
    binding: Option<String>,
    host_seed: Option<PathBuf>,
    issuer_seed: Option<PathBuf>,
    data: Option<PathBuf>,
    watch_life: bool,
    expect_rebinding: bool,
}

fn parse(arguments: &[String]) -> Option<Options> {
    let mut options = Options::default();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        match name.as_str() {
            "--server" => options.server = Some(rest.next()?.clone()),
            "--namespace" => options.namespace = Some(rest.next()?.clone()),
            "--binding" => options.binding = Some(rest.next()?.clone()),
            "--host-seed" => options.host_seed = Some(rest.next()?.into()),
            "--issuer-seed" => options.issuer_seed = Some(rest.next()?.into()),
            "--data" => options.data = Some(rest.next()?.into()),
            "--watch-life" => options.watch_life = true,
            "--expect-rebinding" => options.expect_rebinding = true,
            _ => return None,
        }
    }
    options.server.as_ref()?;
    Some(options)
}

fn write_seed(directory: &Path, name: &str, key: &KeyPair) -> Result<(), String> {
    let seed = key.seed().map_err(|e| e.to_string())?;
    std::fs::write(directory.join(name), seed + "\n").map_err(|e| e.to_string())
}

fn make_keys(directory: &Path) -> Result<(), String> {
    let (host, account) = (KeyPair::new_server(), KeyPair::new_account());
    write_seed(directory, "host.seed", &host)?;
    write_seed(directory, "account.seed", &account)?;
    println!("host {}\naccount {}", host.public_key(), account.public_key());
    Ok(())
}

fn read_seed(file: &Option<PathBuf>, make: fn() -> KeyPair) -> Result<KeyPair, String> {
    let Some(file) = file else {
        return Ok(make());
    };
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {}", file.display(), e))?;
    KeyPair::from_seed(text.trim()).map_err(|_| format!("{} holds no seed", file.display()))
}

fn connect(options: &Options) -> Result<Lattice, String> {
    let server = options.server.clone().unwrap_or_default();
    let address = server.trim_start_matches("nats://").to_string();
    let address = if address.contains(':') { address } else { address + ":4222" };
    Ok(Lattice {
        nats: nats::Options::new().with_name("lattice-peer").connect(&address).map_err(|e| e.to_string())?,
        address,
        namespace: options.namespace.clone(),
        binding: options.binding.clone().unwrap_or_else(|| "default".to_string()),
        host: read_seed(&options.host_seed, KeyPair::new_server)?,
        account: read_seed(&options.issuer_seed, KeyPair::new_account)?,
    })
}

const OPERATIONS: [&str; 14] = [
    "Get",
    "Set",
    "Del",
    "Add",
    "Push",
    "ListItemDelete",
    "Range",
    "Clear",
    "SetAdd",
    "SetRemove",
    "SetQuery",
    "SetUnion",
    "SetIntersection",
    "KeyExists",
];

fn describe(lattice: &Lattice) -> Result<CapabilityDescriptor, String> {
    let asked = lattice.from_system("GetCapabilityDescriptor", vec![]);
    let reply = lattice.call(&lattice.own_subject(), &asked)?;
    let descriptor: CapabilityDescriptor = deserialize(&reply).map_err(|e| e.to_string())?;
    same("id", &descriptor.id.as_str(), &lattice_host::CAPABILITY)?;
    for name in OPERATIONS {
        let found = descriptor.supported_operations.iter().find(|operation| operation.name == name);
        let operation = found.ok_or_else(|| format!("{} is missing", name))?;
        same(name, &operation.direction, &OperationDirection::ToProvider)?;
    }
    Ok(descriptor)
}

/// A call of the actor's that changes nothing.
fn probe(lattice: &Lattice, actor: &str) -> Result<Invocation, String> {
    let request = serialize(GetRequest { key: "k".into() }).map_err(|e| e.to_string())?;
    Ok(lattice.from_actor(actor, "Get", request))
}

/// Whether nobody listens for the actor, which must be so before the time is over.
fn silent(lattice: &Lattice, actor: &str, patience: Duration) -> Result<(), String> {
    let mut wire = Wire::connect(&lattice.address, PATIENCE)?;
    let begun = Instant::now();
    loop {
        let call = serialize(probe(lattice, actor)?).map_err(|e| e.to_string())?;
        match wire.request(&lattice.actor_subject(actor), &call)? {
            Answer::NoResponders => return Ok(()),
            Answer::Silence => return Err("somebody listens and does not answer".to_string()),
            Answer::Reply if begun.elapsed() >= patience => return Err("somebody answers".to_string()),
            Answer::Reply => {}
        }
    }
}

/// The other way round: that an actor gets served that was not bound here.
fn served(lattice: &Lattice, actor: &str, patience: Duration) -> Result<(), String> {
    let begun = Instant::now();
    while silent(lattice, actor, Duration::ZERO).is_ok() {
        expect(begun.elapsed() < patience, || "nobody listens on its subject".to_string())?;
    }
    lattice.call(&lattice.actor_subject(actor), &probe(lattice, actor)?).map(|_| ())
}

fn nothing(reply: Vec<u8>) -> Result<(), String> {
    same("the reply", &reply, &vec![])
}

fn bind(lattice: &Lattice, actor: &LoadedActor) -> Result<(), String> {
    let values = actor.binding_values(&[("KEYSPACE", "lattice-peer")]);
    let configuration = Lattice::configuration(&actor.key, values);
    let begun = Instant::now();
    loop {
        let invocation = lattice.from_system("BindActor", configuration.clone());
        match lattice.call(&lattice.own_subject(), &invocation) {
            // The server has yet to confirm a subscription: the error asks for the request again.
            Err(why) if why.contains("confirmed in time") && begun.elapsed() < PATIENCE => {}
            answer => return answer.and_then(nothing),
        }
    }
}

fn unbind(lattice: &Lattice, actor: &str) -> Result<(), String> {
    let invocation = lattice.from_system("RemoveActor", Lattice::configuration(actor, Default::default()));
    lattice.call(&lattice.own_subject(), &invocation).and_then(nothing)
}

fn end_binding(
    report: &mut Report,
    lattice: &Lattice,
    events: &observe::Events,
    actor: &str,
    instance: &str,
) {
    report.add("RemoveActor", unbind(lattice, actor));
    report.add("nobody answers for an actor that was removed", silent(lattice, actor, PATIENCE));
    let event = events.wait(|event| observe::unbound(lattice, event, actor));
    report.add("the event actor_binding_removed", event.map(|_| ()));
    let left = observe::bindings(lattice, instance)
        .and_then(|all| expect(all.iter().all(|one| one.actor != actor), || "it is still there".to_string()));
    report.add("inventory.bindings without the removed actor", left);
    report.add("RemoveActor of an actor that is not bound", unbind(lattice, actor));
}

fn run_checks(report: &mut Report, lattice: &Lattice, events: &observe::Events, data: Option<&Path>) {
    let actor = LoadedActor::new(&lattice.account, "Lattice peer");
    let descriptor = describe(lattice);
    report.add("GetCapabilityDescriptor", descriptor.as_ref().map(|_| ()).map_err(String::clone));
    report.add("nobody listens for an actor that was not bound", silent(lattice, &actor.key, Duration::ZERO));
    if !report.add("BindActor", bind(lattice, &actor)) {
        return;
    }
    // Its first call comes at once after the bind, as an actor's does.
    operations::run(report, &Caller { lattice, actor: &actor.key });
    let event = events.wait(|event| observe::bound(lattice, event, &actor.key));
    report.add("the event actor_binding_created", event.map(|_| ()));
    report.add("BindActor a second time", bind(lattice, &actor));
    trust::run(report, &Caller { lattice, actor: &actor.key }, data);
    let instance = observe::inventory(report, lattice, &descriptor.unwrap_or_default(), &actor.key);
    end_binding(report, lattice, events, &actor.key, &instance);
}

fn run(options: &Options) -> Result<bool, String> {
    let lattice = connect(options)?;
    let mut report = Report::default();
    let events = observe::Events::watch(&lattice)?;
    let bound_before = LoadedActor::new(&lattice.account, "Bound before");
    println!("# host {}\n# account {}", lattice.host.public_key(), lattice.account.public_key());
    if options.watch_life {
        observe::answer_as_host(&lattice, &bound_before)?;
        println!("# start the provider");
        let event = events.wait(|event| observe::loaded(&lattice, event));
        report.add("the event provider_loaded", event.map(|_| ()));
    }
    if options.expect_rebinding {
        let served = served(&lattice, &bound_before.key, PATIENCE);
        report.add("an actor that a host says is bound is served", served);
    }
    run_checks(&mut report, &lattice, &events, options.data.as_deref());
    if options.watch_life {
        println!("# stop the provider");
        let event = events.wait(|event| observe::removed(&lattice, event));
        report.add("the event provider_removed", event.map(|_| ()));
    }
    report.add("a host would have had its answers in its 600 ms", lattice::in_time());
    Ok(!report.failed())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, directory] = &arguments[..] {
        if word == "keys" {
            return make_keys(Path::new(directory)).unwrap_or_else(|why| fail(&why));
        }
    }
    let Some(options) = parse(&arguments) else {
        eprintln!("{}", USAGE);
        std::process::exit(64);
    };
    match run(&options) {
        Ok(true) => {}
        Ok(false) => std::process::exit(1),
        Err(why) => fail(&why),
    }
}

fn fail(why: &str) {
    println!("not ok lattice: {}", why);
    std::process::exit(1);
}
