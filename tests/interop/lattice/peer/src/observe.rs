//! What everybody on a lattice can see: inventory and events, by lattice-client's own types.

use crate::lattice::{Lattice, LoadedActor, PATIENCE};
use crate::report::{expect, same, Report};
use lattice_host::CAPABILITY;
use latticeclient::{Binding, BusEvent, Client, CloudEvent, HostProfile, InventoryResponse};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wascap::prelude::KeyPair;
use wascc_codec::capabilities::CapabilityDescriptor;

/// How long inventory is gathered after the last answer.
const GATHER: Duration = Duration::from_millis(300);

pub struct Events {
    subscription: nats::Subscription,
}

/// An event as lattice-client would have made it of the same data, its id and time aside.
fn read_event(bytes: &[u8]) -> Result<BusEvent, String> {
    let event: CloudEvent = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let inner: BusEvent = serde_json::from_str(&event.data).map_err(|e| e.to_string())?;
    let wanted = CloudEvent::from(inner.clone());
    same("specversion", &event.cloud_events_version, &wanted.cloud_events_version)?;
    same("type", &event.event_type, &wanted.event_type)?;
    same("typeversion", &event.event_type_version, &wanted.event_type_version)?;
    same("datacontenttype", &event.content_type, &wanted.content_type)?;
    same("subject", &event.subject, &wanted.subject)?;
    expect(!event.event_id.is_empty() && !event.source.is_empty(), || "id or source is empty".to_string())?;
    let age = wanted.event_time.signed_duration_since(event.event_time).num_seconds();
    expect(age.abs() < 60, || format!("time is {} seconds off", age))?;
    Ok(inner)
}

impl Events {
    pub fn watch(lattice: &Lattice) -> Result<Events, String> {
        let subject = format!("{}.events", lattice.prefix());
        let subscription = lattice.nats.subscribe(&subject).map_err(|e| e.to_string())?;
        lattice.nats.flush().map_err(|e| e.to_string())?;
        Ok(Events { subscription })
    }

    /// Waits for the event that is wanted. One that lattice-client cannot read is a failure whatever it is.
    pub fn wait(&self, wanted: impl Fn(&BusEvent) -> bool) -> Result<BusEvent, String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let Ok(message) = self.subscription.next_timeout(PATIENCE - begun.elapsed()) else {
                break;
            };
            let event = read_event(&message.data)?;
            if wanted(&event) {
                return Ok(event);
            }
        }
        Err(format!("it did not come in {} s", PATIENCE.as_secs()))
    }
}

fn is_host_key(key: &str) -> Result<(), String> {
    expect(key.starts_with('N') && KeyPair::from_public_key(key).is_ok(), || {
        format!("{:?} is no host's key", key)
    })
}

pub fn loaded(lattice: &Lattice, event: &BusEvent) -> bool {
    matches!(event, BusEvent::ProviderLoaded { capid, instance_name, .. }
        if capid == CAPABILITY && *instance_name == lattice.binding)
}

pub fn removed(lattice: &Lattice, event: &BusEvent) -> bool {
    matches!(event, BusEvent::ProviderRemoved { capid, instance_name, .. }
        if capid == CAPABILITY && *instance_name == lattice.binding)
}

pub fn bound(lattice: &Lattice, event: &BusEvent, key: &str) -> bool {
    matches!(event, BusEvent::ActorBindingCreated { actor, capid, instance_name, .. }
        if actor == key && capid == CAPABILITY && *instance_name == lattice.binding)
}

pub fn unbound(lattice: &Lattice, event: &BusEvent, key: &str) -> bool {
    matches!(event, BusEvent::ActorBindingRemoved { actor, capid, instance_name, .. }
        if actor == key && capid == CAPABILITY && *instance_name == lattice.binding)
}

/// What a busy provider has told when the gathering is over: asked again until it is there.
fn in_the_end<T>(ask: impl Fn() -> Result<T, String>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match ask() {
            Err(_) if begun.elapsed() < PATIENCE => {}
            answer => return answer,
        }
    }
}

fn client(lattice: &Lattice) -> Client {
    Client::with_connection(lattice.nats.clone(), GATHER, lattice.namespace.clone())
}

/// The id of the provider's instance, by the capability that it says it has.
fn capabilities(lattice: &Lattice, descriptor: &CapabilityDescriptor) -> Result<String, String> {
    for (host, hosted) in client(lattice).get_capabilities().map_err(|e| e.to_string())? {
        for one in hosted {
            if one.binding_name == lattice.binding && one.descriptor.id == CAPABILITY {
                same("the descriptor", &one.descriptor, descriptor)?;
                return is_host_key(&host).map(|()| host);
            }
        }
    }
    Err("nobody has the capability".to_string())
}

fn hosts(lattice: &Lattice, instance: &str) -> Result<(), String> {
    let hosts = client(lattice).get_hosts().map_err(|e| e.to_string())?;
    expect(hosts.iter().any(|host| host.id == instance), || "the provider is not among them".to_string())
}

/// A host counts an actor over all answers before it removes the last one's bindings: a provider that named actors here
/// would keep them bound for ever.
fn actors(lattice: &Lattice, instance: &str) -> Result<(), String> {
    let actors = client(lattice).get_actors().map_err(|e| e.to_string())?;
    expect(actors.get(instance).map_or(true, Vec::is_empty), || "the provider names actors".to_string())
}

pub fn bindings(lattice: &Lattice, instance: &str) -> Result<Vec<Binding>, String> {
    let mut all = client(lattice).get_bindings().map_err(|e| e.to_string())?;
    Ok(all.remove(instance).unwrap_or_default())
}

fn has_binding(lattice: &Lattice, instance: &str, key: &str) -> Result<(), String> {
    let all = bindings(lattice, instance)?;
    let found = all.iter().find(|one| one.actor == key).ok_or("the actor is not among them")?;
    same("capability_id", &found.capability_id.as_str(), &CAPABILITY)?;
    same("binding_name", &found.binding_name, &lattice.binding)?;
    same("KEYSPACE", &found.configuration.get("KEYSPACE").map(String::as_str), &Some("lattice-peer"))
}

pub fn inventory(
    report: &mut Report,
    lattice: &Lattice,
    descriptor: &CapabilityDescriptor,
    actor: &str,
) -> String {
    let instance = in_the_end(|| capabilities(lattice, descriptor));
    let id = instance.clone().unwrap_or_default();
    report.add("inventory.capabilities", instance.map(|_| ()));
    report.add("inventory.hosts", in_the_end(|| hosts(lattice, &id)));
    report.add("inventory.actors names no actors of the provider's", actors(lattice, &id));
    report.add("inventory.bindings", in_the_end(|| has_binding(lattice, &id, actor)));
    id
}

/// Answers inventory as a host does that has loaded an actor and bound it before. What it tells of a binding is what it
/// was given, without the values that it adds in BindActor.
pub fn answer_as_host(lattice: &Lattice, actor: &LoadedActor) -> Result<(), String> {
    let host = lattice.host.public_key();
    let binding = Binding {
        actor: actor.key.clone(),
        capability_id: CAPABILITY.to_string(),
        binding_name: lattice.binding.clone(),
        configuration: HashMap::from([("KEYSPACE".to_string(), "lattice-peer".to_string())]),
    };
    let answers = [
        (
            latticeclient::INVENTORY_HOSTS,
            InventoryResponse::Host(HostProfile { id: host.clone(), labels: HashMap::new(), uptime_ms: 1 }),
        ),
        (
            latticeclient::INVENTORY_ACTORS,
            InventoryResponse::Actors { host: host.clone(), actors: vec![actor.claims.clone()] },
        ),
        (
            latticeclient::INVENTORY_BINDINGS,
            InventoryResponse::Bindings { host: host.clone(), bindings: vec![binding] },
        ),
        (
            latticeclient::INVENTORY_CAPABILITIES,
            InventoryResponse::Capabilities { host, capabilities: vec![] },
        ),
    ];
    let subject = format!("{}.inventory.*", lattice.prefix());
    let _handler = lattice.nats.subscribe(&subject).map_err(|e| e.to_string())?.with_handler(
        move |message| match answers.iter().find(|(name, _)| message.subject.ends_with(name)) {
            Some((_, answer)) => message.respond(serde_json::to_vec(answer)?),
            None => Ok(()),
        },
    );
    lattice.nats.flush().map_err(|e| e.to_string())
}
