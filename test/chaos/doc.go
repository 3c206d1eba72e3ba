// Package chaos kills, freezes and starves real stem processes on real stores
// and compares what they did with an exact ledger.
//
// The processes are this test binary, started again as a stem binary with a
// task of its own (see main_test.go): the same command tree, client, worker and
// driver as the product. It holds tests only. Start reading at kill_test.go.
package chaos
