//! tmp
use modurust_runtime::compiler::{exec::Backend, front::*, passes::Passes};
struct W(String);
impl World for W {
    fn read(&self, p: &str) -> Result<String, String> {
        if p == "a.modu" { Ok(self.0.clone()) } else { Err("no".into()) }
    }
}
fn main() {
    let mut s = 88172645463325252u64;
    let mut rnd = move || {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        s
    };
    let texts: Vec<String> = std::env::args().skip(1).map(|f| std::fs::read_to_string(f).unwrap()).collect();
    let mut worst = 0.0f64;
    let mut total = 0.0;
    let mut ok = 0;
    let n = 6000;
    for i in 0..n {
        let t = &texts[rnd() as usize % texts.len()];
        let toks: Vec<&str> = {
            let mut v = vec![];
            let mut st = 0;
            for (i, c) in t.char_indices() {
                if !c.is_alphanumeric() {
                    if st < i {
                        v.push(&t[st..i]);
                    }
                    v.push(&t[i..i + c.len_utf8()]);
                    st = i + c.len_utf8();
                }
            }
            v
        };
        let mut v: Vec<&str> = toks.clone();
        for _ in 0..1 + rnd() % 4 {
            let a = rnd() as usize % v.len();
            let b = rnd() as usize % v.len();
            match rnd() % 5 {
                0 => {
                    v.remove(a);
                }
                1 => {
                    let x = v[a];
                    v.insert(b, x);
                }
                2 => {
                    v.swap(a, b);
                }
                3 => {
                    v[a] = v[b];
                }
                _ => {
                    let o = &texts[rnd() as usize % texts.len()];
                    let st = (rnd() as usize) % o.len();
                    if o.is_char_boundary(st) {
                        let e = (st + 12).min(o.len());
                        if o.is_char_boundary(e) {
                            v.insert(a, &o[st..e]);
                        }
                    }
                }
            }
            if v.is_empty() {
                break;
            }
        }
        let text: String = v.concat();
        let t0 = std::time::Instant::now();
        let mut c = Compiler::new(Options {
            sample_rate: 48000,
            passes: Passes::Exact,
            backend: Backend::Jit,
            seed: 0,
            verify: false,
        });
        let w = W(text.clone());
        let o = if i % 4 == 0 {
            let o = c.compile(&w, &["a.modu".into()]);
            if o.program.is_some() {
                ok += 1;
            }
            o.diagnostics
        } else {
            c.elaborate(&w, &["a.modu".into()]).1
        };
        let dt = t0.elapsed().as_secs_f64() * 1e3;
        total += dt;
        if dt > worst {
            worst = dt;
            eprintln!("worst {dt:.1} ms");
            if dt > 500.0 {
                eprintln!("{text}");
            }
        }
        for d in &o {
            if d.code == "internal" {
                println!("INTERNAL {} \n{text}\n----", d.message);
            }
            if d.file.0 == 0 && (d.span.end as usize > text.len() || d.span.start > d.span.end) {
                println!("SPAN {d:?} len {}", text.len());
            }
        }
    }
    println!("mean {:.2} worst {worst:.1} ok {ok}", total / n as f64);
}
