// Command bench measures stem beside its peers on SQLite: River with its SQLite driver, backlite, and
// a raw SQLite loop that does the least a queue must do and so shows the limit of the store.
//
//	go run .                  the whole table, half an hour; writes ../docs/benchmarks.md
//	go run . -quick           a smoke of every part with its ledgers, under a minute, no claims
//	go run . -systems stem,raw -scenarios drain100,sustain -sync NORMAL -reps 1 -profile .
//
// How a number comes about, and why it can be trusted:
//
//   - Every measured run is a process of its own (child.go): clean memory, clean CPU time. Tasks that a
//     run finds waiting were stored by another process before it.
//   - The columns are interleaved: repetition 1 runs every system on a scenario before the next scenario,
//     repetition 2 does so in another order, and so on (plan.go). A cell is the median with (min..max); a
//     ratio is the median of the ratios of each repetition, whose two sides ran within a minute.
//   - The same settings everywhere: one file, WAL, the same synchronous level, the same payload of about
//     90 bytes decoded from JSON in the handler, the same small result kept where the system can keep one.
//   - Every run keeps a ledger (ledger.go): accepted = finished + left, each task run, none invented,
//     duplicates counted. A run whose ledger does not add up fails the whole program.
//   - Stores lie in the temporary directory (-dir): on a disk, please. The page names the file system.
//   - CPU used by other processes during a run is recorded and shown.
//
// Where to start reading: system.go (what is measured), then system_*.go (one file a system), then
// scenario.go and scenario_*.go (one file a question), then report.go (what is written).
//
// bench is a module of its own because it imports the peers; nothing of stem imports it. It runs on Unix;
// memory and other-CPU figures need Linux's /proc and are left out elsewhere.
package main
