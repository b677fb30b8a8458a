//! Lines that tests/run.sh counts: `ok NAME` and `not ok NAME`.

#[derive(Default)]
pub struct Report {
    failures: usize,
}

impl Report {
    pub fn add(&mut self, name: &str, result: Result<(), String>) -> bool {
        match result {
            Ok(()) => println!("ok lattice: {}", name),
            Err(why) => {
                self.failures += 1;
                println!("not ok lattice: {} - {}", name, why.replace('\n', " "));
                return false;
            }
        }
        true
    }

    pub fn failed(&self) -> bool {
        self.failures > 0
    }
}

pub fn expect(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(why())
    }
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), String> {
    expect(got == wanted, || format!("{} is {:?} and not {:?}", what, got, wanted))
}
