// Package fleet is a rate limiter that several processes share through a store.
//
// Each process has one dispatcher, which talks to the store for all goroutines that wait. A
// call of the store confirms the turn that the process has reserved, and reserves the next
// one: about one call for each request that is released. Turns are given out in the order in
// which they are reserved, and a process reserves one at a time, so processes take turns.
//
// A turn is confirmed at most [Ahead] before it is due, so that a pause takes hold at once.
// A second count, of the turns that were confirmed, keeps requests within the budget when
// processes are late.
package fleet

import "context"

// Store keeps the state of a limiter, and knows the time. All times are in microseconds of
// the store's clock.
type Store interface {
	// Turn carries out [State.Turn] on the limiter's state, in one atomic step.
	Turn(ctx context.Context, q Request) (Reply, error)
}

// What the store must hold to. They are in microseconds.
const (
	// Ahead is how long before it is due a turn may be confirmed. It is also how long the
	// turns of one ticket may take.
	Ahead = 25_000
	// Late is how long after it was due a turn may be confirmed.
	Late = 100_000
	// Lease is how long a process that no longer calls the store remains the one that learns.
	Lease = 1_000_000
	// MostEvents is the length of the events that are kept for the process that learns.
	MostEvents = 1 << 16
	// Skew is how far the store's clock may go back without the state being dropped.
	Skew = 1_000_000
)

// Ticket is the right to send N requests, the first at At. It is void once the store has
// changed the epoch.
type Ticket struct{ Epoch, At, N int64 }

// Request is what a process tells the store, and asks of it.
//
// If the budget is not known, one of the processes learns it: the first one, or the next one
// that calls the store once that one no longer does. The others pass their events to it. What
// it has learned is the gap, the end of a pause, and a memory for the process after it.
type Request struct {
	Ticket Ticket // what it has reserved; zero if nothing
	Want   int64  // how many requests wait
	Batch  int64  // how many turns are due during a call of the store
	Gap    int64  // the time between two turns, or what is known of it; 0 if nothing is held back
	Burst  int64  // how many turns may be taken at once
	Pause  int64  // how long the server asked to wait, from now on; 0 if it did not
	Full   int64  // the latest Reply.Full, for a store that has lost its memory

	// The rest is for a budget that is learned.
	ID     int64  // of the process; 0 if the budget is known
	Hold   int64  // how long the server asked to wait with a 429, from now on
	Events string // for the process that learns
	Until  int64  // the end of a pause, from the process that learns
	Memory string // what it knows; "" from all others
}

// Reply is the store's response to a [Request].
type Reply struct {
	Now    int64  // the store's time
	Grant  Ticket // the requests that may be sent: N, the first at At; the epoch is not set
	Ticket Ticket // what is reserved now; zero if nothing
	Paused int64  // the end of a pause
	Full   int64  // when a burst is possible again

	Gap     int64  // the time between two turns; 0 if nothing is held back
	Learner int64  // the ID of the process that learns
	Events  string // for the caller, if it is that process
	Memory  string // for the caller, if it has just become that process
}
