// Transactional enqueues a task in the program's own transaction, in the same
// SQLite file: the order and the mail about it exist together or not at all.
//
//	go run ./examples/transactional
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite"

	_ "github.com/stem-jobs/stem/pkg/runtime/driver/sqlite"
	"github.com/stem-jobs/stem/pkg/stem"
)

type Mail struct {
	To string `json:"to"`
}

var Confirm = stem.Define("order.confirm", func(_ context.Context, m Mail) (string, error) {
	return "confirmed to " + m.To, nil
})

var errOutOfStock = errors.New("out of stock")

// order stores an order and its mail, unless the goods are out of stock.
func order(ctx context.Context, db *sql.DB, app *stem.App, customer, goods string) (*stem.Handle[string], error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // does nothing after the commit
	if _, err := tx.ExecContext(ctx, `INSERT INTO orders (customer, goods) VALUES (?, ?)`, customer, goods); err != nil {
		return nil, err
	}
	mail, err := Confirm.EnqueueTx(ctx, app, tx, Mail{customer}, stem.ID("confirm-"+customer))
	if err != nil {
		return nil, err
	}
	if goods == "unicorn" {
		return nil, errOutOfStock // found out late: the mail must not go
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return mail, app.Wake(ctx, "default") // otherwise a worker finds it within a second
}

func run(ctx context.Context, out io.Writer, file string) error {
	// _txlock makes BEGIN wait for its turn to write; without it the first
	// statement that writes fails while somebody else does.
	db, err := sql.Open("sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS orders (customer TEXT, goods TEXT)`); err != nil {
		return err
	}
	app, err := stem.Open(ctx, "sqlite:"+file, stem.With(Confirm))
	if err != nil {
		return err
	}
	defer app.Close()
	working, stop := context.WithCancel(ctx)
	defer stop()
	worker := make(chan error, 1)
	go func() { worker <- app.Work(working) }()

	mail, err := order(ctx, db, app, "ada", "pen")
	if err != nil {
		return err
	}
	text, err := mail.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, text)

	_, err = order(ctx, db, app, "bob", "unicorn")
	fmt.Fprintln(out, "bob:", err)
	_, err = app.Record(ctx, "confirm-bob")
	fmt.Fprintln(out, "mail to bob:", err)
	var orders int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM orders`).Scan(&orders); err != nil {
		return err
	}
	fmt.Fprintln(out, "orders:", orders)
	stop()
	return <-worker
}

func main() {
	dir, err := os.MkdirTemp("", "stem-example-*")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), os.Stdout, filepath.Join(dir, "shop.db")); err != nil {
		log.Print(err)
	}
}
