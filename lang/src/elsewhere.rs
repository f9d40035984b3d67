//! What other tools call things: names of SuperCollider, Faust, Pure Data, Max, Csound, ChucK, Strudel, Tidal, Sonic Pi and
//! Glicol, and ours for them. Facts for messages; nothing is accepted under these names.

/// Their name in small letters, and ours.
const NAMES: &[(&str, &str)] = &[
    // oscillators and noise
    ("sinosc", "sin"),
    ("fsinosc", "sin"),
    ("osc", "sin"),
    ("oscil", "sin"),
    ("oscili", "sin"),
    ("poscil", "sin"),
    ("cycle", "sin"),
    ("sine", "sin"),
    ("oscrs", "sin"),
    ("lfsine", "lfsin"),
    ("lfpulse", "lfsquare"),
    ("lfo", "lfsin"),
    ("sawtooth", "saw"),
    ("sawosc", "saw"),
    ("vco", "saw"),
    ("vco2", "saw"),
    ("pulseosc", "pulse"),
    ("sqr", "square"),
    ("sqrosc", "square"),
    ("squarewave", "square"),
    ("rect", "square"),
    ("triangle", "tri"),
    ("triosc", "tri"),
    ("varsaw", "tri"),
    ("lfnoise0", "samplehold"),
    ("lfnoise1", "noise"),
    ("lfnoise2", "noise"),
    ("whitenoise", "noise"),
    ("white", "noise"),
    ("rand", "noise"),
    ("pinknoise", "pink"),
    ("pinkish", "pink"),
    ("brownnoise", "brown"),
    ("imp", "impulse"),
    ("metro", "impulse"),
    ("mpulse", "impulse"),
    // filters
    ("verb", "reverb"),
    ("rlpf", "lpf"),
    ("lpq", "lpf"),
    ("lowpass", "lpf"),
    ("lop", "onepole"),
    ("lores", "lpf"),
    ("resonlp", "lpf"),
    ("rhpf", "hpf"),
    ("highpass", "hpf"),
    ("hpq", "hpf"),
    ("hip", "hpf"),
    ("resonhp", "hpf"),
    ("bandpass", "bpf"),
    ("bpq", "bpf"),
    ("bp", "bpf"),
    ("reson", "bpf"),
    ("resonbp", "bpf"),
    ("resonz", "bpf"),
    ("ringz", "bpf"),
    ("brf", "notch"),
    ("moogff", "ladder"),
    ("moogladder", "ladder"),
    ("moogvcf", "ladder"),
    ("moog_vcf", "ladder"),
    ("moog", "ladder"),
    ("onepolefilter", "onepole"),
    ("leakdc", "dcblock"),
    ("dcblocker", "dcblock"),
    ("peakeq", "peak"),
    ("bpeakeq", "peak"),
    ("bhishelf", "highshelf"),
    ("blowshelf", "lowshelf"),
    // space, delay, dynamics, shaping
    ("pan2", "pan"),
    ("panner", "pan"),
    ("splay", "spread"),
    ("balance2", "balance"),
    ("gverb", "reverb"),
    ("reverb_sc", "reverb"),
    ("reverbsc", "reverb"),
    ("jcrev", "reverb"),
    ("room", "reverb"),
    ("roomsize", "reverb"),
    ("combn", "comb_fb"),
    ("combl", "comb_fb"),
    ("combc", "comb_fb"),
    ("allpassn", "allpass"),
    ("allpassl", "allpass"),
    ("delayn", "delay"),
    ("delayl", "delay"),
    ("delayc", "delay"),
    ("delayms", "delay"),
    ("delwrite", "delay"),
    ("fdelay", "delay"),
    ("vdelay", "delay"),
    ("compander", "comp"),
    ("compress", "comp"),
    ("compressor", "comp"),
    ("compressor_mono", "comp"),
    ("limiter", "limit"),
    ("distort", "drive"),
    ("distortion", "drive"),
    ("overdrive", "drive"),
    ("shape", "drive"),
    ("tanh", "softclip"),
    ("crush", "bitcrush"),
    ("coarse", "decimate"),
    ("clip2", "hardclip"),
    ("fold2", "fold"),
    // envelopes and control
    ("envgen", "adsr"),
    ("env", "adsr"),
    ("linen", "asr"),
    ("line", "~>"),
    ("xline", "~>"),
    ("amplitude", "follow"),
    ("amp_follower", "follow"),
    ("amp_follower_ud", "follow"),
    ("lag2", "lag"),
    ("ramp", "smooth"),
    ("smoo", "smooth"),
    ("latch2", "samplehold"),
    ("snapshot", "samplehold"),
    ("sah", "samplehold"),
    ("midicps", "mtof"),
    ("cpsmidi", "ftom"),
    ("midi2hz", "mtof"),
    ("dbamp", "dbtoa"),
    ("ampdb", "atodb"),
    ("db2linear", "dbtoa"),
    ("linlin", "map"),
    ("linexp", "map"),
    // sources outside
    ("soundin", "input"),
    ("adc", "input"),
    ("in", "input"),
    ("dac", "out"),
    ("playbuf", "play"),
    ("bufplay", "play"),
    ("sampler", "play"),
    ("grainbuf", "grain"),
    ("mousex", "knob"),
    ("hslider", "knob"),
    ("vslider", "knob"),
    ("nentry", "knob"),
    ("ctlin", "cc"),
    ("notein", "midi"),
    // patterns
    ("hurry", "fast"),
    ("density", "fast"),
    ("sparsity", "slow"),
    ("sometimesby", "degrade"),
    ("degradeby", "degrade"),
    ("swingby", "swing"),
    ("fastcat", "cat"),
    ("slowcat", "cat"),
    ("overlay", "stack"),
    ("nudge", "late"),
    ("jux", "superimpose"),
    ("echo_pattern", "off"),
    ("euclidrot", "euclid"),
    ("transp", "transpose"),
];

/// What needs more than another name.
const SENTENCES: &[(&str, &str)] = &[
    ("s", "drums are played by a kit: `\"bd sd\" >> kit('tr909')`"),
    ("sound", "drums are played by a kit: `\"bd sd\" >> kit('tr909')`"),
    ("samples", "a sample is named where it is played: `play('amen.wav')`"),
    ("d1", "a track has a name: `track drums = \"bd sd\" >> kit('tr909')`"),
    ("note", "notes are a pattern and a voice plays them: `\"c3 e3\" >> mono(acid)`"),
    ("n", "numbers become notes by a scale: `\"0 3 7\" >> scale(a1, minor) >> mono(acid)`"),
    ("play_pattern", "a pattern and a voice: `\"c3 e3\" >> mono(acid)`"),
    ("live_loop", "a track has a name and goes on: `track drums = \"bd sd\" >> kit('tr909')`"),
    ("sleep", "time is in the pattern: `\"bd ~ sd ~\"`"),
    ("setcps", "the tempo is written `tempo 120bpm`"),
    ("setcpm", "the tempo is written `tempo 120bpm`"),
    ("cps", "the tempo is written `tempo 120bpm`"),
    ("gain", "multiply by a level: `* -6db`"),
    ("amp", "multiply by a level: `* 0.5` or `* -6db`"),
    ("mul", "multiply: `sin(440hz) * 0.5`"),
    ("doneaction", "a voice ends by its envelope; nothing needs to be freed"),
    ("synthdef", "an instrument is a function: `v(freq, gate) = saw(freq) * adsr(gate, 5ms, 100ms, 0.7, 200ms)`"),
    ("out~", "what is heard is called `out`, or is a track"),
    ("process", "what is heard is called `out`, or is a track"),
];

/// The prefixes of Faust's libraries, as in `os.osc`.
pub const FAUST: &[&str] =
    &["os", "fi", "re", "en", "no", "de", "ef", "ma", "ba", "si", "pm", "co", "an", "sp", "ve", "sy", "ro", "wa", "sf"];

/// What to write for a name of another tool: `known` tells whether ours is there.
pub fn mend(name: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    let plain = name.trim_end_matches('~').to_lowercase();
    let plain = FAUST.iter().find_map(|p| plain.strip_prefix(p)?.strip_prefix('.')).unwrap_or(&plain);
    let plain = [".ar", ".kr", ".ir", ".new"].iter().find_map(|end| plain.strip_suffix(end)).unwrap_or(plain);
    if let Some((_, sentence)) = SENTENCES.iter().find(|(theirs, _)| *theirs == plain) {
        return Some((*sentence).to_string());
    }
    let ours = NAMES.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours);
    let ours = ours.filter(|ours| known(ours) || *ours == "~>" || *ours == "out");
    match ours {
        Some("~>") => Some("a ramp is written `200hz ~> 2khz over 8bars`".into()),
        Some(ours) => Some(format!("here it is called `{ours}`")),
        // The same word without the dress of the other tool.
        None if plain != name && known(plain) => Some(format!("here it is called `{plain}`")),
        None => None,
    }
}

/// Our name for what another tool calls so.
pub fn ours(name: &str) -> Option<&'static str> {
    let plain = name.trim_end_matches('~').to_lowercase();
    NAMES.iter().find(|(theirs, _)| *theirs == plain).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_tools_are_known() {
        let known = |name: &str| matches!(name, "sin" | "lpf" | "saw" | "kit");
        assert_eq!(mend("SinOsc", known).as_deref(), Some("here it is called `sin`"));
        assert_eq!(mend("SinOsc.ar", known).as_deref(), Some("here it is called `sin`"));
        assert_eq!(mend("os.osc", known).as_deref(), Some("here it is called `sin`"));
        assert_eq!(mend("osc~", known).as_deref(), Some("here it is called `sin`"));
        assert_eq!(mend("RLPF", known).as_deref(), Some("here it is called `lpf`"));
        assert_eq!(mend("Saw", known).as_deref(), Some("here it is called `saw`"));
        assert!(mend("s", known).is_some_and(|s| s.contains("kit('tr909')")));
        assert_eq!(mend("xyzzy", known), None);
    }

    #[test]
    fn the_tables_hold_small_letters_and_each_name_once() {
        let mut names: Vec<&str> = NAMES.iter().chain(SENTENCES).map(|(theirs, _)| *theirs).collect();
        assert!(names.iter().all(|n| *n == n.to_lowercase()));
        names.sort_unstable();
        let twice = names.windows(2).find(|w| w[0] == w[1]);
        assert_eq!(twice, None);
    }
}
