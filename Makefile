# Two commands for a newcomer: `make demo` and `make test`. Everything else is CMake's, in build/.
BUILD    = build
JOBS     = $(shell nproc)
PACKAGES = gcc libc6-dev make cmake pkg-config libyaml-dev libsqlite3-dev libpcap-dev libssl-dev liburing-dev libxxhash-dev libigraph-dev libcmocka-dev
# What the tests need beyond that: readers of JSON, YAML and schemas; a C++ compiler for the installed headers; Valgrind.
TEST_PACKAGES = python3 python3-jsonschema python3-yaml g++ valgrind

PREFIX   = /usr/local

.PHONY: all program packages install demo test repro compare bench growth test-sanitizers test-threads test-determinism clean
all: program
	@cmake --build $(BUILD) -j$(JOBS) --target benches -- --no-print-directory -s

program: packages
	@[ -f $(BUILD)/Makefile ] || cmake -S . -B $(BUILD) > /dev/null
	@cmake --build $(BUILD) -j$(JOBS) --target peerlab -- --no-print-directory -s

packages:
	@sh packages.sh $(PACKAGES)

# peerlab, and the reactor as a library: headers, libreactor.so and .a, reactor.pc. COMPONENT=reactor: only that.
install: program
	@cmake --build $(BUILD) -j$(JOBS) --target reactor_shared reactor_static -- --no-print-directory -s
	@cmake --install $(BUILD) --prefix $(PREFIX) $(COMPONENT:%=--component %)

demo: program
	@sh topologies/demo.sh $(BUILD)/peerlab

test: packages
	@sh packages.sh $(TEST_PACKAGES)
	@[ -f $(BUILD)/Makefile ] || cmake -S . -B $(BUILD) > /dev/null
	@cmake --build $(BUILD) -j$(JOBS) -- --no-print-directory -s
	@cd $(BUILD) && ctest --output-on-failure -j$(JOBS)

bench: all
	@$(BUILD)/peerlab bench

# The table and the plot of README: cost from a thousand to ten million peers (five minutes, 8 GB).
growth: all
	@sh packages.sh python3
	@bash tests/bench/growth.sh $(BUILD)/peerlab $(BUILD)/growth

# All published rows against ours (minutes).
repro: program
	@$(BUILD)/peerlab repro --all

# Virtual time against real time on sockets (five minutes), as a table in Markdown.
compare: program
	@bash tests/scenarios/simulated_against_emulated.sh $(BUILD)/peerlab

# The same tests under the sanitizers, and what determinism promises over compilers: longer, so targets of their own.
test-sanitizers: packages
	@sh packages.sh $(TEST_PACKAGES)
	@cmake -S . -B $(BUILD)/sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPEERLAB_SANITIZE=address,undefined > /dev/null
	@cmake --build $(BUILD)/sanitize -j$(JOBS) -- --no-print-directory -s
	@cd $(BUILD)/sanitize && ctest --output-on-failure -j$(JOBS)

test-threads: packages
	@sh packages.sh $(TEST_PACKAGES)
	@cmake -S . -B $(BUILD)/threads -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPEERLAB_SANITIZE=thread > /dev/null
	@cmake --build $(BUILD)/threads -j$(JOBS) -- --no-print-directory -s
	@cd $(BUILD)/threads && ctest --output-on-failure -j$(JOBS) \
		-R '^(reactor/(completions|faults|library|loop|offload|statistics|threads)|traces/|contract/|scenarios/)'

test-determinism: program
	@bash tests/determinism.sh $(BUILD)

clean:
	rm -rf $(BUILD)
