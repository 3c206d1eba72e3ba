// Package flush groups concurrent calls into batches: the first call goes at
// once, what gathers while it is under way rides on the next flush. There are
// no timers, so an idle program pays no latency, and a busy one pays one round
// trip for hundreds of items.
//
// The client groups publications with it and the worker settlements. It knows
// nothing of either and imports the standard library only. Start reading at
// batcher.go.
package flush
