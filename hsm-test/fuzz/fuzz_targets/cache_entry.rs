#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| keyanchor_fuzz::invariants::cache_entry(data));
