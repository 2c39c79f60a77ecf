package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	growthgenius "github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/fleet"
)

const createLimiter = `CREATE TABLE IF NOT EXISTS growthgenius_limiter (
	name TEXT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	state TEXT NOT NULL)`

// LimiterOptions are the settings of a shared limiter. All processes must use the same ones.
type LimiterOptions struct {
	// Name is what the processes share a budget under. Use one for each API key. Default
	// "default".
	Name string
	// PerSecond is how many requests all processes together may send in a second, from 0.001
	// to 10,000. 2% of it are kept back. Default 0: the processes learn together what the API
	// accepts, as the default limiter of a client does alone.
	PerSecond float64
	// Burst is how many requests may be sent at once after a quiet time, if PerSecond is set.
	// Default 1.
	Burst int
	// Alone is the share of PerSecond that each process may use while the database does not
	// respond, from 0 to 1. Choose less than 1 divided by the number of processes. Default 0:
	// Wait returns an error then.
	Alone float64
}

// Limiter returns a limiter for [growthgenius.WithLimiter]. The processes that use one
// database and name send no more than PerSecond, and Burst once, in any second, and take
// turns. A Retry-After of up to a minute that holds back all calls of one process pauses all
// processes: see [growthgenius.WithRateLimit]. Two statements are executed for each request.
//
// If the database does not respond within a second, Wait returns an error, or goes on as
// LimiterOptions.Alone says.
func (s *Store) Limiter(o LimiterOptions) growthgenius.Limiter {
	return fleet.New(limiterState{s, cmp.Or(o.Name, "default")}, fleet.Options{
		PerSecond: o.PerSecond, Burst: o.Burst, Alone: o.Alone,
	})
}

// limiterState is the state of a limiter, in a row. It implements [fleet.Store].
type limiterState struct {
	store *Store
	name  string
}

// versioned is a state as it was read.
type versioned struct {
	version, now int64
	state        string
}

// Turn implements [fleet.Store]. It reads the state, takes the step, and stores the state
// unless another process has stored one meanwhile: then it begins again.
func (l limiterState) Turn(ctx context.Context, q fleet.Request) (fleet.Reply, error) {
	for {
		r, stored, err := l.try(ctx, q)
		if err != nil {
			return fleet.Reply{}, fmt.Errorf("sqlstore: taking a turn of the limiter: %w", err)
		}
		if stored {
			return r, nil
		}
	}
}

func (l limiterState) try(ctx context.Context, q fleet.Request) (r fleet.Reply, stored bool, err error) {
	rows, err := query(ctx, l.store, func(rows *sql.Rows) (v versioned, err error) {
		err = rows.Scan(&v.version, &v.now, &v.state)
		return v, err
	}, `SELECT version, {micros}, state FROM growthgenius_limiter WHERE name = $1
		UNION ALL SELECT 0, {micros}, '{}' ORDER BY version DESC LIMIT 1`, l.name)
	if err != nil {
		return r, false, err
	}
	var state fleet.State
	if err := json.Unmarshal([]byte(rows[0].state), &state); err != nil {
		return r, false, err
	}
	r = state.Turn(rows[0].now, q)
	text, err := json.Marshal(state)
	if err != nil {
		return r, false, err
	}
	statement := `UPDATE growthgenius_limiter SET version = version + 1, state = $2 WHERE name = $1 AND version = $3 AND {lazy}`
	args := []any{l.name, string(text), rows[0].version}
	if rows[0].version == 0 {
		statement = `INSERT INTO growthgenius_limiter (name, version, state) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING`
		args = args[:2]
	}
	n, err := l.store.exec(ctx, statement, args...)
	return r, n == 1, err
}
