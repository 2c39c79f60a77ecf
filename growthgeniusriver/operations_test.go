package growthgeniusriver_test

import (
	"database/sql"
	"os"
	"regexp"
	"testing"
)

// TestOperations: the statement of docs/operations.md removes the jobs of a person that have
// ended, and no others.
func TestOperations(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```sql\r?\n-- River\r?\n(.*?)^```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has no statement")
	}
	db, err := sql.Open("pgx", postgres(t).dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		`INSERT INTO river_job (kind, max_attempts, state, finalized_at, args, errors)
		SELECT 'call', 25, state::river_job_state, now(), args::jsonb, ARRAY[error::jsonb]
		FROM unnest(ARRAY['completed', 'cancelled', 'discarded']) AS state,
			(VALUES ('{"to":"Ada@example.com"}', '{}'), ('{"to":"bob"}', '{"error":"ada@example.com"}'), ('{"to":"bob"}', '{}')) AS job(args, error)`,
		`INSERT INTO river_job (kind, max_attempts, state, args) VALUES ('call', 25, 'available', '{"to":"ada@example.com"}')`,
		string(block[1]),
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var ended, waiting int
	err = db.QueryRowContext(t.Context(), `SELECT count(*) FILTER (WHERE args->>'to' = 'bob'), count(*) FILTER (WHERE state = 'available') FROM river_job`).Scan(&ended, &waiting)
	if err != nil || ended != 3 || waiting != 1 {
		t.Errorf("%v: %d ended jobs of others are left, want 3, and %d that wait, want 1", err, ended, waiting)
	}
}
