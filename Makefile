# Everything that a fresh machine needs is in these targets; the work itself is cargo's.
#
#   make play               install what is missing, build, and play examples/acid.modu, watched
#   make play FILE=x.modu   the same with another file; ARGS='--for 8bars' adds options
#   make test               install what tests need and run all of them
#   make check              formatting and lints
#   make doc                the documentation of the code
#   make install            put `modurust` where cargo keeps programs

CARGO ?= cargo
FILE ?= examples/acid.modu
ARGS ?=

# Where rustup puts cargo, for shells that were open before it did.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: play test check doc install

play:
	@sh scripts/setup.sh play
	$(CARGO) build --release --package modurust
	$(CARGO) run --quiet --release --package modurust -- play $(FILE) $(ARGS)

# The feature `jack` is built when its library is there, so that the tests can play through a sound server; `controllers` when libudev is; `rtsan` when the toolchain
# has the archive of RealtimeSanitizer.
test:
	@sh scripts/setup.sh test
	@features=; \
	if pkg-config --exists jack 2>/dev/null; then features='--features modurust/jack'; fi; \
	if pkg-config --exists libudev 2>/dev/null; then features="$$features --features modurust/controllers"; fi; \
	archive=$$(rustc --print target-libdir)/librustc-stable_rt.rtsan.a; \
	if [ -f "$$archive" ]; then features="$$features --features modurust-runtime/rtsan"; fi; \
	set -x; \
	$(CARGO) build --workspace $$features && \
	$(CARGO) test --workspace --no-fail-fast $$features

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc:
	$(CARGO) doc --workspace --no-deps

install:
	@sh scripts/setup.sh play
	$(CARGO) install --path editor --locked
