//! Writes the data files of tests/interop/lattice/data: `lattice-vectors DIRECTORY`. They are the same each time.

mod file;
mod hostile;
mod invocations;
mod messages;
mod pack;

use invocations::World;
use serde_json::{json, Value};
use std::path::Path;

fn made_with() -> Value {
    json!("wascc-codec 0.8.1, wascap 0.5.2, rmp-serde 0.14.4, by tests/interop/lattice/vectors")
}

fn notation() -> Value {
    json!(
        "hex: 'text' is the bytes of that text, (78*65536) a byte or two so many times. \
         fields: {repeat, times} is a text or a list of equal parts."
    )
}

fn write_messages(directory: &Path, world: &World) -> std::io::Result<()> {
    file::write(&directory.join("messages.json"), &[
        ("about", json!("The messages in `msg`: as wascc-codec writes them, in other spellings, and refused ones.")),
        ("made_with", made_with()),
        ("notation", notation()),
        ("written", json!(messages::written(&world.account.public_key(), &world.actor))),
        ("also_read", json!(messages::other_spellings())),
        ("refused", json!(messages::refused())),
    ])
}

fn write_invocations(directory: &Path, world: &World) -> std::io::Result<()> {
    file::write(
        &directory.join("invocations.json"),
        &[
            (
                "about",
                json!("Invocations whose claims hold at `now`, where `host` is trusted, and responses."),
            ),
            ("made_with", made_with()),
            ("notation", notation()),
            ("now", json!(invocations::NOW_S)),
            ("host", json!(world.host.public_key())),
            ("issuer", json!(world.account.public_key())),
            ("actor", json!(world.actor)),
            ("written", json!(invocations::written(world))),
            ("also_read", json!(invocations::other_spellings(world))),
            ("responses", json!(invocations::responses())),
        ],
    )
}

fn write_hostile(directory: &Path, world: &World) -> std::io::Result<()> {
    let about = "Invocations to refuse on the subject of `actor` at the binding `default`, at `now`, where only \
                 `host` is trusted and the actor is bound. refused_for: bytes (no Invocation), claims (401), reach \
                 (403, or an operation that there is not), request (400). answer_id: the answer's invocation_id. \
                 wascc_host: what the published crates do with it, null where they were not asked.";
    file::write(
        &directory.join("hostile.json"),
        &[
            ("about", json!(about)),
            ("made_with", made_with()),
            ("notation", notation()),
            ("now", json!(invocations::NOW_S)),
            ("host", json!(world.host.public_key())),
            ("issuer", json!(world.account.public_key())),
            ("actor", json!(world.actor)),
            ("invocations", json!(hostile::all(world))),
        ],
    )
}

fn main() -> std::io::Result<()> {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: lattice-vectors DIRECTORY");
        std::process::exit(64);
    };
    let (directory, world) = (Path::new(&directory), World::new());
    write_messages(directory, &world)?;
    write_invocations(directory, &world)?;
    write_hostile(directory, &world)
}
