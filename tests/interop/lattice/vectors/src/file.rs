//! How the data files are written: one vector a line, so that a change shows as the lines it changes.
//!
//! Bytes are hex digits. Among them `'origin'` stands for the bytes of that text, and `(78*65536)` for a byte or two so
//! many times. In the fields, a long text or list of equal parts is `{"repeat": "x", "times": 65536}`.

use serde_json::{json, Map, Value};
use std::path::Path;

const SHORTEST_RUN: usize = 32;
const SHORTEST_TEXT: usize = 3;
const LONGEST_PLAIN: usize = 300;

fn plain_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{:02x}", byte)).collect()
}

/// How often the first `width` bytes stand there one after another.
fn run(bytes: &[u8], width: usize) -> usize {
    bytes.chunks(width).take_while(|chunk| bytes.starts_with(chunk) && chunk.len() == width).count()
}

/// How many bytes at the start are of the characters that names, keys and tokens have.
fn text_run(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(byte)).count()
}

pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let width = if run(rest, 1) >= SHORTEST_RUN { 1 } else { 2 };
        let times = run(rest, width);
        let letters = text_run(rest);
        if times >= SHORTEST_RUN {
            text += &format!("({}*{})", plain_hex(&rest[..width]), times);
            at += times * width;
        } else if letters >= SHORTEST_TEXT {
            text += &format!("'{}'", String::from_utf8_lossy(&rest[..letters]));
            at += letters;
        } else {
            text += &plain_hex(&rest[..1]);
            at += 1;
        }
    }
    text
}

fn repeated(part: Value, times: usize) -> Value {
    json!({ "repeat": part, "times": times })
}

/// The same value with long texts and lists of equal parts shortened.
pub fn shorten(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST_PLAIN => {
            let first = text.chars().next().unwrap_or_default();
            assert!(text.chars().all(|c| c == first), "a long text is of equal characters");
            repeated(json!(first), text.chars().count())
        }
        Value::Array(items) if items.len() > LONGEST_PLAIN => {
            assert!(items.iter().all(|item| *item == items[0]), "a long list is of equal items");
            repeated(items[0].clone(), items.len())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(shorten).collect()),
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (name, shorten(value))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

/// Writes an object whose arrays of objects stand one element a line.
pub fn write(path: &Path, members: &[(&str, Value)]) -> std::io::Result<()> {
    let mut text = String::from("{\n");
    for (i, (name, value)) in members.iter().enumerate() {
        text += &format!(" {}: ", json!(name));
        match value {
            Value::Array(items) if items.iter().all(Value::is_object) => {
                let lines: Vec<String> = items.iter().map(|item| format!("  {}", item)).collect();
                text += &format!("[\n{}\n ]", lines.join(",\n"));
            }
            other => text += &other.to_string(),
        }
        text += if i + 1 < members.len() { ",\n" } else { "\n" };
    }
    text += "}\n";
    std::fs::write(path, text)
}
