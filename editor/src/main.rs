//! modurust
fn main(){}
