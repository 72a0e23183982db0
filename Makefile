# covey: Go and make are all that is needed. `make` alone lists the targets.

GO = go
PREFIX = /usr/local
ARGS =
FUZZTIME = 1m
SEEDS = 2000
PLANS = 10000
BENCHTIME = 100ms
BENCH =
SOAK = 10m
STORM = 3m
WIRE =
SEED = 0
SIEGE = FourTimes|IdleSlow|APeerThatReads|SixtyFour|EngineThatStops|FloodOfAnnounces|DeletesOfWhat
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.6.1
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.1.4
PROFILE = cmd/covey/wire.pgo
TODAY = $(shell date +%F)

# RACED are packages with concurrent goroutines: all their tests run under the race detector too. Pure packages (MET) start no goroutine: of theirs run only the tests that do (MEET).
RACED = ./loop/... ./client/... ./cmd/... ./ifaces/...
MET = ./command ./peer ./store ./tracking
MEET = TestMessagesOfTwoLinksAreHeardInOrder|TestALinkWithNothingOnItsWayIsNeverStalled|TestGETEXOfAKeyThatComesAndGoes|TestKeysThatAreSetTogetherAreOfOne|TestLoopsTickerAndClientsAtOnce|TestManyGoroutinesAtOnce|TestManyLoopsAppendWhileLinksRead|TestNoTableIsUnmappedWhileSomebodyWarms|TestOfAllWhoCompareOneSets|TestChangesAtOneTimeAreAllThere|TestLargeChangesAtOneTimeAreAllThere|TestOnlySoManyLargeWritesAreMadeAtOnce|TestReadersAndWritersAtOnceLoseNoMessage|TestR21_OfTwoThatWithholdTheHigherCounts|TestR4_WritesDuringAFlushAllAreBeforeItOrAfterIt|TestSoakOfSealedValues

# Tests of the store that are about how much or how long over very many calls: checks of the structure after each tell nothing there.
FIGURES = TestHitRatios|TestNoTableIsUnmappedWhileSomebodyWarms|TestSweepPartsTogetherAreOneSweep|TestExpectedEntriesMoveNoCell

# Packages whose tests only calculate, at a low priority: they use the processor time that tests of nodes, which mostly wait, leave. Their
# garbage is collected less often than that of a node. The benchmarks of bench are no tests.
BUSY = internal/sim store command peer codec seal internal/archtest
NODES = $(filter-out $(BUSY:%=covey/%) covey/internal/lab covey/bench,$(shell $(GO) list ./...))
LOW = GOGC=400 nice -n 10

# Three packages with nodes are tested at a time; -parallel is followed by how many tests of one package. make check has vetted them already.
SIDE = -vet=off -p 3 -parallel

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s%s\n", $$1, $$2 }' Makefile

build: ## build bin/covey
	@mkdir -p bin
	@version=$$(git describe --tags --always --dirty 2>/dev/null) || version=dev; \
	$(GO) build -trimpath -pgo=$(PROFILE) -ldflags "-X main.version=$$version" -o bin/covey ./cmd/covey

run: build ## build and run a node; ARGS="--cluster a" passes arguments to it
	@exec ./bin/covey run $(ARGS)

install: ## install covey in bin below PREFIX=/usr/local; builds it first if it is missing, and warns if the source is newer
	@[ -x bin/covey ] || $(MAKE) build
	@[ -z "$$(find . -newer bin/covey \( -name '*.go' -o -name go.mod \) ! -name '*_test.go' | head -n 1)" ] || \
		echo "bin/covey is older than the source: this installs the old one; make build, then make install" >&2
	@mkdir -p "$(PREFIX)/bin"
	install -m 755 bin/covey "$(PREFIX)/bin/covey"

demo: build ## three nodes on this machine: set on one, read on the others, members, stop
	@$(GO) run ./internal/demo -binary bin/covey

test: check ## vet, gofmt and every test, at most ten minutes on two cores
	@[ "$$(id -u)" = 0 ] || echo "the tests on separate hosts skip themselves: they need root"
	@$(MAKE) --no-print-directory -j 2 -Oline await busy

# What mostly waits: the tests of nodes, plain and under the race detector, and then those on separate hosts.
await:
	$(GO) test $(SIDE) 6 -timeout 4m ./loop $(NODES)
	@$(MAKE) --no-print-directory raced
	$(GO) test -vet=off -count=1 -parallel 6 -timeout 7m ./internal/lab

# What calculates, beginning with what the race detector's run will want compiled.
busy:
	@$(LOW) $(GO) build -race $(RACED) 2>/dev/null || true
	@$(LOW) $(MAKE) --no-print-directory invariants
	$(LOW) $(GO) test -vet=off -timeout 10m $(BUSY:%=./%)
	@$(LOW) $(MAKE) --no-print-directory met

check: ## go vet and gofmt alone
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) || exit 1; if [ -n "$$unformatted" ]; then \
		echo "gofmt is needed on:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...

lint: ## staticcheck and govulncheck, at the versions named here; fetches both, and the list of known vulnerabilities
	$(GO) run $(STATICCHECK) ./...
	cd bench/rivals && $(GO) run $(STATICCHECK) ./...
	$(GO) run $(GOVULNCHECK) ./...

race: raced met ## run the tests of packages with concurrent goroutines under the race detector

# Under CI=true there is a race detector, or the run fails.
DETECTED = if $(GO) build -race ./ifaces >/dev/null 2>&1; then echo '$(1)'; $(1); \
	elif [ "$$CI" = true ]; then echo "the race detector does not build here: it needs a C compiler" >&2; exit 1; \
	else echo "without a C compiler there is no race detector: its run is left out"; fi

raced:
	@$(call DETECTED,$(GO) test -race $(SIDE) 4 -timeout 8m $(RACED))

met:
	@$(call DETECTED,$(GO) test -race $(SIDE) 4 -timeout 8m -run "^($(MEET))$$" $(MET))

invariants: ## the tests of the store, with its structure checked after every call
	$(GO) test -vet=off -tags invariants -timeout 10m -skip '^($(FIGURES))$$' ./store

model: ## the store beside plain models over SEEDS=2000 random histories each
	$(GO) test -count=1 -timeout 60m ./store -run 'Model|R1R2R4' -seeds=$(SEEDS)

lab: ## only the tests on separate hosts (root, iproute2, nftables, redis-tools), with their figures, held to their limits: it wants a quiet machine (7 min)
	$(GO) test -count=1 -parallel 2 -timeout 10m -v ./internal/lab -strict

lab-long: ## convergence on separate hosts with 100,000 keys: split, kill -9, stop, join, rolling restarts, three runs each; a node that restarts for 2 minutes; a clock that is off (13 min)
	$(GO) test -count=1 -timeout 30m -v ./internal/lab -run 'TestConvergence|TestANodeThatRestarts|TestTheDoctorSeesAClock' -long -strict

sim: ## the simulator over PLANS=10000 random plans (10 min on two cores)
	$(GO) test -count=1 -timeout 60m ./internal/sim -run 'TestSim$$' -seeds=$(PLANS) -v

linear: ## check histories of concurrent clients of one node, and commands that arrive in pieces of any size, for 3 minutes
	$(GO) test -count=1 -timeout 10m ./loop -run 'CommandsOfOneNode|WhateverThePieces' -linear-time=1m -pieces-time=1m -v

join: ## how fast a node copies a million keys, beside a plain copy, over fast cables and over 1 Gbit/s (root, tc; quiet; 3 min)
	$(GO) test -count=1 -timeout 6m -v ./internal/lab -run TestJoinSpeed -join-keys 1000000

lab-scale: ## 50 nodes on hosts of their own, and 300 in the simulator: full mesh, cost at rest, how soon a death is seen (root; 6 min)
	$(GO) test -count=1 -timeout 10m -v ./internal/lab -run 'TestScale$$' -scale 50
	$(GO) test -count=1 -timeout 20m -v ./internal/sim -run AMeshOfManyNodes -scale-nodes 300 | grep -v 'world.go'

soak: ## four nodes under writes while machines crash, freeze and lose their network, for SOAK=10m; SEED=n repeats
	$(GO) test -count=1 -timeout 0 -v ./internal/lab -run TestSoak -soak $(SOAK) -soak-seed $(SEED)

storm: ## like soak, with values of up to 4 MiB, transactions, a node with little memory, a secret or a bad switch by the seed, and a ledger of what must not be lost, for STORM=3m
	$(GO) test -count=1 -timeout 0 -v ./internal/lab -run 'TestStorm$$' -storm $(STORM) -storm-seed $(SEED)

siege: ## four times the memory in a control group, deaf and slow clients and peers, 300 connections on 64 descriptors, 100,000 announces a second, ten million deletes (root; 3 min)
	$(GO) test -count=1 -parallel 1 -timeout 15m -v ./internal/lab -siege -run '$(SIEGE)'

fuzz: ## every fuzz target for FUZZTIME=1m each
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$package; \
		done; \
	done

profile: ## measure anew the profile by which make build optimises frequent calls (20 s)
	@mkdir -p bin
	$(GO) test -trimpath ./bench -run '^$$' -bench '^Benchmark(Turn|NodeRESP|NodeBinary|StoreMerge)$$' -benchtime 200ms -cpuprofile $(PROFILE) -o bin/bench.test

bench: ## every go test -bench, six times, with benchstat's tables (2 min, wants a quiet machine); BENCHTIME=100ms, BENCH="-bench Codec -against FILE"
	cd bench/rivals && $(GO) run ./cmd/suite -benchtime $(BENCHTIME) -o ../results/$(TODAY)-bench.md $(BENCH)

compare: build ## compare a node with redis-server and memcached on the wire, every table (18 min, wants a quiet machine); WIRE="-only lean" for less
	cd bench/rivals && $(GO) run ./cmd/wire -others 20 -o ../results/$(TODAY)-wire.md $(WIRE)

compare-quick: build ## the same, three short runs of each (7 min)
	cd bench/rivals && $(GO) run ./cmd/wire -runs 3 -window 400ms -warm 150ms -o ../results/$(TODAY)-wire-quick.md $(WIRE)

compare-tags: build ## compare a node with one built with gnet's build tags poll_opt and gc_opt (2 min, wants a quiet machine)
	@$(GO) build -trimpath -pgo=$(PROFILE) -tags poll_opt,gc_opt -o bin/covey-tags ./cmd/covey
	cd bench/rivals && $(GO) run ./cmd/wire -only lean -case ' 64,' -servers covey,before -before ../../bin/covey-tags -o ../results/$(TODAY)-tags.md $(WIRE)

compare-clients: build ## compare the Go client with go-redis and rueidis on one node (4 min, wants a quiet machine)
	cd bench/rivals && $(GO) run ./cmd/clients -o ../results/$(TODAY)-clients.md

graphs: ## the pictures and tables of docs/PERFORMANCE.md, from the newest results of compare, compare-clients, compare-tags and bench
	cd bench/rivals && $(GO) run ./cmd/graphs

compare-store: ## compare the store with other caches for Go: time and contention (30 min, wants a quiet machine)
	cd bench/rivals && $(GO) run ./cmd/compare -o ../results/$(TODAY)-store.md

compare-hitratio: ## compare the hit ratio of each cache with the optimum (15 min)
	cd bench/rivals && $(GO) run ./cmd/hitratio -o ../results/$(TODAY)-hitratio.md

compare-memory: ## bytes an entry and garbage collection, redis-server too (6 min)
	cd bench/rivals && $(GO) run ./cmd/memory -o ../results/$(TODAY)-memory.md

compare-churn: build ## memory under churn of mixed sizes, store and node (20 min)
	cd bench/rivals && $(GO) run ./cmd/churn -o ../results/$(TODAY)-churn.md

compare-growth: ## the longest Set on the way to ten million entries (6 min)
	cd bench/rivals && $(GO) run ./cmd/growth -o ../results/$(TODAY)-growth.md

compare-keyed: ## compare replication with and without a secret: on loopback, and over 1 Gbit/s (root) (2 min, wants a quiet machine)
	$(GO) test -count=1 -timeout 20m -v ./loop -run ReplicationWithASecretBesideWithout -keyed-time=1s -keyed-rounds=5
	$(GO) test -count=1 -timeout 20m -v ./internal/lab -run OverACableWithASecretBesideWithout -keyed-time=1s -keyed-rounds=5

compare-detection: ## how soon a lost node is noticed, and which live nodes are taken for lost, compared with memberlist (root; 8 min, wants a quiet machine)
	cd bench/rivals && $(GO) run ./cmd/detection -o ../results/$(TODAY)-detection.md

clean: ## remove bin/
	rm -rf bin

.PHONY: help build run install demo test await busy check lint race raced met invariants model lab lab-long sim linear lab-scale soak storm siege fuzz profile bench compare compare-quick compare-tags compare-clients graphs compare-store compare-hitratio compare-memory compare-churn compare-growth compare-keyed compare-detection clean
