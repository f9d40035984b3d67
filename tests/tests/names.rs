//! What a player may expect to find by its name: all of it is listed by `modurust doc`, and has an example that can be played.
//!
//! Whoever adds a word to the library's plan adds it here. What is planned and missing stands in [`MISSING`], so that it is noticed
//! when it comes.

use modurust_runtime::compiler::ide::topic;

const NAMES: &[(&str, &str)] = &[
    (
        "math",
        "math.sin math.cos math.tan tanh atan exp log exp2 log2 pow sqrt abs sign floor ceil round frac mod min max clamp lerp map mtof \
         ftom dbtoa atodb",
    ),
    (
        "oscillators",
        "phasor sin saw square pulse tri supersaw wavetable lfsaw lfsquare lftri lfsin fm2 fm4 fm6 additive noise pink brown dust \
         crackle samplehold impulse formant_osc karplus",
    ),
    ("envelopes", "ad ar adsr dahdsr asr env follow slew smooth"),
    (
        "filters",
        "lpf hpf bpf notch allpass2 peak lowshelf highshelf butter_lp butter_hp butter_bp butter_bs svf ladder diode korg35 oberheim \
         onepole onezero dcblock comb_fb comb_ff comb_lp allpass crossover resonators formant eq fir",
    ),
    ("delays", "delay echo pingpong tape multitap chorus flanger phaser vibrato"),
    ("reverbs", "reverb freeverb zita fdn plate shimmer convolve"),
    ("dynamics", "comp limit gate expander duck multiband transient agc"),
    ("shapers", "drive softclip hardclip tanhclip fold wrap bitcrush decimate rectify cubic tube waveshape oversample"),
    ("space", "pan balance width spread haas midside rotate binaural ambi_enc ambi_dec"),
    ("samples", "play slice warp grain looper rec kit"),
    (
        "spectral",
        "fft ifft freeze blur gate_spec robot whisper shift stretch morph cross filter_bins spectral_delay denoise pitchshift \
         timestretch bands vocoder analyse",
    ),
    ("physical", "string modal membrane tube_model bow reed"),
    ("drums", "kick snare clap hat openhat tom cowbell rim clave shaker crash"),
    ("instruments", "acid bass lead pluck pad strings organ epiano bell brass choir supersaw_lead fm_bell buzz"),
    (
        "patterns",
        "cat seq stack fast slow rev palindrome iter iterBack early late every firstOf lastOf when off superimpose layer jux add sub \
         mul struct mask euclid euclidRot euclidLegato ply compress zoom linger fastGap inside outside chunk segment range run brak \
         swing swingBy press echo arrange pick squeeze ribbon degrade degradeBy sometimes often rarely choose shuffle scramble rand \
         perlin irand scale chord voicing arp transpose rootNotes tuning",
    ),
    ("outside", "input midi cc bend press osc hid key button knob midi_out osc_out sysex sysex_out"),
    (
        "signal tools",
        "mix sum par chain send xfade select switch latch counter timer toggle trigger gate_of probability meter scope",
    ),
];

#[test]
fn every_name_of_the_plan_is_there_to_be_looked_up() {
    let gone = |name: &&str| topic::find(name).is_empty();
    let mut names: Vec<&str> = NAMES.iter().flat_map(|(_, names)| names.split_whitespace()).collect();
    assert!(names.len() > 250, "the plan is cut short");
    names.retain(gone);
    assert_eq!(names, Vec::<&str>::new());
}
