# keyanchor: `make demo` shows it, `make test` proves it. Both install what they need (Debian).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test faults soak stress interop fuzz bench lint sizes install uninstall build programs packages rust python clean

TARGET := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
SECONDS_EACH := 60
PREFIX := /usr/local
PROGRAMS := $(RELEASE)
THREADS := $(shell echo $$((2 * $$(nproc)))) # most tests wait
DEVICE := pkcs11

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: packages build python ## credentials from a key that cannot leave its token (DEVICE=tpm: its TPM; DEVICE=piv: its YubiKey), and the AWS CLI using them
	softhsm/demo.sh $(DEVICE) $(TARGET)/demo-$(DEVICE) $(RELEASE) $(TARGET)/venv

test: packages python ## every test
	RUST_TEST_THREADS=$(THREADS) LAB=require cargo test --workspace --locked
	cargo test --manifest-path hsm-test/card/Cargo.toml --target-dir $(TARGET) --locked

faults: packages python ## everything that can break, broken: what happens then, and whether it did
	cargo run --quiet --locked -p hsm-test -- faults

soak: packages ## as many runs with a TPM, some of them ended midway, as leave nothing behind in it
	SOAK=1 LAB=require cargo test --test keyanchor --locked tpm::clean

stress: build ## crowds, kills at random moments, ten hours of runs by a simulated clock
	$(RELEASE)/hsm-test stress --programs $(RELEASE)

interop: packages ## real dialogues and notifications, on a desktop without a screen
	softhsm/packages.sh interop
	LAB=require cargo test --workspace --locked desktop -- --ignored

fuzz: packages ## each parser of input from outside, fuzzed for SECONDS_EACH=60
	cargo fuzz --version 2>/dev/null | grep -qF $(CARGO_FUZZ) || cargo install cargo-fuzz --locked --version $(CARGO_FUZZ)
	hsm-test/fuzz/run.sh $(TARGET)/fuzz $(SECONDS_EACH)

bench: build ## whole processes beside a floor program, and beside another helper: PEER=/path
	$(RELEASE)/hsm-test bench --programs $(RELEASE) --out $(TARGET)/bench $(if $(PEER),--peer $(PEER))

lint: rust ## formatting, clippy, rustdoc, dependencies
	cargo fmt --all --check
	for crate in card fault fuzz kryoptic; do cargo fmt --manifest-path hsm-test/$$crate/Cargo.toml --check; done
	cargo clippy --workspace --all-targets --locked -- -D warnings
	for device in '' pkcs11 tpm piv; do cargo clippy --locked --no-default-features --features "$$device" -- -D warnings; done
	cargo clippy --manifest-path hsm-test/fault/Cargo.toml --target-dir $(TARGET) --locked -- -D warnings
	cargo clippy --manifest-path hsm-test/card/Cargo.toml --target-dir $(TARGET) --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	cargo deny --version 2>/dev/null | grep -qF $(CARGO_DENY) || cargo install cargo-deny --locked --version $(CARGO_DENY)
	cargo deny --locked --offline --log-level error check bans licenses sources

sizes: programs ## what the programs weigh, and what they are linked with
	@for program in keyanchor keyanchor-pkcs11 keyanchor-tpm keyanchor-piv; do \
		printf '%-18s %9d bytes\n' $$program $$(stat -c %s $(RELEASE)/$$program); \
		readelf -d $(RELEASE)/$$program | sed -n 's/.*NEEDED.*\[\(.*\)\]/    needs \1/p'; \
	done
	@crates=$$(cargo tree --locked -p keyanchor -e normal,build --prefix none --no-dedupe | sort -u | grep -vc '^keyanchor '); \
		printf '%-18s %9d\n' crates $$crates; \
		test $$crates -le 260 || { echo 'over the budget of 260 crates'; exit 1; }
	@test $$(stat -c %s $(RELEASE)/keyanchor) -le 7000000 || { echo 'keyanchor is over its budget of 7 MB'; exit 1; }
	@! readelf -d $(RELEASE)/keyanchor | grep NEEDED | grep -vqE '\[(libc|libm|libgcc_s|ld-linux[^]]*)\.so' || { echo 'keyanchor needs a library that it must not need'; exit 1; }

install: ## the programs that were built, to PREFIX=/usr/local below DESTDIR; not readable, so that nobody can attach to them
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/keyanchor'
	install -m 0711 '$(PROGRAMS)/keyanchor' '$(DESTDIR)$(PREFIX)/bin/'
	install -m 0711 $(foreach device,pkcs11 tpm piv,'$(PROGRAMS)/keyanchor-$(device)') '$(DESTDIR)$(PREFIX)/libexec/keyanchor/'

uninstall: ## takes them away
	rm -f '$(DESTDIR)$(PREFIX)/bin/keyanchor' $(foreach device,pkcs11 tpm piv,'$(DESTDIR)$(PREFIX)/libexec/keyanchor/keyanchor-$(device)')
	-rmdir '$(DESTDIR)$(PREFIX)/libexec/keyanchor'

build: programs ## the programs and the lab's, in target/release
	cargo build --release --locked -p hsm-test

programs: packages
	cargo build --release --locked -p keyanchor

packages: rust
	softhsm/packages.sh

rust:
	@softhsm/rust.sh

python: $(TARGET)/venv/stamp

$(TARGET)/venv/stamp: hsm-test/requirements.txt | packages
	python3 -m venv $(TARGET)/venv
	$(TARGET)/venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean: ## removes what was built
	cargo clean
