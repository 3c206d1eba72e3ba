package runtime

import "context"

// TxPublisher enqueues inside a transaction of the caller: the tasks exist if
// and when it commits.
type TxPublisher interface {
	// PublishTx does what Broker.Publish does, within tx: a *sql.Tx on the same
	// SQLite file, a *sql.Tx or pgx.Tx on the same Postgres database.
	//
	//   - Errors: ErrUnsupported for any other value, naming those; ErrInvalid when
	//     tx is on a database that is not this store; what the database says.
	//   - After an error, or when ctx has ended, nothing of the call is left in tx;
	//     the caller may commit the rest of it, if the database still lets him.
	//   - Nothing is notified inside the transaction, because that would make
	//     commits wait for each other.
	PublishTx(ctx context.Context, tx any, e *Effects) ([]PublishResult, error)

	// Wake tells waiting workers, after the caller's commit, that queues have
	// work. Without it they find it at their next fallback poll.
	//
	//   - Errors: ErrUnavailable; safe to ignore.
	Wake(ctx context.Context, queues []string) error
}
