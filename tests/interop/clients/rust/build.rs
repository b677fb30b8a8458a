//! Makes the messages of proto/ with prost, their JSON with pbjson, and a function for each operation of a service.
use std::{env, error::Error, fs, path::PathBuf};

struct Stubs;

impl prost_build::ServiceGenerator for Stubs {
    fn generate(&mut self, service: prost_build::Service, text: &mut String) {
        let mut by_name = String::new();
        for method in &service.methods {
            let (function, name) = (&method.name, &method.proto_name);
            let (request, reply) = (&method.input_type, &method.output_type);
            text.push_str(&format!(
                "pub async fn {function}(client: &crate::Client, request: {request}) -> Result<{reply}, crate::Failure> {{
                     client.ask(\"{name}\", &request).await
                 }}\n"
            ));
            by_name.push_str(&format!(
                "\"{name}\" => Some(async {{
                     let request: {request} = serde_json::from_value(request)?;
                     Ok(serde_json::to_value({function}(client, request).await?)?)
                 }}.await),\n"
            ));
        }
        let names: Vec<_> = service.methods.iter().map(|method| &method.proto_name).collect();
        text.push_str(&format!(
            "pub const OPERATIONS: &[&str] = &{names:?};
             pub async fn call(client: &crate::Client, operation: &str, request: serde_json::Value)
                 -> Option<Result<serde_json::Value, crate::Failure>> {{
                 match operation {{ {by_name} _ => None }}
             }}\n"
        ));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    prost_build::Config::new()
        .file_descriptor_set_path(&descriptors)
        .service_generator(Box::new(Stubs))
        .compile_protos(&["proto/keyvalue.proto", "proto/core.proto"], &["proto"])?;
    pbjson_build::Builder::new()
        .register_descriptors(&fs::read(descriptors)?)?
        .build(&[".keyvalue", ".core"])?;
    Ok(())
}
