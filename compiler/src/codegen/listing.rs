//! Machine code as people read it.
//!
//! What is shown is what runs: the bytes in executable memory, taken apart again, whoever wrote them. Constants lie behind the code of a
//! region, so decoding follows the flow: behind a return or a jump it goes on where something jumps to, or not at all. Constants are
//! shown as numbers, and places of the state under their names in the graph, where the register that leads to the state is known.

/// A region's code as a line for each instruction. `state` names the word of the state at so many bytes.
#[cfg(target_arch = "x86_64")]
pub fn listing(code: &[u8], state: &dyn Fn(u32) -> Option<String>) -> String {
    use iced_x86::{Decoder, DecoderOptions, FastFormatter, Mnemonic, Register};
    use std::collections::BTreeSet;
    use std::fmt::Write;

    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut formatter = FastFormatter::new();
    formatter.options_mut().set_use_hex_prefix(true);
    let mut lines = Vec::new();
    let mut targets = BTreeSet::new();
    while decoder.can_decode() {
        let inst = decoder.decode();
        let mut text = String::new();
        formatter.format(&inst, &mut text);
        let place = match (inst.memory_base(), inst.memory_index()) {
            (Register::RSI, Register::None) => state(inst.memory_displacement32()),
            (Register::RIP, _) => constant(code, inst.memory_displacement64() as usize),
            _ => None,
        };
        lines.push((inst.ip(), text, place));
        // 0 for what is no jump; back to the very beginning nothing jumps.
        targets.extend(Some(inst.near_branch_target()).filter(|target| *target != 0));
        if matches!(inst.mnemonic(), Mnemonic::Ret | Mnemonic::Jmp) {
            let next = inst.next_ip();
            let Some(&on) = targets.range(next..).next() else { break };
            if decoder.set_position(on as usize).is_err() {
                break;
            }
            decoder.set_ip(on);
        }
    }
    let mut out = String::new();
    for (at, text, place) in lines {
        let mark = if targets.contains(&at) { ">" } else { " " };
        let _ = match place {
            Some(place) => writeln!(out, "{mark} {at:5x}  {text:<44} ; {place}"),
            None => writeln!(out, "{mark} {at:5x}  {text}"),
        };
    }
    out
}

/// A constant as the number that it probably is.
#[cfg(target_arch = "x86_64")]
fn constant(code: &[u8], at: usize) -> Option<String> {
    let word = u32::from_le_bytes(code.get(at..at + 4)?.try_into().ok()?);
    let number = f32::from_bits(word);
    let plain = word == 0 || number.is_normal() && (1e-9..1e12).contains(&number.abs());
    Some(if plain { format!("{number:?}") } else { format!("{word:#x}") })
}

/// Other processors: the bytes, as they are.
#[cfg(not(target_arch = "x86_64"))]
pub fn listing(code: &[u8], _: &dyn Fn(u32) -> Option<String>) -> String {
    let line = |(i, bytes): (usize, &[u8])| {
        let bytes: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!("  {:5x}  {}\n", i * 16, bytes.join(" "))
    };
    code.chunks(16).enumerate().map(line).collect()
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_flow_is_followed_and_constants_are_left_out() {
        // je 8; mov rax,[rsi+8]; ret; (padding) nop; ret; constants
        let code = [
            0x74, 0x0a, 0x48, 0x8b, 0x46, 0x08, 0xc3, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0x90, 0xc3, 0xcc, 0x48, 0x8b, 0x46,
        ];
        let shown = listing(&code, &|at| (at == 8).then(|| "bass/phase".to_string()));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 5, "{shown}");
        assert!(lines[1].contains("mov rax,[rsi+0x8]") && lines[1].ends_with("; bass/phase"), "{shown}");
        assert!(lines[3].starts_with("> ") && lines[3].contains("nop"), "{shown}");
        assert!(listing(&[], &|_| None).is_empty());
    }
}
