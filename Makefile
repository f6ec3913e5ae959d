# Two commands do all the set-up on a fresh machine: `make run` and `make test`.

export PATH := $(HOME)/.cargo/bin:$(PATH)

# The longest suites wait for the product more than they compute: twice as many tests as cores at a time.
THREADS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

.PHONY: run test test-fast check fmt bench fault-run

run: ## the product in a world of its own: two won deals, ninety days in ninety seconds; without Kafka, which is a minute of building
	@.ci/prepare build
	@cargo build --quiet --locked --bin afterglow --no-default-features
	@target/debug/afterglow run --demo

test: ## everything, on a Kafka and a PostgreSQL of its own: unit, conformance, simulation, end to end, hostile input, faults, documentation
	@.ci/prepare full
	cargo build --locked --package afterglow --package afterglow-servers --bins
	RUST_TEST_THREADS=$(THREADS) target/debug/with-servers cargo test --locked --workspace

test-fast: ## the same without Kafka and PostgreSQL
	@.ci/prepare full
	cargo build --locked --bin afterglow
	RUST_TEST_THREADS=$(THREADS) cargo test --locked --workspace -- --skip kafka --skip postgres

check: ## formatting, lints, licences and advisories
	@.ci/prepare check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --locked check

bench: ## measures, each figure with its reference; writes tests/bench/RESULTS.md
	@.ci/prepare full
	cargo run --locked --release --package afterglow-bench

fault-run: ## the long fault run, which goes on where it was interrupted: make fault-run KILLS=3000 DEALS=300000 OPEN=400 FOLDER=target/fault-run; GROUND=embedded for one process
	@.ci/prepare full
ifeq ($(GROUND),embedded)
	cargo build --locked --package afterglow --package afterglow-fault --bins
	KILLS=$(or $(KILLS),100) DEALS=$(or $(DEALS),1000) cargo test --locked --package afterglow-fault --test fault embedded -- --nocapture
else
	cargo build --locked --release --package afterglow --package afterglow-fault --bins
	@KILLS=$(or $(KILLS),100) DEALS=$(or $(DEALS),1000) FOLDER=$(or $(FOLDER),target/fault-run) target/release/fault-run
endif
